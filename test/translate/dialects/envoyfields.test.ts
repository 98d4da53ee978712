// Every field of Envoy Gateway's Backend is tried, and docs/envoy-gateway.md has what became of it: GOLDEN=write writes its table anew.
// A field that is served changes what is made of the object; one that does not must be refused by name, so none is passed over.
import { beforeAll, describe } from "vitest"
import { EnvoyBackend } from "#schemas/dialects/envoybackend.ts"
import { backendWorld, trustOf } from "./backendworld.ts"
import { fieldsOf, type Row, tryRows } from "./page.ts"

const plain = { fqdn: { hostname: "api.vendor.example", port: 8443 } }
const at = (...endpoints: ReadonlyArray<object>) => ({ endpoints })
const base = at(plain)
const tls = (settings: object) => ({ ...base, tls: settings })
const withTls = tls({})
const ca = [{ group: "", kind: "ConfigMap", name: "ca" }]

const rows: ReadonlyArray<Row> = [
  { fields: ["type"], value: "`Endpoints`", spec: { ...base, type: "Endpoints" }, meaning: "the default", same: true },
  {
    fields: ["type"],
    value: "`DynamicResolver`",
    spec: { type: "DynamicResolver" },
    meaning: "any host that a client names would be dialled"
  },
  {
    fields: ["endpoints.fqdn.hostname", "endpoints.fqdn.port"],
    value: "`{hostname, port}`",
    spec: at({ fqdn: { hostname: "b.vendor.example", port: 443 } }),
    meaning: "resolved by the DNS contract; Host, SNI and certificate name are the hostname; port 0 costs the endpoint"
  },
  {
    fields: ["endpoints.fqdn", "endpoints.port"],
    value: "a name, `port` beside it",
    spec: at({ fqdn: "b.vendor.example", port: 443 }),
    meaning: "short form of the same"
  },
  {
    fields: ["endpoints.ip.address", "endpoints.ip.port"],
    value: "`{address, port}`",
    spec: at({ ip: { address: "2001:db8::7", port: 80 } }),
    meaning: "keeps the client's Host; mixing with fqdn and unix is allowed; under the [address policy](address-policy.md)"
  },
  {
    fields: ["endpoints.ip"],
    value: "an address, `port` beside it",
    spec: at({ ip: "203.0.113.7", port: 80 }),
    meaning: "short form of the same"
  },
  {
    fields: ["endpoints.unix.path"],
    value: "`{path}`",
    spec: at({ unix: { path: "/run/sluice/api.sock" } }),
    meaning: "below a directory that `--unix-directory` or GatewayParameters allow"
  },
  { fields: ["endpoints.unix"], value: "a path", spec: at({ unix: "/run/sluice/api.sock" }), meaning: "short form of the same" },
  {
    fields: ["endpoints.unix.path"],
    value: "a path elsewhere",
    spec: at({ unix: { path: "/run/other.sock" } }),
    meaning: "the administrator has not allowed it"
  },
  {
    fields: ["endpoints.hostname"],
    value: "alike on all endpoints",
    spec: at({ ...plain, hostname: "front.vendor.example" }),
    meaning: "the Host that is sent (without a port), the SNI and the name on the certificate"
  },
  {
    fields: ["endpoints.hostname"],
    value: "differing",
    spec: at(plain, { ip: { address: "203.0.113.7", port: 8443 }, hostname: "front.vendor.example" }),
    meaning: "costs the endpoint: a Backend for each"
  },
  {
    fields: ["endpoints.zone"],
    value: "a zone",
    spec: at({ ...plain, zone: "eu-1" }),
    meaning: "told, and what `zoneAware` of a [BackendTrafficPolicy](#backendtrafficpolicy) goes by"
  },
  {
    fields: ["endpoints.protocol"],
    value: "`HTTPS`",
    spec: at({ ...plain, protocol: "HTTPS" }),
    meaning: "short form: TLS for this endpoint, its name, system roots"
  },
  {
    fields: ["endpoints.protocol"],
    value: "`HTTP`",
    spec: at({ fqdn: { hostname: "api.vendor.example", port: 443 }, protocol: "HTTP" }),
    without: at({ fqdn: { hostname: "api.vendor.example", port: 443 } }),
    meaning: "short form: plaintext for this endpoint, on 443 as well"
  },
  {
    fields: ["endpoints.protocol"],
    value: "against `tls` or `appProtocols`",
    spec: { ...at(plain, { ...plain, protocol: "HTTP" }), tls: {} },
    meaning: "costs the endpoint"
  },
  {
    fields: ["appProtocols"],
    value: "`gateway.envoyproxy.io/ws`, `http`",
    spec: { ...base, appProtocols: ["gateway.envoyproxy.io/ws"] },
    meaning: "HTTP/1.1; plaintext unless `tls` is there; the last of several counts"
  },
  {
    fields: ["appProtocols"],
    value: "`gateway.envoyproxy.io/wss`, `https`",
    spec: { ...base, appProtocols: ["gateway.envoyproxy.io/wss"] },
    meaning: "over TLS, with system roots unless `tls` says more"
  },
  {
    fields: ["appProtocols"],
    value: "`gateway.envoyproxy.io/h2c`, `h2`, `grpc`, `grpcs`",
    spec: { ...base, appProtocols: ["gateway.envoyproxy.io/h2c"] },
    meaning: "HTTP/2, over TLS with `h2`, `grpcs` or a `tls` block"
  },
  { fields: ["appProtocol"], value: "one word", spec: { ...base, appProtocol: "https" }, meaning: "short form: a list of one" },
  { fields: ["fallback"], value: "`false`", spec: { ...base, fallback: false }, meaning: "the default", same: true },
  {
    fields: ["fallback"],
    value: "`true`",
    spec: { ...base, fallback: true },
    meaning: "it serves what the other backends of the rule cannot ([failover](failover.md))"
  },
  {
    fields: ["group", "kind", "name", "namespace", "port"].map((field) => `fallback.backendRef.${field}`),
    value: "`{backendRef}`",
    spec: { ...base, fallback: { backendRef: { name: "standby", port: 9000 } } },
    without: base,
    meaning: "short form: it serves what this one cannot; without group and kind a Service, else a Backend of that name"
  },
  { fields: ["tls"], value: "`{}`", spec: withTls, meaning: "TLS on every port; without a CA the system's roots" },
  {
    fields: ["tls.caCertificateRefs.group", "tls.caCertificateRefs.kind", "tls.caCertificateRefs.name"],
    value: "ConfigMap or Secret with `ca.crt`",
    spec: tls({ caCertificateRefs: ca }),
    without: withTls,
    meaning: "only what they sign is trusted"
  },
  {
    fields: ["tls.caCertificateRefs"],
    value: "ClusterTrustBundle",
    spec: tls({ caCertificateRefs: [{ group: "certificates.k8s.io", kind: "ClusterTrustBundle", name: "ca" }] }),
    meaning: "copy it into a ConfigMap"
  },
  {
    fields: ["tls.wellKnownCACertificates"],
    value: "`System`",
    spec: tls({ wellKnownCACertificates: "System" }),
    without: withTls,
    meaning: "as when nothing is said",
    same: true
  },
  {
    fields: ["tls.insecureSkipVerify"],
    value: "`true`",
    spec: tls({ insecureSkipVerify: true }),
    meaning: "only where an [EgressPolicy](address-policy.md) permits SkipVerify"
  },
  {
    fields: ["tls.sni"],
    value: "a name",
    spec: tls({ sni: "front.vendor.example" }),
    without: withTls,
    meaning: "asked for, and verified on the certificate"
  },
  {
    fields: ["tls.autoSNIFromEndpointHostname"],
    value: "`true`",
    spec: tls({ autoSNIFromEndpointHostname: true }),
    without: withTls,
    meaning: "always so: the client's Host is never the SNI",
    same: true
  },
  {
    fields: [
      "tls.clientCertificateRef.name",
      "tls.clientCertificateRef.group",
      "tls.clientCertificateRef.kind",
      "tls.clientCertificateRef.namespace"
    ],
    value: "Secret of type kubernetes.io/tls",
    spec: tls({ clientCertificateRef: { group: "", kind: "Secret", name: "client", namespace: "shop" } }),
    without: withTls,
    meaning: "of another namespace with a ReferenceGrant"
  },
  {
    fields: ["tls.minVersion"],
    value: "`1.3`; `1.2`, `Auto`",
    spec: tls({ minVersion: "1.3" }),
    without: withTls,
    meaning: "1.2 when absent"
  },
  {
    fields: ["tls.maxVersion"],
    value: "`1.2`; `1.3`, `Auto`",
    spec: tls({ maxVersion: "1.2" }),
    without: withTls,
    meaning: "1.3 when absent"
  },
  { fields: ["tls.minVersion", "tls.maxVersion"], value: "`1.0`, `1.1`", spec: tls({ minVersion: "1.0" }), meaning: "not spoken" },
  { fields: ["tls.ciphers"], value: "a list", spec: tls({ ciphers: ["ECDHE-RSA-AES128-GCM-SHA256"] }), meaning: "not served yet" },
  { fields: ["tls.ecdhCurves"], value: "a list", spec: tls({ ecdhCurves: ["P-256"] }), meaning: "not served yet" },
  {
    fields: ["tls.signatureAlgorithms"],
    value: "a list",
    spec: tls({ signatureAlgorithms: ["ecdsa_secp256r1_sha256"] }),
    meaning: "not served yet"
  },
  {
    fields: ["tls.alpnProtocols"],
    value: "`[http/1.1]`",
    spec: tls({ alpnProtocols: ["http/1.1"] }),
    without: withTls,
    meaning: "as when nothing is said",
    same: true
  },
  {
    fields: ["tls.alpnProtocols"],
    value: "`[h2]`",
    spec: tls({ alpnProtocols: ["h2"] }),
    without: withTls,
    meaning: "HTTP/2, unless `appProtocols` say HTTP/1.1"
  },
  {
    fields: ["tls.alpnProtocols"],
    value: "`[]`, or others alone",
    spec: tls({ alpnProtocols: [] }),
    meaning: "one protocol is offered: of a list with both h2 where `appProtocols` say so, else http/1.1"
  },
  {
    fields: ["tls.fingerprints"],
    value: "a list",
    spec: tls({ fingerprints: ["JA3"] }),
    without: withTls,
    meaning: "means nothing toward a backend",
    same: true
  }
]

let material = ""
beforeAll(async () => {
  material = await trustOf()
})

describe("fields of Envoy Gateway's Backend", () =>
  tryRows({
    ...{ page: "envoy-gateway.md", kind: "Backend", fields: fieldsOf(EnvoyBackend) },
    rows,
    plain: base,
    written: (field) => field.replace(/^endpoints\b/, "endpoints[]").replace("caCertificateRefs", "caCertificateRefs[]"),
    ...backendWorld("gateway.envoyproxy.io/v1alpha1", "Backend", () => material)
  }))
