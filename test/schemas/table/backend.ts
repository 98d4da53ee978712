// Backend: its endpoints, the way to them, and TLS. Its CRD is made from this schema, and must say the same. What is said of behaviour is in own.ts.
import { long, many, type Row, rowsOf } from "./row.ts"

export const none = { known: [] }
/** Bad by a rule of CEL in our CRD. */
export const rule = { known: [], rule: true }
export const backend = rowsOf({
  apiVersion: "gateway.sluice.dev/v1alpha1",
  kind: "Backend",
  metadata: { name: "search", namespace: "shop" },
  spec: { endpoints: [{ fqdn: { hostname: "search.vendor.example", port: 443 } }, { ip: { address: "192.0.2.1", port: 80 } }] }
})

export const first = "spec.endpoints[0]"
export const ca = { group: "", kind: "ConfigMap", name: "c" }

export const rows: ReadonlyArray<Row> = [
  backend.good(
    "endpoints of every form in one Backend",
    {
      "spec.endpoints[2]": { unix: { path: "/run/a.sock" } },
      "spec.endpoints[3]": { service: { name: "s", namespace: "n", port: 80 }, weight: 0, zone: "eu-1", tier: 15, pathPrefix: "/v1" }
    },
    none
  ),
  backend.bad("endpoints are required", { "spec.endpoints": undefined }, none),
  backend.bad("endpoints are not empty", { "spec.endpoints": [] }, none),
  backend.good("256 endpoints", { "spec.endpoints": many(256, (i) => ({ ip: { address: `192.0.2.${i}`, port: 80 } })) }, none),
  backend.bad("at most 256 endpoints", { "spec.endpoints": many(257, (i) => ({ ip: { address: `192.0.2.${i % 256}`, port: 80 } })) }, none),
  backend.bad("an endpoint has a form", { [first]: { weight: 1 } }, rule),
  backend.bad("an endpoint has one form", { [`${first}.ip`]: { address: "192.0.2.1", port: 1 } }, { at: first, ...rule }),
  ...backend.field(
    "an fqdn hostname",
    `${first}.fqdn.hostname`,
    { good: ["a.example", "a.example."], bad: [undefined, "", "*.a", "A.b", long(255)] },
    none
  ),
  ...backend.field("a port is 1 to 65535", `${first}.fqdn.port`, { good: [1, 65535], bad: [0, 65536, "443"] }, none),
  backend.bad("a port is required of a host", { [first]: { fqdn: { hostname: "a.example" } } }, { at: `${first}.fqdn.port`, ...rule }),
  ...["_https._tcp.a.example", "_web-2._tcp.a.example."].map((hostname) =>
    backend.good(`a service ${hostname}`, { [first]: { fqdn: { hostname } }, "spec.dns": { srv: true } }, none)
  ),
  backend.bad(
    "a port of a service",
    { [first]: { fqdn: { hostname: "_https._tcp.a.example", port: 443 } }, "spec.dns": { srv: true } },
    { at: `${first}.fqdn.port`, ...rule }
  ),
  ...[{}, { dns: {} }, { dns: { srv: false } }].map((more) =>
    backend.bad(
      `a service with ${JSON.stringify(more)}`,
      { spec: { endpoints: [{ ip: { address: "192.0.2.1", port: 80 } }, { fqdn: { hostname: "_https._tcp.a.example" } }], ...more } },
      { at: "spec.dns", ...rule }
    )
  ),
  ...["_https._udp.a.example", "_https.a.example", "_._tcp.a.example", "_https._tcp", "a._tcp.example"].map((hostname) =>
    backend.bad(
      `${hostname}, which is no service`,
      { [first]: { fqdn: { hostname } }, "spec.dns": { srv: true } },
      { at: `${first}.fqdn.hostname`, ...none }
    )
  ),
  ...backend.field(
    "an address is a literal",
    "spec.endpoints[1].ip.address",
    {
      good: ["::1", "2001:db8::", "::ffff:192.0.2.1"],
      bad: ["a.example", "0300.0.0.1", "1.2.3", "fe80::1%eth0", "2130706433", "1:2:3:4:5:6:7:8:9", "[::1]"]
    },
    rule
  ),
  backend.good(
    "an address that maps IPv4, at length",
    { "spec.endpoints[1].ip.address": "0:0:0:0:0:ffff:192.0.2.1" },
    { known: [], differs: "the API server's library for addresses does not take it; the usual spelling it is helped with" }
  ),
  ...backend.field(
    "a unix path",
    first,
    {
      good: [{ unix: { path: `/${long(106)}` } }],
      bad: [{ unix: { path: `/${long(107)}` } }, { unix: { path: "run/a" } }, { unix: { path: "" } }]
    },
    { at: `${first}.unix.path`, ...none }
  ),
  ...backend.field("a weight", `${first}.weight`, { good: [0, 1_000_000], bad: [-1, 1_000_001] }, none),
  ...backend.field(
    "a path prefix",
    `${first}.pathPrefix`,
    {
      good: ["/v1", "/v1/", "/a/b-c/d.e", "/.well-known", "/...", "/..a", "/a;v=1", "/%C3%A9", "/t%20n", long(1024).replace(/^../, "/")],
      bad: [
        "",
        "/",
        "v1",
        "//v1",
        "/a//b",
        "/.",
        "/a/..",
        "/../b",
        "/..;x/b",
        "/.;/b",
        "/a?b",
        "/a#b",
        "/a b",
        "/a%2fb",
        "/%2e%2e/b",
        "/%5c",
        "/%",
        "/%zz",
        "/é",
        `/${long(1024)}`
      ]
    },
    none
  ),
  ...backend.field(
    "a path to the outside",
    "spec.egressPath",
    {
      good: [
        {},
        { proxy: { fqdn: { hostname: "proxy.example", port: 3128 } } },
        {
          proxy: {
            ip: { address: "192.0.2.9", port: 443 },
            tls: { hostname: "p.example", caCertificateRefs: [ca] },
            credentialsRef: { name: "login", namespace: "infra" },
            noProxy: ["a.example", "*.corp.example", "10.0.0.0/8", "2001:db8::/32", "192.0.2.1", "::1"]
          }
        },
        { sourceAddresses: ["192.0.2.1", "2001:db8::1"] },
        { sourceAddresses: ["2001:db8::1"] },
        { proxyProtocol: "V1" },
        { proxyProtocol: "V2", sourceAddresses: [] }
      ],
      bad: ["proxy.example"]
    },
    none
  ),
  ...backend.field(
    "a proxy has one place",
    "spec.egressPath.proxy",
    { bad: [{}, { fqdn: { hostname: "p.example", port: 1 }, ip: { address: "192.0.2.1", port: 1 } }] },
    rule
  ),
  ...backend.field(
    "what is not proxied",
    "spec.egressPath",
    {
      bad: ["*", "*.*.a", ".corp.example", "10.0.0.0/33", "A.example", "a b"].map((entry) => ({
        proxy: { fqdn: { hostname: "p.example", port: 1 }, noProxy: [entry] }
      }))
    },
    { at: "spec.egressPath.proxy.noProxy[0]", ...rule }
  ),
  ...backend.field(
    "a version of the PROXY protocol",
    "spec.egressPath",
    { bad: [{ proxyProtocol: "V3" }, { proxyProtocol: 1 }] },
    { at: "spec.egressPath.proxyProtocol", ...none }
  ),
  ...backend.field(
    "source addresses",
    "spec.egressPath",
    { bad: [{ sourceAddresses: ["192.0.2.1", "192.0.2.2"] }, { sourceAddresses: ["2001:db8::1", "::2"] }] },
    { at: "spec.egressPath.sourceAddresses", ...rule }
  ),
  ...backend.field(
    "a protocol",
    "spec.protocol",
    { good: ["Auto", "HTTP", "H2C", "H2", "GRPC", "GRPCS", "TCP", "TLS", "UDP"], bad: ["https", "HTTP3", ""] },
    none
  ),
  ...backend.field("a host", "spec.host", { good: ["Backend", "Request", { value: "a.example" }, { value: "a.example:8443" }] }, none),
  ...backend.field("a host of another sort", "spec.host", { bad: ["Client", 7] }, none),
  ...backend.field(
    "a written host",
    "spec.host",
    { bad: [{ value: "" }, { value: "a b" }, { value: "A" }, {}] },
    { at: "spec.host.value", ...none }
  ),
  ...backend.field(
    "tls",
    "spec.tls",
    {
      good: [
        {},
        { mode: "None" },
        { mode: "ServerOnly" },
        { clientCertificateRef: { name: "c" } },
        { mode: "ClientAndServer", clientCertificateRef: { name: "c" } },
        {
          caCertificateRefs: [ca],
          subjectAltNames: [{ type: "URI", uri: "spiffe://a/b" }],
          sni: "a.example",
          hostname: "b.example",
          minVersion: "1.3",
          maxVersion: "1.3"
        },
        { insecureSkipVerify: true }
      ]
    },
    none
  ),
  backend.bad(
    "ClientAndServer needs a certificate",
    { "spec.tls": { mode: "ClientAndServer" } },
    { at: "spec.tls.clientCertificateRef", ...rule }
  ),
  backend.bad(
    "ServerOnly has no certificate",
    { "spec.tls": { mode: "ServerOnly", clientCertificateRef: { name: "c" } } },
    { at: "spec.tls.clientCertificateRef", ...rule }
  ),
  backend.bad(
    "one CA source",
    { "spec.tls": { caCertificateRefs: [ca], wellKnownCACertificates: "System" } },
    { at: "spec.tls.wellKnownCACertificates", ...rule }
  ),
  backend.bad("at most 8 CAs", { "spec.tls": { caCertificateRefs: many(9, () => ca) } }, { at: "spec.tls.caCertificateRefs", ...none }),
  backend.bad(
    "at most 5 alternative names",
    { "spec.tls": { subjectAltNames: many(6, () => ({ type: "Hostname", hostname: "a" })) } },
    { at: "spec.tls.subjectAltNames", ...none }
  ),
  backend.bad("a version is text", { "spec.tls": { minVersion: 1.2 } }, { at: "spec.tls.minVersion", ...none }),
  backend.bad("TLS is at least 1.2", { "spec.tls": { minVersion: "1.1" } }, { at: "spec.tls.minVersion", ...none }),
  backend.bad("versions are a range", { "spec.tls": { minVersion: "1.3", maxVersion: "1.2" } }, { at: "spec.tls.maxVersion", ...rule }),
  backend.bad(
    "no CA beside skip-verify",
    { "spec.tls": { insecureSkipVerify: true, wellKnownCACertificates: "System" } },
    { at: "spec.tls.insecureSkipVerify", ...rule }
  ),
  ...(["sni", "hostname"] as const).map((field) =>
    backend.bad(
      `without TLS there is no ${field}`,
      { "spec.tls": { mode: "None", [field]: "a.example" } },
      { at: `spec.tls.${field}`, ...rule }
    )
  ),
  backend.bad(
    "without TLS nothing is verified",
    { "spec.tls": { mode: "None", insecureSkipVerify: true } },
    { at: "spec.tls.insecureSkipVerify", ...rule }
  ),
  backend.bad(
    "without TLS there is no CA",
    { "spec.tls": { mode: "None", caCertificateRefs: [ca] } },
    { at: "spec.tls.caCertificateRefs", ...rule }
  ),
  backend.bad("an SNI is exact", { "spec.tls": { sni: "*.a" } }, { at: "spec.tls.sni", ...none })
]
