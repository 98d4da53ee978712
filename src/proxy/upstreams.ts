// The upstreams of a Gateway by id, each with a scope of its own: made when the snapshot names them, retired when it does not, closed when nobody
// holds them or at the drain deadline (law 3). Unchanged means `===`: an update costs what changed.
import { Effect, Exit, FiberSet, Scope } from "effect"
import type { Id } from "../snapshot/id.ts"
import type { Published } from "../snapshot/published.ts"
import type { MaterialLookup } from "../snapshot/secret.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { connectionSecrets, credentialSecrets, type Endpoint, type Upstream } from "../snapshot/upstream.ts"
import type { LiveUpstream } from "../upstream/upstream.ts"

export type OpenUpstream = (
  id: Id,
  spec: Upstream,
  endpoints: ReadonlyArray<Endpoint>,
  material: MaterialLookup
) => Effect.Effect<LiveUpstream, never, Scope.Scope>

export interface Upstreams {
  /** The hot read. */
  readonly byId: ReadonlyMap<Id, LiveUpstream>
  /** Makes what is new and tells the others what changed for them. Nothing leaves yet: tables that name it may still be in use. */
  readonly open: (before: Snapshot | null, next: Published) => Effect.Effect<void>
  /** After the tables are swapped: what the snapshot no longer names. Does not wait. */
  readonly retire: (snapshot: Snapshot) => Effect.Effect<ReadonlyArray<Id>>
  /** Never ends of itself; a defect of one that is leaving ends it. */
  readonly run: Effect.Effect<never>
}

interface Kept {
  readonly live: LiveUpstream
  readonly scope: Scope.Closeable
}

const none: ReadonlyArray<Endpoint> = []

/** drainDeadline in milliseconds: how long a retired upstream may be held. */
export const makeUpstreams = Effect.fnUntraced(function* (
  openUpstream: OpenUpstream,
  drainDeadline: number
): Effect.fn.Return<Upstreams, never, Scope.Scope> {
  const byId = new Map<Id, LiveUpstream>()
  const scopes = new Map<Id, Scope.Closeable>()
  yield* Effect.addFinalizer((exit) =>
    Effect.forEach(scopes.values(), (scope) => Scope.close(scope, exit), { concurrency: "unbounded", discard: true })
  )
  // Made after the finalizer, so interrupted before it: those that are retiring close their own scope.
  const retiring = yield* FiberSet.make<unknown, never>()

  const open = Effect.fnUntraced(function* (before: Snapshot | null, { snapshot, material }: Published) {
    if (before === null || before.upstreams !== snapshot.upstreams) {
      for (const [id, spec] of snapshot.upstreams) {
        if (byId.has(id)) continue
        const scope = yield* Scope.make()
        const live = yield* openUpstream(id, spec, snapshot.endpoints.get(id) ?? none, material).pipe(Scope.provide(scope))
        byId.set(id, live)
        scopes.set(id, scope)
      }
    }
    if (before === null) return
    if (before.endpoints !== snapshot.endpoints) {
      for (const [id, live] of byId) {
        const endpoints = snapshot.endpoints.get(id) ?? none
        if (before.upstreams.has(id) && snapshot.upstreams.has(id) && (before.endpoints.get(id) ?? none) !== endpoints) {
          live.setEndpoints(endpoints)
        }
      }
    }
    if (before.secrets !== snapshot.secrets) {
      for (const live of byId.values())
        if (snapshot.upstreams.has(live.id) && usesChanged(live.spec, before, snapshot)) live.setMaterial(material)
    }
  })

  const close = ({ live, scope }: Kept) =>
    live.released.pipe(Effect.timeoutOption(drainDeadline), Effect.ensuring(Scope.close(scope, Exit.void)))

  const retire = Effect.fnUntraced(function* (snapshot: Snapshot) {
    const gone: Array<Id> = []
    for (const [id, live] of byId) {
      if (snapshot.upstreams.has(id)) continue
      const scope = scopes.get(id)!
      byId.delete(id)
      scopes.delete(id)
      gone.push(id)
      live.retire()
      yield* FiberSet.run(retiring, close({ live, scope }))
    }
    return gone
  })

  return { byId, open, retire, run: FiberSet.join(retiring).pipe(Effect.andThen(Effect.never)) }
})

const usesChanged = (spec: Upstream, before: Snapshot, next: Snapshot): boolean => {
  const changed = (id: Id) => before.secrets.get(id) !== next.secrets.get(id)
  return credentialSecrets(spec).some(changed) || connectionSecrets(spec).some(changed)
}
