// Secrets and ConfigMaps that translate's interest names: got one by one, got again when the watch of metadata says that they changed, let go when
// nobody names them any more. Nobody else's bytes are ever asked for.
import { Clock, Effect, type Fiber, FiberMap, Random, Result, type Scope, Semaphore } from "effect"
import { type KindEntry, kindOf } from "#schemas/kinds.ts"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import { Backoff, type BackoffTimings } from "../kube/backoff.ts"
import { Kube, type KubeError } from "../kube/client.ts"
import { kubePath } from "../kube/path.ts"
import type { Change, Decoded } from "../state/change.ts"
import { decodeServed, type Sighted } from "./served.ts"

export interface NamedOptions {
  /** What Secrets are sealed with. */
  readonly key: Uint8Array
  /** null: every namespace. What is elsewhere is answered as closed without being asked for. */
  readonly namespaces: ReadonlySet<string> | null
  readonly put: (change: Change) => void
  /** Each failed try. */
  readonly onFailure: (kind: KindEntry, error: KubeError) => void
  /** Something of this namespace may not be read, or (null) may be read again. */
  readonly onDenied: (kind: KindEntry, namespace: string, error: KubeError | null) => void
  readonly backoff: BackoffTimings
  /** Milliseconds between tries of what is denied. */
  readonly probe: number
}

export interface Named {
  /** The whole interest, each time it is said. */
  readonly want: (interest: ReadonlySet<ObjectKey>) => void
  /** Hearings of the metadata watch of one collection. */
  readonly listed: (kind: KindEntry, namespace: string, sighted: ReadonlyArray<Sighted>) => void
  readonly set: (sighted: Sighted) => void
  readonly gone: (sighted: Sighted) => void
  /** Metadata cannot be watched: what is wanted of the collection is asked for by name instead. */
  readonly blind: (kind: KindEntry, namespace: string) => void
  /** Ends with the defect of any fetch; never otherwise. */
  readonly run: Effect.Effect<never>
}

interface Wanted {
  readonly kind: KindEntry
  readonly namespace: string
  readonly name: string
  /** undefined: no answer yet. */
  answer: Decoded | null | undefined
  denied: boolean
  /** Asked for while a request was under way: that one may have been too early. */
  again: boolean
  /** The fetch under way. */
  fetching: Fiber.Fiber<void> | null
}

/** Requests under way at once: a thousand certificates at start do not crowd out the lists. */
const concurrency = 8

/** Whether what we hold is at least as new as what was sighted; versions that are no numbers never are. */
const covers = (held: string, sighted: string): boolean =>
  held === sighted || (/^\d+$/.test(held) && /^\d+$/.test(sighted) && BigInt(held) >= BigInt(sighted))

/** An object that stays closed to us, with the reason in place of its value: whoever refers to it says so. */
export const closed = (key: ObjectKey, reason: string): Decoded => ({
  meta: { key, uid: "", resourceVersion: "", generation: 1, created: "", labels: new Map(), annotations: new Map() },
  value: Result.fail([{ path: "", message: reason }])
})

const noRight = ({ kind, namespace }: Wanted): string =>
  `Sluice has no right to get ${kind.plural} in namespace ${namespace} (403): bind its role there (docs/security.md)`

export const makeNamed = (options: NamedOptions): Effect.Effect<Named, never, Kube | Scope.Scope> =>
  Effect.gen(function* () {
    const kube = yield* Kube
    const clock = yield* Clock.Clock
    const fibers = yield* FiberMap.make<ObjectKey, void, never>()
    const start = yield* FiberMap.runtime(fibers)<never>()
    const permits = yield* Semaphore.make(concurrency)
    const wanted = new Map<ObjectKey, Wanted>()
    const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6

    const answer = (key: ObjectKey, one: Wanted, object: Decoded | null): void => {
      one.answer = object
      options.put({ _tag: "Fetched", key, object })
    }

    const get = ({ kind, namespace, name }: Wanted): Effect.Effect<Decoded | null, KubeError> => {
      const { group, version, plural } = kind
      return kube.request({ method: "GET", path: kubePath({ group, version, plural, namespace, name }) }).pipe(
        Effect.map((raw) => decodeServed(kind, version, options.key, raw)),
        Effect.catchTag("KubeError", (error) => (error.status === 404 ? Effect.succeed(null) : Effect.fail(error)))
      )
    }

    const fetch = Effect.fnUntraced(function* (key: ObjectKey, one: Wanted) {
      const backoff = new Backoff(options.backoff)
      let alone = false
      do {
        one.again = false
        const result = yield* Effect.result(permits.withPermits(1)(get(one)))
        if (result._tag === "Success") {
          if (one.denied) options.onDenied(one.kind, one.namespace, null)
          one.denied = false
          answer(key, one, result.success)
          continue
        }
        const error = result.failure
        one.again = true
        options.onFailure(one.kind, error)
        const chance = yield* Random.next
        if (alone && error.status !== null) backoff.forget()
        alone = error.status === null
        const pause = backoff.next(now(), chance, error.retryAfter, kube.settling())
        if (error.status !== 403) {
          yield* Effect.timeoutOption(alone ? kube.back : Effect.never, pause)
          continue
        }
        if (!one.denied) {
          one.denied = true
          options.onDenied(one.kind, one.namespace, error)
          options.put({ _tag: "Denied", kind: one.kind.groupKind, namespace: one.namespace, detail: error.message })
          // A pair that was read stays in use; of one that never was nobody must wait (law 1), and it is not said to be absent.
          if (one.answer === undefined || one.answer === null) answer(key, one, closed(key, noRight(one)))
        }
        yield* Effect.sleep(Math.min(options.probe * (0.75 + chance / 2), pause))
      } while (one.again)
      one.fetching = null
    })

    const ask = (key: ObjectKey, one: Wanted): void => {
      one.again = true
      one.fetching ??= start(key, fetch(key, one))
    }

    const of = (kind: KindEntry, namespace: string): ReadonlyArray<readonly [ObjectKey, Wanted]> =>
      [...wanted].filter(([, one]) => one.kind === kind && (namespace === "" || one.namespace === namespace))

    const see = (key: ObjectKey, version: string | null): void => {
      const one = wanted.get(key)
      if (one === undefined) return
      const held = one.answer
      if (version === null) {
        if (one.fetching !== null) ask(key, one)
        else if (held !== null) answer(key, one, null)
      } else if (held === null || held === undefined || !covers(held.meta.resourceVersion, version)) ask(key, one)
    }

    return {
      want: (interest) => {
        for (const [key, one] of wanted)
          if (!interest.has(key)) {
            wanted.delete(key)
            one.fetching?.interruptUnsafe()
          }
        for (const key of interest) {
          const known = wanted.get(key)
          if (known !== undefined) {
            // It may have been let go and named again between two sets, of which we see the last only: said twice does no harm.
            if (known.answer !== undefined) options.put({ _tag: "Fetched", key, object: known.answer })
            continue
          }
          const { kind: groupKind, namespace, name } = parseKey(key)
          const kind = kindOf(groupKind)
          if (kind === undefined || (options.namespaces !== null && !options.namespaces.has(namespace))) {
            options.put({ _tag: "Fetched", key, object: closed(key, `namespace ${namespace} is not watched (--watch-namespace)`) })
            continue
          }
          const one: Wanted = { kind, namespace, name, answer: undefined, denied: false, again: false, fetching: null }
          wanted.set(key, one)
          ask(key, one)
        }
      },
      listed: (kind, namespace, sighted) => {
        const mine = of(kind, namespace)
        if (mine.length === 0) return
        const versions = new Map(sighted.map(({ key, version }) => [key, version]))
        for (const [key] of mine) see(key, versions.get(key) ?? null)
      },
      set: ({ key, version }) => see(key, version),
      gone: ({ key, version }) => {
        const held = wanted.get(key)?.answer
        // The event of a deletion that was followed by a creation, which we have read already.
        if (held !== null && held !== undefined && covers(held.meta.resourceVersion, version)) return
        see(key, null)
      },
      blind: (kind, namespace) => {
        for (const [key, one] of of(kind, namespace)) ask(key, one)
      },
      run: FiberMap.join(fibers).pipe(Effect.andThen(Effect.never))
    }
  })
