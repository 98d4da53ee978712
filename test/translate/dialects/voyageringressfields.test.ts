// Every field of Voyager's Ingress is tried, and docs/fields.md has what became of it: GOLDEN=write writes its table anew.
import { beforeAll, describe } from "vitest"
import { podFields, VoyagerIngress } from "#schemas/dialects/voyageringress.ts"
import { ingressWorld, materialOf } from "./ingressworld.ts"
import { fieldsOf, type Row, tryRows } from "./page.ts"

let material = ""
beforeAll(async () => {
  material = await materialOf()
})
const { made, outcome } = ingressWorld("voyager.appscode.com/v1beta1", "Ingress.voyager.appscode.com/shop/tried", () => material)

const to = (more: object = {}) => ({ serviceName: "proxied", servicePort: 80, ...more })
const path = (more: object = {}, backend: object = {}) => ({ backend: to(backend), ...more })
const rule = (http: object = {}, host = "a.example") => ({ host, http: { paths: [path()], ...http } })
const at = (...rules: ReadonlyArray<object>) => ({ rules })
const base = at(rule())
const backed = (backend: object) => at(rule({ paths: [path({}, backend)] }))

const rows: ReadonlyArray<Row> = [
  {
    fields: ["rules.host"],
    value: "a name, `*.` and a name, `*`",
    spec: at(rule({}, "*.b.example")),
    meaning: "absent and `*`: every host; a wildcard takes names of several labels, too"
  },
  {
    fields: ["rules.http.paths.path"],
    value: "a prefix",
    spec: at(rule({ paths: [path({ path: "/fx" })] })),
    meaning: "by whole elements; absent: every path"
  },
  {
    fields: ["rules.http.paths.path"],
    value: "an expression",
    spec: at(rule({ paths: [path({ path: "/v[0-9]+" })] })),
    meaning: "RE2, from the beginning of the path"
  },
  {
    fields: ["rules.http.paths.path"],
    value: "one that does not compile",
    spec: at(rule({ paths: [path(), path({ path: "/(" })] })),
    meaning: "the other paths are served"
  },
  {
    fields: ["rules.http.port"],
    value: "a port of the Gateway",
    spec: at(rule({ port: 8080 })),
    meaning: "its listeners alone; absent: every listener that takes the host"
  },
  {
    fields: ["rules.http.port"],
    value: "another port",
    spec: at(rule(), rule({ port: 81 }, "b.example")),
    named: "81",
    meaning: "no listener is there"
  },
  ...(["address", "alpn", "proto", "nodePort"] as const).map(
    (field): Row => ({
      fields: [`rules.http.${field}`],
      value: "anything",
      spec: at(rule({ [field]: "x" })),
      meaning: "the rule is served"
    })
  ),
  {
    fields: ["rules.http.noTLS"],
    value: "anything",
    spec: at(rule({ noTLS: true })),
    same: true,
    meaning: "a host is served in plain at every HTTP listener, and with TLS beside it"
  },
  {
    fields: ["rules.tcp"],
    value: "anything",
    spec: at(rule(), { tcp: { port: 9, backend: to() } }),
    meaning: "not served yet; the other rules are"
  },
  ...["backend", "rules.http.paths.backend"].flatMap((at): ReadonlyArray<Row> => {
    const of = (more: object) => (at === "backend" ? { ...base, backend: to(more) } : backed(more))
    return [
      {
        fields: [`${at}.serviceName`, `${at}.servicePort`],
        value: "a Service and its port",
        spec: of({ servicePort: "8080" }),
        without: at === "backend" ? base : backed({}),
        meaning: at === "backend" ? "what no path takes, on each host and on every other" : "a number, number in a string, or name"
      },
      {
        fields: [`${at}.serviceName`],
        value: 'an ExternalName Service without `use-dns-resolver: "true"`',
        spec: of({ serviceName: "x" }),
        without: of({}),
        meaning: "clients are redirected to its name, as Voyager does"
      },
      {
        fields: [`${at}.serviceName`],
        value: "`name.namespace`",
        spec: of({ serviceName: "x.far" }),
        named: "ReferenceGrant",
        meaning: "served with a ReferenceGrant there"
      },
      {
        fields: [`${at}.backendRules`],
        value: "`http-request redirect` with `location`, `prefix`, `scheme`",
        spec: of({ backendRules: ["http-request redirect location https://elsewhere.example/ code 301"] }),
        without: of({}),
        meaning: "the first holds"
      },
      {
        fields: [`${at}.backendRules`],
        value: "other lines",
        spec: of({ backendRules: ["http-request set-header X-A b"] }),
        meaning: "told by their first words"
      },
      ...(["hostNames", "headerRules", "rewriteRules", "alpn", "proto", "loadBalanceOn"] as const).map(
        (field): Row => ({ fields: [`${at}.${field}`], value: "anything", spec: of({ [field]: [] }), meaning: "its path is answered 500" })
      ),
      {
        fields: [`${at}.name`],
        value: "a name",
        spec: of({ name: "b" }),
        without: of({}),
        same: "no effect",
        meaning: "of HAProxy's own configuration"
      }
    ]
  }),
  {
    fields: ["tls.hosts", "tls.secretName"],
    value: "hosts and a Secret",
    spec: { ...base, tls: [{ hosts: ["a.example"], secretName: "pair" }] },
    meaning: "a listener for each host with that certificate"
  },
  {
    fields: ["tls.ref.kind", "tls.ref.name"],
    value: "`Secret`",
    spec: { ...base, tls: [{ hosts: ["a.example"], ref: { kind: "Secret", name: "pair" } }] },
    meaning: "the same"
  },
  {
    fields: ["tls.ref.kind"],
    value: "`Certificate`",
    spec: { ...base, tls: [{ hosts: ["a.example"], ref: { kind: "Certificate", name: "pair" } }] },
    meaning: "name the Secret"
  },
  ...(["frontendRules", "loadBalancerSourceRanges"] as const).map(
    (field): Row => ({ fields: [field], value: "anything", spec: { ...base, [field]: ["x"] }, meaning: "the rest is served" })
  ),
  {
    fields: [...podFields],
    value: "anything",
    spec: { ...base, ...Object.fromEntries(podFields.map((field) => [field, {}])) },
    same: true,
    meaning: "of Voyager's own pods and Service: GatewayParameters say it of the Gateway's"
  }
]

describe("fields of Voyager's Ingress", () =>
  tryRows({
    ...{ page: "fields.md", kind: "Voyager's Ingress", fields: fieldsOf(VoyagerIngress) },
    rows,
    plain: base,
    written: (field) => field.replace(/\b(rules|paths|tls)\b(?=\.)/g, "$1[]"),
    made,
    outcome
  }))
