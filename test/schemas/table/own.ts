// Our own kinds: Backend, EgressPolicy, GatewayParameters. Their CRDs are made from these schemas, and must say the same.
import { long, many, type Row, rowsOf } from "./row.ts"

const none = { known: [] }
/** Bad by a rule of CEL in our CRD. */
const rule = { known: [], rule: true }
const backend = rowsOf({
  apiVersion: "gateway.sluice.dev/v1alpha1",
  kind: "Backend",
  metadata: { name: "search", namespace: "shop" },
  spec: { endpoints: [{ fqdn: { hostname: "search.vendor.example", port: 443 } }, { ip: { address: "192.0.2.1", port: 80 } }] }
})
const policy = rowsOf({
  apiVersion: "gateway.sluice.dev/v1alpha1",
  kind: "EgressPolicy",
  metadata: { name: "vendors" },
  spec: {
    namespaceSelector: { matchLabels: { team: "a" } },
    allow: [{ hosts: ["*.vendor.example"], ports: [443] }, { cidrs: ["10.0.0.0/8"] }]
  }
})
const parameters = rowsOf({
  apiVersion: "gateway.sluice.dev/v1alpha1",
  kind: "GatewayParameters",
  metadata: { name: "edge", namespace: "infra" },
  spec: {}
})

const first = "spec.endpoints[0]"
const ca = { group: "", kind: "ConfigMap", name: "c" }

const backends: ReadonlyArray<Row> = [
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
  ...backend.field("a port is 1 to 65535", `${first}.fqdn.port`, { good: [1, 65535], bad: [undefined, 0, 65536, "443"] }, none),
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
  ...backend.field("a tier", `${first}.tier`, { good: [0, 15], bad: [-1, 16] }, none),
  ...backend.field("a spill threshold", "spec.failover", { good: [{}, { spillThreshold: 100 }, { spillThreshold: 1_000 }], bad: [] }, none),
  backend.bad("a spill threshold below 100", { "spec.failover": { spillThreshold: 99 } }, { at: "spec.failover.spillThreshold", ...none }),
  backend.bad(
    "a spill threshold that is no number",
    { "spec.failover": { spillThreshold: "1.4" } },
    { at: "spec.failover.spillThreshold", ...none }
  ),
  backend.good(
    "backends behind it",
    {
      "spec.failover": {
        backendRefs: [
          { name: "a", port: 80 },
          { group: "gateway.sluice.dev", kind: "Backend", name: "b", namespace: "n" }
        ],
        statusCodes: [400, 599]
      }
    },
    none
  ),
  backend.bad(
    "a Service without a port behind it",
    { "spec.failover": { backendRefs: [{ name: "a" }] } },
    { at: "spec.failover.backendRefs[0].port", ...rule }
  ),
  backend.bad(
    "a status that is none of an error",
    { "spec.failover": { statusCodes: [304] } },
    { at: "spec.failover.statusCodes[0]", ...none }
  ),
  backend.good("a return at once", { "spec.failover": { returnAfter: "0s" } }, none),
  backend.bad("a return after no time", { "spec.failover": { returnAfter: "soon" } }, { at: "spec.failover.returnAfter", ...none }),
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
  backend.bad("an SNI is exact", { "spec.tls": { sni: "*.a" } }, { at: "spec.tls.sni", ...none }),
  backend.good(
    "timeouts, off and long",
    { "spec.timeouts": { connect: "5s", tlsHandshake: "500ms", firstByte: "0s", idle: "1h", maxConnectionAge: "24h" } },
    none
  ),
  backend.bad("a timeout is a duration", { "spec.timeouts": { idle: 5 } }, { at: "spec.timeouts.idle", ...none }),
  backend.good(
    "dns",
    {
      "spec.dns": {
        nameservers: ["10.0.0.2", "10.0.0.2:5353", "tcp@10.0.0.2", "tls@[2001:db8::1]:853", "2001:db8::1", "tls@10.0.0.2#dns.example"],
        minTTL: "5s",
        maxTTL: "5m",
        hold: { nxdomain: "1s" },
        obsoleteGrace: "30s",
        staleLimit: "10m",
        family: "IPv4Preferred",
        srv: { name: "_a" }
      }
    },
    none
  ),
  ...backend.field(
    "a nameserver is an address",
    "spec.dns",
    {
      bad: [
        "ns.example",
        "10.0.0.2:0",
        "10.0.0.2:99999",
        "udp@10.0.0.2",
        "[10.0.0.2]:53",
        "",
        ":53",
        "10.0.0.2#dns.example",
        "tls@10.0.0.2#",
        "tls@10.0.0.2#10.0.0.2"
      ].map((server) => ({
        nameservers: [server]
      }))
    },
    { at: "spec.dns.nameservers[0]", ...rule }
  ),
  backend.bad("a family is an enum", { "spec.dns": { family: "ipv4" } }, { at: "spec.dns.family", ...none }),
  backend.bad("minTTL is at most maxTTL", { "spec.dns": { minTTL: "10m", maxTTL: "5m" } }, { at: "spec.dns.minTTL", ...rule }),
  ...backend.field(
    "a way of balancing",
    "spec.loadBalancer",
    {
      good: [
        { type: "RoundRobin" },
        { type: "LeastRequest" },
        { type: "Random" },
        { type: "Random", slowStart: { window: "30s" }, zoneAware: {}, endpointOverride: {} },
        { type: "ConsistentHash", consistentHash: { type: "SourceIP" } },
        { type: "ConsistentHash", consistentHash: { type: "SourceIP", tableSize: 1021 } },
        { type: "ConsistentHash", consistentHash: { type: "Headers", headers: [{ name: "X-User" }, { name: "x-tenant" }] } },
        { type: "ConsistentHash", consistentHash: { type: "Cookie", cookie: { name: "session" } } },
        { type: "ConsistentHash", consistentHash: { type: "Cookie", cookie: { name: "s", ttl: "0s", attributes: { a: "b" } } } },
        { type: "ConsistentHash", consistentHash: { type: "QueryParams", queryParams: [{ name: "user" }] } }
      ],
      bad: ["Random"]
    },
    none
  ),
  ...backend.field(
    "a way of balancing has a type",
    "spec.loadBalancer",
    { bad: [{ type: "roundRobin" }, {}, { type: "BackendUtilization" }] },
    { at: "spec.loadBalancer.type", ...none }
  ),
  backend.good(
    "a look, every field",
    {
      "spec.healthCheck": {
        type: "HTTP",
        http: { path: "/healthz?deep=1", method: "HEAD", hostname: "probe.example", expectedStatuses: [100, 599] },
        interval: "100ms",
        timeout: "1ms",
        unhealthyThreshold: 1,
        healthyThreshold: 1,
        overrides: { port: 9000 },
        panicThreshold: 0
      }
    },
    none
  ),
  ...backend.field(
    "a look of a type",
    "spec.healthCheck",
    { good: [{ type: "TCP" }, { type: "TLS", overrides: {} }], bad: [{}, { type: "GRPC" }, { type: "tcp" }] },
    { at: "spec.healthCheck.type", ...none }
  ),
  ...backend.field(
    "a request of type HTTP, and of no other",
    "spec.healthCheck",
    { bad: [{ type: "HTTP" }, { type: "TCP", http: { path: "/" } }] },
    { at: "spec.healthCheck.http", ...rule }
  ),
  ...backend.field(
    "the path of a look",
    "spec.healthCheck",
    {
      good: [{ type: "HTTP", http: { path: "/" } }],
      bad: ["", "a", "/a b", "/a\r\nX: y", "/ä"].map((path) => ({ type: "HTTP", http: { path } }))
    },
    { at: "spec.healthCheck.http.path", ...none }
  ),
  ...backend.field(
    "looks without end",
    "spec.healthCheck",
    { bad: [{ type: "TCP", interval: "99ms" }] },
    { at: "spec.healthCheck.interval", ...rule }
  ),
  ...backend.field(
    "a look without time",
    "spec.healthCheck",
    { bad: [{ type: "TCP", timeout: "0s" }] },
    { at: "spec.healthCheck.timeout", ...rule }
  ),
  backend.good("ejection by the defaults", { "spec.outlier": {} }, none),
  backend.good(
    "ejection, every field",
    {
      "spec.outlier": {
        consecutive5XxErrors: 0,
        consecutiveGatewayErrors: 3,
        splitExternalLocalOriginErrors: true,
        consecutiveLocalOriginFailures: 1,
        baseEjectionTime: "1ms",
        maxEjectionPercent: 100,
        panicThreshold: 0
      }
    },
    none
  ),
  ...backend.field("a share of ejected addresses", "spec.outlier.maxEjectionPercent", { good: [0, 100], bad: [-1, 101, 0.5] }, none),
  ...backend.field("a threshold of panic", "spec.outlier.panicThreshold", { good: [0, 100], bad: [-1, 101] }, none),
  backend.bad("an ejection for no time", { "spec.outlier": { baseEjectionTime: "0s" } }, { at: "spec.outlier.baseEjectionTime", ...rule }),
  backend.bad(
    "failures without an answer counted apart, which they are not",
    { "spec.outlier": { consecutiveLocalOriginFailures: 3 } },
    { at: "spec.outlier.consecutiveLocalOriginFailures", ...rule }
  ),
  ...backend.field(
    "a hash without its key, or a key without its hash",
    "spec.loadBalancer",
    {
      bad: [{ type: "ConsistentHash" }, { type: "Random", consistentHash: { type: "SourceIP" } }]
    },
    { at: "spec.loadBalancer.consistentHash", ...rule }
  ),
  ...(
    [
      ["headers", "Headers", [{ name: "x" }]],
      ["cookie", "Cookie", { name: "x" }],
      ["queryParams", "QueryParams", [{ name: "x" }]]
    ] as const
  ).flatMap(([field, type, value]) => [
    backend.bad(
      `a key of type ${type} has ${field}`,
      { "spec.loadBalancer": { type: "ConsistentHash", consistentHash: { type } } },
      { at: `spec.loadBalancer.consistentHash.${field}`, ...rule }
    ),
    backend.bad(
      `${field} are of type ${type} only`,
      { "spec.loadBalancer": { type: "ConsistentHash", consistentHash: { type: "SourceIP", [field]: value } } },
      { at: `spec.loadBalancer.consistentHash.${field}`, ...rule }
    )
  ]),
  backend.bad(
    "a cookie's name is a token",
    { "spec.loadBalancer": { type: "ConsistentHash", consistentHash: { type: "Cookie", cookie: { name: "a=b" } } } },
    { at: "spec.loadBalancer.consistentHash.cookie.name", ...none }
  ),
  backend.good(
    "connections",
    { "spec.connections": { maxConnections: 1, maxPending: 0, maxRequestsPerConnection: 1, keepAliveIdle: "4s" } },
    none
  ),
  backend.bad(
    "a limit of no connections",
    { "spec.connections": { maxConnections: 0 } },
    { at: "spec.connections.maxConnections", ...none }
  ),
  backend.good("limits of requests", { "spec.circuitBreaker": { maxParallelRequests: 0, maxParallelRetries: 0 } }, none),
  backend.bad(
    "a limit of requests below none",
    { "spec.circuitBreaker": { maxParallelRequests: -1 } },
    { at: "spec.circuitBreaker.maxParallelRequests", ...none }
  ),
  backend.good("retries as they are", { "spec.retry": {} }, none),
  backend.good(
    "retries, all said",
    {
      "spec.retry": {
        numRetries: 3,
        retryOn: { triggers: ["5xx", "gateway-error", "reset", "retriable-status-codes"], httpStatusCodes: [429] },
        perRetry: { timeout: "1s", backOff: { baseInterval: "10ms", maxInterval: "10ms" } }
      }
    },
    none
  ),
  backend.bad("retries below none", { "spec.retry": { numRetries: -1 } }, { at: "spec.retry.numRetries", ...none }),
  backend.bad(
    "a trigger of gRPC",
    { "spec.retry": { retryOn: { triggers: ["unavailable"] } } },
    { at: "spec.retry.retryOn.triggers[0]", ...none }
  ),
  backend.bad(
    "codes without their trigger",
    { "spec.retry": { retryOn: { triggers: ["reset"], httpStatusCodes: [503] } } },
    { at: "spec.retry.retryOn.httpStatusCodes", ...rule }
  ),
  backend.bad(
    "a code that is none",
    { "spec.retry": { retryOn: { httpStatusCodes: [600] } } },
    { at: "spec.retry.retryOn.httpStatusCodes[0]", ...none }
  ),
  backend.bad(
    "a longest wait below the first",
    { "spec.retry": { perRetry: { backOff: { baseInterval: "2s", maxInterval: "1s" } } } },
    { at: "spec.retry.perRetry.backOff.maxInterval", ...rule }
  ),
  ...backend.field(
    "credentials of one form",
    "spec.credentials",
    {
      good: [
        { bearer: { secretRef: { name: "s" } } },
        { bearer: { secretRef: { group: "", kind: "Secret", name: "s", namespace: "n" }, key: "a.b_c-d" } },
        { basic: { secretRef: { name: "s" } } },
        { header: { name: "X-Api-Key", secretRef: { name: "s" } } },
        { header: { name: "Authorization", secretRef: { name: "s" }, key: "k" } }
      ],
      bad: [{}, { basic: { secretRef: { name: "s" } }, bearer: { secretRef: { name: "s" } } }]
    },
    rule
  ),
  ...backend.field(
    "client credentials",
    "spec.credentials.oauth2",
    {
      good: [
        { tokenEndpoint: "https://a.example", clientID: "c", secretRef: { name: "s" } },
        {
          tokenEndpoint: "https://a.example:8443/t/token?tenant=a%20b",
          clientID: "c d",
          secretRef: { name: "s", namespace: "n" },
          key: "k",
          clientAuthentication: "Body",
          scopes: ["https://a.example/.default", "read"],
          audience: "urn:a",
          caCertificateRefs: [ca]
        }
      ]
    },
    none
  ),
  ...backend.field(
    "a signature's scope",
    "spec.credentials.sigV4",
    {
      good: [
        { region: "eu-west-1", secretRef: { name: "s" } },
        { region: "auto", service: "execute-api", secretRef: { name: "s" } }
      ]
    },
    none
  ),
  backend.bad(
    "a region is one word",
    { "spec.credentials": { sigV4: { region: "eu/west", secretRef: { name: "s" } } } },
    { at: "spec.credentials.sigV4.region", ...none }
  ),
  ...backend.field(
    "a token endpoint",
    "spec.credentials",
    {
      bad: [
        "http://a.example",
        "https://u:p@a.example/",
        "https://a.example/#f",
        "https://a.example:0/",
        "https://[::1]/",
        "a.example/token"
      ].map((tokenEndpoint) => ({ oauth2: { tokenEndpoint, clientID: "c", secretRef: { name: "s" } } }))
    },
    { at: "spec.credentials.oauth2.tokenEndpoint", ...none }
  ),
  backend.bad(
    "a scope is one word",
    { "spec.credentials": { oauth2: { tokenEndpoint: "https://a.example", clientID: "c", secretRef: { name: "s" }, scopes: ["a b"] } } },
    { at: "spec.credentials.oauth2.scopes[0]", ...none }
  ),
  ...backend.field(
    "a credential's header",
    "spec.credentials",
    {
      bad: ["Host", "connection", "Content-Length", "Transfer-Encoding", "PROXY-AUTHORIZATION"].map((name) => ({
        header: { name, secretRef: { name: "s" } }
      }))
    },
    { at: "spec.credentials.header.name", ...rule }
  ),
  backend.bad(
    "a credential's header is a token",
    { "spec.credentials": { header: { name: "X Key", secretRef: { name: "s" } } } },
    { at: "spec.credentials.header.name", ...none }
  ),
  backend.bad("a credential is of a Secret", { "spec.credentials": { bearer: {} } }, { at: "spec.credentials.bearer.secretRef", ...none }),
  backend.bad(
    "a credential's key is one of a Secret",
    { "spec.credentials": { bearer: { secretRef: { name: "s" }, key: "a/b" } } },
    { at: "spec.credentials.bearer.key", ...none }
  )
]

const policies: ReadonlyArray<Row> = [
  policy.good("hosts, ports, CIDRs", {}, none),
  policy.good("every namespace", { "spec.namespaceSelector": {} }, none),
  policy.bad("a selector is required", { "spec.namespaceSelector": undefined }, none),
  policy.bad(
    "an unknown operator",
    { "spec.namespaceSelector": { matchExpressions: [{ key: "a", operator: "Near" }] } },
    { at: "spec.namespaceSelector.matchExpressions[0].operator", ...none }
  ),
  policy.bad(
    "In has values",
    { "spec.namespaceSelector": { matchExpressions: [{ key: "a", operator: "In" }] } },
    { at: "spec.namespaceSelector.matchExpressions[0].values", ...rule }
  ),
  policy.bad(
    "Exists has none",
    { "spec.namespaceSelector": { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] } },
    { at: "spec.namespaceSelector.matchExpressions[0].values", ...rule }
  ),
  ...policy.field("a mode", "spec.mode", { good: ["Enforce", "Report", "Open"], bad: ["enforce", "Off"] }, none),
  policy.good("nothing allowed", { "spec.allow": undefined }, none),
  policy.bad("an empty entry", { "spec.allow[0]": {} }, rule),
  ...policy.field("a host", "spec.allow[0].hosts[0]", { good: ["a.example"], bad: ["*", "a.*.b", "A.b", "a.b:443"] }, none),
  ...policy.field(
    "a CIDR",
    "spec.allow[1].cidrs[0]",
    {
      good: ["2001:db8::/32", "192.0.2.1/32", "0.0.0.0/0"],
      bad: ["10.0.0.0", "10.0.0.0/33", "::/129", "10.0.0.0/08", "a/8", "10.0.0.0/8/8"]
    },
    rule
  ),
  policy.good(
    "a range of addresses that map IPv4",
    { "spec.allow[1].cidrs": ["::ffff:10.0.0.0/104"] },
    { known: [], differs: "the API server's library for ranges does not take it, and no longer rule fits its budget" }
  ),
  policy.bad("a port", { "spec.allow[0].ports": [0] }, { at: "spec.allow[0].ports[0]", ...none }),
  ...policy.field("a permit", "spec.permit", { good: [["SkipVerify", "DynamicResolver", "PrivateAddresses"]] }, none),
  policy.bad("another permit", { "spec.permit": ["Everything"] }, { at: "spec.permit[0]", ...none }),
  policy.bad("an enforced namespace is no member of metadata", { "spec.permit": "SkipVerify" }, none)
]

export const rows: ReadonlyArray<Row> = [
  ...backends,
  ...policies,
  parameters.good("nothing set", {}, none),
  parameters.good(
    "everything set",
    {
      spec: {
        replicas: 2,
        autoscaling: { minReplicas: 2, maxReplicas: 5, metrics: [] },
        workers: 1,
        pod: {
          image: "a/b:c",
          imagePullSecrets: [{ name: "x" }],
          resources: { limits: { cpu: 1 } },
          labels: { a: "b" },
          annotations: {},
          tolerations: [],
          patch: { spec: {} }
        },
        service: {
          type: "LoadBalancer",
          loadBalancerClass: "x.io/y",
          loadBalancerSourceRanges: ["192.0.2.0/24"],
          externalTrafficPolicy: "Local",
          annotations: {},
          labels: {}
        },
        podDisruptionBudget: { minAvailable: 1 },
        drain: { delay: "5s", deadline: "25s" },
        logging: { level: "Info", accessLog: { fields: ["path"] } },
        features: {
          externalName: "Disabled",
          voyagerRedirect: { statusCode: 308 },
          unixDirectories: ["/run/sluice"],
          forwardedHeaders: {}
        },
        clusterDomain: "cluster.local",
        clusterCIDRs: ["10.42.0.0/16"]
      }
    },
    none
  ),
  parameters.bad("a redirect with a status that is none", { "spec.features.voyagerRedirect.statusCode": 303 }, none),
  parameters.bad("a negative number of replicas", { "spec.replicas": -1 }, none),
  parameters.bad(
    "a scale is a range",
    { "spec.autoscaling": { minReplicas: 3, maxReplicas: 2 } },
    { at: "spec.autoscaling.minReplicas", ...rule }
  ),
  parameters.bad("a Service type", { "spec.service": { type: "ExternalName" } }, { at: "spec.service.type", ...none }),
  parameters.bad(
    "a source range",
    { "spec.service": { loadBalancerSourceRanges: ["x"] } },
    { at: "spec.service.loadBalancerSourceRanges[0]", ...rule }
  ),
  ...parameters.field("an access log", "spec.logging.accessLog", { good: ["Default", "Disabled"], bad: ["Off"] }, none),
  parameters.bad("a switch", { "spec.features": { externalName: true } }, { at: "spec.features.externalName", ...none }),
  parameters.bad(
    "a directory is absolute",
    { "spec.features": { unixDirectories: ["run"] } },
    { at: "spec.features.unixDirectories[0]", ...none }
  ),
  parameters.bad("a drain is a duration", { "spec.drain": { delay: "5" } }, { at: "spec.drain.delay", ...none }),
  parameters.bad("spec is required", { spec: undefined }, none)
]
