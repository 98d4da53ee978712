// Rows of Envoy Gateway's BackendTrafficPolicy that are about who is picked.
import type { Row } from "./page.ts"
import { at, refused } from "./policyrow.ts"

const hash = (more: object) => at({ loadBalancer: { type: "ConsistentHash", consistentHash: more } })
const bySource = hash({ type: "SourceIP" })

export const balanceRows: ReadonlyArray<Row> = [
  {
    fields: ["loadBalancer.type"],
    value: "`RoundRobin`, `LeastRequest`, `Random`",
    spec: at({ loadBalancer: { type: "LeastRequest" } }),
    meaning: "absent: `RoundRobin`, where Envoy Gateway has `LeastRequest`"
  },
  refused(
    ["loadBalancer.type"],
    "`BackendUtilization`, `DynamicModule`",
    { loadBalancer: { type: "BackendUtilization" } },
    "not served yet"
  ),
  { fields: ["loadBalancer.consistentHash.type"], value: "`SourceIP`", spec: bySource, meaning: "the client's address; Maglev, as there" },
  {
    fields: ["loadBalancer.consistentHash.type", "loadBalancer.consistentHash.header.name"],
    value: "`Header`",
    spec: hash({ type: "Header", header: { name: "X-User" } }),
    without: bySource,
    meaning: "the value of the header"
  },
  {
    fields: ["loadBalancer.consistentHash.type", "loadBalancer.consistentHash.headers.name"],
    value: "`Headers`",
    spec: hash({ type: "Headers", headers: [{ name: "X-User" }, { name: "X-Tenant" }] }),
    without: bySource,
    meaning: "their values together"
  },
  {
    fields: ["loadBalancer.consistentHash.type", "loadBalancer.consistentHash.queryParams.name"],
    value: "`QueryParams`",
    spec: hash({ type: "QueryParams", queryParams: [{ name: "user" }] }),
    without: bySource,
    meaning: "their decoded values together"
  },
  {
    fields: ["loadBalancer.consistentHash.cookie.name"],
    value: "`Cookie`",
    spec: hash({ type: "Cookie", cookie: { name: "place" } }),
    without: bySource,
    meaning: "the value of the cookie"
  },
  {
    fields: ["loadBalancer.consistentHash.cookie.ttl"],
    value: "a duration",
    spec: hash({ type: "Cookie", cookie: { name: "place", ttl: "1h" } }),
    without: hash({ type: "Cookie", cookie: { name: "place" } }),
    meaning: "a client without one is given one"
  },
  {
    fields: ["loadBalancer.consistentHash.cookie.attributes"],
    value: "names with values",
    spec: hash({ type: "Cookie", cookie: { name: "place", ttl: "1h", attributes: { SameSite: "Strict" } } }),
    without: hash({ type: "Cookie", cookie: { name: "place", ttl: "1h" } }),
    meaning: "of the cookie that is given, in place of `Path=/` and `HttpOnly` where they name those"
  },
  refused(
    ["loadBalancer.consistentHash.cookie.attributes"],
    "`Max-Age`, `Expires`",
    {
      loadBalancer: { type: "ConsistentHash", consistentHash: { type: "Cookie", cookie: { name: "place", attributes: { expires: "9" } } } }
    },
    "`ttl` says it"
  ),
  {
    fields: ["loadBalancer.consistentHash.tableSize"],
    value: "65537",
    spec: hash({ type: "SourceIP", tableSize: 65537 }),
    without: bySource,
    same: true,
    meaning: "the default"
  },
  {
    fields: ["loadBalancer.consistentHash.tableSize"],
    value: "a prime up to 131071",
    spec: hash({ type: "SourceIP", tableSize: 1021 }),
    without: bySource,
    meaning: "larger tables have finer shares"
  },
  refused(
    ["loadBalancer.consistentHash.tableSize"],
    "others",
    { loadBalancer: { type: "ConsistentHash", consistentHash: { type: "SourceIP", tableSize: 131072 } } },
    "a larger one would hold up other requests while it is made"
  ),
  {
    fields: ["loadBalancer.slowStart.window"],
    value: "a duration",
    spec: at({ loadBalancer: { type: "LeastRequest", slowStart: { window: "30s" } } }),
    without: at({ loadBalancer: { type: "LeastRequest" } }),
    meaning: "who joins, or comes back healthy, begins with a tenth of its share; of `RoundRobin`, `LeastRequest` and `Random`"
  },
  {
    fields: ["loadBalancer.zoneAware.preferLocal.minEndpointsThreshold"],
    value: "a number",
    spec: at({ loadBalancer: { type: "Random", zoneAware: { preferLocal: { minEndpointsThreshold: 6 } } } }),
    without: at({ loadBalancer: { type: "Random", zoneAware: { preferLocal: {} } } }),
    meaning: "[endpoints of the proxy's own zone first](external-api.md#zones), where there are so many in all; absent: any number"
  },
  {
    fields: ["loadBalancer.zoneAware.preferLocal.force.minEndpointsInZoneThreshold"],
    value: "a number",
    spec: at({ loadBalancer: { type: "Random", zoneAware: { preferLocal: { force: { minEndpointsInZoneThreshold: 2 } } } } }),
    without: at({ loadBalancer: { type: "Random", zoneAware: { preferLocal: {} } } }),
    meaning: "so many in the zone; absent: 1. With or without `force`, requests stay in the zone while it can serve them"
  },
  {
    fields: ["loadBalancer.zoneAware.preferLocal.percentageEnabled"],
    value: "100",
    spec: at({ loadBalancer: { type: "Random", zoneAware: { preferLocal: { percentageEnabled: 100 } } } }),
    without: at({ loadBalancer: { type: "Random", zoneAware: { preferLocal: {} } } }),
    same: true,
    meaning: "the default"
  },
  refused(
    ["loadBalancer.zoneAware.preferLocal.percentageEnabled"],
    "below 100",
    { loadBalancer: { type: "RoundRobin", zoneAware: { preferLocal: { percentageEnabled: 50 } } } },
    "all requests prefer the zone, or none"
  ),
  refused(
    ["loadBalancer.zoneAware.weightedZones"],
    "anything",
    { loadBalancer: { type: "RoundRobin", zoneAware: { weightedZones: [] } } },
    "not served yet"
  ),
  {
    fields: ["loadBalancer.endpointOverride.extractFrom.header"],
    value: "a header",
    spec: at({ loadBalancer: { type: "RoundRobin", endpointOverride: { extractFrom: [{ header: "X-To" }] } } }),
    without: at({ loadBalancer: { type: "RoundRobin" } }),
    meaning:
      "[the address that a request names](external-api.md#an-address-that-a-request-names), where it is the backend's and well; else balancing chooses"
  },
  ...(["backendUtilization", "dynamicModule"] as const).map((field) =>
    refused([`loadBalancer.${field}`], "anything", { loadBalancer: { type: "RoundRobin", [field]: {} } }, "not served yet")
  )
]
