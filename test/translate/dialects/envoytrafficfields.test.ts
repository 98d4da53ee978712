// Every field of Envoy Gateway's BackendTrafficPolicy is tried, and docs/envoy-gateway.md has what became of it: GOLDEN=write writes its table anew.
// A field that is served changes what is made of a route; one that is not must be refused by name, so none is passed over.
import { describe } from "vitest"
import { EnvoyTrafficPolicy } from "#schemas/dialects/envoytrafficpolicy.ts"
import { balanceRows } from "./envoybalancerows.ts"
import { connectionRows } from "./envoyconnectionrows.ts"
import { fieldsOf, type Row, tryRows } from "./page.ts"
import { at, base, refused, route } from "./policyrow.ts"
import { worldOf } from "./trafficworld.ts"

const elsewhere = { targetRefs: [{ ...route, name: "other" }] }
const timed = { timeout: { http: { requestTimeout: "5s" } } }
const later = (field: string, value: object, meaning = "not served yet"): Row => refused([field], "anything", { [field]: value }, meaning)

const rows: ReadonlyArray<Row> = [
  {
    fields: ["targetRefs.group", "targetRefs.kind", "targetRefs.name"],
    value: "Gateway, HTTPRoute",
    spec: { ...base, ...timed },
    without: { ...elsewhere, ...timed },
    meaning: "in the policy's namespace; Service, Backend of either group and XBackend too, which Envoy Gateway does not take"
  },
  {
    fields: ["targetRefs.kind"],
    value: "others",
    spec: { targetRefs: [{ ...route, kind: "GRPCRoute" }] },
    named: "GRPCRoute",
    meaning: "the policy's other targets are served"
  },
  {
    fields: ["targetRefs.sectionName"],
    value: "a listener, or a rule by its name",
    spec: { targetRefs: [{ ...route, sectionName: "first" }], ...timed },
    without: { ...base, ...timed },
    meaning: "that alone"
  },
  {
    fields: ["targetRef.group", "targetRef.kind", "targetRef.name", "targetRef.sectionName"],
    value: "one target",
    spec: { targetRef: { ...route, sectionName: "first" }, ...timed },
    without: { ...elsewhere, ...timed },
    meaning: "the older form of the same"
  },
  {
    fields: [
      "targetSelectors.group",
      "targetSelectors.kind",
      "targetSelectors.matchLabels",
      "targetSelectors.matchExpressions.key",
      "targetSelectors.matchExpressions.operator",
      "targetSelectors.matchExpressions.values"
    ],
    value: "a selector",
    spec: {
      targetSelectors: [
        {
          group: route.group,
          kind: "HTTPRoute",
          matchLabels: { tier: "front" },
          matchExpressions: [{ key: "tier", operator: "In", values: ["front"] }]
        }
      ],
      ...timed
    },
    meaning: "objects of the policy's namespace with these labels"
  },
  {
    fields: [
      "targetSelectors.namespaces.from",
      "targetSelectors.namespaces.selector.matchLabels",
      "targetSelectors.namespaces.selector.matchExpressions.key",
      "targetSelectors.namespaces.selector.matchExpressions.operator",
      "targetSelectors.namespaces.selector.matchExpressions.values"
    ],
    value: "`All`, `Selector`",
    spec: {
      targetSelectors: [
        {
          kind: "HTTPRoute",
          namespaces: {
            from: "Selector",
            selector: {
              matchLabels: { "kubernetes.io/metadata.name": "far" },
              matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "Exists" }]
            }
          }
        }
      ],
      ...timed
    },
    without: { targetSelectors: [{ kind: "HTTPRoute", namespaces: { from: "Same" } }], ...timed },
    meaning: "of other namespaces with a ReferenceGrant there to the target's kind, from BackendTrafficPolicy"
  },
  {
    fields: ["mergeType"],
    value: "`StrategicMerge`, `JSONMerge`",
    spec: { ...base, mergeType: "JSONMerge", loadBalancer: { type: "Random" } },
    without: { ...base, loadBalancer: { type: "Random" } },
    meaning: "merged into the nearest policy above, field by field, lists whole; only with routes as targets"
  },
  ...balanceRows,
  {
    fields: ["retry.numRetries"],
    value: "a number",
    spec: at({ retry: { numRetries: 5 } }),
    without: at({ retry: {} }),
    meaning: "absent: 2; `0` switches the safe repetition off too; `retry` of the route's rule wins"
  },
  {
    fields: ["retry.numAttemptsPerPriority"],
    value: "`0`",
    spec: at({ retry: { numAttemptsPerPriority: 0 } }),
    without: at({ retry: {} }),
    same: true,
    meaning: "the default"
  },
  refused(["retry.numAttemptsPerPriority"], "others", { retry: { numAttemptsPerPriority: 1 } }, "not served yet"),
  {
    fields: ["retry.retryOn.triggers"],
    value: "`5xx`, `gateway-error`, `retriable-4xx`, `retriable-status-codes`",
    spec: at({ retry: { retryOn: { triggers: ["gateway-error"] } } }),
    without: at({ retry: {} }),
    meaning: "the codes they stand for; absent: 503"
  },
  {
    fields: ["retry.retryOn.triggers"],
    value: "`connect-failure`, `refused-stream`, `reset`",
    spec: at({ retry: { retryOn: { triggers: ["connect-failure", "retriable-status-codes"] } } }),
    without: at({ retry: { retryOn: { triggers: ["retriable-status-codes"] } } }),
    same: true,
    meaning: "in any case tried again where it is safe; a POST that may have arrived is not, though Envoy does"
  },
  {
    fields: ["retry.retryOn.triggers"],
    value: "`cancelled`, `deadline-exceeded`, `internal`, `resource-exhausted`, `unavailable`",
    spec: at({ retry: { retryOn: { triggers: ["unavailable", "retriable-status-codes"] } } }),
    without: at({ retry: {} }),
    meaning: "statuses of gRPC, of calls that are answered without content (Trailers-Only)"
  },
  {
    fields: ["retry.retryOn.httpStatusCodes"],
    value: "codes",
    spec: at({ retry: { retryOn: { httpStatusCodes: [429] } } }),
    without: at({ retry: {} }),
    meaning: "of the trigger `retriable-status-codes`"
  },
  {
    fields: ["retry.perRetry.timeout"],
    value: "a duration",
    spec: at({ retry: { perRetry: { timeout: "1s" } } }),
    without: at({ retry: {} }),
    meaning: "of each try; `timeouts.backendRequest` of the route's rule wins"
  },
  {
    fields: ["retry.perRetry.backOff.baseInterval", "retry.perRetry.backOff.maxInterval"],
    value: "durations",
    spec: at({ retry: { perRetry: { backOff: { baseInterval: "10ms", maxInterval: "50ms" } } } }),
    without: at({ retry: {} }),
    meaning: "absent: 25ms, ten times it"
  },
  refused(["retry.perRetry.backOff.baseInterval"], "`0s`", { retry: { perRetry: { backOff: { baseInterval: "0s" } } } }, "as there"),
  {
    fields: ["timeout.tcp.connectTimeout"],
    value: "a duration",
    spec: at({ timeout: { tcp: { connectTimeout: "1s" } } }),
    meaning: "of the connection and of the TLS handshake, each; absent: 5s"
  },
  {
    fields: ["timeout.http.requestTimeout"],
    value: "a duration",
    spec: at(timed),
    meaning:
      "of the whole exchange; absent: none, where Envoy has 15s; `timeouts.request` of the route's rule wins; refused with a backend as a target"
  },
  {
    fields: ["timeout.http.connectionIdleTimeout"],
    value: "a duration",
    spec: at({ timeout: { http: { connectionIdleTimeout: "1m" } } }),
    meaning: "of an unused connection; absent: 4s"
  },
  {
    fields: ["timeout.http.maxConnectionDuration"],
    value: "a duration",
    spec: at({ timeout: { http: { maxConnectionDuration: "1h" } } }),
    meaning: "of a connection; the request on it is finished"
  },
  {
    fields: ["timeout.http.streamIdleTimeout"],
    value: "a duration",
    spec: at({ timeout: { http: { streamIdleTimeout: "10m" } } }),
    meaning: "until the first byte of the answer, and between bytes; absent: 60s and 5m"
  },
  refused(["timeout.http.maxStreamDuration"], "anything", { timeout: { http: { maxStreamDuration: "1h" } } }, "not served yet"),
  ...(
    [
      ["maxConnections", 7, "absent: 1024"],
      ["maxPendingRequests", 7, "absent: 1024"],
      ["maxParallelRequests", 7, "absent: no limit of its own"],
      ["maxParallelRetries", 7, "absent: no limit but the [budget](request.md)"],
      ["maxRequestsPerConnection", 7, "absent: no limit"]
    ] as const
  ).map(
    ([field, value, meaning]): Row => ({
      fields: [`circuitBreaker.${field}`],
      value: "a number",
      spec: at({ circuitBreaker: { [field]: value } }),
      meaning
    })
  ),
  {
    fields: ["circuitBreaker.maxConnections"],
    value: "`0`",
    spec: at({ circuitBreaker: { maxConnections: 0 } }),
    without: at({ circuitBreaker: { maxConnections: 0, maxPendingRequests: 0 } }),
    same: true,
    meaning: "everything is answered 503: who waited would wait for ever"
  },
  {
    fields: ["circuitBreaker.perEndpoint.maxConnections"],
    value: "`maxConnections` or more",
    spec: at({ circuitBreaker: { perEndpoint: { maxConnections: 1024 } } }),
    same: true,
    meaning: "the limit of all endpoints comes first"
  },
  refused(
    ["circuitBreaker.perEndpoint.maxConnections"],
    "below `maxConnections`",
    { circuitBreaker: { perEndpoint: { maxConnections: 5 } } },
    "not served yet"
  ),
  {
    fields: ["circuitBreaker.retryBudget.percent.numerator", "circuitBreaker.retryBudget.percent.denominator"],
    value: "a fraction",
    spec: at({ circuitBreaker: { retryBudget: { percent: { numerator: 1, denominator: 4 } } } }),
    without: at({ circuitBreaker: { retryBudget: {} } }),
    meaning: "of the requests under way and waiting, in place of the [budget](request.md) and of `maxParallelRetries`; absent: 20 %"
  },
  {
    fields: ["circuitBreaker.retryBudget.minRetryConcurrency"],
    value: "a number",
    spec: at({ circuitBreaker: { retryBudget: { minRetryConcurrency: 7 } } }),
    without: at({ circuitBreaker: { retryBudget: {} } }),
    meaning: "at the least; absent: 3"
  },
  {
    fields: ["dns.lookupFamily"],
    value: "`IPv4`, `IPv6`, `IPv4Preferred`, `IPv6Preferred`, `IPv4AndIPv6`",
    spec: at({ dns: { lookupFamily: "IPv4" } }),
    meaning: "absent: both"
  },
  {
    fields: ["dns.respectDnsTtl"],
    value: "`true`",
    spec: at({ dns: { respectDnsTtl: true } }),
    same: true,
    meaning: "the default, between 5s and 5m"
  },
  {
    fields: ["dns.respectDnsTtl", "dns.dnsRefreshRate"],
    value: "`false`, a duration",
    spec: at({ dns: { respectDnsTtl: false, dnsRefreshRate: "10s" } }),
    meaning: "asked for anew so often, whatever the TTL; a second at least, absent: 30s"
  },
  {
    fields: ["dns.dnsRefreshRate"],
    value: "a duration, alone",
    spec: at({ dns: { dnsRefreshRate: "10s" } }),
    same: true,
    meaning: "TTLs are held"
  },
  { fields: ["useClientProtocol"], value: "`false`", spec: at({ useClientProtocol: false }), same: true, meaning: "the default" },
  refused(["useClientProtocol"], "`true`", { useClientProtocol: true }, "a backend is spoken to as it is declared"),
  {
    fields: ["httpUpgrade.type"],
    value: "`websocket`",
    spec: at({ httpUpgrade: [{ type: "websocket" }] }),
    same: true,
    meaning: "the default: upgrades pass"
  },
  refused(["httpUpgrade.type", "httpUpgrade.connect"], "others", { httpUpgrade: [{ type: "CONNECT", connect: {} }] }, "not served yet"),
  { fields: ["routingType"], value: "`Endpoint`", spec: at({ routingType: "Endpoint" }), same: true, meaning: "the default" },
  refused(["routingType"], "`Service`", { routingType: "Service" }, "endpoints are dialled, never the cluster IP"),
  ...connectionRows,
  later("connection", { bufferLimit: "1Mi" }),
  later("http2", {}),
  later("rateLimit", { type: "Local" }),
  later("bandwidthLimit", {}),
  later("faultInjection", {}),
  later("admissionControl", {}),
  later("adaptiveConcurrency", {}),
  later("compression", []),
  later("compressor", []),
  later("responseOverride", []),
  later("requestBuffer", { limit: "1Mi" }, "bodies are streamed, never buffered"),
  later("telemetry", {})
]

const lists = /\b(targetRefs|targetSelectors|headers|queryParams|matchExpressions|httpUpgrade)\./g

describe("fields of Envoy Gateway's BackendTrafficPolicy", () =>
  tryRows({
    ...{ page: "envoy-gateway.md", kind: "BackendTrafficPolicy", fields: fieldsOf(EnvoyTrafficPolicy) },
    rows,
    plain: base,
    written: (field) => field.replace(lists, "$1[]."),
    ...worldOf("gateway.envoyproxy.io")
  }))
