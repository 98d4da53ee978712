// Names of a pod are looked up once, by its primary: a worker says which it watches and is told what becomes of them.
import { Deferred, Effect, type Fiber, FiberMap, type Scope } from "effect"
import { canonicalName } from "../upstream/dial/rules.ts"
import type { Names } from "../upstream/discovery/names.ts"
import { type NameWatch, pending, type Resolution } from "../upstream/discovery/resolution.ts"
import type { Down, Say, Tell, Up } from "./messages.ts"

type Watch = Extract<Up, { readonly type: "Watch" }>
type Resolved = Extract<Down, { readonly type: "Resolved" }>

interface Entry {
  current: Resolution
  readonly listeners: Set<(resolution: Resolution) => void>
  readonly settled: Deferred.Deferred<void>
}

export interface RemoteNames {
  readonly watch: Names["Service"]["watch"]
  readonly resolved: (message: Resolved) => void
}

/** The worker's end. */
export const makeRemoteNames = (say: Say): RemoteNames => {
  const entries = new Map<number, Entry>()
  let born = 0
  return {
    watch: Effect.fnUntraced(function* (name, contract, addresses, namespace, kind = "Host") {
      const watch = born++
      const entry: Entry = { current: pending, listeners: new Set(), settled: Deferred.makeUnsafe<void>() }
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          entries.set(watch, entry)
          say({ type: "Watch", watch, name, contract, addresses, namespace, kind })
        }),
        () =>
          Effect.sync(() => {
            entries.delete(watch)
            say({ type: "Unwatch", watch })
          })
      )
      return {
        name: canonicalName(name),
        current: () => entry.current,
        subscribe: (listener) => {
          const own = (resolution: Resolution) => listener(resolution)
          entry.listeners.add(own)
          return () => {
            entry.listeners.delete(own)
          }
        },
        settled: Deferred.await(entry.settled)
      } satisfies NameWatch
    }),
    resolved: ({ watch, resolution, settled }) => {
      const entry = entries.get(watch)
      if (entry === undefined) return
      entry.current = resolution
      for (const listener of [...entry.listeners]) listener(resolution)
      if (settled) Deferred.doneUnsafe(entry.settled, Effect.void)
    }
  }
}

export interface NameRelay {
  readonly watch: (worker: number, tell: Tell, message: Watch) => void
  readonly unwatch: (worker: number, watch: number) => void
  /** The worker has gone, with all that it watched. */
  readonly forget: (worker: number) => void
}

/** The primary's end: the watches of all workers. */
export const makeNameRelay = Effect.fnUntraced(function* (
  names: Pick<Names["Service"], "watch">
): Effect.fn.Return<NameRelay, never, Scope.Scope> {
  const run = yield* FiberMap.makeRuntime<never, string>()
  const watches = new Map<string, Fiber.Fiber<never>>()
  const end = (key: string) => {
    watches.get(key)?.interruptUnsafe()
    watches.delete(key)
  }
  const relayed = (tell: Tell, { watch, name, contract, addresses, namespace, kind }: Watch): Effect.Effect<never> =>
    Effect.scoped(
      Effect.gen(function* () {
        const known = yield* names.watch(name, contract, addresses, namespace, kind)
        let settled = false
        const say = (resolution: Resolution) => tell({ type: "Resolved", watch, resolution, settled })
        const unsubscribe = known.subscribe(say)
        yield* Effect.addFinalizer(() => Effect.sync(unsubscribe))
        say(known.current())
        yield* known.settled
        settled = true
        say(known.current())
        return yield* Effect.never
      })
    )
  return {
    watch: (worker, tell, message) => {
      const key = `${worker} ${message.watch}`
      watches.set(key, run(key, relayed(tell, message)))
    },
    unwatch: (worker, watch) => end(`${worker} ${watch}`),
    forget: (worker) => {
      for (const key of [...watches.keys()]) if (key.startsWith(`${worker} `)) end(key)
    }
  }
})
