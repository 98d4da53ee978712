// BackendTrafficPolicy of gateway.envoyproxy.io: its CRD is another project's, so it is judged by us alone here. Fields that are not served are tried in
// test/translate/dialects/envoytrafficfields.test.ts.
import { type Row, rowsOf } from "./row.ts"

const none = { known: [] }
const ref = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "search" }
const policy = rowsOf({
  apiVersion: "gateway.envoyproxy.io/v1alpha1",
  kind: "BackendTrafficPolicy",
  metadata: { name: "search", namespace: "shop" },
  spec: { targetRefs: [ref] }
})
const withHash = (hash: object) => ({ "spec.loadBalancer": { type: "ConsistentHash", consistentHash: hash } })

export const rows: ReadonlyArray<Row> = [
  policy.good("a target alone", {}, none),
  policy.good("the older form", { "spec.targetRefs": undefined, "spec.targetRef": ref }, none),
  policy.good("a selector alone", { "spec.targetRefs": undefined, "spec.targetSelectors": [{ kind: "HTTPRoute" }] }, none),
  policy.good(
    "two sections of one target",
    {
      "spec.targetRefs": [
        { ...ref, sectionName: "a" },
        { ...ref, sectionName: "b" }
      ]
    },
    none
  ),
  policy.good("limits of none", { "spec.circuitBreaker": { maxConnections: 0, maxPendingRequests: 0, maxParallelRequests: 0 } }, none),
  policy.good("each trigger", { "spec.retry": { retryOn: { triggers: ["5xx", "reset", "unavailable", "cancelled"] } } }, none),
  policy.good("the older hash of one header", withHash({ type: "Header", header: { name: "X-User" } }), none),
  policy.good("what is not served, to be named", { "spec.rateLimit": { any: "thing" }, "spec.connection": {} }, none),
  policy.good(
    "a documented passive check",
    {
      "spec.healthCheck": {
        passive: {
          baseEjectionTime: "10s",
          interval: "2s",
          maxEjectionPercent: 100,
          consecutive5XxErrors: 1,
          consecutiveGatewayErrors: 0,
          consecutiveLocalOriginFailures: 1,
          splitExternalLocalOriginErrors: false
        }
      }
    },
    none
  ),
  policy.good("keepalive of nothing", { "spec.tcpKeepalive": {} }, none),
  policy.bad(
    "a look without its request",
    { "spec.healthCheck": { active: { type: "HTTP" } } },
    { ...none, at: "spec.healthCheck.active.http" }
  ),
  policy.bad(
    "a look of two types",
    { "spec.healthCheck": { active: { type: "TCP", tcp: {}, http: { path: "/" } } } },
    { ...none, at: "spec.healthCheck.active.http" }
  ),
  policy.bad(
    "a path that ends its line",
    { "spec.healthCheck": { active: { type: "HTTP", http: { path: "/ HTTP/1.1\r\nX: y" } } } },
    { ...none, at: "spec.healthCheck.active.http.path" }
  ),
  policy.bad("a header that is none", { "spec.proxyProtocol": { version: "V3" } }, { ...none, at: "spec.proxyProtocol.version" }),
  policy.bad("rest shorter than a second", { "spec.tcpKeepalive": { idleTime: "500ms" } }, { ...none, at: "spec.tcpKeepalive.idleTime" }),
  policy.bad("no questions", { "spec.tcpKeepalive": { probes: 0 } }, { ...none, at: "spec.tcpKeepalive.probes" }),
  policy.bad("no target at all", { "spec.targetRefs": undefined }, { ...none, at: "spec.targetRefs" }),
  policy.bad("both forms", { "spec.targetRef": ref }, { ...none, at: "spec.targetRef" }),
  policy.bad("a target twice", { "spec.targetRefs[1]": ref }, { ...none, at: "spec.targetRefs[1]" }),
  policy.bad("a target without a group", { "spec.targetRefs[0].group": undefined }, { ...none, at: "spec.targetRefs[0].group" }),
  policy.bad("a merge that replaces", { "spec.mergeType": "Replace" }, { ...none, at: "spec.mergeType" }),
  policy.bad("a way of balancing that is none", { "spec.loadBalancer": { type: "Best" } }, { ...none, at: "spec.loadBalancer.type" }),
  policy.bad(
    "a hash without its key",
    { "spec.loadBalancer": { type: "ConsistentHash" } },
    { ...none, at: "spec.loadBalancer.consistentHash" }
  ),
  policy.bad(
    "a key without a hash",
    { "spec.loadBalancer": { type: "Random", consistentHash: { type: "SourceIP" } } },
    {
      ...none,
      at: "spec.loadBalancer.consistentHash"
    }
  ),
  policy.bad("a hash of headers that names none", withHash({ type: "Headers", headers: [] }), {
    ...none,
    at: "spec.loadBalancer.consistentHash.headers"
  }),
  policy.bad("a hash of a cookie that names none", withHash({ type: "Cookie" }), {
    ...none,
    at: "spec.loadBalancer.consistentHash.cookie"
  }),
  policy.bad(
    "a trigger that is none",
    { "spec.retry": { retryOn: { triggers: ["always"] } } },
    {
      ...none,
      at: "spec.retry.retryOn.triggers[0]"
    }
  ),
  policy.bad(
    "a longest wait below the first",
    { "spec.retry": { perRetry: { backOff: { baseInterval: "2s", maxInterval: "1s" } } } },
    {
      ...none,
      at: "spec.retry.perRetry.backOff.maxInterval"
    }
  ),
  policy.bad(
    "a duration that is none",
    { "spec.timeout": { http: { requestTimeout: "soon" } } },
    {
      ...none,
      at: "spec.timeout.http.requestTimeout"
    }
  ),
  policy.bad("a limit below none", { "spec.circuitBreaker": { maxConnections: -1 } }, { ...none, at: "spec.circuitBreaker.maxConnections" })
]
