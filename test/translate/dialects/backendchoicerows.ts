// What can be written in a Backend of which address takes a request, health and balancing, field by field.
import { below } from "./backendrows.ts"
import type { Row } from "./page.ts"

const healthCheck = below("healthCheck")
const outlier = below("outlier")
const look = (more: object = {}, http: object = {}) => ({ type: "HTTP", http: { path: "/", ...http }, ...more })
const words = { type: "Text", text: "ready" }
const bytes = { type: "Binary", binary: "AAE=" }
const calls = (healthCheck: object) => ({
  endpoints: [{ fqdn: { hostname: "api.vendor.example", port: 443 } }],
  protocol: "GRPCS",
  healthCheck
})
const plainLook = { over: look() }
const plainOutlier = { over: {} }
const health: ReadonlyArray<Row> = [
  healthCheck("type http.path", "`HTTP`, and a path", look(), "a request to each address"),
  healthCheck("type", "`TCP`, `TLS`", { type: "TCP" }, "a connection, a handshake"),
  healthCheck(
    "type",
    "`GRPC`, of another protocol than HTTP/2",
    { type: "GRPC" },
    "`spec.protocol` has to say it: `H2C`, `H2`, `GRPC`, `GRPCS`"
  ),
  {
    fields: ["healthCheck.type", "healthCheck.grpc.service"],
    value: "`GRPC`, a service",
    spec: calls({ type: "GRPC", grpc: { service: "shop.Cart" } }),
    without: calls({ type: "GRPC" }),
    meaning: "a call of grpc.health.v1 to each address; absent: of the server as a whole"
  },
  healthCheck("http.method", "`GET`, `HEAD`, `OPTIONS`", look({}, { method: "HEAD" }), "absent: GET", plainLook),
  healthCheck("http.hostname", "a name", look({}, { hostname: "probe.example" }), "absent: the Host that requests have", plainLook),
  healthCheck("http.expectedStatuses", "statuses", look({}, { expectedStatuses: [204] }), "absent: 200", plainLook),
  healthCheck(
    "http.retriableStatuses",
    "statuses",
    look({}, { retriableStatuses: [503] }),
    "count towards `unhealthyThreshold`, others take the address out at once",
    plainLook
  ),
  ...(
    [
      ["http.expectedResponse", { expectedResponse: words }, { expectedResponse: bytes }, "what the content must hold"],
      ["http.requestBody", { method: "POST", requestBody: words }, { method: "POST", requestBody: bytes }, "sent with `POST`, `PUT`"]
    ] as const
  ).flatMap(([field, text, binary, meaning]) => [
    healthCheck(`${field}.type ${field}.text`, "`Text`", look({}, text), meaning, plainLook),
    healthCheck(`${field}.binary`, "`Binary`, in base64", look({}, binary), meaning, { over: look({}, text) })
  ]),
  ...(["send", "receive"] as const).flatMap((field) => [
    healthCheck(
      `tcp.${field}.type tcp.${field}.text`,
      "`Text`",
      { type: "TCP", tcp: { [field]: words } },
      `what is ${field === "send" ? "sent" : "awaited"}`,
      {
        over: { type: "TCP" }
      }
    ),
    healthCheck(`tcp.${field}.binary`, "`Binary`, in base64", { type: "TCP", tcp: { [field]: bytes } }, "the same", {
      over: { type: "TCP", tcp: { [field]: words } }
    })
  ]),
  healthCheck("interval", "a duration", look({ interval: "7s" }), "absent: 3s", plainLook),
  healthCheck("timeout", "a duration", look({ timeout: "7s" }), "absent: 1s", plainLook),
  healthCheck("unhealthyThreshold", "a number", look({ unhealthyThreshold: 7 }), "absent: 3", plainLook),
  healthCheck("healthyThreshold", "a number", look({ healthyThreshold: 7 }), "absent: 1", plainLook),
  healthCheck("overrides.port", "a port", look({ overrides: { port: 9000 } }), "looked at in place of the endpoint's own", plainLook),
  healthCheck("panicThreshold", "a percentage", look({ panicThreshold: 7 }), "absent: 50; beside `outlier` this one holds", plainLook),
  outlier("consecutive5XxErrors", "a number", { consecutive5XxErrors: 7 }, "absent: 5", plainOutlier),
  outlier("consecutiveGatewayErrors", "a number", { consecutiveGatewayErrors: 7 }, "absent: not counted apart", plainOutlier),
  outlier(
    "splitExternalLocalOriginErrors consecutiveLocalOriginFailures",
    "`true`, a number",
    { splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 7 },
    "failures without an answer are counted apart",
    plainOutlier
  ),
  outlier("baseEjectionTime", "a duration", { baseEjectionTime: "7s" }, "absent: 30s", plainOutlier),
  outlier("maxEjectionPercent", "a percentage", { maxEjectionPercent: 7 }, "absent: 50", plainOutlier),
  outlier("panicThreshold", "a percentage", { panicThreshold: 7 }, "absent: 50", plainOutlier),
  outlier(
    "failurePercentageThreshold",
    "a percentage",
    { failurePercentageThreshold: 7 },
    "an address with this share of failures is out",
    plainOutlier
  ),
  outlier("interval", "a duration", { failurePercentageThreshold: 7, interval: "7s" }, "over which the share is counted; absent: 3s", {
    over: { failurePercentageThreshold: 7 }
  })
]

const loadBalancer = below("loadBalancer")
const hash = (more: object) => ({ type: "ConsistentHash", consistentHash: more })
const bySource = { over: hash({ type: "SourceIP" }) }
const cookie = (more: object = {}) => hash({ type: "Cookie", cookie: { name: "place", ...more } })
const balance: ReadonlyArray<Row> = [
  loadBalancer("type", "`RoundRobin`", { type: "RoundRobin" }, "the default", { same: true }),
  loadBalancer("type", "`LeastRequest`, `Random`", { type: "LeastRequest" }, "[load balancing](external-api.md#load-balancing)"),
  loadBalancer("type consistentHash.type", "`ConsistentHash`, `SourceIP`", hash({ type: "SourceIP" }), "the client's address"),
  loadBalancer(
    "consistentHash.headers.name",
    "names",
    hash({ type: "Headers", headers: [{ name: "X-User" }] }),
    "their values together",
    bySource
  ),
  loadBalancer(
    "consistentHash.queryParams.name",
    "names",
    hash({ type: "QueryParams", queryParams: [{ name: "user" }] }),
    "their decoded values together",
    bySource
  ),
  loadBalancer("consistentHash.cookie.name", "a name", cookie(), "its value", bySource),
  loadBalancer("consistentHash.cookie.ttl", "a duration", cookie({ ttl: "1h" }), "a client without one is given one", { over: cookie() }),
  loadBalancer(
    "consistentHash.cookie.attributes",
    "attributes",
    cookie({ ttl: "1h", attributes: { SameSite: "Lax" } }),
    "of the cookie that is given",
    {
      over: cookie({ ttl: "1h" })
    }
  ),
  loadBalancer("consistentHash.tableSize", "a prime up to 131071", hash({ type: "SourceIP", tableSize: 1021 }), "absent: 65537", bySource),
  loadBalancer("consistentHash.tableSize", "others", hash({ type: "SourceIP", tableSize: 1020 }), "the message says the next prime"),
  loadBalancer(
    "slowStart.window",
    "a duration",
    { type: "Random", slowStart: { window: "7s" } },
    "how long an address takes to its full share",
    {
      over: { type: "Random" }
    }
  ),
  ...(["aggressionPercent", "minWeightPercent"] as const).map((field) =>
    loadBalancer(
      `slowStart.${field}`,
      "a percentage",
      { type: "Random", slowStart: { window: "7s", [field]: 50 } },
      `absent: ${field === "aggressionPercent" ? 100 : 10}`,
      {
        over: { type: "Random", slowStart: { window: "7s" } }
      }
    )
  ),
  loadBalancer(
    "zoneAware.preferLocal.minEndpointsThreshold",
    "a number",
    { type: "Random", zoneAware: { preferLocal: { minEndpointsThreshold: 7 } } },
    "endpoints of the proxy's zone first, where a tier has so many in all; absent: any number",
    { over: { type: "Random" } }
  ),
  loadBalancer(
    "zoneAware.preferLocal.force.minEndpointsInZoneThreshold",
    "a number",
    { type: "Random", zoneAware: { preferLocal: { force: { minEndpointsInZoneThreshold: 7 } } } },
    "where so many of it are in the zone; absent: 1",
    { over: { type: "Random", zoneAware: { preferLocal: {} } } }
  ),
  loadBalancer(
    "endpointOverride.extractFrom.header",
    "a header",
    { type: "Random", endpointOverride: { extractFrom: [{ header: "X-To" }] } },
    "the address that a request would rather go to, where it is the backend's and well",
    { over: { type: "Random" } }
  )
]

export const rows: ReadonlyArray<Row> = [...health, ...balance]
