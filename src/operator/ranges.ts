// The cluster's own ranges as all replicas hold them: what the API tells at start, kept in one ConfigMap and only ever widened. Upstreams are keyed by these
// ranges, so replicas that knew different ones would publish different versions, and none would count the other's proxies.
import { Effect, Random, Stream, SubscriptionRef } from "effect"
import { create, type ObjectPlace, read, replace, type Stored } from "../kube/apply.ts"
import { Kube, type KubeError } from "../kube/client.ts"
import { type ClusterRanges, clusterRanges, coverOf, isRange } from "../kube/ranges.ts"
import { rest } from "../kube/rest.ts"
import { field, stringAt } from "./status/json.ts"

export interface RangesOptions {
  readonly kube: Kube["Service"]
  /** Of the operator. */
  readonly namespace: string
  readonly onProblem: (message: string) => void
  /** Milliseconds between two looks at the ConfigMap; ten seconds unless said. */
  readonly every?: number
  /** Milliseconds between two questions to the API, which lists all Nodes; an hour unless said. */
  readonly again?: number
}

export interface Ranges {
  /** CIDRs, sorted. */
  readonly current: () => ReadonlyArray<string>
  readonly changes: Stream.Stream<ReadonlyArray<string>>
  /** Never ends of itself. */
  readonly run: Effect.Effect<never>
}

export const rangesName = "sluice-cluster-ranges"

type Known = Pick<ClusterRanges, "services" | "pods">

const knownIn = (stored: Stored | null): Known => {
  const of = (key: string) =>
    stringAt(field(stored, "data"), key)
      .split(/[\s,]+/)
      .filter(isRange)
  return { services: of("services"), pods: of("pods") }
}

/** Never narrower than either: a Node that went may come back with its range. */
export const widened = (a: Known, b: Known): Known => ({
  services: [...new Set([...a.services, ...b.services])].sort(),
  pods: [...coverOf([...a.pods, ...b.pods])].sort()
})

const same = (a: Known, b: Known): boolean => a.services.join() === b.services.join() && a.pods.join() === b.pods.join()

const flat = ({ services, pods }: Known): ReadonlyArray<string> => [...new Set([...services, ...pods])].sort()

/** Completes when the API server has told them. Never fails: one that does not answer is asked again; what may not be read is told. */
export const makeRanges = Effect.fnUntraced(function* (options: RangesOptions): Effect.fn.Return<Ranges> {
  const { kube, namespace, onProblem } = options
  const place: ObjectPlace = { group: "", version: "v1", plural: "configmaps", namespace, name: rangesName }
  const manifest = ({ services, pods }: Known, resourceVersion?: string) => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: rangesName,
      namespace,
      labels: { "app.kubernetes.io/name": "sluice", "app.kubernetes.io/component": "operator" },
      ...(resourceVersion === undefined ? {} : { resourceVersion })
    },
    data: { services: services.join(","), pods: pods.join(",") }
  })

  /** Puts what was found together with what stands, over the version that was read. */
  const agreed = (found: Known): Effect.Effect<Known, KubeError> =>
    Effect.gen(function* () {
      const stored = yield* read(kube, place)
      const known = knownIn(stored)
      const next = widened(known, found)
      if (stored === null) yield* create(kube, place, manifest(next))
      else if (!same(next, known)) yield* replace(kube, place, manifest(next, stored.metadata.resourceVersion))
      return next
    }).pipe(
      // Another replica was faster: what it wrote counts too.
      Effect.catchTag("KubeError", (error) => (error.status === 409 ? agreed(found) : Effect.fail(error)))
    )

  let said = ""
  const tell = (problem: string): void => {
    if (problem !== said) onProblem(problem)
    said = problem
  }
  const ask = Effect.gen(function* () {
    const found = yield* clusterRanges.pipe(Effect.provideService(Kube, kube))
    if (found.unread.length > 0) tell(found.unread.join("; "))
    return found
  })
  /** Without the right to keep them, each replica goes by what it found. */
  const kept = (found: Known) =>
    agreed(found).pipe(
      Effect.catchTag("KubeError", (error) =>
        error.status === 403
          ? Effect.sync((): Known => {
              onProblem(
                `ConfigMap ${namespace}/${rangesName} may not be kept (${error.message}): replicas may differ in the cluster's ranges`
              )
              return found
            })
          : Effect.fail(error)
      )
    )

  const patiently = <A>(effect: Effect.Effect<A, KubeError>): Effect.Effect<A> =>
    Effect.gen(function* () {
      for (let wait = 500; ; wait = Math.min(wait * 2, 30_000)) {
        const result = yield* Effect.result(effect)
        if (result._tag === "Success") return result.success
        tell(`the cluster's ranges cannot be read: ${result.failure.message}`)
        yield* rest(kube, wait)
      }
    })

  let known = yield* patiently(Effect.flatMap(ask, kept))
  const ranges = yield* SubscriptionRef.make(flat(known))
  const take = (next: Known) =>
    Effect.suspend(() => {
      if (same(next, known)) return Effect.void
      known = next
      return SubscriptionRef.set(ranges, flat(known))
    })
  /** What we have is good until somebody answers. */
  const quietly = <A>(effect: Effect.Effect<A, KubeError>) =>
    effect.pipe(Effect.catchTag("KubeError", (error) => Effect.logDebug(`the cluster's ranges: ${error.message}`)))
  const every = (milliseconds: number, effect: Effect.Effect<void>): Effect.Effect<never> =>
    Effect.forever(Effect.flatMap(Random.next, (chance) => Effect.andThen(Effect.sleep(milliseconds * (0.75 + chance / 2)), effect)))

  return {
    current: () => SubscriptionRef.getUnsafe(ranges),
    changes: SubscriptionRef.changes(ranges).pipe(Stream.buffer({ capacity: 1, strategy: "sliding" })),
    run: Effect.all(
      [
        every(
          options.every ?? 10_000,
          // One that was deleted is made again by the next question.
          quietly(
            read(kube, place).pipe(Effect.flatMap((stored) => (stored === null ? Effect.void : take(widened(known, knownIn(stored))))))
          )
        ),
        every(options.again ?? 3_600_000, quietly(Effect.flatMap(Effect.flatMap(ask, kept), take)))
      ],
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.andThen(Effect.never))
  }
})
