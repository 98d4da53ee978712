// HTTPRoute filters of a rule or a backendRef, made into what the proxy applies. What is not served is a problem of its rule, never left out (law 15).
import type { HeaderModifier, HTTPRouteFilter, PathModifier, RequestMirror, RequestRedirect } from "#schemas/httpfilter.ts"
import { filterProblem } from "../routing/filters.ts"
import { redirectProblem } from "../routing/rewrite.ts"
import type { Id } from "../snapshot/id.ts"
import type { Action, Filter, HeaderEdit, Match, PathRewrite, Redirect } from "../snapshot/route.ts"
import { routeNote } from "../status/conditions.ts"

export interface Filters {
  /** In the order written, without the redirect. */
  readonly filters: ReadonlyArray<Filter>
  readonly redirect: Extract<Action, { readonly _tag: "Redirect" }> | null
  readonly problems: ReadonlyArray<string>
}

const edits = (modifier: HeaderModifier): ReadonlyArray<HeaderEdit> => [
  ...modifier.set.map(({ name, value }) => ({ _tag: "Set", name, value }) as const),
  ...modifier.add.map(({ name, value }) => ({ _tag: "Add", name, value }) as const),
  ...modifier.remove.map((name) => ({ _tag: "Remove", name }) as const)
]

const pathRewrite = (path: PathModifier | undefined): PathRewrite | null =>
  path === undefined
    ? null
    : path.type === "ReplaceFullPath"
      ? { _tag: "ReplaceFullPath", value: path.replaceFullPath }
      : { _tag: "ReplacePrefixMatch", value: path.replacePrefixMatch }

const redirectOf = (redirect: RequestRedirect): Redirect => ({
  scheme: redirect.scheme ?? null,
  hostname: redirect.hostname ?? null,
  port: redirect.port ?? null,
  path: pathRewrite(redirect.path)
})

const filterOf = (filter: HTTPRouteFilter): Filter | null => {
  switch (filter.type) {
    case "RequestHeaderModifier":
      return { _tag: "Headers", on: "Request", edits: edits(filter.requestHeaderModifier) }
    case "ResponseHeaderModifier":
      return { _tag: "Headers", on: "Response", edits: edits(filter.responseHeaderModifier) }
    case "URLRewrite":
      return { _tag: "Rewrite", hostname: filter.urlRewrite.hostname ?? null, path: pathRewrite(filter.urlRewrite.path) }
    case "CORS": {
      const { allowOrigins, allowCredentials, allowMethods, allowHeaders, exposeHeaders, maxAge } = filter.cors
      return {
        _tag: "Cors",
        origins: allowOrigins,
        credentials: allowCredentials === true,
        methods: allowMethods,
        headers: allowHeaders,
        expose: exposeHeaders,
        maxAge
      }
    }
    default:
      return null
  }
}

// One for all: most rules and backendRefs have none.
const none: ReadonlyArray<Filter> = []

/** The upstream that a mirror goes to, by its reference; null: none, which is said elsewhere and costs the mirror alone. */
export type MirrorTarget = (ref: RequestMirror["backendRef"], path: string) => Id | null

const fractionOf = ({ percent, fraction }: RequestMirror): number =>
  percent !== undefined ? percent / 100 : fraction === undefined ? 1 : fraction.numerator / fraction.denominator

/** path: of the list (`spec.rules[0].filters`). matches: of the rule; a filter must fit each. Redirects belong to rules only. */
export const toFilters = (
  written: ReadonlyArray<HTTPRouteFilter>,
  path: string,
  matches: ReadonlyArray<Match>,
  level: "Rule" | "Backend",
  mirrorTarget: MirrorTarget
): Filters => {
  const filters: Array<Filter> = []
  const problems: Array<string> = []
  let redirect: Filters["redirect"] = null
  for (const [index, one] of written.entries()) {
    const at = `${path}[${index}]`
    if (one.type === "RequestRedirect" && level === "Rule") {
      const to = redirectOf(one.requestRedirect)
      const problem = matches.map((match) => redirectProblem(to, match.path)).find((found) => found !== null)
      if (problem === undefined) redirect = { _tag: "Redirect", status: one.requestRedirect.statusCode, to }
      else problems.push(routeNote.filterProblem(at, problem))
      continue
    }
    if (one.type === "RequestMirror") {
      const to = mirrorTarget(one.requestMirror.backendRef, `${at}.requestMirror.backendRef`)
      if (to !== null) filters.push({ _tag: "Mirror", to, fraction: fractionOf(one.requestMirror) })
      continue
    }
    const filter = filterOf(one)
    if (filter === null) {
      problems.push(routeNote.filterNotServed(at, one.type))
      continue
    }
    const problem = matches.map((match) => filterProblem(filter, match.path)).find((found) => found !== null)
    if (problem === undefined) filters.push(filter)
    else problems.push(routeNote.filterProblem(at, problem))
  }
  return { filters: filters.length === 0 ? none : filters, redirect, problems }
}
