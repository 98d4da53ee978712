// A Gateway and its routes around one BackendTrafficPolicy of either group: what is made of them with any spec of it, and what it is told.
import type { ObjectKey } from "#schemas/meta.ts"
import { makeTranslate } from "#src/translate/translate.ts"
import { ownClass, settings, world } from "../world.ts"

const gatewayApi = "gateway.networking.k8s.io"

const object = (apiVersion: string, kind: string, name: string, rest: object, namespace = "shop") =>
  `---\n${JSON.stringify({ apiVersion, kind, metadata: { name, namespace, labels: { tier: "front" } }, ...rest })}\n`
const backendRefs = [{ group: "gateway.sluice.dev", kind: "Backend", name: "api" }]
const routeOf = (name: string, namespace = "shop") =>
  object(
    `${gatewayApi}/v1`,
    "HTTPRoute",
    name,
    {
      spec: {
        parentRefs: [{ name: "edge", namespace: "shop" }],
        hostnames: [`${name}.${namespace}.example`],
        rules: ["first", "second"].map((rule) => ({ name: rule, matches: [{ path: { value: `/${rule}` } }], backendRefs }))
      }
    },
    namespace
  )
const backendOf = (namespace: string) =>
  object(
    "gateway.sluice.dev/v1alpha1",
    "Backend",
    "api",
    { spec: { endpoints: [{ fqdn: { hostname: "api.vendor.example", port: 443 } }] } },
    namespace
  )
const theirs = "gateway.envoyproxy.io/v1alpha1"
const around = [
  ownClass.replace(/---$/, ""),
  object(`${gatewayApi}/v1`, "Gateway", "edge", {
    spec: {
      gatewayClassName: "sluice",
      listeners: [{ name: "http", port: 8080, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } }]
    }
  }),
  routeOf("route"),
  routeOf("other"),
  routeOf("route", "far"),
  backendOf("shop"),
  backendOf("far"),
  object(
    `${gatewayApi}/v1beta1`,
    "ReferenceGrant",
    "policies",
    {
      spec: {
        from: [{ group: "gateway.envoyproxy.io", kind: "BackendTrafficPolicy", namespace: "shop" }],
        to: [{ group: gatewayApi, kind: "HTTPRoute" }]
      }
    },
    "far"
  ),
  object(theirs, "BackendTrafficPolicy", "of-gateway", {
    spec: { targetRefs: [{ group: gatewayApi, kind: "Gateway", name: "edge" }], circuitBreaker: { maxConnections: 77 } }
  })
].join("")

/** group: the policy's. */
export const worldOf = (group: "gateway.envoyproxy.io" | "gateway.sluice.dev") => {
  const key: ObjectKey = `BackendTrafficPolicy.${group}/shop/tried`
  const translated = (spec: object) =>
    makeTranslate(settings)(world(`${around}${object(`${group}/v1alpha1`, "BackendTrafficPolicy", "tried", { spec })}`))

  /** What is made of the route, without what only says who set what: ids of upstreams are those of their settings. */
  const made = (spec: object): unknown => {
    const { gateways } = translated(spec)
    const { snapshot } = [...gateways.values()][0]!
    const settingsOf = (id: string | null) => {
      const upstream = id === null ? undefined : snapshot.upstreams.get(id)
      return upstream === undefined ? null : { ...upstream, sources: null, provenance: null }
    }
    return [...snapshot.virtualHosts].map(([id, { rules }]) => [
      id,
      rules.map(({ action, deadlines }) => ({
        deadlines,
        action: action._tag === "Forward" ? { ...action, to: action.to.map(({ upstream }) => settingsOf(upstream)) } : action
      }))
    ])
  }

  const outcome = (spec: object): { readonly text: string; readonly refused: boolean; readonly message: string } => {
    const { conditions } = translated(spec).verdicts.get(key)!.entries[0]!
    const { status, reason, message } = conditions.find(({ type }) => type === "Accepted")!
    if (status === "False") return { text: `refused: \`${reason}\``, refused: true, message }
    return { text: /mean nothing here|has no effect/.test(message) ? "not used, and told" : "served", refused: false, message }
  }
  return { made, outcome }
}
