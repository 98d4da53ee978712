// The API server as a source of changes: a list and watch for each kind of the table, and for each watched namespace; Secrets and ConfigMaps by metadata,
// their bytes by interest, as are pods. The composition only: watching is src/kube/watch, merging ./gathering, fetching ./named, selecting ./selected, telling ./sight.
import { Clock, Effect, Stream, SubscriptionRef } from "effect"
import { kinds as allKinds, type KindEntry, kindOf } from "#schemas/kinds.ts"
import type { ObjectKey } from "#schemas/meta.ts"
import { podKind } from "#schemas/podselection.ts"
import { Kube } from "../kube/client.ts"
import { kubePath } from "../kube/path.ts"
import { defaultWatchTimings, type WatchObserver, type WatchTimings, watchCollection } from "../kube/watch.ts"
import type { ChangeSource, Decoded } from "../state/change.ts"
import { gather, type Hearing } from "./gathering.ts"
import { makeNamed, type Named } from "./named.ts"
import { makeOutbox } from "./outbox.ts"
import { makeSelected } from "./selected.ts"
import { decodeServed, type Sighted, sightedOf } from "./served.ts"
import { type Collection, type Eye, openSight, type Sight } from "./sight.ts"
import { type StandingObserver, standingOf } from "./standing.ts"

export interface ClusterOptions {
  /** What Secrets are sealed with. */
  readonly key: Uint8Array
  /** `--watch-namespace`; null: the whole cluster. */
  readonly namespaces: ReadonlySet<string> | null
  /** The table of kinds, unless a test watches less. */
  readonly kinds?: ReadonlyArray<KindEntry>
  readonly timings?: Partial<WatchTimings>
  /** Is told the statuses that stand. */
  readonly standing?: StandingObserver
}

export interface ClusterSource {
  /** Never fails, never ends; run it once. A defect of any watch ends it with that defect. */
  readonly source: ChangeSource
  readonly sight: Sight
}

/** Groups that the API server serves by itself; all others come by CustomResourceDefinition, or may. */
const builtIn: ReadonlySet<string> = new Set(["", "discovery.k8s.io", "networking.k8s.io"])

interface Place {
  readonly namespace: string
  readonly paths: ReadonlyArray<string>
  readonly query?: Readonly<Record<string, string>>
}

/** Where a kind is read: once for the cluster, or once a watched namespace (of Namespaces themselves: each by its name, which a narrow role can allow). */
const placesOf = (kind: KindEntry, namespaces: ReadonlySet<string> | null): ReadonlyArray<Place> => {
  const { group, plural, versions } = kind
  const paths = (namespace: string) => versions.map((version) => kubePath({ group, version, plural, namespace }))
  if (namespaces === null) return [{ namespace: "", paths: paths("") }]
  const watched = [...namespaces].sort()
  if (kind.groupKind === "Namespace")
    return watched.map((namespace) => ({ namespace, paths: paths(""), query: { fieldSelector: `metadata.name=${namespace}` } }))
  return kind.scope === "Cluster"
    ? [{ namespace: "", paths: paths("") }]
    : watched.map((namespace) => ({ namespace, paths: paths(namespace) }))
}

const states = { Absent: "Unserved", Denied: "Denied", Broken: "Broken" } as const

/** needs: the API server that is in the context now; what it makes runs later, by itself. */
export const makeCluster = (options: ClusterOptions): Effect.Effect<ClusterSource, never, Kube> =>
  Effect.gen(function* () {
    const kube = yield* Kube
    const clock = yield* Clock.Clock
    const timings: WatchTimings = { ...defaultWatchTimings, ...options.timings }
    const collections = yield* SubscriptionRef.make<ReadonlyArray<Collection>>([])
    // Set from plain callbacks: nothing in it waits.
    const run = Effect.runSyncWith(yield* Effect.context<never>())
    const sight = openSight(
      collections,
      () => Number(clock.monotonicTimeNanosUnsafe()) / 1e6,
      (next) => run(SubscriptionRef.set(collections, next))
    )
    const kinds = options.kinds ?? allKinds

    const watchListed = (kind: KindEntry, place: Place, hearing: Hearing, eye: Eye) => {
      const standing = options.standing?.wants(kind.groupKind) === true ? options.standing : null
      return watchCollection<Decoded>(
        {
          paths: place.paths,
          ...(place.query === undefined ? {} : { query: place.query }),
          metadataOnly: false,
          custom: !builtIn.has(kind.group),
          decode: (raw, path) => {
            const version = kind.versions[place.paths.indexOf(path)] ?? kind.version
            const decoded = decodeServed(kind, version, options.key, raw)
            // Before the object itself: a status that is made from it is compared with what stands.
            const found = standing === null || decoded === null ? null : standingOf(kind.groupKind, `${kind.group}/${version}`, raw)
            if (found !== null) standing?.seen(found.key, found.standing)
            return decoded
          }
        },
        {
          listed: (objects) => {
            eye.listed()
            standing?.only(kind.groupKind, place.namespace, new Set(objects.map((one) => one.meta.key)))
            hearing.listed(objects)
          },
          set: hearing.set,
          gone: (object) => {
            standing?.gone(object.meta.key)
            hearing.gone(object)
          },
          alive: eye.alive,
          failed: (why, error) => {
            eye.failed(states[why], error.reason, error.message)
            if (why === "Denied") hearing.denied(error.message)
            if (why === "Absent") hearing.absent()
          }
        },
        timings
      )
    }

    const watchSighted = (kind: KindEntry, place: Place, named: Named, eye: Eye) =>
      watchCollection<Sighted>(
        { paths: place.paths, metadataOnly: true, custom: !builtIn.has(kind.group), decode: (raw) => sightedOf(kind, raw) },
        {
          listed: (sighted) => {
            eye.listed()
            named.listed(kind, place.namespace, sighted)
          },
          set: named.set,
          gone: named.gone,
          alive: eye.alive,
          failed: (why, error) => {
            eye.failed(states[why], error.reason, error.message)
            if (why !== "Broken") named.blind(kind, place.namespace)
          }
        },
        timings
      )

    const watchSelected = (kind: KindEntry, namespace: string, observer: WatchObserver<Decoded>, eye: Eye) =>
      watchCollection<Decoded>(
        {
          paths: [kubePath({ group: kind.group, version: kind.version, plural: kind.plural, namespace })],
          metadataOnly: false,
          custom: !builtIn.has(kind.group),
          decode: (raw) => decodeServed(kind, kind.version, options.key, raw)
        },
        {
          ...observer,
          listed: (objects) => {
            eye.listed()
            observer.listed(objects)
          },
          alive: eye.alive,
          failed: (why, error) => {
            eye.failed(states[why], error.reason, error.message)
            observer.failed(why, error)
          }
        },
        timings
      )

    const source: ChangeSource = (interests) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const outbox = yield* makeOutbox
          const eyes = new Map<string, Eye>()
          const eyeOf = (kind: KindEntry, namespace: string): Eye => {
            const name = `${kind.groupKind}/${namespace}`
            const eye = eyes.get(name) ?? sight.eye(kind.groupKind, namespace)
            eyes.set(name, eye)
            return eye
          }
          const named = yield* makeNamed({
            key: options.key,
            namespaces: options.namespaces,
            put: outbox.put,
            onFailure: (kind, error) => eyeOf(kind, placesOf(kind, options.namespaces)[0]!.namespace).missed(error.reason),
            // In a row of its own: of the whole cluster's Secrets those of one namespace may be closed to us.
            onDenied: (kind, namespace, error) => {
              const eye = eyeOf(kind, namespace)
              if (error !== null) return eye.failed("Denied", error.reason, error.message)
              eye.listed()
              eye.alive()
            },
            backoff: timings.backoff,
            probe: timings.probe
          })
          const pods = kindOf(podKind)!
          const selected = yield* makeSelected({
            kind: pods,
            namespaces: options.namespaces,
            put: outbox.put,
            watch: (namespace, observer) => watchSelected(pods, namespace, observer, eyeOf(pods, namespace)),
            left: (namespace) => {
              eyeOf(pods, namespace).closed()
              eyes.delete(`${pods.groupKind}/${namespace}`)
            }
          })
          const watches = kinds.flatMap((kind) => {
            if (kind.need === "Selected") return []
            const places = placesOf(kind, options.namespaces)
            if (kind.need === "Demanded") return places.map((place) => watchSighted(kind, place, named, eyeOf(kind, place.namespace)))
            const hearings = gather(
              kind,
              places.map((place) => place.namespace),
              outbox.put
            )
            return places.map((place) => watchListed(kind, place, hearings.get(place.namespace)!, eyeOf(kind, place.namespace)))
          })
          const following = Stream.runForEach(interests, (interest) =>
            Effect.sync(() => {
              const isSelection = (key: ObjectKey): boolean => key.startsWith(`${podKind}/`)
              named.want(new Set([...interest].filter((key) => !isSelection(key))))
              selected.want(new Set([...interest].filter(isSelection)))
            })
          )
          const all = Effect.all([...watches, following, named.run, selected.run], { concurrency: "unbounded", discard: true })
          return Stream.mergeEffect(outbox.stream, all)
        })
      ).pipe(Stream.provideService(Kube, kube), Stream.scoped)

    return { source, sight }
  })
