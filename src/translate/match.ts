// Matches of HTTPRoutes and GRPCRoutes: into what the proxy executes, and in the order of precedence (Gateway API v1.6, HTTPRouteRule.matches and
// GRPCRouteRule.matches). Nothing but translate sorts.
import { Result } from "effect"
import type { GRPCMethodMatch, GRPCRouteMatch } from "#schemas/grpcroute.ts"
import type { HTTPRouteMatch } from "#schemas/httproute.ts"
import { compilePattern } from "../routing/pattern.ts"
import type { Match, PathMatch, ValueMatch } from "../snapshot/route.ts"
import { routeNote } from "../status/conditions.ts"

/** `/abc/` and `/abc` are one prefix; `/` stays. */
const prefix = (value: string): string => (value.length > 1 && value.endsWith("/") ? value.slice(0, -1) : value)

const pathOf = ({ type, value }: HTTPRouteMatch["path"]): PathMatch =>
  type === "PathPrefix" ? { type: "Prefix", value: prefix(value) } : { type: type === "Exact" ? "Exact" : "Regex", value }

// One for all: most matches have none.
const none: ReadonlyArray<ValueMatch> = []

/** Headers compare without case, and a second entry of a name is ignored. */
const values = (entries: HTTPRouteMatch["headers"], lower: boolean): ReadonlyArray<ValueMatch> => {
  if (entries.length === 0) return none
  const byName = new Map<string, ValueMatch>()
  for (const { name: written, type, value } of entries) {
    const name = lower ? written.toLowerCase() : written
    if (!byName.has(name)) byName.set(name, { name, type: type === "Exact" ? "Exact" : "Regex", value })
  }
  return [...byName.values()]
}

export const toMatch = (match: HTTPRouteMatch): Match => ({
  path: pathOf(match.path),
  method: match.method ?? null,
  headers: values(match.headers, true),
  query: values(match.queryParams, false)
})

type Written = readonly [type: string, value: string, field: string]

/** What is wrong with those that are regular expressions, each with its field. */
const patternProblems = (written: ReadonlyArray<Written>): ReadonlyArray<string> =>
  written.flatMap(([type, value, at]) => {
    if (type !== "RegularExpression") return []
    const compiled = compilePattern(value)
    return Result.isFailure(compiled) ? [routeNote.pattern(at, compiled.failure)] : []
  })

/** What a rule matches; problems: of matches that are left out, as they would match nothing. */
export interface Matches {
  readonly matches: ReadonlyArray<Match>
  readonly problems: ReadonlyArray<string>
}

const everyRequest: Match = { path: { type: "Prefix", value: "/" }, method: null, headers: [], query: [] }

const matchesOf = <M>(
  written: ReadonlyArray<M>,
  path: string,
  otherwise: Match,
  to: (match: M) => Match,
  patternsOf: (match: M, at: string) => ReadonlyArray<Written>
): Matches => {
  const problems: Array<string> = []
  const matches: Array<Match> = []
  for (const [index, match] of written.entries()) {
    const bad = patternProblems(patternsOf(match, `${path}.matches[${index}]`))
    if (bad.length === 0) matches.push(to(match))
    else problems.push(...bad)
  }
  return { matches: written.length === 0 ? [otherwise] : matches, problems }
}

const headerPatterns = (headers: HTTPRouteMatch["headers"], path: string): ReadonlyArray<Written> =>
  headers.map(({ type, value }, i) => [type, value, `${path}.headers[${i}].value`] as const)

/** path: of the rule. */
export const requestMatches = (written: ReadonlyArray<HTTPRouteMatch>, path: string): Matches =>
  matchesOf(written, path, everyRequest, toMatch, (match, at) => [
    [match.path.type, match.path.value, `${at}.path.value`],
    ...headerPatterns(match.headers, at),
    ...match.queryParams.map(({ type, value }, i) => [type, value, `${at}.queryParams[${i}].value`] as const)
  ])

const everyCall: Match = { ...everyRequest, grpc: { service: 0, method: 0 } }

/** One element of a path, whatever it is. */
const anyElement = "[^/]+"

/** `/service/method` (gRPC over HTTP/2, Path): by equality where both are known, or the service alone. */
const callPath = ({ type, service = "", method = "" }: GRPCMethodMatch): PathMatch => {
  if (type === "Exact" && service !== "")
    return method === "" ? { type: "Prefix", value: `/${service}` } : { type: "Exact", value: `/${service}/${method}` }
  const element = (value: string): string => (value === "" ? anyElement : `(?:${value})`)
  return { type: "Regex", value: `/${element(service)}/${element(method)}` }
}

const toCallMatch = ({ method, headers }: GRPCRouteMatch): Match => {
  const own = { method: null, headers: values(headers, true), query: none }
  return method === undefined
    ? { ...everyCall, ...own }
    : { ...own, path: callPath(method), grpc: { service: method.service?.length ?? 0, method: method.method?.length ?? 0 } }
}

/** The same of a GRPCRoute. */
export const callMatches = (written: ReadonlyArray<GRPCRouteMatch>, path: string): Matches =>
  matchesOf(written, path, everyCall, toCallMatch, (match, at) => [
    ...(["service", "method"] as const).map(
      (part): Written => [match.method?.type ?? "Exact", match.method?.[part] ?? "", `${at}.method.${part}`]
    ),
    ...headerPatterns(match.headers, at)
  ])

// The specification leaves the rank of regular expressions to us. They stand between Exact and Prefix: behind prefixes, the `/` that most hosts have
// would hide every one of them.
const pathRank = { Exact: 0, Regex: 1, Prefix: 2 } as const

/**
 * The match with precedence first; 0 when the specification goes on to age and name. Exact > regex > longest prefix > method > headers > query; of calls longest
 * service > longest method > headers, and they come before every other match: a route for calls is about nothing else.
 */
export const byPrecedence = (a: Match, b: Match): number =>
  a.grpc !== undefined && b.grpc !== undefined
    ? b.grpc.service - a.grpc.service || b.grpc.method - a.grpc.method || b.headers.length - a.headers.length
    : a.grpc === undefined && b.grpc === undefined
      ? byRequest(a, b)
      : a.grpc === undefined
        ? 1
        : -1

const byRequest = (a: Match, b: Match): number =>
  pathRank[a.path.type] - pathRank[b.path.type] ||
  (a.path.type === "Exact" ? 0 : b.path.value.length - a.path.value.length) ||
  (a.method === null ? 1 : 0) - (b.method === null ? 1 : 0) ||
  b.headers.length - a.headers.length ||
  b.query.length - a.query.length
