// Filters of HTTPRoute, at rule and at backendRef level.
import { everywhere, experimental, long, many, onlyNewExperimental, type Row, rowsOf } from "./row.ts"

const { good, bad, field } = rowsOf({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name: "cart", namespace: "shop" },
  spec: { parentRefs: [{ name: "edge" }], rules: [{ matches: [{ path: { value: "/a" } }] }, { name: "neighbour" }] }
})

const bodies = {
  RequestHeaderModifier: "requestHeaderModifier",
  ResponseHeaderModifier: "responseHeaderModifier",
  RequestMirror: "requestMirror",
  RequestRedirect: "requestRedirect",
  URLRewrite: "urlRewrite",
  ExtensionRef: "extensionRef",
  CORS: "cors"
}
const filters = "spec.rules[0].filters"
const first = `${filters}[0]`
const onBackend = "spec.rules[0].backendRefs[0]"
const redirect = (body: object = {}) => ({ type: "RequestRedirect", requestRedirect: body })
const rewrite = (body: object = {}) => ({ type: "URLRewrite", urlRewrite: body })
const headers = (body: object = {}) => ({ type: "RequestHeaderModifier", requestHeaderModifier: body })
const mirror = (body: object = {}) => ({ type: "RequestMirror", requestMirror: { backendRef: { name: "m", port: 80 }, ...body } })
const cors = (body: object = {}) => ({ type: "CORS", cors: body })
const auth = (body: object = {}) => ({
  type: "ExternalAuth",
  externalAuth: { protocol: "HTTP", backendRef: { name: "a", port: 80 }, http: {}, ...body }
})
const extension = { type: "ExtensionRef", extensionRef: { group: "gateway.sluice.dev", kind: "RouteFilter", name: "x" } }
const prefix = { path: { type: "ReplacePrefixMatch", replacePrefixMatch: "/x" } }
const full = { path: { type: "ReplaceFullPath", replaceFullPath: "/x" } }

export const rows: ReadonlyArray<Row> = [
  good("every filter that may stand together", {
    [filters]: [
      headers(),
      { type: "ResponseHeaderModifier", responseHeaderModifier: {} },
      mirror(),
      mirror(),
      rewrite(),
      extension,
      extension,
      cors()
    ]
  }),
  good("16 filters", { [filters]: many(16, () => mirror()) }),
  bad("at most 16 filters", { [filters]: many(17, () => mirror()) }),
  bad("an unknown filter costs its rule", { [filters]: [{ type: "Compress" }] }, { at: `${first}.type` }),
  bad("a filter has a type", { [filters]: [{}] }, { at: `${first}.type` }),
  ...Object.entries(bodies).map(([type, body]) =>
    bad(`${type} has its body`, { [first]: { type } }, { at: `${first}.${body}`, cel: everywhere })
  ),
  bad(
    "ExternalAuth has its body",
    { [first]: { type: "ExternalAuth" } },
    { at: `${first}.externalAuth`, known: experimental, cel: experimental }
  ),
  bad(
    "a filter has no other body",
    { [first]: { ...rewrite(), requestRedirect: {} } },
    { at: `${first}.requestRedirect`, cel: everywhere }
  ),
  ...[redirect(), rewrite(), headers(), { type: "ResponseHeaderModifier", responseHeaderModifier: {} }, cors()].map((filter) =>
    bad(`${filter.type} at most once`, { [filters]: [filter, filter] }, { at: `${filters}[1]`, cel: everywhere })
  ),
  bad("no redirect beside a rewrite", { [filters]: [rewrite(), redirect()] }, { at: `${filters}[1]`, cel: everywhere }),
  bad("no redirect beside backends", { [filters]: [redirect()], [onBackend]: { name: "a", port: 1 } }, { at: first, cel: everywhere }),
  good("a redirect of a backendRef is read", { [onBackend]: { name: "a", port: 1, filters: [redirect()] } }),
  good("filters of a backendRef", {
    [onBackend]: { name: "a", port: 1, filters: [headers({ set: [{ name: "a", value: "b" }] }), rewrite(full)] }
  }),
  bad(
    "filters of a backendRef are judged alike",
    { [onBackend]: { name: "a", port: 1, filters: [{ type: "URLRewrite" }] } },
    { at: `${onBackend}.filters[0].urlRewrite`, cel: everywhere }
  ),
  good("a prefix rewrite beside one prefix match", { [filters]: [rewrite(prefix)] }),
  bad(
    "a prefix rewrite beside two matches",
    { [filters]: [rewrite(prefix)], "spec.rules[0].matches[1]": { path: { value: "/b" } } },
    { at: first, cel: everywhere }
  ),
  bad(
    "a prefix rewrite beside an exact match",
    { [filters]: [rewrite(prefix)], "spec.rules[0].matches[0].path.type": "Exact" },
    { at: first, cel: everywhere }
  ),
  bad(
    "a prefix redirect beside an exact match",
    { [filters]: [redirect(prefix)], "spec.rules[0].matches[0].path.type": "Exact" },
    { at: first, cel: everywhere }
  ),
  bad(
    "a prefix rewrite of a backendRef beside an exact match",
    { [onBackend]: { name: "a", port: 1, filters: [rewrite(prefix)] }, "spec.rules[0].matches[0].path.type": "Exact" },
    { at: `${onBackend}.filters[0]`, cel: everywhere }
  ),
  good("a full rewrite beside an exact match", { [filters]: [rewrite(full)], "spec.rules[0].matches[0].path.type": "Exact" }),
  bad(
    "a path rewrite has its field",
    { [filters]: [rewrite({ path: { type: "ReplaceFullPath" } })] },
    { at: `${first}.urlRewrite.path.replaceFullPath`, cel: everywhere }
  ),
  bad(
    "a path rewrite has no other field",
    { [filters]: [rewrite({ path: { type: "ReplaceFullPath", replaceFullPath: "/", replacePrefixMatch: "/" } })] },
    { at: `${first}.urlRewrite.path.replacePrefixMatch`, cel: everywhere }
  ),
  bad("a path rewrite of another type", { [filters]: [rewrite({ path: { type: "Regex" } })] }, { at: `${first}.urlRewrite.path.type` }),
  bad(
    "a path rewrite is at most 1024 characters",
    { [filters]: [rewrite({ path: { type: "ReplaceFullPath", replaceFullPath: long(1025) } })] },
    { at: `${first}.urlRewrite.path.replaceFullPath` }
  ),
  good("an empty prefix", { [filters]: [rewrite({ path: { type: "ReplacePrefixMatch", replacePrefixMatch: "" } })] }),
  ...field(
    "a rewritten hostname is exact",
    first,
    { bad: [rewrite({ hostname: "*.a" }), rewrite({ hostname: "" }), rewrite({ hostname: "A" })] },
    { at: `${first}.urlRewrite.hostname` }
  ),
  ...field(
    "a redirect's status",
    first,
    {
      good: [301, 302, 303, 307, 308].map((statusCode) => redirect({ statusCode })),
      bad: [redirect({ statusCode: 300 }), redirect({ statusCode: 304 }), redirect({ statusCode: "301" })]
    },
    { at: `${first}.requestRedirect.statusCode` }
  ),
  ...field(
    "a redirect's scheme",
    first,
    { good: [redirect({ scheme: "http" }), redirect({ scheme: "https" })], bad: [redirect({ scheme: "ftp" })] },
    { at: `${first}.requestRedirect.scheme` }
  ),
  ...field(
    "a redirect's port",
    first,
    { good: [redirect({ port: 8443 })], bad: [redirect({ port: 0 })] },
    { at: `${first}.requestRedirect.port` }
  ),
  bad("a redirect's hostname is exact", { [filters]: [redirect({ hostname: "*.a" })] }, { at: `${first}.requestRedirect.hostname` }),
  good("16 edits of each sort", {
    [filters]: [
      headers({
        set: many(16, (i) => ({ name: `s${i}`, value: "v" })),
        add: many(16, (i) => ({ name: `a${i}`, value: "v" })),
        remove: many(16, (i) => `r${i}`)
      })
    ]
  }),
  bad(
    "at most 16 set",
    { [filters]: [headers({ set: many(17, (i) => ({ name: `s${i}`, value: "v" })) })] },
    { at: `${first}.requestHeaderModifier.set` }
  ),
  bad(
    "at most 16 removed",
    { [filters]: [headers({ remove: many(17, (i) => `s${i}`) })] },
    { at: `${first}.requestHeaderModifier.remove` }
  ),
  bad(
    "a name set twice",
    {
      [filters]: [
        headers({
          set: [
            { name: "a", value: "b" },
            { name: "a", value: "c" }
          ]
        })
      ]
    },
    { at: `${first}.requestHeaderModifier.set[1].name` }
  ),
  bad("a name removed twice", { [filters]: [headers({ remove: ["a", "a"] })] }, { at: `${first}.requestHeaderModifier.remove` }),
  bad(
    "a header name is a token",
    { [filters]: [headers({ add: [{ name: "a b", value: "c" }] })] },
    { at: `${first}.requestHeaderModifier.add[0].name` }
  ),
  bad(
    "a header has a value",
    { [filters]: [headers({ add: [{ name: "a", value: "" }] })] },
    { at: `${first}.requestHeaderModifier.add[0].value` }
  ),
  bad(
    "a header value does not split messages",
    { [filters]: [headers({ add: [{ name: "a", value: "b\r\nx: y" }] })] },
    { at: `${first}.requestHeaderModifier.add[0].value`, differs: "the standard channel takes it; it would split messages (RFC 9110 5.5)" }
  ),
  good("a header value with two spaces", { [filters]: [headers({ add: [{ name: "a", value: "b  c" }] })] }, { refusedBy: experimental }),
  ...field("a share of mirrored requests", first, {
    good: [
      mirror({ percent: 0 }),
      mirror({ percent: 100 }),
      mirror({ fraction: { numerator: 1, denominator: 3 } }),
      mirror({ fraction: { numerator: 100 } })
    ]
  }),
  bad("a percentage is 0 to 100", { [first]: mirror({ percent: 101 }) }, { at: `${first}.requestMirror.percent` }),
  bad(
    "percent or fraction",
    { [first]: mirror({ percent: 1, fraction: { numerator: 1 } }) },
    { at: `${first}.requestMirror`, cel: everywhere }
  ),
  bad(
    "a fraction is at most one",
    { [first]: mirror({ fraction: { numerator: 101 } }) },
    { at: `${first}.requestMirror.fraction.numerator`, cel: everywhere }
  ),
  bad(
    "a denominator is positive",
    { [first]: mirror({ fraction: { numerator: 0, denominator: 0 } }) },
    { at: `${first}.requestMirror.fraction.denominator` }
  ),
  bad("a mirror has a backend", { [first]: { type: "RequestMirror", requestMirror: {} } }, { at: `${first}.requestMirror.backendRef` }),
  bad(
    "a mirror to a Service has a port",
    { [first]: mirror({ backendRef: { name: "m" } }) },
    { at: `${first}.requestMirror.backendRef.port`, cel: everywhere }
  ),
  good("CORS", {
    [first]: cors({
      allowOrigins: ["https://*.example.com:8443", "http://a"],
      allowCredentials: true,
      allowMethods: ["GET", "PUT"],
      allowHeaders: ["x-a"],
      exposeHeaders: ["*"],
      maxAge: 1
    })
  }),
  good("CORS for all", { [first]: cors({ allowOrigins: ["*"], allowMethods: ["*"], allowHeaders: ["*"] }) }),
  ...field(
    "an origin is a scheme and a host",
    first,
    { bad: ["example.com", "ftp://a", "https://a/b", ""].map((origin) => cors({ allowOrigins: [origin] })) },
    { at: `${first}.cors.allowOrigins[0]` }
  ),
  ...(["allowOrigins", "allowMethods", "allowHeaders"] as const).map((name) =>
    bad(
      `* stands alone in ${name}`,
      { [first]: cors({ [name]: ["*", name === "allowOrigins" ? "http://a" : "GET"] }) },
      { at: `${first}.cors.${name}`, cel: everywhere }
    )
  ),
  bad("an origin twice", { [first]: cors({ allowOrigins: ["http://a", "http://a"] }) }, { at: `${first}.cors.allowOrigins` }),
  bad("CORS methods are an enum", { [first]: cors({ allowMethods: ["PURGE"] }) }, { at: `${first}.cors.allowMethods[0]` }),
  bad("at most 64 origins", { [first]: cors({ allowOrigins: many(65, (i) => `http://a${i}`) }) }, { at: `${first}.cors.allowOrigins` }),
  bad("maxAge is positive", { [first]: cors({ maxAge: 0 }) }, { at: `${first}.cors.maxAge` }),
  bad(
    "an extension names an object",
    { [first]: { type: "ExtensionRef", extensionRef: { group: "a.b", kind: "K" } } },
    { at: `${first}.extensionRef.name` }
  ),
  good(
    "ExternalAuth over HTTP and gRPC",
    {
      [filters]: [
        auth({ http: { path: "/x", allowedHeaders: ["a"], allowedResponseHeaders: ["b"] }, forwardBody: { maxSize: 1024 } }),
        { type: "ExternalAuth", externalAuth: { protocol: "GRPC", backendRef: { name: "a", port: 80 }, grpc: { allowedHeaders: ["a"] } } }
      ]
    },
    { known: experimental }
  ),
  good("ExternalAuth with a large body", { [first]: auth({ forwardBody: { maxSize: 1_000_000 } }) }, { known: experimental }),
  bad(
    "ExternalAuth of another protocol",
    { [first]: auth({ protocol: "TCP" }) },
    { at: `${first}.externalAuth.protocol`, known: experimental }
  ),
  bad(
    "ExternalAuth has the block of its protocol",
    { [first]: auth({ protocol: "GRPC", http: undefined }) },
    { at: `${first}.externalAuth.grpc`, known: experimental, cel: experimental }
  ),
  bad(
    "ExternalAuth has no other block",
    { [first]: auth({ grpc: {} }) },
    { at: `${first}.externalAuth.grpc`, known: experimental, cel: experimental }
  ),
  bad(
    "at most 64 allowed headers",
    { [first]: auth({ http: { allowedHeaders: many(65, (i) => `h${i}`) } }) },
    { at: `${first}.externalAuth.http.allowedHeaders`, known: experimental }
  ),
  bad(
    "an auth path is a path",
    { [first]: auth({ http: { path: "/a b" } }) },
    { at: `${first}.externalAuth.http.path`, known: experimental }
  ),
  bad(
    "maxSize is not negative",
    { [first]: auth({ forwardBody: { maxSize: -1 } }) },
    { at: `${first}.externalAuth.forwardBody.maxSize`, known: onlyNewExperimental }
  )
]
