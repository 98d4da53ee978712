// GRPCRoute: calls by service, method and metadata, to backends that speak HTTP/2. Rules decode one by one.
import { Result, Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { elementsOf } from "./element.ts"
import { Hostname } from "./hostname.ts"
import { HTTPRouteFilters } from "./httpfilter.ts"
import { HeaderMatches } from "./httproute.ts"
import type { Element } from "./meta.ts"
import { integer, SectionName, text } from "./name.ts"
import { backendFields, portOfService } from "./reference.ts"
import { routeFields } from "./route.ts"
import { SessionPersistence } from "./session.ts"

const service = /^\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*$/iu
const method = /^[A-Za-z_][A-Za-z_0-9]*$/u

export const GRPCMethodMatch = Schema.Struct({
  type: defaulted(Schema.Literals(["Exact", "RegularExpression"]), "Exact"),
  service: Schema.optionalKey(text(0, 1024)),
  method: Schema.optionalKey(text(0, 1024))
}).check(
  Schema.makeFilter((match) => {
    if (match.service === undefined && match.method === undefined)
      return { path: ["service"], issue: "Expected a service, a method or both" }
    if (match.type !== "Exact") return undefined
    if (match.service !== undefined && !service.test(match.service))
      return { path: ["service"], issue: "Expected the name of a service, such as shop.v1.Cart, without slashes" }
    return match.method === undefined || method.test(match.method)
      ? undefined
      : { path: ["method"], issue: "Expected the name of a method, such as GetItem, without slashes" }
  })
)
export type GRPCMethodMatch = typeof GRPCMethodMatch.Type

export const GRPCRouteMatch = Schema.Struct({ method: Schema.optionalKey(GRPCMethodMatch), headers: HeaderMatches })
export type GRPCRouteMatch = typeof GRPCRouteMatch.Type

const served: ReadonlySet<string> = new Set(["RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "ExtensionRef"])

/** The same filters as an HTTPRoute's, of which a GRPCRoute has four. */
export const GRPCRouteFilters = HTTPRouteFilters.check(
  Schema.makeFilter((filters) => {
    const at = filters.findIndex(({ type }) => !served.has(type))
    return at === -1 ? undefined : { path: [at, "type"], issue: `Expected ${[...served].join(", ")}` }
  })
)

export const GRPCBackendRef = Schema.Struct({
  ...backendFields,
  weight: defaulted(integer(0, 1_000_000), 1),
  filters: GRPCRouteFilters
}).check(portOfService)
export type GRPCBackendRef = typeof GRPCBackendRef.Type

export const GRPCRouteRule = Schema.Struct({
  name: Schema.optionalKey(SectionName),
  /** Any of them; none: every call. */
  matches: listOf(GRPCRouteMatch, 64),
  filters: GRPCRouteFilters,
  backendRefs: listOf(GRPCBackendRef, 16),
  sessionPersistence: Schema.optionalKey(SessionPersistence)
})
export type GRPCRouteRule = typeof GRPCRouteRule.Type

export const GRPCRoute = Schema.Struct({
  spec: Schema.Struct({
    ...routeFields,
    hostnames: listOf(Hostname, 16),
    rules: defaulted(elementsOf(GRPCRouteRule, "spec.rules", 0, 16), []).check(
      Schema.makeFilter((rules: ReadonlyArray<Element<GRPCRouteRule>>) => {
        let matches = 0
        for (const rule of rules) if (Result.isSuccess(rule)) matches += rule.success.matches.length
        return matches <= 128 ? undefined : "Expected at most 128 matches in all rules together"
      })
    )
  })
})
export type GRPCRoute = typeof GRPCRoute.Type
