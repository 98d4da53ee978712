// The backends of a rule as shares of its traffic, whatever the rule carries: who each is, who stands in for it, and what is said of references that do not resolve.
import type { ObjectKey } from "#schemas/meta.ts"
import type { Filter, Share } from "../snapshot/route.ts"
import { resolveBackend } from "./backend.ts"
import type { Carries } from "./carriage.ts"
import type { Referrer, ResolvedBackend, ResolvedUpstream } from "./resolved.ts"
import type { TranslateSettings } from "./settings.ts"
import type { Chain } from "./traffic.ts"
import type { View } from "./view.ts"

/** A backend object that a rule came to, and the upstream it became (null: none). */
export interface Reaching {
  readonly object: ObjectKey
  readonly upstream: string | null
}

/** A backendRef with a weight. Ports of Services may be called by their names, as some kinds do. */
export interface WeighedReference {
  readonly group: string
  readonly kind: string
  readonly name: string
  readonly namespace?: string
  readonly port?: number | string
  readonly weight: number
}

export interface Shares {
  /** None has a weight: there is nothing to send to. */
  readonly to: ReadonlyArray<Share>
  /** In the order of the references. */
  readonly resolved: ReadonlyArray<ResolvedBackend>
  /** References that do not resolve: they cost their share. */
  readonly unresolved: ReadonlyArray<{ readonly reason: string; readonly message: string }>
  readonly notes: ReadonlyArray<string>
  readonly upstreams: ReadonlyArray<ResolvedUpstream>
  readonly reaches: ReadonlyArray<Reaching>
}

/** Fallbacks come after everybody's own standbys, in the order of the rule; where there is nobody else they are as others. */
const withFallbacks = (shares: ReadonlyArray<Share>, fallbacks: ReadonlyArray<Share>): ReadonlyArray<Share> => {
  if (fallbacks.length === 0 || !shares.some(({ weight }) => weight > 0)) return [...shares, ...fallbacks]
  const after = fallbacks
    .filter(({ weight, upstream }) => weight > 0 && upstream !== null)
    .flatMap(({ standbys, ...one }) => [{ ...one, weight: 1 }, ...(standbys ?? [])])
  return shares.map((share) => {
    if (share.upstream === null) return share
    const seen = new Set([share.upstream])
    const standbys = [...(share.standbys ?? []), ...after].filter(({ upstream }) => !seen.has(upstream!) && seen.add(upstream!))
    return standbys.length === 0 ? share : { ...share, standbys }
  })
}

const sessionOf = (upstream: ResolvedUpstream | null): Pick<Share, "session"> =>
  upstream?.session === undefined ? {} : { session: upstream.session }

export const sharesOf = (
  view: View,
  settings: TranslateSettings,
  refs: ReadonlyArray<WeighedReference>,
  backendAt: (index: number) => string,
  filtersAt: (index: number) => ReadonlyArray<Filter>,
  from: Referrer,
  chain: Chain,
  carries: Carries
): Shares => {
  const shares: Array<Share> = []
  const fallbacks: Array<Share> = []
  const all: Array<ResolvedBackend> = []
  const unresolved: Array<{ reason: string; message: string }> = []
  const notes: Array<string> = []
  const upstreams: Array<ResolvedUpstream> = []
  const reaches: Array<Reaching> = []
  for (const [index, { group, kind, name, namespace = null, port = null, weight }] of refs.entries()) {
    const resolved = resolveBackend(view, settings, { group, kind, name, namespace, port }, from, chain, carries)
    const filters = filtersAt(index)
    all.push(resolved)
    if (resolved.problem !== null)
      unresolved.push({ reason: resolved.problem.reason, message: `${backendAt(index)}: ${resolved.problem.message}` })
    notes.push(...resolved.notes)
    if (resolved.object !== null) reaches.push({ object: resolved.object, upstream: resolved.upstream?.id ?? null })
    if (resolved.upstream !== null) upstreams.push(resolved.upstream)
    const standbys = resolved.standbys.map(({ upstream, source, object }): Share => {
      upstreams.push(upstream)
      if (object !== null) reaches.push({ object, upstream: upstream.id })
      return { weight: 1, upstream: upstream.id, why: null, filters, source, ...sessionOf(upstream) }
    })
    const share: Share = {
      weight,
      upstream: resolved.upstream?.id ?? null,
      why: resolved.upstream === null ? (resolved.why ?? "invalid_backend") : null,
      filters,
      source: resolved.source,
      ...sessionOf(resolved.upstream),
      ...(standbys.length === 0 ? {} : { standbys })
    }
    ;(resolved.fallback ? fallbacks : shares).push(share)
  }
  return { to: withFallbacks(shares, fallbacks), resolved: all, unresolved, notes, upstreams, reaches }
}
