// Rows of Envoy Gateway's BackendTrafficPolicy that are about its connections: which addresses are well, and what is said and asked on the way.
import type { Row } from "./page.ts"
import { at, base } from "./policyrow.ts"

const active = (more: object) => at({ healthCheck: { active: { type: "HTTP", http: { path: "/healthz" }, ...more } } })
const http = (more: object) => active({ http: { path: "/healthz", ...more } })
const tcp = (more: object) => at({ healthCheck: { active: { type: "TCP", tcp: more } } })
const grpc = (more: object) => at({ healthCheck: { active: { type: "GRPC", grpc: more } } })
const passive = (more: object) => at({ healthCheck: { passive: more } })

const served = (fields: ReadonlyArray<string>, value: string, spec: object, without: object | null, meaning: string): Row => ({
  fields: fields.map((field) => `healthCheck.${field}`),
  value,
  spec,
  ...(without === null ? {} : { without }),
  meaning
})
const same = (...args: Parameters<typeof served>): Row => ({ ...served(...args), same: true })

const healthRows: ReadonlyArray<Row> = [
  served(
    ["active.type", "active.http.path"],
    "`HTTP`, a path",
    http({}),
    null,
    "each address is looked at, after an endpoint's `pathPrefix`; Host, SNI and trust are those of requests ([health](health.md#looks))"
  ),
  served(["active.type"], "`TCP`, `tcp: {}`", tcp({}), null, "a connection is made, without a handshake"),
  served(
    ["active.type", "active.grpc.service"],
    "`GRPC`, a service",
    grpc({ service: "shop.Cart" }),
    null,
    "a call of grpc.health.v1 (absent: of the server as a whole), of backends that are spoken to in HTTP/2; requests to others are answered 500"
  ),
  served(["active.http.method"], "`GET`, `HEAD`, `OPTIONS`, `POST`, `PUT`", http({ method: "HEAD" }), http({}), "absent: `GET`"),
  served(["active.http.method"], "others", http({ method: "DELETE" }), null, "not served"),
  served(["active.http.hostname"], "a name", http({ hostname: "probe.example" }), http({}), "the Host sent; absent: as requests have it"),
  served(["active.http.expectedStatuses"], "statuses", http({ expectedStatuses: [200, 204] }), http({}), "absent: 200"),
  served(
    ["active.http.retriableStatuses"],
    "statuses",
    http({ retriableStatuses: [503] }),
    http({}),
    "they count towards `unhealthyThreshold`, any other takes the address out at once; absent: each of them counts"
  ),
  served(
    ["active.http.expectedResponse.type", "active.http.expectedResponse.text"],
    "`Text`, a text",
    http({ expectedResponse: { type: "Text", text: "well" } }),
    http({}),
    "what the first 64 KiB of the answer must hold"
  ),
  served(
    ["active.http.requestBody.type", "active.http.requestBody.binary"],
    "`Binary`, base64",
    http({ method: "POST", requestBody: { type: "Binary", binary: "YQ==" } }),
    http({ method: "POST" }),
    "only with `POST` and `PUT`"
  ),
  {
    ...served(["active.http.requestBody"], "with another method", http({ requestBody: { type: "Text", text: "a" } }), null, "as there"),
    named: "requestBody"
  },
  served(
    ["active.tcp.send.type", "active.tcp.send.text", "active.tcp.receive.type", "active.tcp.receive.binary"],
    "what is sent and awaited",
    tcp({ send: { type: "Text", text: "PING" }, receive: { type: "Binary", binary: "UE9ORw==" } }),
    tcp({}),
    "what comes in the first 64 KiB must hold it; over TLS where the endpoint has it"
  ),
  served(
    ["active.http.expectedResponse.binary", "active.http.requestBody.text", "active.tcp.send.binary", "active.tcp.receive.text"],
    "the other form",
    http({ method: "PUT", requestBody: { type: "Text", text: "a" }, expectedResponse: { type: "Binary", binary: "YQ==" } }),
    http({ method: "PUT" }),
    "`Text` or `Binary`"
  ),
  served(["active.interval"], "a duration", active({ interval: "10s" }), active({}), "absent: 3s; 100ms at least; give or take a tenth"),
  served(["active.timeout"], "a duration", active({ timeout: "2s" }), active({}), "absent: 1s"),
  same(["active.initialJitter"], "a duration", active({ initialJitter: "2s" }), active({}), "first looks are spread in any case"),
  served(["active.unhealthyThreshold"], "a number", active({ unhealthyThreshold: 5 }), active({}), "absent: 3; every failure counts alike"),
  served(["active.healthyThreshold"], "a number", active({ healthyThreshold: 2 }), active({}), "absent: 1"),
  served(["active.overrides.port"], "a port", active({ overrides: { port: 9000 } }), active({}), "looked at in place of the endpoint's"),
  served(["passive.consecutive5XxErrors"], "a number", passive({ consecutive5XxErrors: 2 }), passive({}), "absent: 5; `0`: not counted"),
  served(
    ["passive.consecutiveGatewayErrors"],
    "a number",
    passive({ consecutiveGatewayErrors: 2 }),
    passive({}),
    "absent and `0`: not counted"
  ),
  served(
    ["passive.splitExternalLocalOriginErrors", "passive.consecutiveLocalOriginFailures"],
    "`true`, a number",
    passive({ splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 2 }),
    passive({ splitExternalLocalOriginErrors: true }),
    "failures without an answer, counted apart; absent: 5"
  ),
  same(
    ["passive.consecutiveLocalOriginFailures"],
    "a number, alone",
    passive({ consecutiveLocalOriginFailures: 2 }),
    passive({}),
    "as there"
  ),
  served(
    ["passive.baseEjectionTime"],
    "a duration",
    passive({ baseEjectionTime: "10s" }),
    passive({}),
    "absent: 30s; five minutes at most"
  ),
  served(
    ["passive.maxEjectionPercent"],
    "a number",
    passive({ maxEjectionPercent: 60 }),
    passive({}),
    "absent: 10; rounded up, so one of a few can go, and a tier with another behind it can go whole; `0`: none"
  ),
  served(
    ["passive.failurePercentageThreshold", "passive.interval"],
    "a number, a duration",
    passive({ failurePercentageThreshold: 85, interval: "5s" }),
    passive({ failurePercentageThreshold: 85 }),
    "the share of an interval's requests that fail, where there were ten at least; absent: not judged, 3s"
  ),
  same(["passive.interval"], "a duration, alone", passive({ interval: "1s" }), passive({}), "ejection and return wait for no sweep"),
  same(["passive.alwaysEjectOneEndpoint"], "`true`", passive({ alwaysEjectOneEndpoint: true }), passive({}), "always so"),
  same(["passive.alwaysEjectOneEndpoint"], "`false`", passive({ alwaysEjectOneEndpoint: false }), passive({}), "one of a few can go"),
  served(
    ["panicThreshold"],
    "a number",
    at({ healthCheck: { passive: {}, panicThreshold: 10 } }),
    passive({}),
    "absent: 50; `0`: health is never ignored"
  ),
  same(["panicThreshold"], "a number, alone", at({ healthCheck: { panicThreshold: 10 } }), base, "nothing tells who is well")
]

const wireRows: ReadonlyArray<Row> = [
  {
    fields: ["proxyProtocol.version"],
    value: "`V1`, `V2`",
    spec: at({ proxyProtocol: { version: "V2" } }),
    meaning: "each connection begins with it and carries one request ([the way out](egress-path.md))"
  },
  {
    fields: ["tcpKeepalive.idleTime", "tcpKeepalive.interval", "tcpKeepalive.probes"],
    value: "durations, a number",
    spec: at({ tcpKeepalive: { idleTime: "2m", interval: "20s", probes: 3 } }),
    meaning:
      "absent: 30s, 1s, 10, which hold without the block, too; whole seconds; on a Node before 26.4 `interval` and `probes` are these in any case"
  }
]

export const connectionRows: ReadonlyArray<Row> = [...healthRows, ...wireRows]
