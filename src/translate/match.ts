// HTTPRoute matches: into what the proxy executes, and in the order of precedence (Gateway API v1.6, HTTPRouteRule.matches). Nothing but translate sorts.
import { Result } from "effect"
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

/** What is wrong with the regular expressions of a match, each with its field. path: of the match. */
export const patternProblems = (match: HTTPRouteMatch, path: string): ReadonlyArray<string> => {
  const patterns: ReadonlyArray<readonly [string, string, string]> = [
    [match.path.type, match.path.value, `${path}.path.value`],
    ...match.headers.map(({ type, value }, i) => [type, value, `${path}.headers[${i}].value`] as const),
    ...match.queryParams.map(({ type, value }, i) => [type, value, `${path}.queryParams[${i}].value`] as const)
  ]
  return patterns.flatMap(([type, value, at]) => {
    if (type !== "RegularExpression") return []
    const compiled = compilePattern(value)
    return Result.isFailure(compiled) ? [routeNote.pattern(at, compiled.failure)] : []
  })
}

// The specification leaves the rank of regular expressions to us. They stand between Exact and Prefix: behind prefixes, the `/` that most hosts have
// would hide every one of them.
const pathRank = { Exact: 0, Regex: 1, Prefix: 2 } as const

/** The match with precedence first; 0 when the specification goes on to age and name. Exact > regex > longest prefix > method > headers > query. */
export const byPrecedence = (a: Match, b: Match): number =>
  pathRank[a.path.type] - pathRank[b.path.type] ||
  (a.path.type === "Exact" ? 0 : b.path.value.length - a.path.value.length) ||
  (a.method === null ? 1 : 0) - (b.method === null ? 1 : 0) ||
  b.headers.length - a.headers.length ||
  b.query.length - a.query.length
