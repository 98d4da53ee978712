// HTTPRoute: parents, matches, backends, timeouts. Filters have a table of their own.
import {
  allButOldStandard,
  everywhere,
  experimental,
  long,
  many,
  onlyNewExperimental,
  onlyOldExperimental,
  type Row,
  rowsOf,
  since17
} from "./row.ts"

const { good, bad, field } = rowsOf({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name: "cart", namespace: "shop" },
  spec: {
    parentRefs: [{ name: "edge" }],
    rules: [
      { backendRefs: [{ name: "cart", port: 8080 }] },
      { matches: [{ path: { value: "/other" } }], backendRefs: [{ name: "other", port: 80 }] }
    ]
  }
})

const rule = "spec.rules[0]"
const match = `${rule}.matches[0]`
const header = (name: string, value = "v") => ({ name, value })
const gateway = (more: object) => ({ name: "edge", ...more })

const parents: ReadonlyArray<Row> = [
  good("spec may be empty", { spec: {} }),
  bad("spec is required", { spec: undefined }),
  good("v1beta1 is read as v1", { apiVersion: "gateway.networking.k8s.io/v1beta1" }),
  good(
    "null is absence",
    { "spec.hostnames": null },
    { refusedBy: everywhere, differs: "the API server drops null before it validates (the fields are not nullable)" }
  ),
  good("32 parents", { "spec.parentRefs": many(32, (i) => ({ name: `g${i}` })) }),
  bad("at most 32 parents", { "spec.parentRefs": many(33, (i) => ({ name: `g${i}` })) }),
  bad("a parent has a name", { "spec.parentRefs": [{}] }, { at: "spec.parentRefs[0].name" }),
  bad("a parent's port is 1 to 65535", { "spec.parentRefs[0].port": 0 }),
  bad("a parent's sectionName is a DNS subdomain", { "spec.parentRefs[0].sectionName": "A" }),
  good("a Service parent is read, for its condition", { "spec.parentRefs[0]": { group: "", kind: "Service", name: "s", port: 80 } }),
  good("sections of one Gateway", { "spec.parentRefs": [gateway({ sectionName: "a" }), gateway({ sectionName: "b" })] }),
  good(
    "ports of one Gateway",
    { "spec.parentRefs": [gateway({ port: 1 }), gateway({ port: 2 })] },
    { cel: ["v1.6.3/standard", "v1.7.0/standard"] }
  ),
  good(
    "section and port of one Gateway",
    { "spec.parentRefs": [gateway({ sectionName: "a", port: 1 }), gateway({ sectionName: "a", port: 2 })] },
    { cel: ["v1.6.3/standard", "v1.7.0/standard"] }
  ),
  bad("the same parent twice", { "spec.parentRefs": [gateway({}), gateway({})] }, { at: "spec.parentRefs[1]", cel: everywhere }),
  bad(
    "the same section twice",
    { "spec.parentRefs": [gateway({ sectionName: "a" }), gateway({ sectionName: "a" })] },
    { at: "spec.parentRefs[1]", cel: everywhere }
  ),
  bad(
    "one with and one without section",
    { "spec.parentRefs": [gateway({}), gateway({ sectionName: "a" })] },
    { at: "spec.parentRefs[1]", cel: everywhere }
  ),
  good("equal names in two namespaces", { "spec.parentRefs": [gateway({}), gateway({ namespace: "x" })] }),
  ...field("useDefaultGateways", "spec.useDefaultGateways", { good: ["All", "None"], bad: ["Some"] }, { known: experimental }),
  good("16 hostnames", { "spec.hostnames": many(16, (i) => `h${i}.example`) }),
  bad("at most 16 hostnames", { "spec.hostnames": many(17, (i) => `h${i}.example`) }),
  ...field("a hostname is exact or a wildcard", "spec.hostnames[0]", {
    good: ["a.example", "*.a.example", "10.0.0.1"],
    bad: ["", "*", "A.example", "a.example:80", "-a", long(254), 1]
  })
]

const rules: ReadonlyArray<Row> = [
  bad("rules are not empty", { "spec.rules": [] }),
  good("16 rules", { "spec.rules": many(16, () => ({})) }),
  bad("at most 16 rules", { "spec.rules": many(17, () => ({})) }),
  good("128 matches in all", { "spec.rules": many(2, () => ({ matches: many(64, (i) => ({ path: { value: `/${i}` } })) })) }),
  bad(
    "at most 128 matches in all",
    { "spec.rules": [...many(2, () => ({ matches: many(64, (i) => ({ path: { value: `/${i}` } })) })), {}] },
    { at: "spec.rules", cel: everywhere }
  ),
  bad("at most 64 matches in a rule", { [`${rule}.matches`]: many(65, () => ({})) }),
  good("an empty list of matches", { [`${rule}.matches`]: [] }),
  bad("a rule is an object", { [rule]: "x" }),
  ...field("a rule name is a DNS subdomain", `${rule}.name`, { good: ["a.b", long(253)], bad: ["", "A", long(254)] }),
  good("equal rule names", { [`${rule}.name`]: "a", "spec.rules[1].name": "a" }, { cel: [...since17, "v1.6.3/experimental"] }),
  good("a rule without backends", { [`${rule}.backendRefs`]: undefined })
]

const matches: ReadonlyArray<Row> = [
  ...field("an exact or prefix path", `${match}.path.value`, {
    good: ["/", "/a/b", "/a/", "/a%20b", "/~!$&'()*+,;=:@", `/${long(1023)}`]
  }),
  ...field(
    "a path is a clean absolute path",
    `${match}.path.value`,
    { bad: ["", "a", "/a//b", "/a/./b", "/a/../b", "/a/..", "/a/.", "/a%2fb", "/a%2Fb", "/a#b", "/a b", "/a?b", "/é", "/%zz"] },
    { cel: everywhere }
  ),
  bad("a path has at most 1024 characters", { [`${match}.path.value`]: `/${long(1024)}` }),
  good("an expression may be anything", { [`${match}.path`]: { type: "RegularExpression", value: "^a(b|c)//.." } }),
  bad("a path match of another type", { [`${match}.path`]: { type: "Glob", value: "/*" } }, { at: `${match}.path.type` }),
  good("16 headers", { [`${match}.headers`]: many(16, (i) => header(`h${i}`)) }),
  bad("at most 16 headers", { [`${match}.headers`]: many(17, (i) => header(`h${i}`)) }),
  bad("a header twice", { [`${match}.headers`]: [header("a"), header("a", "w")] }, { at: `${match}.headers[1].name` }),
  good("a header twice in another case", { [`${match}.headers`]: [header("a"), header("A")] }),
  ...field(
    "a header name is a token",
    `${match}.headers[0]`,
    { bad: [header(""), header("a b"), header("a:"), header("é"), header(long(257)), { value: "v" }] },
    { at: `${match}.headers[0].name` }
  ),
  ...field(
    "a header value is 1 to 4096 characters",
    `${match}.headers[0]`,
    { bad: [header("a", ""), header("a", long(4097)), { name: "a" }] },
    { at: `${match}.headers[0].value` }
  ),
  good("a header value with spaces inside", { [`${match}.headers`]: [header("a", "b c")] }),
  good("a header value with two spaces", { [`${match}.headers`]: [header("a", "b  c")] }, { refusedBy: experimental }),
  good("a header value in another language", { [`${match}.headers`]: [header("a", "é")] }, { refusedBy: experimental }),
  ...field(
    "a header value without controls",
    `${match}.headers[0]`,
    { bad: [header("a", "b\r\nc"), header("a", "\u0000")] },
    { at: `${match}.headers[0].value`, differs: "the standard channel takes it; it would split messages (RFC 9110 5.5)" }
  ),
  bad("a header match of another type", { [`${match}.headers`]: [{ ...header("a"), type: "Prefix" }] }, { at: `${match}.headers[0].type` }),
  good("16 query parameters", { [`${match}.queryParams`]: many(16, (i) => header(`q${i}`)) }),
  bad("at most 16 query parameters", { [`${match}.queryParams`]: many(17, (i) => header(`q${i}`)) }),
  bad("a query parameter twice", { [`${match}.queryParams`]: [header("a"), header("a")] }, { at: `${match}.queryParams[1].name` }),
  bad(
    "a query value is 1 to 1024 characters",
    { [`${match}.queryParams`]: [header("a", long(1025))] },
    { at: `${match}.queryParams[0].value` }
  ),
  bad("a query parameter name is a token", { [`${match}.queryParams`]: [header("a[b]")] }, { at: `${match}.queryParams[0].name` }),
  good("an expression for a query", { [`${match}.queryParams`]: [{ type: "RegularExpression", name: "a", value: "^\\d+$" }] }),
  ...field("a method", `${match}.method`, { good: ["GET", "CONNECT", "PATCH"], bad: ["get", "PURGE", ""] })
]

const backends: ReadonlyArray<Row> = [
  bad("a Service needs a port", { [`${rule}.backendRefs[0].port`]: undefined }, { cel: everywhere }),
  good("another kind needs none", { [`${rule}.backendRefs[0]`]: { group: "gateway.sluice.dev", kind: "Backend", name: "b" } }),
  good(
    "an XBackend with a port",
    { [`${rule}.backendRefs[0]`]: { group: "gateway.networking.x-k8s.io", kind: "XBackend", name: "b", port: 443 } },
    { cel: onlyNewExperimental }
  ),
  bad("a backend has a name", { [`${rule}.backendRefs[0].name`]: undefined }),
  bad("a backend's port is 1 to 65535", { [`${rule}.backendRefs[0].port`]: 65536 }),
  bad("a backend's namespace is a DNS label", { [`${rule}.backendRefs[0].namespace`]: "a.b" }),
  ...field("a weight is 0 to 1000000", `${rule}.backendRefs[0].weight`, { good: [0, 1_000_000], bad: [-1, 1_000_001, 0.5, "1"] }),
  good("16 backends", { [`${rule}.backendRefs`]: many(16, () => ({ name: "a", port: 1 })) }),
  bad("at most 16 backends", { [`${rule}.backendRefs`]: many(17, () => ({ name: "a", port: 1 })) })
]

const times: ReadonlyArray<Row> = [
  ...field("a duration is GEP-2257", `${rule}.timeouts.request`, {
    good: ["10s", "0s", "1h30m", "500ms", "99999h99999m99999s99999ms"],
    bad: ["", "10", "1.5s", "-1s", "1d", "10 s", "100000s", "1h1m1s1ms1h", 10]
  }),
  good("a try as long as the request", { [`${rule}.timeouts`]: { request: "60s", backendRequest: "1m" } }),
  good("a try under no limit", { [`${rule}.timeouts`]: { request: "0s", backendRequest: "10s" } }),
  bad(
    "a try longer than the request",
    { [`${rule}.timeouts`]: { request: "1s", backendRequest: "1500ms" } },
    { at: `${rule}.timeouts.backendRequest`, cel: everywhere }
  ),
  good("retry", { [`${rule}.retry`]: { codes: [400, 500, 599], attempts: 3, backoff: "100ms" } }, { known: allButOldStandard }),
  good("no retry, said so", { [`${rule}.retry`]: { attempts: 0 } }, { known: allButOldStandard, refusedBy: onlyOldExperimental }),
  bad("attempts are not negative", { [`${rule}.retry.attempts`]: -1 }, { known: allButOldStandard }),
  ...field(
    "retry codes are 400 to 599",
    `${rule}.retry.codes`,
    { bad: [[399], [600]] },
    { at: `${rule}.retry.codes[0]`, known: allButOldStandard }
  ),
  bad("a retry code twice", { [`${rule}.retry.codes`]: [500, 500] }, { known: allButOldStandard }),
  bad("backoff is a duration", { [`${rule}.retry.backoff`]: "soon" }, { known: allButOldStandard }),
  good(
    "sessions in the old shape",
    {
      [`${rule}.sessionPersistence`]: {
        sessionName: "s",
        type: "Cookie",
        cookieConfig: { lifetimeType: "Permanent" },
        absoluteTimeout: "1h"
      }
    },
    { known: onlyOldExperimental }
  ),
  good(
    "sessions in the new shape",
    { [`${rule}.sessionPersistence`]: { cookie: { name: "s", path: "/a" } } },
    { known: onlyNewExperimental }
  ),
  good(
    "sessions by header",
    { [`${rule}.sessionPersistence`]: { type: "Header", header: { name: "x-session" } } },
    { known: onlyNewExperimental }
  ),
  good("sessions without any field", { [`${rule}.sessionPersistence`]: {} }, { known: experimental, cel: onlyNewExperimental }),
  bad(
    "a header session has no cookie",
    { [`${rule}.sessionPersistence`]: { type: "Header", cookie: {} } },
    { at: `${rule}.sessionPersistence.cookie`, known: onlyNewExperimental, cel: onlyNewExperimental }
  ),
  bad(
    "a header session has no old cookie",
    { [`${rule}.sessionPersistence`]: { type: "Header", cookieConfig: {} } },
    { at: `${rule}.sessionPersistence.cookieConfig`, known: onlyOldExperimental, cel: onlyOldExperimental }
  ),
  bad(
    "a cookie session has no header",
    { [`${rule}.sessionPersistence`]: { cookie: {}, header: { name: "x" } } },
    { at: `${rule}.sessionPersistence.header`, known: onlyNewExperimental, cel: onlyNewExperimental }
  ),
  bad(
    "a permanent cookie needs a timeout",
    { [`${rule}.sessionPersistence`]: { cookie: { lifetimeType: "Permanent" } } },
    { at: `${rule}.sessionPersistence.absoluteTimeout`, known: onlyNewExperimental, cel: onlyNewExperimental }
  ),
  bad(
    "a cookie's lifetime is an enum",
    { [`${rule}.sessionPersistence`]: { cookie: { lifetimeType: "Day" } } },
    { at: `${rule}.sessionPersistence.cookie.lifetimeType`, known: onlyNewExperimental }
  ),
  bad(
    "a session is by cookie or header",
    { [`${rule}.sessionPersistence`]: { type: "IP" } },
    { at: `${rule}.sessionPersistence.type`, known: experimental }
  ),
  bad(
    "a session name is short",
    { [`${rule}.sessionPersistence`]: { sessionName: long(129) } },
    { at: `${rule}.sessionPersistence.sessionName`, known: onlyOldExperimental }
  )
]

export const rows: ReadonlyArray<Row> = [...parents, ...rules, ...matches, ...backends, ...times]
