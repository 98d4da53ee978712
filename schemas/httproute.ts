// HTTPRoute. Rules decode one by one; everything the v1.6.3 and v1.7.0 CRDs of both channels accept is readable.
import { Result, Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { Duration } from "./duration.ts"
import { elementsOf } from "./element.ts"
import { Hostname } from "./hostname.ts"
import { HeaderValue, HTTPRouteFilters } from "./httpfilter.ts"
import type { Element } from "./meta.ts"
import { integer, SectionName, Token, text } from "./name.ts"
import { backendFields, portOfService } from "./reference.ts"
import { routeFields } from "./route.ts"
import { SessionPersistence } from "./session.ts"
import { uniqueBy, uniqueValues } from "./unique.ts"

const pathCharacters = /^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$/u

/** What is wrong with a path of type Exact or PathPrefix; undefined: nothing. */
export const pathProblem = (path: string): string | undefined => {
  if (!path.startsWith("/")) return "Expected a path that begins with /"
  for (const part of ["//", "/./", "/../", "%2f", "%2F", "#"]) if (path.includes(part)) return `Expected a path without ${part}`
  for (const end of ["/..", "/."]) if (path.endsWith(end)) return `Expected a path that does not end in ${end}`
  return pathCharacters.test(path) ? undefined : "Expected a path of URL characters; others percent-encoded"
}

export const HTTPPathMatch = Schema.Struct({
  type: defaulted(Schema.Literals(["Exact", "PathPrefix", "RegularExpression"]), "PathPrefix"),
  value: defaulted(text(0, 1024), "/")
}).check(
  Schema.makeFilter((match) => {
    const issue = match.type === "RegularExpression" ? undefined : pathProblem(match.value)
    return issue === undefined ? undefined : { path: ["value"], issue }
  })
)
export type HTTPPathMatch = typeof HTTPPathMatch.Type

const ValueMatch = defaulted(Schema.Literals(["Exact", "RegularExpression"]), "Exact")

/** Of a match: all must hold. */
export const HeaderMatches = listOf(Schema.Struct({ type: ValueMatch, name: Token, value: HeaderValue }), 16).check(uniqueBy("name"))

export const HTTPRouteMatch = Schema.Struct({
  path: defaulted(HTTPPathMatch, {}),
  headers: HeaderMatches,
  queryParams: listOf(Schema.Struct({ type: ValueMatch, name: Token, value: text(1, 1024) }), 16).check(uniqueBy("name")),
  method: Schema.optionalKey(Schema.Literals(["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]))
})
export type HTTPRouteMatch = typeof HTTPRouteMatch.Type

export const HTTPBackendRef = Schema.Struct({
  ...backendFields,
  weight: defaulted(integer(0, 1_000_000), 1),
  filters: HTTPRouteFilters
}).check(portOfService)
export type HTTPBackendRef = typeof HTTPBackendRef.Type

/** Milliseconds; 0 disables, absent is the default. */
export const HTTPRouteTimeouts = Schema.Struct({
  request: Schema.optionalKey(Duration),
  backendRequest: Schema.optionalKey(Duration)
}).check(
  Schema.makeFilter(({ request, backendRequest }) =>
    request !== undefined && backendRequest !== undefined && request !== 0 && backendRequest > request
      ? { path: ["backendRequest"], issue: "Expected at most timeouts.request" }
      : undefined
  )
)
export type HTTPRouteTimeouts = typeof HTTPRouteTimeouts.Type

/** attempts: extra tries, 0 disables; 1 when unset, as v1.7 says. backoff in milliseconds. */
export const HTTPRouteRetry = Schema.Struct({
  codes: defaulted(Schema.Array(integer(400, 599)), []).check(uniqueValues),
  attempts: defaulted(integer(0, Number.MAX_SAFE_INTEGER), 1),
  backoff: Schema.optionalKey(Duration)
})
export type HTTPRouteRetry = typeof HTTPRouteRetry.Type

export const HTTPRouteRule = Schema.Struct({
  name: Schema.optionalKey(SectionName),
  /** Any of them. An explicit empty list means what its absence means: every request. */
  matches: defaulted(Schema.Array(HTTPRouteMatch).check(Schema.isMaxLength(64, { expected: "at most 64 items" })), [{}]),
  filters: HTTPRouteFilters,
  backendRefs: listOf(HTTPBackendRef, 16),
  timeouts: Schema.optionalKey(HTTPRouteTimeouts),
  retry: Schema.optionalKey(HTTPRouteRetry),
  sessionPersistence: Schema.optionalKey(SessionPersistence)
}).check(
  Schema.makeFilter((rule) => {
    const redirect = rule.filters.findIndex((filter) => filter.type === "RequestRedirect")
    if (redirect !== -1 && rule.backendRefs.length > 0) {
      return { path: ["filters", redirect], issue: "RequestRedirect must not be used together with backendRefs" }
    }
    if (rule.matches.length === 1 && rule.matches[0]?.path.type === "PathPrefix") return undefined
    for (const [path, filters] of [
      [["filters"], rule.filters] as const,
      ...rule.backendRefs.map((ref, index) => [["backendRefs", index, "filters"], ref.filters] as const)
    ]) {
      for (const [index, filter] of filters.entries()) {
        const modifier =
          filter.type === "URLRewrite"
            ? filter.urlRewrite.path
            : filter.type === "RequestRedirect"
              ? filter.requestRedirect.path
              : undefined
        if (modifier?.type === "ReplacePrefixMatch") {
          return { path: [...path, index], issue: "ReplacePrefixMatch needs a rule with exactly one match, of type PathPrefix" }
        }
      }
    }
    return undefined
  })
)
export type HTTPRouteRule = typeof HTTPRouteRule.Type

export const HTTPRoute = Schema.Struct({
  spec: Schema.Struct({
    ...routeFields,
    hostnames: listOf(Hostname, 16),
    rules: defaulted(elementsOf(HTTPRouteRule, "spec.rules", 1, 16), [{}]).check(
      Schema.makeFilter((rules: ReadonlyArray<Element<HTTPRouteRule>>) => {
        let matches = 0
        for (const rule of rules) if (Result.isSuccess(rule)) matches += rule.success.matches.length
        return matches <= 128 ? undefined : "Expected at most 128 matches in all rules together"
      })
    )
  })
})
export type HTTPRoute = typeof HTTPRoute.Type
