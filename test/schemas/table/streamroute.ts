// TLSRoute, TCPRoute, UDPRoute: one rule, and for TLS the names.
import { everywhere, experimental, long, many, onlyNewExperimental, type Row, rowsOf } from "./row.ts"

const route = (kind: string, more: object = {}) =>
  rowsOf({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind,
    metadata: { name: "db", namespace: "shop" },
    spec: { parentRefs: [{ name: "edge" }], ...more, rules: [{ backendRefs: [{ name: "db", port: 5432 }] }] }
  })

const tls = route("TLSRoute", { hostnames: ["db.example.com"] })
const tcp = route("TCPRoute")
const udp = route("UDPRoute")

const rule = "spec.rules[0]"
const refs = `${rule}.backendRefs`
const backend = (more: object) => ({ name: "db", ...more })

const ofEach = ({ good, bad, field }: ReturnType<typeof rowsOf>): ReadonlyArray<Row> => [
  good("one rule", {}),
  good("v1alpha2 is read as v1", { apiVersion: "gateway.networking.k8s.io/v1alpha2" }),
  bad("spec is required", { spec: undefined }),
  bad("rules are required", { "spec.rules": undefined }),
  bad("there is a rule", { "spec.rules": [] }),
  bad("there is one rule", { "spec.rules": many(2, () => ({ backendRefs: [backend({ port: 1 })] })) }, { at: "spec.rules" }),
  bad("at most 32 parents", { "spec.parentRefs": many(33, (i) => ({ name: `g${i}` })) }),
  bad("the same parent twice", { "spec.parentRefs": [{ name: "edge" }, { name: "edge" }] }, { at: "spec.parentRefs[1]", cel: everywhere }),
  ...field("default Gateways", "spec.useDefaultGateways", { good: ["All", "None"], bad: ["Some"] }, { known: experimental }),
  ...field("a rule's name", `${rule}.name`, { good: ["a", long(253)], bad: ["", "A", long(254)] }),
  bad("backendRefs are required", { [refs]: undefined }),
  bad("there is a backend", { [refs]: [] }),
  good("16 backends", { [refs]: many(16, (i) => backend({ port: i + 1 })) }),
  bad("at most 16 backends", { [refs]: many(17, (i) => backend({ port: i + 1 })) }),
  ...field("weights", `${refs}[0].weight`, { good: [0, 1_000_000], bad: [-1, 1_000_001, 1.5] }),
  bad("a Service has a port", { [`${refs}[0].port`]: undefined }, { cel: everywhere }),
  good("another kind has none", { [`${refs}[0]`]: backend({ group: "gateway.sluice.dev", kind: "Backend" }) }),
  good(
    "an XBackend's port is judged later",
    { [`${refs}[0]`]: backend({ group: "gateway.networking.x-k8s.io", kind: "XBackend", port: 1 }) },
    { cel: onlyNewExperimental }
  )
]

export const rows: ReadonlyArray<Row> = [
  ...ofEach(tls),
  ...ofEach(tcp),
  ...ofEach(udp),
  tls.good("v1alpha3 is read as v1", { apiVersion: "gateway.networking.k8s.io/v1alpha3" }),
  tls.bad("names are required", { "spec.hostnames": undefined }),
  tls.bad("there is a name", { "spec.hostnames": [] }),
  tls.good("1024 names", { "spec.hostnames": many(1024, (i) => `a${i}.example.com`) }),
  tls.bad("at most 1024 names", { "spec.hostnames": many(1025, (i) => `a${i}.example.com`) }),
  ...tls.field("names", "spec.hostnames[0]", { good: ["a", "*.a"], bad: ["", "*", "A.b", "a.*", long(254)] })
]
