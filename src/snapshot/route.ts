// Virtual hosts and their rules, as the proxy executes them: one match a rule, in the order of precedence.
import type { Id, Source } from "./id.ts"
import type { RouteReason } from "./reason.ts"
import type { Retry } from "./retry.ts"
import type { Session } from "./session.ts"
import type { Setting } from "./setting.ts"

/** The rules of one hostname on one listener. Hostname: lower case, `*.suffix`, or `*` for every host. */
export interface VirtualHost {
  readonly hostname: string
  /** In precedence order: the first that matches wins (Gateway API v1.6, HTTPRouteRule.matches; translate sorts, nothing else does). */
  readonly rules: ReadonlyArray<Rule>
}

export interface Rule {
  readonly source: Source
  readonly match: Match
  /** Rule-level filters, in the order written. */
  readonly filters: ReadonlyArray<Filter>
  readonly deadlines: Deadlines
  readonly action: Action
  /** Those that may have set its times and retries, weakest first: explain says it. Absent: none. */
  readonly policies?: ReadonlyArray<Source>
  /** Absent: any endpoint serves any request. */
  readonly session?: Session
}

export type Action = Forward | { readonly _tag: "Redirect"; readonly status: number; readonly to: Redirect } | Refuse

export interface Refuse {
  readonly _tag: "Refuse"
  readonly why: RouteReason
}

export interface Forward {
  readonly _tag: "Forward"
  readonly retry: Setting<Retry>
  readonly cache: CacheRule | null
  readonly to: ReadonlyArray<Share>
}

/** A backend's part of the traffic: weight / sum of weights. upstream null: this share answers 500, and `why` says for what. */
export interface Share {
  readonly weight: number
  readonly upstream: Id | null
  readonly why: RouteReason | null
  /** backendRef-level filters, applied after the rule's. */
  readonly filters: ReadonlyArray<Filter>
  /** The object this share names: explain and the access log say it. */
  readonly source: Source
  /** Who serves what it cannot, in order: their weights count for nothing. Absent: nobody. */
  readonly standbys?: ReadonlyArray<Share>
  /** The backend's own, which chooses among its addresses, never it itself; for its requests the rule's counts no more. Absent: the rule's, if that has one. */
  readonly session?: Session
}

/** All conditions hold (AND). A rule with several HTTPRouteMatches became several rules. */
export interface Match {
  readonly path: PathMatch
  readonly method: string | null
  /** Names in lower case. */
  readonly headers: ReadonlyArray<ValueMatch>
  /** Names as written (case-sensitive). */
  readonly query: ReadonlyArray<ValueMatch>
  /** Calls of gRPC alone, told by their Content-Type. Absent: every request. */
  readonly grpc?: CallMatch
}

/** Characters of the service and the method that a match for calls says: it is in its place for them, the path matches. */
export interface CallMatch {
  readonly service: number
  readonly method: number
}

export type PathMatch =
  | { readonly type: "Exact"; readonly value: string }
  /** Per path element; `value` has no trailing slash but for "/" itself. */
  | { readonly type: "Prefix"; readonly value: string }
  | { readonly type: "Regex"; readonly value: string }

export interface ValueMatch {
  readonly name: string
  readonly type: "Exact" | "Regex"
  readonly value: string
}

export type Filter =
  | { readonly _tag: "Headers"; readonly on: "Request" | "Response"; readonly edits: ReadonlyArray<HeaderEdit> }
  | { readonly _tag: "Rewrite"; readonly hostname: string | null; readonly path: PathRewrite | null }
  | { readonly _tag: "Mirror"; readonly to: Id; readonly fraction: number }
  | Cors
  /** A newer operator's filter: the rule answers 500, it is never skipped (law 15). */
  | { readonly _tag: "Unknown"; readonly name: string }

/** Who may read the answers from a page of another origin (Gateway API v1.6, HTTPCORSFilter). */
export interface Cors {
  readonly _tag: "Cors"
  /** As written, `https://*.example.com:8443`, or `*` alone for all. None: nobody. */
  readonly origins: ReadonlyArray<string>
  readonly credentials: boolean
  /** `*` alone: all. None: those that no page has to ask for. */
  readonly methods: ReadonlyArray<string>
  readonly headers: ReadonlyArray<string>
  readonly expose: ReadonlyArray<string>
  /** Seconds that a browser may keep the answer to its question. */
  readonly maxAge: number
}

/** Names as the user wrote them: matching is case-insensitive. */
export type HeaderEdit =
  | { readonly _tag: "Set"; readonly name: string; readonly value: string }
  | { readonly _tag: "Add"; readonly name: string; readonly value: string }
  | { readonly _tag: "Remove"; readonly name: string }

export type PathRewrite =
  | { readonly _tag: "ReplaceFullPath"; readonly value: string }
  /** Replaces the prefix of the rule's own Prefix match. */
  | { readonly _tag: "ReplacePrefixMatch"; readonly value: string }

/** null: taken from the request (host, path), or by the rule of HTTPRequestRedirectFilter.port. */
export interface Redirect {
  readonly scheme: "http" | "https" | null
  readonly hostname: string | null
  readonly port: number | null
  readonly path: PathRewrite | OriginAlone | PathAlone | null
}

/** Of a redirect: scheme, host and port, which is always said; nothing of the path and query that were asked for. */
export interface OriginAlone {
  readonly _tag: "OriginAlone"
}

/** Of a redirect: this path, with any query that it says, and nothing of the query that was asked for. */
export interface PathAlone {
  readonly _tag: "PathAlone"
  readonly value: string
}

/** Milliseconds. request: the whole exchange; backendRequest: one try. */
export interface Deadlines {
  readonly request: Setting<number>
  readonly backendRequest: Setting<number>
}

/** Reserved for HTTP caching: no rule carries one yet. */
export interface CacheRule {
  readonly policy: Source
}
