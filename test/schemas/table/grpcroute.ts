// GRPCRoute: matches of calls, and the filters that it has.
import { everywhere, experimental, long, many, type Row, rowsOf, since17 } from "./row.ts"

const { good, bad, field } = rowsOf({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "GRPCRoute",
  metadata: { name: "cart", namespace: "shop" },
  spec: {
    parentRefs: [{ name: "edge" }],
    rules: [{ matches: [{ method: { service: "shop.Cart" } }], backendRefs: [{ name: "cart", port: 50051 }] }]
  }
})

const rule = "spec.rules[0]"
const match = `${rule}.matches[0]`
const method = `${match}.method`
const header = (name: string, value = "v") => ({ name, value })

export const rows: ReadonlyArray<Row> = [
  good("a service", {}),
  good("spec may be empty", { spec: {} }),
  bad("spec is required", { spec: undefined }),
  good("v1alpha2 is read as v1", { apiVersion: "gateway.networking.k8s.io/v1alpha2" }),
  good("no rules", { "spec.rules": [] }),
  bad("at most 16 rules", { "spec.rules": many(17, () => ({})) }),
  good("16 hostnames", { "spec.hostnames": many(16, (i) => `h${i}.example`) }),
  bad("at most 16 hostnames", { "spec.hostnames": many(17, (i) => `h${i}.example`) }),
  ...field("default Gateways", "spec.useDefaultGateways", { good: ["All", "None"], bad: ["Some"] }, { known: experimental }),
  ...field("a rule's name", `${rule}.name`, { good: ["a", long(253)], bad: ["", "A", long(254)] }),
  good("equal rule names", { [`${rule}.name`]: "a", "spec.rules[1].name": "a" }, { cel: [...since17, "v1.6.3/experimental"] }),
  good("a rule without matches is for every call", { [`${rule}.matches`]: undefined }),
  good("a match without a method", { [match]: {} }),
  bad("at most 64 matches in a rule", { [`${rule}.matches`]: many(65, () => ({})) }),
  good("128 matches in all", { "spec.rules": many(2, () => ({ matches: many(64, () => ({})) })) }),
  bad(
    "at most 128 matches in all",
    { "spec.rules": many(3, () => ({ matches: many(43, () => ({})) })) },
    { at: "spec.rules", cel: everywhere }
  ),
  bad("a method match says something", { [method]: {} }, { at: `${method}.service`, cel: everywhere }),
  ...field("an exact service", `${method}.service`, { good: ["a", ".a.b", "shop.v1.Cart_2"], bad: [] }),
  ...field("no exact service", `${method}.service`, { good: [], bad: ["", "a/b", "1a", "a..b"] }, { cel: everywhere }),
  bad("a service has at most 1024 characters", { [`${method}.service`]: long(1025) }),
  ...field("an exact method", `${method}.method`, { good: ["Get", "_a", "a1"], bad: [] }),
  ...field("no exact method", `${method}.method`, { good: [], bad: ["", "a.b", "1a", "a/b"] }, { cel: everywhere }),
  good("an expression may be anything", { [method]: { type: "RegularExpression", service: "shop|mail", method: "" } }),
  bad("a method match of another type", { [`${method}.type`]: "Prefix" }),
  good("16 headers", { [`${match}.headers`]: many(16, (i) => header(`h${i}`)) }),
  bad("at most 16 headers", { [`${match}.headers`]: many(17, (i) => header(`h${i}`)) }),
  bad("a header twice", { [`${match}.headers`]: [header("a"), header("a", "w")] }, { at: `${match}.headers[1].name` }),
  good("filters of calls", {
    [`${rule}.filters`]: [
      { type: "RequestHeaderModifier", requestHeaderModifier: { set: [header("a")] } },
      { type: "ResponseHeaderModifier", responseHeaderModifier: { remove: ["a"] } },
      { type: "RequestMirror", requestMirror: { backendRef: { name: "copy", port: 1 } } },
      { type: "ExtensionRef", extensionRef: { group: "example.com", kind: "Filter", name: "a" } }
    ]
  }),
  bad(
    "a filter that calls do not have",
    { [`${rule}.filters`]: [{ type: "URLRewrite", urlRewrite: { hostname: "a.example" } }] },
    { at: `${rule}.filters[0].type` }
  ),
  bad(
    "nor at a backend",
    { [`${rule}.backendRefs[0].filters`]: [{ type: "CORS", cors: { allowOrigins: ["*"] } }] },
    { at: `${rule}.backendRefs[0].filters[0].type` }
  ),
  ...field("a weight is 0 to 1000000", `${rule}.backendRefs[0].weight`, { good: [0, 1_000_000], bad: [-1, 1_000_001, 0.5] }),
  bad("a Service needs a port", { [`${rule}.backendRefs[0].port`]: undefined }, { cel: everywhere }),
  good("a rule without backends", { [`${rule}.backendRefs`]: undefined })
]
