// Every field of our own BackendTrafficPolicy is tried, and docs/traffic-policy.md has what became of it: GOLDEN=write writes its table anew.
import { describe } from "vitest"
import { BackendTrafficPolicy } from "#schemas/backendtrafficpolicy.ts"
import { fieldsOf, type Row, tryRows } from "./page.ts"
import { at, base, route } from "./policyrow.ts"
import { worldOf } from "./trafficworld.ts"

const timed = { timeouts: { connect: "1s" } }

const looks = (more: object) => ({ healthCheck: { type: "HTTP", http: { path: "/" }, ...more } })

/** A block's fields are those of a Backend, the same schema, and tried as such: here it is tried that they are a policy's, too. */
const block = (name: string, value: string, said: object, meaning: string, without?: object): Row => ({
  fields: [name],
  value,
  spec: at(said),
  ...(without === undefined ? {} : { without: at(without) }),
  meaning
})

const rows: ReadonlyArray<Row> = [
  {
    fields: ["targetRefs.group", "targetRefs.kind", "targetRefs.name"],
    value: "Gateway, HTTPRoute",
    spec: { ...base, ...timed },
    without: { targetRefs: [{ ...route, name: "other" }], ...timed },
    meaning: "in the policy's namespace; Service, XBackend and Backend of either group too"
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
  block("timeouts", "as of a Backend", { timeouts: { firstByte: "1s" } }, "[timeouts](external-api.md#timeouts)"),
  block("dns", "as of a Backend", { dns: { nameservers: ["192.0.2.53"], family: "IPv4" } }, "[DNS](dns.md)"),
  { ...block("dns", "`srv`", { dns: { srv: true } }, "it says what names of endpoints are: a Backend's own"), named: "srv" },
  {
    ...block("dns", "a nameserver on loopback", { dns: { nameservers: ["127.0.0.1"] } }, "the addresses that no Backend may name, either"),
    named: "nameservers"
  },
  block("connections", "limits", { connections: { maxConnections: 1 } }, "of one pod and backend"),
  block("connections", "`keepAliveIdle`", { connections: { keepAliveIdle: "1m" } }, "counts by itself", { connections: {} }),
  block("connections", "`tcpKeepalive`", { connections: { tcpKeepalive: { probes: 3 } } }, "counts by itself", { connections: {} }),
  block(
    "healthCheck",
    "as of a Backend",
    looks({}),
    "[looks](health.md#looks); with `overrides.port` a backend behind a proxy is answered 500"
  ),
  block("healthCheck", "`type: TLS`", { healthCheck: { type: "TLS" } }, "a backend that is spoken to in plaintext is answered 500"),
  block("outlier", "as of a Backend", { outlier: {} }, "[ejection](health.md#ejection-by-what-requests-come-to)"),
  block("loadBalancer", "as of a Backend", { loadBalancer: { type: "Random" } }, "[load balancing](external-api.md#load-balancing)"),
  block("retry", "as of a Backend", { retry: { numRetries: 3 } }, "`retry` of the route's rule wins"),
  block("circuitBreaker", "as of a Backend", { circuitBreaker: { maxParallelRequests: 1 } }, "of one pod and backend"),
  block(
    "failover",
    "as of a Backend",
    { failover: { spillThreshold: 200 } },
    "[failover](failover.md); who stands by is each Backend's own"
  )
]

/** Of the targets each field, of the rest the blocks. */
const fields = [
  ...new Set(fieldsOf(BackendTrafficPolicy).map((path) => (path.startsWith("targetRefs.") ? path : path.slice(0, path.indexOf(".")))))
]

describe("fields of our BackendTrafficPolicy", () =>
  tryRows({
    ...{ page: "traffic-policy.md", kind: "BackendTrafficPolicy", fields },
    rows,
    plain: base,
    written: (field) => field.replace("targetRefs.", "targetRefs[]."),
    ...worldOf("gateway.sluice.dev")
  }))
