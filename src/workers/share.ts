// A worker's part of what a pod may do at once. Limits of a snapshot are divided before the worker sees them, so that nothing behind knows of it: the parts of all workers make the
// whole. A limit that is smaller than the number of workers is one for each of them, 0 stays 0 (docs/workers.md).
import type { Limits } from "../snapshot/behaviour.ts"
import type { Id } from "../snapshot/id.ts"
import type { Listener } from "../snapshot/listener.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { Upstream } from "../snapshot/upstream.ts"

/** Which of the workers: 0 ≤ index < count. One that replaces another has its index. */
export interface Place {
  readonly index: number
  readonly count: number
}

/** The parts differ by one at most; the first have the larger. */
export const shareOf = (whole: number, { index, count }: Place): number =>
  whole <= 0 || !Number.isFinite(whole) ? whole : Math.max(1, Math.floor(whole / count) + (index < whole % count ? 1 : 0))

const limitsOf = (limits: Limits, place: Place): Limits => {
  const { maxConnections, maxPending, maxRequests, maxRetries } = limits
  return {
    ...limits,
    maxConnections: shareOf(maxConnections, place),
    maxPending: shareOf(maxPending, place),
    maxRequests: typeof maxRequests === "number" ? shareOf(maxRequests, place) : maxRequests,
    maxRetries:
      typeof maxRetries === "number"
        ? shareOf(maxRetries, place)
        : typeof maxRetries === "object"
          ? { ...maxRetries, least: shareOf(maxRetries.least, place) }
          : maxRetries
  }
}

const upstreamOf = (upstream: Upstream, place: Place): Upstream => ({ ...upstream, limits: limitsOf(upstream.limits, place) })

// Datagrams of one client must find the worker that has its session, and a shared socket gives them to any: the first worker alone has them all.
const listenerOf = (listener: Listener, place: Place): Listener | null =>
  listener.bind.transport === "udp"
    ? place.index === 0
      ? listener
      : null
    : { ...listener, limits: { ...listener.limits, connections: shareOf(listener.limits.connections, place) } }

/** The same resource gives the same part, and the same table the same table (`===`): an update costs what changed. */
const parts = <A extends object>(part: (resource: A) => A | null) => {
  const known = new WeakMap<A, A | null>()
  let before: ReadonlyMap<Id, A> | null = null
  let made: ReadonlyMap<Id, A> = new Map()
  return (table: ReadonlyMap<Id, A>): ReadonlyMap<Id, A> => {
    if (table === before) return made
    const next = new Map<Id, A>()
    for (const [id, resource] of table) {
      let own = known.get(resource)
      if (own === undefined) {
        own = part(resource)
        known.set(resource, own)
      }
      if (own !== null) next.set(id, own)
    }
    before = table
    made = next
    return next
  }
}

/** One a Gateway and worker. */
export const makeShares = (place: Place): ((snapshot: Snapshot) => Snapshot) => {
  const upstreams = parts<Upstream>((upstream) => upstreamOf(upstream, place))
  const listeners = parts<Listener>((listener) => listenerOf(listener, place))
  return (snapshot) => ({ ...snapshot, upstreams: upstreams(snapshot.upstreams), listeners: listeners(snapshot.listeners) })
}
