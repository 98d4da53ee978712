// One Ingress at the Gateway shop/web, of either kind: what is made of it with any spec, and what it is told.
import type { ObjectKey } from "#schemas/meta.ts"
import { makeTranslate } from "#src/translate/translate.ts"
import { makeAuthority } from "../../support/certificates.ts"
import { ownClass, settings, world } from "../world.ts"
import type { Outcome } from "./page.ts"

const object = (apiVersion: string, kind: string, name: string, rest: object, annotations: object = {}) =>
  `---\n${JSON.stringify({ apiVersion, kind, metadata: { name, namespace: "shop", annotations }, ...rest })}\n`

const service = (name: string, annotations: object = {}) =>
  object("v1", "Service", name, { spec: { type: "ExternalName", externalName: `${name}.example.net`, ports } }, annotations)
const ports = [
  { name: "web", port: 80 },
  { name: "other", port: 8080 }
]
const api = "gateway.networking.k8s.io/v1"
const around = [
  ownClass.replace(/---$/, ""),
  object(api, "Gateway", "web", {
    spec: {
      gatewayClassName: "sluice",
      listeners: [
        { name: "http", port: 80, protocol: "HTTP" },
        { name: "alt", port: 8080, protocol: "HTTP" }
      ]
    }
  }),
  service("x"),
  service("y"),
  service("proxied", { "ingress.appscode.com/use-dns-resolver": "true" }),
  object("gateway.sluice.dev/v1alpha1", "Backend", "api", { spec: { endpoints: [{ fqdn: { hostname: "b.example", port: 443 } }] } })
].join("")

/** Secrets of TLS that the Ingress may name: `pair`. */
export const materialOf = async (): Promise<string> => {
  const { chain, key } = await (await makeAuthority()).leaf({ dns: ["a.example"] })
  return object("v1", "Secret", "pair", { type: "kubernetes.io/tls", stringData: { "tls.crt": chain, "tls.key": key } })
}

/** apiVersion: of the Ingress. material: more documents. */
export const ingressWorld = (apiVersion: string, key: ObjectKey, material: () => string) => {
  const translated = (spec: object, annotations: object = {}) => {
    const named = { "gateway.sluice.dev/gateway": "web", ...annotations }
    return makeTranslate(settings)(world(`${around}${material()}${object(apiVersion, "Ingress", "tried", { spec }, named)}`))
  }
  return {
    /** Listeners and rules, without what only says who made them. */
    made: (spec: object, annotations?: object): unknown =>
      [...translated(spec, annotations).gateways.values()].map(({ snapshot }) => ({
        listeners: [...snapshot.listeners].map(([id, { mode }]) => [id, mode]),
        hosts: [...snapshot.virtualHosts].map(([id, { rules }]) => [id, rules.map(({ match, action }) => ({ match, action }))])
      })),
    outcome: (spec: object, annotations?: object): Outcome => {
      const { conditions } = translated(spec, annotations).verdicts.get(key)!.entries[0]!
      const of = (type: string) => conditions.find((one) => one.type === type)
      const [accepted, resolved, partly] = [of("Accepted")!, of("ResolvedRefs"), of("PartiallyInvalid")]
      const message = conditions.map((one) => one.message).join("\n")
      for (const one of [accepted, resolved])
        if (one?.status === "False") return { text: `refused: \`${one.reason}\``, refused: true, message }
      if (partly !== undefined)
        return {
          text: partly.message.includes("answered 500") ? "its requests are answered 500" : "left out, and told",
          refused: true,
          message
        }
      const told = /without effect|changes nothing/.test(message)
      return { text: told ? "not used, and told" : "served", refused: false, message }
    }
  }
}
