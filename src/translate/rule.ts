// A rule of an HTTPRoute or GRPCRoute as the proxy executes it: one snapshot rule a match, with its filters, deadlines and backends.
import type { HTTPRouteRule } from "#schemas/httproute.ts"
import { groupKind, objectKey } from "#schemas/meta.ts"
import type { Source } from "../snapshot/id.ts"
import { growth, grpcStatuses, type Retry } from "../snapshot/retry.ts"
import type { Action, Deadlines, Filter, Match, Rule } from "../snapshot/route.ts"
import type { Setting } from "../snapshot/setting.ts"
import { serviceDomain } from "../snapshot/upstream.ts"
import { routeNote } from "../status/conditions.ts"
import type { Carries } from "./carriage.ts"
import type { RedirectAction } from "./destination.ts"
import { type MirrorTarget, toFilters } from "./filter.ts"
import type { Matches } from "./match.ts"
import { mirrorsOf } from "./mirrors.ts"
import type { Referrer, ResolvedUpstream } from "./resolved.ts"
import { type Sessions, sessionsOf } from "./session.ts"
import type { TranslateSettings } from "./settings.ts"
import { type Shares, sharesOf } from "./shares.ts"
import { bounded, defaultBackoff, settingOf } from "./time.ts"
import { type Chain, governedBy } from "./traffic.ts"
import type { View } from "./view.ts"

/** A rule, with ports of Services that may be called by their names, as other kinds than HTTPRoute do. */
export type RouteRule = Omit<HTTPRouteRule, "backendRefs"> & {
  readonly backendRefs: ReadonlyArray<Omit<HTTPRouteRule["backendRefs"][number], "port"> & { readonly port?: number | string }>
}

/** What a rule says beside what it matches. */
export type RuleBody = Omit<RouteRule, "matches">

export interface TranslatedRule extends Omit<Shares, "to" | "resolved"> {
  /** In the order of the matches; [] of a route of bytes, which matches nothing. */
  readonly rules: ReadonlyArray<Rule>
  /** Not empty: the rule is not served, its requests are answered 500. */
  readonly problems: ReadonlyArray<string>
}

const deadline = (milliseconds: number | undefined): Setting<number> => (milliseconds === undefined ? "Default" : settingOf(milliseconds))

// Once is said, and 0 attempts as well (Gateway API v1.7, HTTPRouteRetry.attempts): a rule without the stanza has the data plane's own safe repetition.
const retryOf = (retry: NonNullable<RuleBody["retry"]>): Setting<Retry> => {
  if (retry.attempts === 0) return "Disabled"
  const backoff = bounded(retry.backoff ?? defaultBackoff)
  // A backend that is not available has not processed the call (Gateway API v1.7, HTTPRouteRetry).
  const grpc = [grpcStatuses.unavailable]
  return { codes: retry.codes, grpc, attempts: retry.attempts, backoff, longest: backoff * growth, perTry: "Default" }
}

/** Of the rule, whose route's uid no client knows; null: it has none. */
const sessionsFor = (view: View, rule: RuleBody, path: string, source: Source, from: Referrer): Sessions | null => {
  if (rule.sessionPersistence === undefined) return null
  const route = view.get(objectKey(groupKind(from.group, from.kind), from.namespace, from.name))
  return sessionsOf(rule.sessionPersistence, path, source, route?.meta.uid ?? "")
}

interface Backends extends Omit<Shares, "to" | "resolved"> {
  readonly action: Action
  readonly problems: ReadonlyArray<string>
  /** Notes of backends that answer 503 for want of their credentials, where requests are sent to them. */
  readonly withheld: ReadonlyArray<string>
}

/** The Host that an upstream says itself, where a credential goes with it. */
const ownHosts = ({ spec: { identity }, endpoints }: ResolvedUpstream): ReadonlyArray<string> =>
  typeof identity.host === "object"
    ? [identity.host.name]
    : endpoints.flatMap(({ at }) => (at._tag !== "Name" ? [] : at.srv ? [serviceDomain(at.name)] : at.port === 443 ? [at.name] : []))

/** Its credentials do not go with the Host that a filter writes. */
const isWithheld = (upstream: ResolvedUpstream, filters: ReadonlyArray<Filter>): boolean => {
  if (upstream.spec.credential === null) return false
  const hosts = ownHosts(upstream)
  return filters.some((one) => one._tag === "Rewrite" && one.hostname !== null && !hosts.includes(one.hostname))
}

const backendsOf = (
  view: View,
  settings: TranslateSettings,
  rule: RuleBody,
  ruleFilters: ReadonlyArray<Filter>,
  backendAt: (index: number) => string,
  matches: ReadonlyArray<Match>,
  from: Referrer,
  chain: Chain,
  carries: Carries,
  mirrorTarget: MirrorTarget
): Backends => {
  const own = rule.backendRefs.map((ref, index) => toFilters(ref.filters, `${backendAt(index)}.filters`, matches, "Backend", mirrorTarget))
  const problems = own.flatMap((one) => one.problems)
  const { to, resolved, ...said } = sharesOf(
    view,
    settings,
    rule.backendRefs,
    backendAt,
    (index) => own[index]!.filters,
    from,
    chain,
    carries
  )
  const withheld: Array<string> = []
  let redirect: RedirectAction | null = null
  for (const [index, one] of resolved.entries()) {
    const at = backendAt(index)
    const { filters } = own[index]!
    if (one.redirect !== null) {
      redirect = one.redirect
      if (rule.backendRefs.length > 1) problems.push(routeNote.redirectShared(at))
      else if (filters.length > 0 || rule.filters.some(({ type }) => type === "URLRewrite")) problems.push(routeNote.redirectFiltered(at))
    }
    for (const upstream of [one.upstream, ...one.standbys.map((standby) => standby.upstream)])
      if (upstream !== null && isWithheld(upstream, [...ruleFilters, ...filters]))
        withheld.push(routeNote.credentialWithheld(at, upstream.spec.of.target))
  }
  if (redirect !== null && rule.backendRefs[0]?.weight !== 0) return { ...said, action: redirect, problems, upstreams: [], withheld: [] }
  // No backend, or none with weight: there is nothing to send the request to (Gateway API v1.6, HTTPRouteRule.backendRefs).
  if (!to.some((share) => share.weight > 0))
    return { ...said, action: { _tag: "Refuse", why: "no_backend" }, problems, upstreams: [], withheld: [] }
  const retry = rule.retry === undefined ? governedBy(view, chain).retry : retryOf(rule.retry)
  return { ...said, action: { _tag: "Forward", retry, cache: null, to }, problems, withheld }
}

/** matched: a match that is left out of it matches nothing; its rule's others are answered 500. path: `spec.rules[0]`. source: the route with this rule as its section. chain: policies between its Gateway and it. backendAt: the field of a backendRef, where it is another than `backendRefs[0]`. */
export const translateRule = (
  view: View,
  settings: TranslateSettings,
  rule: RuleBody,
  { matches, problems: patterns }: Matches,
  path: string,
  source: Source,
  from: Referrer,
  chain: Chain,
  carries: Carries,
  backendAt: (index: number) => string = (index) => `${path}.backendRefs[${index}]`
): TranslatedRule => {
  const mirrors = mirrorsOf(view, settings, from, chain, carries)
  const { filters: written, redirect, problems: badFilters } = toFilters(rule.filters, `${path}.filters`, matches, "Rule", mirrors.to)
  const { withheld, ...resolved } = backendsOf(view, settings, rule, written, backendAt, matches, from, chain, carries, mirrors.to)
  const backends = {
    ...resolved,
    unresolved: [...resolved.unresolved, ...mirrors.unresolved],
    notes: [...resolved.notes, ...mirrors.notes],
    reaches: [
      ...resolved.reaches,
      // What is answered here is not mirrored, so the snapshot has no upstream for it.
      ...mirrors.reaches.map((one) => (redirect === null && resolved.action._tag === "Forward" ? one : { ...one, upstream: null }))
    ]
  }
  const sessions = sessionsFor(view, rule, path, source, from)
  const problems = [...patterns, ...badFilters, ...backends.problems, ...(sessions?.problems ?? [])]
  const governed = governedBy(view, chain)
  const { request } = rule.timeouts ?? {}
  const deadlines: Deadlines = {
    request: request === undefined ? governed.request : deadline(request),
    backendRequest: deadline(rule.timeouts?.backendRequest)
  }
  if (problems.length > 0) {
    // The specification wants an error where a filter cannot be had (section 6), never its absence: without the rule, its requests would fall to a wider
    // rule that lacks the filter.
    const action: Action = { _tag: "Refuse", why: "invalid_filter" }
    const rules = matches.map((match) => ({ source, match, filters: [], deadlines, action }))
    return {
      rules,
      problems,
      unresolved: backends.unresolved,
      notes: backends.notes,
      upstreams: [],
      reaches: backends.reaches.map(({ object }) => ({ object, upstream: null }))
    }
  }
  const action = redirect ?? backends.action
  const forwards = action._tag === "Forward"
  const filters = forwards ? written : written.filter(({ _tag }) => _tag !== "Mirror")
  const nowhere = action._tag === "Refuse" && action.why === "no_backend"
  const notes = [
    ...backends.notes,
    ...(nowhere ? [routeNote.nothingToSendTo(path, rule.backendRefs.length)] : []),
    ...(filters.length < written.length ? [routeNote.mirrorUnused(path)] : []),
    ...(redirect === null ? withheld : [])
  ]
  const policies = governed.policies.length === 0 ? {} : { policies: governed.policies }
  const upstreams = forwards ? [...backends.upstreams, ...mirrors.upstreams] : backends.upstreams
  return {
    ...backends,
    upstreams,
    notes,
    problems,
    rules: matches.map((match) => ({
      ...{ source, match, filters, deadlines, action, ...policies },
      ...(sessions === null || !forwards ? {} : { session: sessions.under(match.path) })
    }))
  }
}
