// Slow start, the finer words of a consistent hash, zones and a budget of retries. The rest of balancing is in own.ts.
import { many, type Row, rowsOf } from "./row.ts"

const none = { known: [] }
/** Bad by a rule of CEL in our CRD. */
const rule = { known: [], rule: true }
const backend = rowsOf({
  apiVersion: "gateway.sluice.dev/v1alpha1",
  kind: "Backend",
  metadata: { name: "search", namespace: "shop" },
  spec: {
    endpoints: [{ fqdn: { hostname: "search.vendor.example", port: 443 } }],
    loadBalancer: { type: "RoundRobin", slowStart: { window: "30s" } }
  }
})
const hashed = { type: "Cookie", cookie: { name: "place", ttl: "1h" } }
const byCookie = (patch: object) => ({ "spec.loadBalancer": { type: "ConsistentHash", consistentHash: { ...hashed, ...patch } } })

export const rows: ReadonlyArray<Row> = [
  ...backend.field("a window", "spec.loadBalancer.slowStart.window", { good: ["1ms", "24h"], bad: [undefined, 30, "soon"] }, none),
  backend.bad("a window of no time", { "spec.loadBalancer.slowStart.window": "0s" }, rule),
  ...backend.field(
    "an aggression",
    "spec.loadBalancer.slowStart.aggressionPercent",
    { good: [10, 150, 1000], bad: [9, 1001, 1.5, "100"] },
    none
  ),
  ...backend.field("a least share", "spec.loadBalancer.slowStart.minWeightPercent", { good: [1, 100], bad: [0, 101, 1.5] }, none),
  backend.bad(
    "a slow start of a hash",
    { "spec.loadBalancer.type": "ConsistentHash", "spec.loadBalancer.consistentHash": { type: "SourceIP" } },
    { at: "spec.loadBalancer.slowStart", ...rule }
  ),
  backend.good("a table of a size, to be judged later", byCookie({ tableSize: 5_000_011 }), none),
  ...[1, 5_000_012, 1.5, "1021"].map((tableSize) =>
    backend.bad(`a table of no size: ${tableSize}`, byCookie({ tableSize }), {
      at: "spec.loadBalancer.consistentHash.tableSize",
      ...none
    })
  ),
  backend.bad(
    "more attributes than a cookie has",
    byCookie({ cookie: { name: "place", attributes: Object.fromEntries(many(17, (n) => [`a${n}`, ""])) } }),
    { at: "spec.loadBalancer.consistentHash.cookie.attributes", ...none }
  ),
  backend.bad("an attribute that is no text", byCookie({ cookie: { name: "place", attributes: { a: 1 } } }), {
    at: "spec.loadBalancer.consistentHash.cookie.attributes.a",
    ...none
  }),
  backend.good("a budget of retries by the defaults", { "spec.circuitBreaker": { retryBudget: {} } }, none),
  backend.good(
    "a budget of retries",
    { "spec.circuitBreaker": { retryBudget: { percent: { numerator: 5, denominator: 5 }, minRetryConcurrency: 0 } } },
    none
  ),
  ...[{ numerator: 101 }, { numerator: 3, denominator: 2 }].map((percent) =>
    backend.bad(
      `more than all requests: ${JSON.stringify(percent)}`,
      { "spec.circuitBreaker": { retryBudget: { percent } } },
      {
        at: "spec.circuitBreaker.retryBudget.percent.numerator",
        ...rule
      }
    )
  ),
  backend.bad(
    "a part of nothing",
    { "spec.circuitBreaker": { retryBudget: { percent: { numerator: 0, denominator: 0 } } } },
    { at: "spec.circuitBreaker.retryBudget.percent.denominator", ...none }
  ),
  backend.good(
    "a preference of the zone",
    { "spec.loadBalancer.zoneAware": { preferLocal: { minEndpointsThreshold: 0, force: { minEndpointsInZoneThreshold: 2 } } } },
    none
  ),
  backend.bad(
    "a preference of the zone of a hash",
    { "spec.loadBalancer": { type: "ConsistentHash", consistentHash: { type: "SourceIP" }, zoneAware: {} } },
    { at: "spec.loadBalancer.zoneAware", ...rule }
  ),
  backend.bad(
    "fewer endpoints than none",
    { "spec.loadBalancer.zoneAware": { preferLocal: { minEndpointsThreshold: -1 } } },
    { at: "spec.loadBalancer.zoneAware.preferLocal.minEndpointsThreshold", ...none }
  ),
  ...backend.field(
    "headers in which a request names an address",
    "spec.loadBalancer.endpointOverride",
    { good: [{ extractFrom: many(10, (n) => ({ header: `X-To-${n}` })) }] },
    none
  ),
  ...[{}, { extractFrom: [] }, { extractFrom: many(11, (n) => ({ header: `x${n}` })) }].map((said) =>
    backend.bad(
      `no header in which a request names an address: ${JSON.stringify(said).slice(0, 40)}`,
      { "spec.loadBalancer.endpointOverride": said },
      { at: "spec.loadBalancer.endpointOverride.extractFrom", ...none }
    )
  ),
  backend.bad(
    "a header that is none",
    { "spec.loadBalancer.endpointOverride": { extractFrom: [{ header: "x to" }] } },
    { at: "spec.loadBalancer.endpointOverride.extractFrom[0].header", ...none }
  )
]
