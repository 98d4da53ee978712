// Our own kinds, joined: and of Backend what is said of behaviour. Their CRDs are made from the schemas, and must say the same.
import { backend, rows as backends, first, none, rule } from "./backend.ts"
import { rows as credentials } from "./credentials.ts"
import { rows as policies } from "./egresspolicy.ts"
import { rows as parameters } from "./gatewayparameters.ts"
import { long, type Row } from "./row.ts"

const behaviour: ReadonlyArray<Row> = [
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
  ...backend.field(
    "a last answer",
    "spec.failover.response",
    {
      good: [
        { statusCode: 200 },
        { statusCode: 599, contentType: "text/html; charset=utf-8", body: { inline: long(4_096) } },
        { statusCode: 503, body: { type: "Inline", inline: "" } },
        { statusCode: 304 }
      ],
      bad: []
    },
    none
  ),
  ...([100, 600] as const).map((statusCode) =>
    backend.bad(
      `a last answer of status ${statusCode}`,
      { "spec.failover.response": { statusCode } },
      { at: "spec.failover.response.statusCode", ...none }
    )
  ),
  backend.bad("a last answer without a status", { "spec.failover.response": {} }, { at: "spec.failover.response.statusCode", ...none }),
  backend.bad(
    "a last answer of a type in two lines",
    { "spec.failover.response": { statusCode: 200, contentType: "text/html\nX: y" } },
    { at: "spec.failover.response.contentType", ...none }
  ),
  backend.bad(
    "a last answer that is too long",
    { "spec.failover.response": { statusCode: 200, body: { inline: long(4_097) } } },
    { at: "spec.failover.response.body.inline", ...none }
  ),
  backend.bad(
    "a last answer kept elsewhere",
    { "spec.failover.response": { statusCode: 200, body: { type: "ValueRef", inline: "a" } } },
    { at: "spec.failover.response.body.type", ...none }
  ),
  backend.bad(
    "a last answer with a body that its status has not",
    { "spec.failover.response": { statusCode: 204, body: { inline: "a" } } },
    { at: "spec.failover.response.body", ...rule }
  ),
  backend.good("a return at once", { "spec.failover": { returnAfter: "0s" } }, none),
  backend.bad("a return after no time", { "spec.failover": { returnAfter: "soon" } }, { at: "spec.failover.returnAfter", ...none }),
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
        srv: true
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
        {
          type: "Random",
          slowStart: { window: "30s" },
          zoneAware: { preferLocal: { minEndpointsThreshold: 6, force: {} } },
          endpointOverride: { extractFrom: [{ header: "x-to" }] }
        },
        { type: "RoundRobin", slowStart: { window: "30s", aggressionPercent: 50, minWeightPercent: 100 } },
        { type: "ConsistentHash", consistentHash: { type: "SourceIP" } },
        { type: "ConsistentHash", consistentHash: { type: "SourceIP", tableSize: 1021 } },
        { type: "ConsistentHash", consistentHash: { type: "Headers", headers: [{ name: "X-User" }, { name: "x-tenant" }] } },
        { type: "ConsistentHash", consistentHash: { type: "Cookie", cookie: { name: "session" } } },
        { type: "ConsistentHash", consistentHash: { type: "Cookie", cookie: { name: "s", ttl: "0s", attributes: { SameSite: "None" } } } },
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
    { good: [{ type: "TCP" }, { type: "TLS", overrides: {} }, { type: "GRPC" }], bad: [{}, { type: "UDP" }, { type: "tcp" }] },
    { at: "spec.healthCheck.type", ...none }
  ),
  ...backend.field(
    "a call of type GRPC, and of no other",
    "spec.healthCheck",
    {
      good: [
        { type: "GRPC", grpc: {} },
        { type: "GRPC", grpc: { service: "shop.Cart" } }
      ],
      bad: [{ type: "TCP", grpc: {} }]
    },
    { at: "spec.healthCheck.grpc", ...rule }
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
  backend.good("a trigger of gRPC", { "spec.retry": { retryOn: { triggers: ["unavailable", "cancelled"] } } }, none),
  backend.bad(
    "a trigger that is none",
    { "spec.retry": { retryOn: { triggers: ["not-found"] } } },
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
  )
]

export const rows: ReadonlyArray<Row> = [...backends, ...behaviour, ...credentials, ...policies, ...parameters]
