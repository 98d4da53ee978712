// ReferenceGrant, BackendTLSPolicy and XBackendTrafficPolicy.
import { everywhere, experimental, long, many, onlyNewExperimental, type Row, rowsOf } from "./row.ts"

const grant = rowsOf({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "ReferenceGrant",
  metadata: { name: "g", namespace: "shop" },
  spec: { from: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "edge" }], to: [{ group: "", kind: "Service" }] }
})

const policy = rowsOf({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "BackendTLSPolicy",
  metadata: { name: "p", namespace: "shop" },
  spec: {
    targetRefs: [{ group: "", kind: "Service", name: "s" }],
    validation: { hostname: "s.example", wellKnownCACertificates: "System" }
  }
})

const traffic = rowsOf({
  apiVersion: "gateway.networking.x-k8s.io/v1alpha1",
  kind: "XBackendTrafficPolicy",
  metadata: { name: "p", namespace: "shop" },
  spec: { targetRefs: [{ group: "", kind: "Service", name: "s" }], retryConstraint: {} }
})
const tried = { known: experimental }

const target = (more: object) => ({ group: "", kind: "Service", name: "s", ...more })
const ca = (name: string) => ({ group: "", kind: "ConfigMap", name })
const validation = "spec.validation"

export const rows: ReadonlyArray<Row> = [
  grant.good("from and to", {}),
  grant.good("v1beta1 is read as v1", { apiVersion: "gateway.networking.k8s.io/v1beta1" }),
  grant.good("one object", { "spec.to[0].name": "s" }),
  grant.bad("from is required", { "spec.from": undefined }),
  grant.bad("to is required", { "spec.to": undefined }),
  grant.bad("from is not empty", { "spec.from": [] }),
  grant.bad("to is not empty", { "spec.to": [] }),
  grant.good("16 of each", {
    "spec.from": many(16, (i) => ({ group: "", kind: "K", namespace: `n${i}` })),
    "spec.to": many(16, (i) => ({ group: "", kind: "K", name: `n${i}` }))
  }),
  grant.bad("at most 16 from", { "spec.from": many(17, (i) => ({ group: "", kind: "K", namespace: `n${i}` })) }),
  grant.bad("at most 16 to", { "spec.to": many(17, (i) => ({ group: "", kind: "K", name: `n${i}` })) }),
  grant.bad("from says group", { "spec.from[0].group": undefined }),
  grant.bad("from says kind", { "spec.from[0].kind": undefined }),
  grant.bad("from says namespace", { "spec.from[0].namespace": undefined }),
  grant.bad("from has no namespace of another form", { "spec.from[0].namespace": "*" }),
  grant.bad("a name is not empty", { "spec.to[0].name": "" }),

  policy.good("the system's roots", {}),
  policy.good("v1alpha3 is read as v1", { apiVersion: "gateway.networking.k8s.io/v1alpha3" }),
  policy.good("own CAs", { [validation]: { hostname: "s.example", caCertificateRefs: many(8, (i) => ca(`c${i}`)) } }),
  policy.bad(
    "at most 8 CAs",
    { [validation]: { hostname: "s.example", caCertificateRefs: many(9, (i) => ca(`c${i}`)) } },
    { at: `${validation}.caCertificateRefs` }
  ),
  policy.bad("a CA source", { [`${validation}.wellKnownCACertificates`]: undefined }, { at: validation, cel: everywhere }),
  policy.bad(
    "an empty list is no CA source",
    { [validation]: { hostname: "s.example", caCertificateRefs: [] } },
    { cel: ["v1.6.3/standard", "v1.6.3/experimental", "v1.7.0/standard"] }
  ),
  policy.bad("one CA source", { [`${validation}.caCertificateRefs`]: [ca("c")] }, { at: validation, cel: everywhere }),
  policy.good(
    "an empty list beside the system's roots",
    { [`${validation}.caCertificateRefs`]: [] },
    { refusedBy: onlyNewExperimental, cel: onlyNewExperimental }
  ),
  ...policy.field("wellKnownCACertificates", `${validation}.wellKnownCACertificates`, {
    good: ["example.com/roots"],
    bad: ["", "system", "Mozilla", "example.com/"]
  }),
  ...policy.field("a hostname is required and exact", `${validation}.hostname`, {
    good: ["a", "10.0.0.1", long(253)],
    bad: [undefined, "", "*.a", "A.b", long(254)]
  }),
  policy.good("alternative names", {
    [`${validation}.subjectAltNames`]: [
      { type: "Hostname", hostname: "*.a.example" },
      { type: "URI", uri: "spiffe://a/b" }
    ]
  }),
  policy.bad("at most 5 alternative names", {
    [`${validation}.subjectAltNames`]: many(6, (i) => ({ type: "Hostname", hostname: `a${i}` }))
  }),
  policy.bad(
    "a Hostname name has one",
    { [`${validation}.subjectAltNames`]: [{ type: "Hostname" }] },
    { at: `${validation}.subjectAltNames[0].hostname`, cel: everywhere }
  ),
  policy.bad(
    "a Hostname name has no uri",
    { [`${validation}.subjectAltNames`]: [{ type: "Hostname", hostname: "a", uri: "a://b" }] },
    { at: `${validation}.subjectAltNames[0].uri`, cel: everywhere }
  ),
  policy.bad(
    "a URI name has one",
    { [`${validation}.subjectAltNames`]: [{ type: "URI" }] },
    { at: `${validation}.subjectAltNames[0].uri`, cel: everywhere }
  ),
  policy.bad(
    "a URI name has no hostname",
    { [`${validation}.subjectAltNames`]: [{ type: "URI", uri: "a://b", hostname: "a" }] },
    { at: `${validation}.subjectAltNames[0].hostname`, cel: everywhere }
  ),
  policy.bad(
    "a URI is absolute",
    { [`${validation}.subjectAltNames`]: [{ type: "URI", uri: "a/b" }] },
    { at: `${validation}.subjectAltNames[0].uri` }
  ),
  policy.bad(
    "an alternative name of another type",
    { [`${validation}.subjectAltNames`]: [{ type: "IP" }] },
    { at: `${validation}.subjectAltNames[0].type` }
  ),
  policy.bad("validation is required", { [validation]: undefined }),
  policy.bad("targets are required", { "spec.targetRefs": undefined }),
  policy.bad("targets are not empty", { "spec.targetRefs": [] }),
  policy.good("16 targets", { "spec.targetRefs": many(16, (i) => target({ name: `s${i}` })) }),
  policy.bad("at most 16 targets", { "spec.targetRefs": many(17, (i) => target({ name: `s${i}` })) }),
  policy.good("sections of one Service", { "spec.targetRefs": [target({ sectionName: "a" }), target({ sectionName: "b" })] }),
  policy.bad("the same target twice", { "spec.targetRefs": [target({}), target({})] }, { at: "spec.targetRefs[1]", cel: everywhere }),
  policy.bad(
    "the same section twice",
    { "spec.targetRefs": [target({ sectionName: "a" }), target({ sectionName: "a" })] },
    { at: "spec.targetRefs[1]", cel: everywhere }
  ),
  policy.bad(
    "one with and one without section",
    { "spec.targetRefs": [target({}), target({ sectionName: "a" })] },
    { at: "spec.targetRefs[1]", cel: everywhere }
  ),
  policy.bad("a target says its group", { "spec.targetRefs[0].group": undefined }),
  traffic.good("a constraint by the defaults", {}, tried),
  traffic.good(
    "a constraint, every field",
    { "spec.retryConstraint": { budget: { percent: 0, interval: "1h" }, minRetryRate: { count: 1_000_000, interval: "1ms" } } },
    tried
  ),
  traffic.good("no constraint", { "spec.retryConstraint": undefined }, tried),
  traffic.good("sessions as 1.6 has them", { "spec.sessionPersistence": { sessionName: "a" } }, { ...tried, cel: onlyNewExperimental }),
  traffic.bad("targets", { "spec.targetRefs": [] }, tried),
  traffic.bad("at most 16 of them", { "spec.targetRefs": many(17, (i) => target({ name: `s${i}` })) }, tried),
  traffic.good(
    "the shortest budget and the longest rate",
    { "spec.retryConstraint": { budget: { interval: "1s" }, minRetryRate: { interval: "1h" } } },
    tried
  ),
  ...traffic.field("a percentage", "spec.retryConstraint.budget.percent", { good: [0, 100], bad: [-1, 101, "20"] }, tried),
  ...traffic.field(
    "the time of a budget is a second to an hour",
    "spec.retryConstraint.budget.interval",
    { bad: ["999ms", "1h1ms"] },
    { ...tried, cel: experimental }
  ),
  ...traffic.field("a rate counts one at least", "spec.retryConstraint.minRetryRate.count", { good: [1], bad: [0, 1_000_001] }, tried),
  ...traffic.field(
    "the time of a rate is some, and an hour at most",
    "spec.retryConstraint.minRetryRate.interval",
    { bad: ["0s", "1h1s"] },
    { ...tried, cel: experimental }
  ),
  policy.good("16 options", { "spec.options": Object.fromEntries(many(16, (i) => [`o${i}`, ""])) }),
  policy.bad("at most 16 options", { "spec.options": Object.fromEntries(many(17, (i) => [`o${i}`, ""])) })
]
