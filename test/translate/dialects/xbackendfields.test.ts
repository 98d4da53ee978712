// Every field of XBackend, in the shapes of Gateway API 1.6 and 1.7, is tried, and docs/fields.md has what became of it: GOLDEN=write writes its table anew.
import { beforeAll, describe } from "vitest"
import { XBackend } from "#schemas/xbackend.ts"
import { backendWorld, trustOf } from "./backendworld.ts"
import { fieldsOf, type Row, tryRows } from "./page.ts"

let material = ""
beforeAll(async () => {
  material = await trustOf()
})
const { made, outcome } = backendWorld("gateway.networking.x-k8s.io/v1alpha1", "XBackend", () => material)

const of = (more: object = {}) => ({
  ...{ type: "ExternalHostname", port: { number: 8443 }, externalHostname: { hostname: "tiles.imagery.example" } },
  ...more
})
const base = of()
const trusted = (more: object = {}) => ({ hostname: "tiles.imagery.example", wellKnownCACertificates: "System", ...more })
const tls = (validation: object, more: object = {}) => of({ tls: { mode: "ServerOnly", validation, ...more } })
const verified = tls(trusted())
const authority = [{ group: "", kind: "ConfigMap", name: "ca" }]
const client = { group: "", kind: "Secret", name: "client", namespace: "shop" }
const selected = (more: object = {}) => ({
  type: "EndpointSelector",
  port: { number: 80 },
  endpointSelector: { matchLabels: { app: "a" } },
  ...more
})

const ofSession = (field: string): string => `sessionPersistence.${field}`

const rows: ReadonlyArray<Row> = [
  { fields: ["type"], value: "`ExternalHostname`", spec: base, same: true, meaning: "a name outside the cluster" },
  {
    fields: ["type", "endpointSelector.matchLabels"],
    value: "`EndpointSelector`",
    spec: selected(),
    meaning: "pods of its own namespace that have all of these labels and are ready, at `port.number` of theirs"
  },
  {
    fields: ["type", "absoluteTimeout", "cookie.name", "cookie.path", "cookie.lifetimeType"].map(ofSession),
    value: "Cookie, with `EndpointSelector`",
    spec: selected({
      sessionPersistence: { type: "Cookie", absoluteTimeout: "1h", cookie: { name: "place", path: "/a", lifetimeType: "Permanent" } }
    }),
    without: selected(),
    meaning: "a client comes back to the pod that served it ([Sessions](filters.md#sessions))"
  },
  {
    fields: ["type", "header.name"].map(ofSession),
    value: "Header, with `EndpointSelector`",
    spec: selected({ sessionPersistence: { type: "Header", header: { name: "X-Place" } } }),
    without: selected(),
    meaning: "likewise"
  },
  {
    fields: ["sessionName", "cookieConfig.lifetimeType"].map(ofSession),
    value: "as 1.6 has them",
    spec: selected({ sessionPersistence: { sessionName: "place", absoluteTimeout: "1h", cookieConfig: { lifetimeType: "Permanent" } } }),
    without: selected(),
    meaning: "likewise"
  },
  {
    fields: [ofSession("header.name")],
    value: "one that has another meaning",
    spec: selected({ sessionPersistence: { type: "Header", header: { name: "Connection" } } }),
    meaning: "name one of your own"
  },
  {
    fields: ["cookie.name"].map(ofSession),
    value: "with `ExternalHostname`",
    spec: of({ sessionPersistence: { cookie: { name: "place" } } }),
    named: "sessionPersistence",
    meaning: "only with `EndpointSelector`"
  },
  {
    fields: ["tls.mode"],
    value: "`ServerOnly` without `validation`, with `EndpointSelector`",
    spec: selected({ tls: { mode: "ServerOnly" } }),
    named: "spec.tls.validation",
    meaning: "addresses of pods carry no name"
  },
  {
    fields: ["externalHostname.hostname"],
    value: "a name",
    spec: of({ externalHostname: { hostname: "other.imagery.example" } }),
    meaning: "resolved by the DNS contract; Host, SNI and certificate name are it"
  },
  {
    fields: ["externalHostname.hostname"],
    value: "a name of the cluster",
    spec: of({ externalHostname: { hostname: "cart.shop.svc" } }),
    meaning: "refer to the Service itself"
  },
  { fields: ["port.number"], value: "a port", spec: of({ port: { number: 9443 } }), meaning: "as 1.7 has it; 443 must say its TLS" },
  {
    fields: ["port.number"],
    value: "443, without TLS",
    spec: of({ port: { number: 443 } }),
    named: "443",
    meaning: "the 1.7 CRD writes mode None where nothing was said"
  },
  {
    fields: ["port.port", "port.name"],
    value: "a port",
    spec: of({ port: { port: 9443, name: "api" } }),
    meaning: "as 1.6 has it; 443 means TLS"
  },
  { fields: ["protocol"], value: "`HTTP`, `HTTP11`", spec: of({ protocol: "HTTP11" }), meaning: "HTTP/1.1; absent: the same" },
  {
    fields: ["protocol"],
    value: "`WSS`",
    spec: { ...verified, protocol: "WSS" },
    without: verified,
    meaning: "upgrades over TLS pass"
  },
  { fields: ["protocol"], value: "`TCP`", spec: of({ protocol: "TCP" }), meaning: "bytes: for a TCPRoute or a TLSRoute" },
  {
    fields: ["protocol"],
    value: "`HTTP2`, `H2C`, `GRPC`",
    spec: of({ protocol: "H2C" }),
    meaning: "HTTP/2; without TLS by prior knowledge"
  },
  { fields: ["protocol"], value: "`MCP`", spec: of({ protocol: "MCP" }), named: "MCP", meaning: "not served yet" },
  { fields: ["tls.mode"], value: "`ServerOnly`", spec: verified, meaning: "TLS" },
  { fields: ["tls.mode"], value: "`None`", spec: of({ tls: { mode: "None" } }), same: true, meaning: "plaintext, but on 443" },
  {
    fields: [
      "tls.mode",
      "tls.clientCertificateRef.group",
      "tls.clientCertificateRef.kind",
      "tls.clientCertificateRef.name",
      "tls.clientCertificateRef.namespace"
    ],
    value: "`ClientAndServer`",
    spec: tls(trusted(), { mode: "ClientAndServer", clientCertificateRef: client }),
    without: verified,
    meaning: "with a Secret of type kubernetes.io/tls, of another namespace with a ReferenceGrant"
  },
  {
    fields: ["tls.validation.hostname"],
    value: "a name",
    spec: tls(trusted({ hostname: "front.imagery.example" })),
    without: verified,
    meaning: "asked for, and verified on the certificate"
  },
  {
    fields: ["tls.validation.wellKnownCACertificates"],
    value: "`System`",
    spec: verified,
    without: of({ tls: { mode: "ServerOnly" } }),
    meaning: "the system's roots; with the name of `validation`"
  },
  {
    fields: ["tls.validation.wellKnownCACertificates"],
    value: "others",
    spec: tls(trusted({ wellKnownCACertificates: "vendor.example/roots" })),
    meaning: "System is known"
  },
  {
    fields: ["group", "kind", "name"].map((field) => `tls.validation.caCertificateRefs.${field}`),
    value: "ConfigMap or Secret with `ca.crt`",
    spec: tls({ hostname: "tiles.imagery.example", caCertificateRefs: authority }),
    without: verified,
    meaning: "only what they sign is trusted"
  },
  {
    fields: ["tls.validation.caCertificateRefs.name"],
    value: "one that is not there",
    spec: tls({ hostname: "tiles.imagery.example", caCertificateRefs: [{ ...authority[0], name: "none" }] }),
    named: "none",
    meaning: "nothing is trusted instead"
  },
  {
    fields: ["type", "hostname", "uri"].map((field) => `tls.validation.subjectAltNames.${field}`),
    value: "names and URIs",
    spec: tls(
      trusted({
        subjectAltNames: [
          { type: "URI", uri: "spiffe://imagery.example/tiles" },
          { type: "Hostname", hostname: "alt.imagery.example" }
        ]
      })
    ),
    without: verified,
    meaning: "one of them must be on the certificate, in place of `hostname`"
  }
]

describe("fields of XBackend", () =>
  tryRows({
    ...{ page: "fields.md", kind: "XBackend", fields: fieldsOf(XBackend) },
    rows,
    plain: base,
    written: (field) => field.replace(/\b(caCertificateRefs|subjectAltNames)\b/, "$1[]"),
    made,
    outcome
  }))
