// What can be written in a Backend, field by field, but for health, balancing, credentials and the way out. Apart from the test that tries it, for its length.
import type { Row } from "./page.ts"

const api = { fqdn: { hostname: "api.vendor.example", port: 443 } }
const base = { endpoints: [api] }
const at = (...endpoints: ReadonlyArray<object>) => ({ endpoints })

type More = Partial<Pick<Row, "same" | "named">> & { readonly over?: object }

/** Fields below a block of the spec. over: what the block is compared with. */
export const below =
  (block: string) =>
  (fields: string, value: string, said: unknown, meaning: string, { over, ...more }: More = {}): Row => ({
    fields: fields === "" ? [block] : fields.split(" ").map((field) => `${block}.${field}`),
    value,
    spec: { ...base, [block]: said },
    ...(over === undefined ? {} : { without: { ...base, [block]: over } }),
    meaning,
    ...more
  })
const endpoint = (
  fields: string,
  value: string,
  endpoints: ReadonlyArray<object>,
  meaning: string,
  more: Pick<More, "same" | "named"> = {}
): Row => ({
  fields: fields.split(" ").map((field) => `endpoints.${field}`),
  value,
  spec: at(...endpoints),
  meaning,
  ...more
})
export const later = "not served yet"

const endpoints: ReadonlyArray<Row> = [
  endpoint(
    "fqdn.hostname fqdn.port",
    "a name",
    [{ fqdn: { hostname: "b.example", port: 8443 } }],
    "resolved by the [DNS contract](dns.md); Host, SNI and certificate name are the hostname"
  ),
  endpoint(
    "fqdn.hostname",
    "`localhost`, a name of the cluster",
    [api, { fqdn: { hostname: "localhost", port: 80 } }],
    "never dialled; the other endpoints serve",
    { named: "localhost" }
  ),
  endpoint(
    "ip.address ip.port",
    "an address",
    [{ ip: { address: "2001:db8::7", port: 80 } }],
    "keeps the client's Host; under the [address policy](address-policy.md)"
  ),
  endpoint("ip.address", "one that is never dialled", [api, { ip: { address: "169.254.169.254", port: 80 } }], "the other endpoints serve"),
  endpoint(
    "unix.path",
    "below a directory that is allowed",
    [{ unix: { path: "/run/sluice/api.sock" } }],
    "`--unix-directory`, or GatewayParameters"
  ),
  endpoint("unix.path", "elsewhere", [{ unix: { path: "/run/other.sock" } }], "the administrator has not allowed it", {
    named: "/run/other.sock"
  }),
  endpoint(
    "service.name service.namespace service.port",
    "a Service",
    [{ service: { name: "cart", namespace: "far", port: 80 } }],
    "its addresses are endpoints; of another namespace with a ReferenceGrant"
  ),
  endpoint("service.name", "one that is not there", [api, { service: { name: "none", port: 80 } }], "the other endpoints serve", {
    named: "none"
  }),
  endpoint("weight", "a number", [{ ...api, weight: 7 }], "the share of it in its tier; 0: none"),
  endpoint("zone", "a zone", [{ ...api, zone: "eu-1" }], "told, and without an effect of its own"),
  endpoint("tier", "0 to 15", [{ ...api, tier: 3 }], "asked while those before it cannot serve ([failover](failover.md))"),
  endpoint("pathPrefix", "a path", [{ ...api, pathPrefix: "/v1" }], "put before the path of each request that goes there")
]

const protocol = below("protocol")
const host = below("host")
const tls = below("tls")
export const ca = [{ group: "", kind: "ConfigMap", name: "ca" }]
const identity: ReadonlyArray<Row> = [
  protocol("", "`HTTP`", "HTTP", "HTTP/1.1, in plaintext on 443 as well"),
  protocol("", "`Auto`", "Auto", "the default", { same: true }),
  protocol("", "`TCP`", "TCP", "bytes: for a TCPRoute or a TLSRoute"),
  protocol("", "`TLS`", "TLS", "bytes within TLS: likewise"),
  protocol("", "`UDP`", "UDP", "datagrams: for a UDPRoute"),
  protocol("", "`H2C`, `GRPC`", "H2C", "HTTP/2 in plaintext, by prior knowledge"),
  protocol("", "`H2`, `GRPCS`", "H2", "HTTP/2 over TLS, by ALPN"),
  host("", "`Backend`", "Backend", "the endpoint's own name; where it has none, the client's Host"),
  host("", "`Request`", "Request", "the client's, the default of addresses, sockets and Services"),
  host("value", "a name", { value: "front.example" }, "this one"),
  tls("mode", "`ServerOnly`", { mode: "ServerOnly" }, "TLS on every port; on 443 the default", { same: true }),
  tls("mode", "`None`", { mode: "None" }, "plaintext"),
  tls(
    "mode clientCertificateRef.group clientCertificateRef.kind clientCertificateRef.name clientCertificateRef.namespace",
    "`ClientAndServer`, and a Secret of type kubernetes.io/tls",
    { mode: "ClientAndServer", clientCertificateRef: { group: "", kind: "Secret", name: "client", namespace: "shop" } },
    "of another namespace with a ReferenceGrant"
  ),
  tls("sni", "a name", { sni: "front.example" }, "asked for, and verified unless `hostname` is said"),
  tls("hostname", "a name", { hostname: "cert.example" }, "verified on the certificate"),
  tls(
    "subjectAltNames.type subjectAltNames.hostname subjectAltNames.uri",
    "names and URIs",
    {
      subjectAltNames: [
        { type: "URI", uri: "spiffe://a/b" },
        { type: "Hostname", hostname: "alt.example" }
      ]
    },
    "one of them must be on the certificate"
  ),
  tls(
    "caCertificateRefs.group caCertificateRefs.kind caCertificateRefs.name",
    "ConfigMap or Secret with `ca.crt`",
    { caCertificateRefs: ca },
    "only what they sign is trusted"
  ),
  tls(
    "caCertificateRefs.name",
    "one that is not there",
    { caCertificateRefs: [{ ...ca[0], name: "none" }] },
    "nothing is trusted instead",
    { named: "none" }
  ),
  tls("wellKnownCACertificates", "`System`", { wellKnownCACertificates: "System" }, "as when nothing is said", { same: true }),
  tls("wellKnownCACertificates", "others", { wellKnownCACertificates: "vendor.example/roots" }, "System is known"),
  tls("minVersion", "`1.3`; `1.2`", { minVersion: "1.3" }, "absent: 1.2"),
  tls("maxVersion", "`1.2`; `1.3`", { maxVersion: "1.2" }, "absent: 1.3"),
  tls("insecureSkipVerify", "`true`", { insecureSkipVerify: true }, "only where an [EgressPolicy](address-policy.md) permits SkipVerify")
]

const timeouts = below("timeouts")
const dns = below("dns")
const connections = below("connections")
const circuitBreaker = below("circuitBreaker")
const wire: ReadonlyArray<Row> = [
  ...(
    [
      ["connect", "until the TCP connection stands; absent: 5s"],
      ["tlsHandshake", "until the handshake is done; absent: 5s"],
      ["firstByte", "until the first byte of the answer; absent: 60s"],
      ["idle", "between two bytes; absent: 5m"],
      ["maxConnectionAge", "of a connection; absent: no limit"]
    ] as const
  ).map(([field, meaning]) => timeouts(field, "a duration", { [field]: "7s" }, meaning)),
  dns(
    "nameservers",
    "addresses, with a port, `tcp@`, `tls@`",
    { nameservers: ["192.0.2.53", "tls@192.0.2.54#dns.example"] },
    "asked in place of the process's own"
  ),
  dns(
    "nameservers",
    "one that is never dialled",
    { nameservers: ["169.254.169.254"] },
    "the [address policy](address-policy.md) holds for them, too",
    { named: "169.254.169.254" }
  ),
  dns("minTTL", "a duration", { minTTL: "7s" }, "absent: 5s"),
  dns("maxTTL", "a duration", { maxTTL: "7m" }, "absent: 5m"),
  ...["nxdomain", "refused", "servfail", "timeout", "other"].map((sort) =>
    dns(`hold.${sort}`, "a duration", { hold: { [sort]: "7s" } }, "how long the last good answer stands after such an answer; absent: 30s")
  ),
  dns("obsoleteGrace", "a duration", { obsoleteGrace: "7s" }, "absent: 30s"),
  dns("staleLimit", "a duration", { staleLimit: "7m" }, "absent: 10m"),
  dns("family", "`IPv4`, `IPv6`, `IPv4Preferred`, `IPv6Preferred`, `Both`", { family: "IPv6" }, "absent: both"),
  {
    fields: ["dns.srv", "endpoints.fqdn.hostname"],
    value: "`true`, the name of a service",
    spec: { ...at({ fqdn: { hostname: "_https._tcp.vendor.example" } }), dns: { srv: true } },
    meaning: "its SRV records say which hosts serve it, on which ports, in which order and shares"
  },
  ...(
    [
      ["maxConnections", 7, "absent: 1024"],
      ["maxPending", 7, "absent: 1024"],
      ["maxRequestsPerConnection", 7, "absent: no limit"],
      ["keepAliveIdle", "7s", "absent: 4s"]
    ] as const
  ).map(([field, value, meaning]) =>
    connections(field, typeof value === "number" ? "a number" : "a duration", { [field]: value }, meaning)
  ),
  ...(
    [
      ["idleTime", "7s", "absent: 30s"],
      ["interval", "7s", "absent: 1s"],
      ["probes", 7, "absent: 10"]
    ] as const
  ).map(([field, value, meaning]) =>
    connections(
      `tcpKeepalive.${field}`,
      typeof value === "number" ? "a number" : "a duration",
      { tcpKeepalive: { [field]: value } },
      meaning,
      {
        over: { tcpKeepalive: {} }
      }
    )
  ),
  circuitBreaker("maxParallelRequests", "a number", { maxParallelRequests: 7 }, "absent: no limit"),
  circuitBreaker("maxParallelRetries", "a number", { maxParallelRetries: 7 }, "absent: no limit but the [budget](request.md)"),
  circuitBreaker(
    "retryBudget.percent.numerator retryBudget.percent.denominator",
    "a share",
    { retryBudget: { percent: { numerator: 1, denominator: 3 } } },
    "of the requests under way that may be retries",
    { over: { retryBudget: {} } }
  ),
  circuitBreaker("retryBudget.minRetryConcurrency", "a number", { retryBudget: { minRetryConcurrency: 7 } }, "always allowed", {
    over: { retryBudget: {} }
  })
]

const retry = below("retry")
const failover = below("failover")
const plainRetry = { over: {} }
const behind = (ref: object) => ({ backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", ...ref }] })
const again: ReadonlyArray<Row> = [
  retry("numRetries", "a number", { numRetries: 7 }, "absent: 2; `0`: none, not even the safe one", plainRetry),
  retry(
    "retryOn.triggers",
    "`5xx`, `gateway-error`, `retriable-4xx`, `retriable-status-codes`",
    { retryOn: { triggers: ["5xx"] } },
    "the codes they stand for; absent: the last",
    plainRetry
  ),
  retry(
    "retryOn.triggers",
    "`connect-failure`, `refused-stream`, `reset`",
    { retryOn: { triggers: ["reset", "retriable-status-codes"] } },
    "in any case tried again where it is safe",
    { ...plainRetry, same: true }
  ),
  retry(
    "retryOn.triggers",
    "`cancelled`, `deadline-exceeded`, `internal`, `resource-exhausted`, `unavailable`",
    { retryOn: { triggers: ["unavailable"] } },
    "statuses of gRPC, of calls that are answered without content",
    plainRetry
  ),
  retry(
    "retryOn.httpStatusCodes",
    "codes",
    { retryOn: { httpStatusCodes: [429] } },
    "of `retriable-status-codes`; absent: 503",
    plainRetry
  ),
  retry("perRetry.timeout", "a duration", { perRetry: { timeout: "7s" } }, "of each try", plainRetry),
  retry(
    "perRetry.backOff.baseInterval perRetry.backOff.maxInterval",
    "durations",
    { perRetry: { backOff: { baseInterval: "7ms", maxInterval: "70ms" } } },
    "absent: 25ms, ten times it",
    plainRetry
  ),
  failover(
    "backendRefs.group backendRefs.kind backendRefs.name backendRefs.namespace",
    "backends",
    behind({ name: "standby", namespace: "far" }),
    "of any kind, in order; of another namespace with a ReferenceGrant"
  ),
  failover("backendRefs.port", "the port of a Service", { backendRefs: [{ name: "standby", port: 9000 }] }, "of a Service it must be said"),
  failover("backendRefs.name", "one that is not there", behind({ name: "none" }), "it is passed over", { named: "none" }),
  failover("statusCodes", "400 to 599", { statusCodes: [503] }, "answers that pass on, of requests that may be repeated"),
  failover("response.statusCode", "200 to 599", { response: { statusCode: 503 } }, "answered once nobody is left who can serve"),
  failover(
    "response.contentType response.body.type response.body.inline",
    "a text",
    { response: { statusCode: 200, contentType: "application/json", body: { type: "Inline", inline: "[]" } } },
    "what that answer says; absent: nothing",
    { over: { response: { statusCode: 200 } } }
  ),
  failover("spillThreshold", "100 to 1000", { spillThreshold: 200 }, "absent: 140, so below 72 %"),
  failover("returnAfter", "a duration", { returnAfter: "7s" }, "absent: 10s")
]

export const rows: ReadonlyArray<Row> = [...endpoints, ...identity, ...wire, ...again]
