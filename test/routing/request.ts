// Rules, hosts and requests for the tests of routing, with everything unsaid at its plainest.
import type { RequestView } from "#src/routing/match.ts"
import type { Filter, Match, PathMatch, Rule } from "#src/snapshot/route.ts"

export const makeRule = (name: string, match: Partial<Match> = {}, more: Partial<Rule> = {}): Rule => ({
  source: { kind: "HTTPRoute", namespace: "test", name, section: null },
  match: { path: { type: "Prefix", value: "/" }, method: null, headers: [], query: [], ...match },
  filters: [],
  deadlines: { request: "Default", backendRequest: "Default" },
  action: { _tag: "Forward", retry: "Default", cache: null, to: [] },
  ...more
})

export const exact = (value: string): PathMatch => ({ type: "Exact", value })
export const prefix = (value: string): PathMatch => ({ type: "Prefix", value })
export const regex = (value: string): PathMatch => ({ type: "Regex", value })

export const headersFilter = (on: "Request" | "Response", ...edits: Extract<Filter, { _tag: "Headers" }>["edits"]): Filter => ({
  _tag: "Headers",
  on,
  edits
})

/** `GET /path?query`, with headers by lower-case name. */
export const makeRequest = (url: string, headers: Readonly<Record<string, string>> = {}, method = "GET"): RequestView => {
  const mark = url.indexOf("?")
  return {
    method,
    path: mark < 0 ? url : url.slice(0, mark),
    query: mark < 0 ? "" : url.slice(mark + 1),
    header: (name) => (Object.hasOwn(headers, name) ? headers[name]! : null)
  }
}
