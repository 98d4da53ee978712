// Paths that leave other than they came: URLRewrite and the Location of RequestRedirect share one rule for paths (Gateway API v1.6, HTTPRouteFilter).
import type { PathMatch, PathRewrite, Redirect } from "../snapshot/route.ts"

/** A path rewrite made ready. `prefix`: the matched prefix without trailing slash; null: the whole path is replaced. */
export interface CompiledPath {
  readonly prefix: string | null
  /** For a prefix without its trailing slashes. */
  readonly replacement: string
}

// What may stand in a request target (RFC 3986 3.3): a space or line break would end it, `#` begins what is never sent.
const sendable = /^[\x21\x22\x24-\x5b\x5d-\x7e]*$/

/** What hinders a rewrite from being applied under a rule with this path match, in words for a condition; null: nothing. */
export const pathRewriteProblem = (rewrite: PathRewrite, match: PathMatch): string | null => {
  if (rewrite._tag === "ReplacePrefixMatch" && match.type !== "Prefix") {
    return "ReplacePrefixMatch needs a PathPrefix match, there is no prefix to replace"
  }
  if (rewrite._tag !== "ReplacePrefixMatch" && rewrite._tag !== "ReplaceFullPath") return "the path modifier is not known to this proxy"
  if (rewrite.value !== "" && !rewrite.value.startsWith("/")) return `the replacement path "${rewrite.value}" does not start with /`
  if (!sendable.test(rewrite.value) || (rewrite._tag === "ReplacePrefixMatch" && rewrite.value.includes("?")))
    return `the replacement path "${rewrite.value}" has characters that no request target may have`
  return null
}

export const compilePathRewrite = (rewrite: PathRewrite, match: PathMatch): CompiledPath =>
  rewrite._tag === "ReplaceFullPath"
    ? { prefix: null, replacement: rewrite.value === "" ? "/" : rewrite.value }
    : { prefix: withoutTrailingSlash(match.value), replacement: rewrite.value.replace(/\/+$/, "") }

const withoutTrailingSlash = (value: string): string => (value.endsWith("/") ? value.slice(0, -1) : value)

/**
 * A request's path (without query) rewritten. The caller's rule has matched, so the path starts with the prefix at an element boundary.
 * `/foo` -> `/xyz` makes `/xyz/bar` of `/foo/bar`, `/xyz/` of `/foo/`; an empty result is `/`.
 */
export const rewritePath = (path: CompiledPath, requestPath: string): string => {
  if (path.prefix === null) return path.replacement
  const rewritten = path.replacement + requestPath.slice(path.prefix.length)
  return rewritten === "" ? "/" : rewritten
}

/** Path and raw query ("" for none) as one target. A replacement may bring a query of its own: the request's follows it. */
export const withQuery = (path: string, query: string): string => (query === "" ? path : `${path}${path.includes("?") ? "&" : "?"}${query}`)

/** As `pathRewriteProblem`, for a redirect. */
export const redirectProblem = (redirect: Redirect, match: PathMatch): string | null =>
  redirect.path === null || redirect.path._tag === "OriginAlone"
    ? null
    : pathRewriteProblem(redirect.path._tag === "PathAlone" ? { ...redirect.path, _tag: "ReplaceFullPath" } : redirect.path, match)

/** What a redirect takes from the request. */
export interface RedirectRequest {
  readonly scheme: "http" | "https"
  /** Without port, IPv6 in brackets. */
  readonly host: string
  /** As the user wrote it in the listener. */
  readonly listenerPort: number
  readonly path: string
  readonly query: string
  /** Of the rule's Prefix match; null: it has none. */
  readonly matchedPrefix: string | null
}

/**
 * The Location of a RequestRedirect. Port: the filter's; else 80 or 443 when the filter sets a scheme; else the listener's. It is left out where it is
 * the scheme's own. Host and path are the request's unless the filter sets them; the query stays. OriginAlone has none of that, and says the port always.
 */
export const redirectLocation = (redirect: Redirect, request: RedirectRequest): string => {
  const scheme = redirect.scheme ?? request.scheme
  const port = redirect.port ?? (redirect.scheme === null ? request.listenerPort : scheme === "https" ? 443 : 80)
  if (redirect.path?._tag === "OriginAlone") return `${scheme}://${redirect.hostname ?? request.host}:${port}`
  const shown = port === (scheme === "https" ? 443 : 80) ? "" : `:${port}`
  if (redirect.path?._tag === "PathAlone") return `${scheme}://${redirect.hostname ?? request.host}${shown}${redirect.path.value}`
  const match: PathMatch = { type: "Prefix", value: request.matchedPrefix ?? "/" }
  const path = redirect.path === null ? request.path : rewritePath(compilePathRewrite(redirect.path, match), request.path)
  return `${scheme}://${redirect.hostname ?? request.host}${shown}${withQuery(path, request.query)}`
}
