// The cluster source run against a real API server and folded, as the pipeline does it: tests wait for a state, never for a time.
import { Effect, Exit, HashMap, Scope, Stream, SubscriptionRef } from "effect"
import { afterEach } from "vitest"
import { type KindEntry, kindOf } from "#schemas/kinds.ts"
import type { ObjectKey } from "#schemas/meta.ts"
import { Kube, type KubeRequest } from "#src/kube/client.ts"
import { type ClusterOptions, makeCluster } from "#src/sources/cluster.ts"
import type { Collection, Sight } from "#src/sources/sight.ts"
import type { Change } from "#src/state/change.ts"
import { apply, type ClusterState, empty, objectsOf } from "#src/state/state.ts"

export const digestKey = new Uint8Array(32).fill(7)

export interface Followed {
  readonly state: () => ClusterState
  /** In arrays, as they were folded. */
  readonly arrays: ReadonlyArray<ReadonlyArray<Change>>
  readonly sight: Sight
  readonly collections: () => ReadonlyArray<Collection>
  /** Every request that was sent, watches too. */
  readonly asked: ReadonlyArray<KubeRequest>
  readonly want: (...keys: ReadonlyArray<ObjectKey>) => Promise<void>
  /** Resolves when it holds, after a change or a change of what can be seen; rejects after `milliseconds` (20 s) with what there is. */
  readonly until: (what: string, holds: (now: Followed) => boolean, milliseconds?: number) => Promise<void>
  readonly names: (kind: string) => ReadonlyArray<string>
  readonly close: () => Promise<void>
}

export const kindsNamed = (...names: ReadonlyArray<string>): ReadonlyArray<KindEntry> => names.map((name) => kindOf(name)!)

/** kubeconfig: a file. */
export const followCluster = async (kubeconfig: string, options: Partial<Omit<ClusterOptions, "key">> = {}): Promise<Followed> => {
  const scope = Scope.makeUnsafe()
  const asked: Array<KubeRequest> = []
  const arrays: Array<ReadonlyArray<Change>> = []
  const waiters = new Set<() => void>()
  let state = empty
  const look = () => {
    for (const waiter of [...waiters]) waiter()
  }

  const program = Effect.gen(function* () {
    const real = yield* Kube
    const kube = Kube.of({
      ...real,
      request: (request) => {
        asked.push(request)
        return real.request(request)
      },
      lines: (request, ...rest) => {
        asked.push(request)
        return real.lines(request, ...rest)
      }
    })
    const { source, sight } = yield* makeCluster({
      key: digestKey,
      namespaces: null,
      ...options,
      timings: { probe: 200, backoff: { first: 50, most: 400, healthy: 60_000 }, ...options.timings }
    }).pipe(Effect.provideService(Kube, kube))
    const interest = yield* SubscriptionRef.make<ReadonlySet<ObjectKey>>(new Set())
    const folding = source(SubscriptionRef.changes(interest).pipe(Stream.buffer({ capacity: 1, strategy: "sliding" }))).pipe(
      Stream.runForEachArray((changes) =>
        Effect.sync(() => {
          arrays.push(changes)
          for (const change of changes) state = apply(state, change)
          look()
        })
      )
    )
    yield* Effect.forkScoped(folding)
    yield* Effect.forkScoped(Stream.runForEach(SubscriptionRef.changes(sight.collections), () => Effect.sync(look)))
    return { sight, interest }
  })
  const { sight, interest } = await Effect.runPromise(
    program.pipe(Effect.provide(Kube.layer({ kubeconfig })), Effect.provideService(Scope.Scope, scope))
  )

  const followed: Followed = {
    state: () => state,
    arrays,
    sight,
    collections: () => SubscriptionRef.getUnsafe(sight.collections),
    asked,
    want: (...keys) => Effect.runPromise(SubscriptionRef.set(interest, new Set(keys))),
    until: (what, holds, milliseconds = 20_000) =>
      new Promise((resolve, reject) => {
        const done = (end: () => void) => {
          waiters.delete(waiter)
          clearTimeout(late)
          end()
        }
        const waiter = () => holds(followed) && done(resolve)
        const late = setTimeout(() => {
          const seen = followed.collections().map((one) => `${one.kind}/${one.namespace} ${one.state} ${one.detail}`)
          done(() => reject(new Error(`${what}: not so after ${milliseconds} ms:\n${seen.join("\n")}`)))
        }, milliseconds)
        waiters.add(waiter)
        waiter()
      }),
    names: (kind) => [...HashMap.values(objectsOf(state, kind).byKey)].map((one) => one.meta.key.slice(kind.length + 1)).sort(),
    close: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
  return followed
}

/** For a test file: `followCluster`, whose sources (and what else is given to `opened`) are closed after each test, the last first. */
export const followEach = () => {
  const closes: Array<() => Promise<unknown>> = []
  afterEach(async () => {
    for (const close of closes.splice(0).reverse()) await close()
  })
  const opened = (close: () => Promise<unknown>): void => {
    closes.push(close)
  }
  const follow = async (...args: Parameters<typeof followCluster>): Promise<Followed> => {
    const followed = await followCluster(...args)
    opened(followed.close)
    return followed
  }
  return { follow, opened }
}
