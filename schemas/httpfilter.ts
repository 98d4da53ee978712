// Filters of HTTPRoute rules and backendRefs: the same list at both levels. All that the API accepts is readable, served or not.
import { Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { ExternalAuth } from "./externalauth.ts"
import { PreciseHostname } from "./hostname.ts"
import { int32, integer, PortNumber, Token, text } from "./name.ts"
import { BackendObjectReference, LocalObjectReference } from "./reference.ts"
import { uniqueBy, uniqueValues } from "./unique.ts"
import { bodyByType, narrowed } from "./variant.ts"

/** 1 to 4096 characters. The standard channel admits any; line breaks, NUL and other controls would split messages (RFC 9110 5.5). */
export const HeaderValue = text(1, 4096).check(
  Schema.isPattern(/^[^\u0000-\u0008\u000a-\u001f\u007f]*$/u, { expected: "a header value without line breaks or control characters" })
)

const aloneIfStar = Schema.makeFilter((list: ReadonlyArray<string>) =>
  list.length > 1 && list.includes("*") ? 'Expected "*" to stand alone' : undefined
)

const HeaderEdits = listOf(Schema.Struct({ name: Token, value: HeaderValue }), 16).check(uniqueBy("name"))

/** set replaces, add appends, remove deletes; names compare without case. */
export const HeaderModifier = Schema.Struct({
  set: HeaderEdits,
  add: HeaderEdits,
  remove: listOf(Schema.String, 16).check(uniqueValues)
})
export type HeaderModifier = typeof HeaderModifier.Type

const PathModifierFields = Schema.Struct({
  type: Schema.Literals(["ReplaceFullPath", "ReplacePrefixMatch"]),
  replaceFullPath: Schema.optionalKey(text(0, 1024)),
  replacePrefixMatch: Schema.optionalKey(text(0, 1024))
}).check(bodyByType({ ReplaceFullPath: "replaceFullPath", ReplacePrefixMatch: "replacePrefixMatch" }))

export type PathModifier =
  | { readonly type: "ReplaceFullPath"; readonly replaceFullPath: string }
  | { readonly type: "ReplacePrefixMatch"; readonly replacePrefixMatch: string }
export const PathModifier = narrowed<PathModifier>()(PathModifierFields)

export const RequestRedirect = Schema.Struct({
  scheme: Schema.optionalKey(Schema.Literals(["http", "https"])),
  hostname: Schema.optionalKey(PreciseHostname),
  path: Schema.optionalKey(PathModifier),
  port: Schema.optionalKey(PortNumber),
  statusCode: defaulted(Schema.Literals([301, 302, 303, 307, 308]), 302)
})
export type RequestRedirect = typeof RequestRedirect.Type

export const URLRewrite = Schema.Struct({
  hostname: Schema.optionalKey(PreciseHostname),
  path: Schema.optionalKey(PathModifier)
})
export type URLRewrite = typeof URLRewrite.Type

/** percent xor fraction; neither: every request. */
export const RequestMirror = Schema.Struct({
  backendRef: BackendObjectReference,
  percent: Schema.optionalKey(integer(0, 100)),
  fraction: Schema.optionalKey(
    Schema.Struct({ numerator: int32(0), denominator: defaulted(int32(1), 100) }).check(
      Schema.makeFilter((f) => f.numerator <= f.denominator || { path: ["numerator"], issue: "Expected at most the denominator" })
    )
  )
}).check(
  Schema.makeFilter((mirror) =>
    mirror.percent === undefined || mirror.fraction === undefined ? undefined : "Expected percent or fraction, not both"
  )
)
export type RequestMirror = typeof RequestMirror.Type

const origin = /(^\*$)|(^(http(s)?):\/\/(((\*\.)?([a-zA-Z0-9-]+\.)*[a-zA-Z0-9-]+|\*)(:([0-9]{1,5}))?)$)/u

export const CORS = Schema.Struct({
  allowOrigins: listOf(
    text(1, 253).check(Schema.isPattern(origin, { expected: 'an origin such as https://*.example.com, or "*"' })),
    64
  ).check(uniqueValues, aloneIfStar),
  allowCredentials: Schema.optionalKey(Schema.Boolean),
  allowMethods: listOf(Schema.Literals(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "*"]), 9).check(
    uniqueValues,
    aloneIfStar
  ),
  allowHeaders: listOf(Token, 64).check(uniqueValues, aloneIfStar),
  exposeHeaders: listOf(Token, 64).check(uniqueValues),
  /** Seconds. */
  maxAge: defaulted(int32(1), 5)
})
export type CORS = typeof CORS.Type

const bodies = {
  RequestHeaderModifier: "requestHeaderModifier",
  ResponseHeaderModifier: "responseHeaderModifier",
  RequestMirror: "requestMirror",
  RequestRedirect: "requestRedirect",
  URLRewrite: "urlRewrite",
  ExtensionRef: "extensionRef",
  CORS: "cors",
  ExternalAuth: "externalAuth"
} as const

type FilterType = keyof typeof bodies

const FilterFields = Schema.Struct({
  type: Schema.Literals(Object.keys(bodies) as ReadonlyArray<FilterType>),
  requestHeaderModifier: Schema.optionalKey(HeaderModifier),
  responseHeaderModifier: Schema.optionalKey(HeaderModifier),
  requestMirror: Schema.optionalKey(RequestMirror),
  requestRedirect: Schema.optionalKey(RequestRedirect),
  urlRewrite: Schema.optionalKey(URLRewrite),
  extensionRef: Schema.optionalKey(LocalObjectReference),
  cors: Schema.optionalKey(CORS),
  externalAuth: Schema.optionalKey(ExternalAuth)
}).check(bodyByType(bodies))

export type HTTPRouteFilter =
  | { readonly type: "RequestHeaderModifier"; readonly requestHeaderModifier: HeaderModifier }
  | { readonly type: "ResponseHeaderModifier"; readonly responseHeaderModifier: HeaderModifier }
  | { readonly type: "RequestMirror"; readonly requestMirror: RequestMirror }
  | { readonly type: "RequestRedirect"; readonly requestRedirect: RequestRedirect }
  | { readonly type: "URLRewrite"; readonly urlRewrite: URLRewrite }
  | { readonly type: "ExtensionRef"; readonly extensionRef: LocalObjectReference }
  | { readonly type: "CORS"; readonly cors: CORS }
  | { readonly type: "ExternalAuth"; readonly externalAuth: ExternalAuth }
export const HTTPRouteFilter = narrowed<HTTPRouteFilter>()(FilterFields)

const once: ReadonlyArray<FilterType> = ["CORS", "RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect", "URLRewrite"]

/** The list of a rule or a backendRef: each filter at most once (mirrors and extensions excepted), no redirect beside a rewrite. */
export const HTTPRouteFilters = listOf(HTTPRouteFilter, 16).check(
  Schema.makeFilter((filters: ReadonlyArray<HTTPRouteFilter>) => {
    for (const type of once) {
      const second = filters.map((filter) => filter.type === type).lastIndexOf(true)
      if (second > filters.findIndex((filter) => filter.type === type)) {
        return { path: [second], issue: `Expected ${type} at most once` }
      }
    }
    const redirect = filters.findIndex((filter) => filter.type === "RequestRedirect")
    return redirect !== -1 && filters.some((filter) => filter.type === "URLRewrite")
      ? { path: [redirect], issue: "Expected RequestRedirect or URLRewrite, not both" }
      : undefined
  })
)
