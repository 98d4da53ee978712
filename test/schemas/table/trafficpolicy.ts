// BackendTrafficPolicy of our own: its blocks are those of a Backend, tried there; here is what is its own. Its CRD is made from the schema, and must say the same.
import { none, rule } from "./backend.ts"
import { many, type Row, rowsOf } from "./row.ts"

const ref = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "search" }
const policy = rowsOf({
  apiVersion: "gateway.sluice.dev/v1alpha1",
  kind: "BackendTrafficPolicy",
  metadata: { name: "search", namespace: "shop" },
  spec: { targetRefs: [ref] }
})
const refs = (count: number) => many(count, (n) => ({ ...ref, name: `r${n}` }))

export const rows: ReadonlyArray<Row> = [
  policy.good("a target alone", {}, none),
  policy.good(
    "every block, of nothing",
    Object.fromEntries(
      ["timeouts", "dns", "connections", "outlier", "retry", "circuitBreaker", "failover"].map((block) => [`spec.${block}`, {}])
    ),
    none
  ),
  policy.good(
    "a word of every block",
    {
      "spec.timeouts": { connect: "1s" },
      "spec.dns": { minTTL: "1s" },
      "spec.connections": { maxConnections: 1, tcpKeepalive: { probes: 3 } },
      "spec.healthCheck": { type: "TCP" },
      "spec.outlier": { consecutive5XxErrors: 1 },
      "spec.loadBalancer": { type: "Random" },
      "spec.retry": { numRetries: 0 },
      "spec.circuitBreaker": { maxParallelRequests: 1 },
      "spec.failover": { spillThreshold: 100, returnAfter: "0s", statusCodes: [503] }
    },
    none
  ),
  policy.good(
    "a target and two sections of it",
    { "spec.targetRefs[1]": { ...ref, sectionName: "a" }, "spec.targetRefs[2]": { ...ref, sectionName: "b" } },
    none
  ),
  policy.good("a Service", { "spec.targetRefs[0]": { group: "", kind: "Service", name: "web" } }, none),
  policy.good("as many targets as may be", { "spec.targetRefs": refs(16) }, none),
  policy.bad("one more", { "spec.targetRefs": refs(17) }, { at: "spec.targetRefs", ...none }),
  policy.bad("no target", { "spec.targetRefs": [] }, { at: "spec.targetRefs", ...none }),
  policy.bad("no word of targets", { "spec.targetRefs": undefined }, { at: "spec.targetRefs", ...none }),
  policy.bad("a target twice", { "spec.targetRefs[1]": ref }, { at: "spec.targetRefs", ...rule }),
  policy.bad(
    "a section twice",
    {
      "spec.targetRefs": [
        { ...ref, sectionName: "a" },
        { ...ref, sectionName: "a" }
      ]
    },
    { at: "spec.targetRefs", ...rule }
  ),
  policy.bad("a target without a group", { "spec.targetRefs[0].group": undefined }, { at: "spec.targetRefs[0].group", ...none }),
  policy.bad("a way of balancing that is none", { "spec.loadBalancer": { type: "Best" } }, { at: "spec.loadBalancer.type", ...none }),
  policy.bad("a floor above the ceiling", { "spec.dns": { minTTL: "2s", maxTTL: "1s" } }, { at: "spec.dns.minTTL", ...rule })
]
