// What can be said of an external name by a Service of Kubernetes, its fields and Voyager's annotations, is tried, and docs/fields.md has what became of it:
// GOLDEN=write writes its tables anew.
import { describe } from "vitest"
import type { ResolvedBackend } from "#src/translate/resolved.ts"
import { resolved } from "../world.ts"
import { type Outcome, type Row, tryRows } from "./page.ts"

const prefix = "ingress.appscode.com/"

/** spec: `annotations` is those of the Service, without their prefix. */
const of = (spec: object): ResolvedBackend => {
  const { annotations = {}, ...rest } = spec as { readonly annotations?: Readonly<Record<string, string>> }
  const named = Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`${prefix}${name}`, value]))
  const service = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "ledger", namespace: "shop", annotations: named },
    spec: { type: "ExternalName", externalName: "ledger.partner.example", ...rest }
  }
  return resolved(JSON.stringify(service), "Service ledger:8443")
}

/** What a route gets of it, without what only says who set what. */
const made = (spec: object): unknown => {
  const { upstream, redirect } = of(spec)
  return { redirect, upstream: upstream === null ? null : { ...upstream.spec, provenance: null, endpoints: upstream.endpoints } }
}

const outcome = (spec: object): Outcome => {
  const { upstream, redirect, problem, notes } = of(spec)
  const message = [problem?.message ?? "", ...notes].join("\n")
  if (problem !== null) return { text: `refused: \`${problem.reason}\``, refused: true, message }
  const told = upstream !== null && redirect === null && /changes nothing/.test(message)
  return { text: told ? "not used, and told" : "served", refused: false, message }
}

const https = { ports: [{ port: 8443, appProtocol: "https" }] }
const plain = {}

describe("fields of an ExternalName Service", () =>
  tryRows({
    ...{ page: "fields.md", kind: "ExternalName Service", column: "field of `spec`" },
    fields: [
      "externalName",
      "selector",
      "clusterIP",
      ...["name", "port", "protocol", "appProtocol", "targetPort", "nodePort"].map((name) => `ports.${name}`)
    ],
    rows: [
      {
        fields: ["externalName"],
        value: "a name",
        spec: { externalName: "other.partner.example" },
        meaning: "resolved by the DNS contract; Host, SNI and certificate name are it"
      },
      {
        fields: ["externalName"],
        value: "an address, `localhost`, a name of the cluster",
        spec: { externalName: "localhost" },
        named: "localhost",
        meaning: "never dialled"
      },
      {
        fields: ["ports.port"],
        value: "the port of the `backendRef`",
        spec: { ports: [{ port: 8443 }] },
        same: true,
        meaning: "none declared: any"
      },
      {
        fields: ["ports.port"],
        value: "others alone",
        spec: { ports: [{ port: 80 }] },
        meaning: "the message lists those that it declares"
      },
      { fields: ["ports.appProtocol"], value: "`https`, `wss`", spec: https, meaning: "TLS; absent: on 443 alone" },
      {
        fields: ["ports.appProtocol"],
        value: "`http`, `ws`",
        spec: { ports: [{ port: 8443, appProtocol: "http" }] },
        without: https,
        meaning: "plaintext, on 443 as well"
      },
      {
        fields: ["ports.appProtocol"],
        value: "others",
        spec: { ports: [{ port: 8443, appProtocol: "tcp" }] },
        named: "tcp",
        meaning: "no word of requests"
      },
      {
        fields: ["ports.protocol"],
        value: "`UDP`, `SCTP`",
        spec: { ports: [{ port: 8443, protocol: "UDP" }] },
        named: "UDP",
        meaning: "HTTP runs over TCP"
      },
      ...(["name", "targetPort", "nodePort"] as const).map(
        (field): Row => ({
          fields: [`ports.${field}`],
          value: "anything",
          spec: { ports: [{ port: 8443, [field]: field === "name" ? "api" : 9 }] },
          same: "no effect",
          meaning: field === "name" ? "an Ingress may name the port by it" : "means nothing of an external name"
        })
      ),
      ...(
        [
          ["selector", { app: "x" }],
          ["clusterIP", "None"]
        ] as const
      ).map(
        ([field, value]): Row => ({
          fields: [field],
          value: "anything",
          spec: { [field]: value },
          same: "no effect",
          meaning: "means nothing of an external name"
        })
      )
    ],
    plain,
    written: (field) => field.replace(/^ports\b/, "ports[]"),
    made,
    outcome
  }))

describe("Voyager's annotations", () => {
  const says = (annotations: Readonly<Record<string, string>>, more: object = https) => ({ ...more, annotations })
  const hold = (key: string): Row => ({
    fields: ["dns-resolver-hold"],
    value: `\`${key}\``,
    spec: says({ "dns-resolver-hold": JSON.stringify({ [key]: "7s" }) }),
    meaning: {
      nx: "how long the last good answer stands after an answer that the name does not exist",
      other: "after any other failure, SERVFAIL too",
      refused: "after a refusal",
      timeout: "after no answer",
      valid: "the longest time that an answer is kept",
      obsolete: "how long an address that left the answer is used"
    }[key]!
  })
  const unreadable = (name: string, value: string): Row => ({
    fields: [name],
    value: `unreadable: \`${value}\``,
    spec: says({ [name]: value }),
    named: name,
    meaning: "the message says what is expected"
  })
  tryRows({
    ...{ page: "fields.md", kind: "Voyager's annotations", column: `annotation (\`${prefix}…\`)` },
    fields: [
      ...["use-dns-resolver", "dns-resolver-nameservers", "dns-resolver-hold", "dns-resolver-check-health"],
      ...["dns-resolver-retries", "dns-resolver-timeout", "backend-tls"]
    ],
    rows: [
      {
        fields: ["use-dns-resolver"],
        value: '`"true"`',
        spec: says({ "use-dns-resolver": "true" }),
        same: true,
        meaning: "proxied, as it is where nothing is said"
      },
      {
        fields: ["use-dns-resolver"],
        value: '`"false"`',
        spec: says({ "use-dns-resolver": "false" }),
        meaning: "clients are redirected ([how](voyager.md#redirects))"
      },
      unreadable("use-dns-resolver", "yes"),
      {
        fields: ["dns-resolver-nameservers"],
        value: "at most 8 addresses, with or without port and `tcp@`",
        spec: says({ "dns-resolver-nameservers": '["10.9.0.2:53","tcp@[2001:db8::1]"]' }),
        meaning: "asked in place of the process's own"
      },
      {
        fields: ["dns-resolver-nameservers"],
        value: "an address that is never dialled",
        spec: says({ "dns-resolver-nameservers": '["169.254.169.254"]' }),
        meaning: "the [address policy](address-policy.md) holds for nameservers, too"
      },
      unreadable("dns-resolver-nameservers", "10.9.0.2"),
      ...["nx", "refused", "timeout", "other", "valid", "obsolete"].map(hold),
      unreadable("dns-resolver-hold", '{"later": "1s"}'),
      {
        fields: ["dns-resolver-check-health"],
        value: '`"true"`',
        spec: says({ "dns-resolver-check-health": "true" }),
        meaning: "each address is looked at by a connection every 2 s"
      },
      unreadable("dns-resolver-check-health", "tcp"),
      {
        fields: ["dns-resolver-retries"],
        value: "a number",
        spec: says({ "dns-resolver-retries": "3" }),
        same: true,
        meaning: "names are asked for as [DNS](dns.md) says"
      },
      unreadable("dns-resolver-retries", "many"),
      {
        fields: ["dns-resolver-timeout"],
        value: "`resolve`, `retry`",
        spec: says({ "dns-resolver-timeout": '{"resolve":"1s","retry":"1s"}' }),
        same: true,
        meaning: "names are asked for as [DNS](dns.md) says"
      },
      unreadable("dns-resolver-timeout", "1s"),
      {
        fields: ["backend-tls"],
        value: "`ssl`, `ssl verify required`",
        spec: says({ "backend-tls": "ssl" }, {}),
        without: {},
        meaning: "TLS, verified by the system's roots"
      },
      {
        fields: ["backend-tls"],
        value: "`sni str(name)`",
        spec: says({ "backend-tls": "ssl sni str(front.partner.example)" }),
        meaning: "the name asked for, and verified on the certificate"
      },
      {
        fields: ["backend-tls"],
        value: "`verify none`",
        spec: says({ "backend-tls": "ssl verify none" }),
        meaning: "only where an [EgressPolicy](address-policy.md) permits SkipVerify"
      },
      {
        fields: ["backend-tls"],
        value: "`ca-file …`",
        spec: says({ "backend-tls": "ssl ca-file /etc/ca.pem" }),
        meaning: "it would be a file of ours: give the CA in a [BackendTLSPolicy](tls.md)"
      },
      unreadable("backend-tls", "check")
    ],
    plain: https,
    written: (field) => field,
    made,
    outcome
  })
})
