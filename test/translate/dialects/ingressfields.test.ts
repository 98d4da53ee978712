// Every field of an Ingress of networking.k8s.io is tried, and docs/fields.md has what became of it: GOLDEN=write writes its table anew.
import { beforeAll, describe } from "vitest"
import { Ingress } from "#schemas/dialects/ingress.ts"
import { ingressWorld, materialOf } from "./ingressworld.ts"
import { fieldsOf, type Row, tryRows } from "./page.ts"

let material = ""
beforeAll(async () => {
  material = await materialOf()
})
const { made, outcome } = ingressWorld("networking.k8s.io/v1", "Ingress.networking.k8s.io/shop/tried", () => material)

const to = (name: string, port: object = { number: 80 }) => ({ service: { name, port } })
const path = (more: object = {}) => ({ path: "/", pathType: "Prefix", backend: to("x"), ...more })
const at = (...paths: ReadonlyArray<object>) => ({ rules: [{ host: "a.example", http: { paths } }] })
const base = at(path())
const elsewhere = { kind: "Backend", name: "api", apiGroup: "gateway.sluice.dev" }

const rows: ReadonlyArray<Row> = [
  {
    fields: ["ingressClassName"],
    value: "a class",
    spec: { ...base, ingressClassName: "other" },
    same: true,
    meaning:
      "whose controller it is; the annotation `gateway.sluice.dev/gateway` is asked first ([which Gateway](ingress.md#which-gateway-serves-it))"
  },
  {
    fields: ["defaultBackend.service.name", "defaultBackend.service.port.number"],
    value: "a Service and its port",
    spec: { ...at(path({ path: "/a" })), defaultBackend: to("y") },
    without: at(path({ path: "/a" })),
    meaning: "what no path takes, on each host and on every other"
  },
  {
    fields: ["defaultBackend.service.port.name"],
    value: "the name of a port",
    spec: { ...base, defaultBackend: to("y", { name: "other" }) },
    meaning: "that port of the Service"
  },
  {
    fields: ["defaultBackend.resource.apiGroup", "defaultBackend.resource.kind", "defaultBackend.resource.name"],
    value: "a Backend",
    spec: { ...base, defaultBackend: { resource: elsewhere } },
    meaning: "Backend of either group, XBackend"
  },
  {
    fields: ["defaultBackend.resource.kind"],
    value: "others",
    spec: { defaultBackend: { resource: { kind: "StorageBucket", name: "b", apiGroup: "k8s.example.com" } } },
    named: "StorageBucket",
    meaning: "its requests are answered 500"
  },
  {
    fields: ["rules.host"],
    value: "a name, `*.` and a name",
    spec: { rules: [{ host: "*.b.example", http: { paths: [path()] } }] },
    meaning: "absent: every host; a wildcard takes names of several labels, too"
  },
  {
    fields: ["rules.host"],
    value: "an address",
    spec: { rules: [...base.rules, { host: "192.0.2.1", http: { paths: [path()] } }] },
    meaning: "a host is a DNS name"
  },
  {
    fields: ["rules.http.paths.path", "rules.http.paths.pathType"],
    value: "`Exact`, `Prefix`, `ImplementationSpecific`",
    spec: at(path({ path: "/p", pathType: "Exact" })),
    meaning: "the longest wins, Exact over Prefix; ImplementationSpecific is Prefix"
  },
  {
    fields: ["rules.http.paths.path"],
    value: "a regular expression, under `ImplementationSpecific`",
    spec: at(path(), path({ path: "/v(1|2)", pathType: "ImplementationSpecific" })),
    meaning: "what others take for one and Prefix is not: write which is meant"
  },
  {
    fields: ["rules.http.paths.backend.service.name", "rules.http.paths.backend.service.port.number"],
    value: "a Service and its port",
    spec: at(path({ backend: to("y") })),
    meaning: "of any type, ExternalName as well; a port that it does not declare is refused"
  },
  {
    fields: ["rules.http.paths.backend.service.name"],
    value: "one that is not there",
    spec: at(path({ backend: to("none") })),
    named: "none",
    meaning: "its requests are answered 500"
  },
  {
    fields: ["rules.http.paths.backend.service.port.name"],
    value: "the name of a port",
    spec: at(path({ backend: to("x", { name: "other" }) })),
    meaning: "that port of the Service"
  },
  {
    fields: [
      "rules.http.paths.backend.resource.apiGroup",
      "rules.http.paths.backend.resource.kind",
      "rules.http.paths.backend.resource.name"
    ],
    value: "a Backend",
    spec: at(path({ backend: { resource: elsewhere } })),
    meaning: "Backend of either group, XBackend"
  },
  {
    fields: ["tls.hosts", "tls.secretName"],
    value: "hosts and a Secret",
    spec: { ...base, tls: [{ hosts: ["a.example"], secretName: "pair" }] },
    meaning: "a listener for each host with that certificate; without hosts for every one"
  },
  {
    fields: ["tls.secretName"],
    value: "a Secret that is not there",
    spec: { ...base, tls: [{ hosts: ["a.example"], secretName: "none" }] },
    meaning: "handshakes for its hosts fail: no other certificate is shown"
  },
  {
    fields: ["tls.secretName"],
    value: "absent",
    spec: { ...base, tls: [{ hosts: ["a.example"] }] },
    meaning: "only where an HTTPS listener of the Gateway is for the host"
  }
]

describe("fields of an Ingress", () =>
  tryRows({
    ...{ page: "fields.md", kind: "Ingress", fields: fieldsOf(Ingress) },
    rows,
    plain: base,
    written: (field) => field.replace(/\b(rules|paths|tls)\b/g, "$1[]"),
    made,
    outcome
  }))
