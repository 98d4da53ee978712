// Pods that translate's interest selects: one watch a namespace that is named, for as long as it is, and of what it says only the pods that somebody's selector takes.
// Of other namespaces no pod is ever asked for.
import { Effect, type Fiber, FiberMap, type Scope } from "effect"
import type { KindEntry } from "#schemas/kinds.ts"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import { hasLabels, selectedLabels } from "#schemas/podselection.ts"
import type { Kube, KubeError } from "../kube/client.ts"
import type { WatchObserver } from "../kube/watch.ts"
import type { Change, Decoded } from "../state/change.ts"
import { closed } from "./named.ts"

export interface SelectedOptions {
  readonly kind: KindEntry
  /** null: every namespace. What is elsewhere is answered as closed without being asked for. */
  readonly namespaces: ReadonlySet<string> | null
  readonly put: (change: Change) => void
  /** One list and watch of a namespace, for ever. */
  readonly watch: (namespace: string, observer: WatchObserver<Decoded>) => Effect.Effect<never, never, Kube>
  /** Nobody names the namespace any more. */
  readonly left: (namespace: string) => void
}

export interface Selected {
  /** The selections of the interest, each time it is said. */
  readonly want: (selections: ReadonlySet<ObjectKey>) => void
  /** Ends with the defect of any watch; never otherwise. */
  readonly run: Effect.Effect<never>
}

interface Selection {
  readonly labels: ReadonlyArray<readonly [string, string]>
  /** undefined: no answer yet. null: its pods have been told. */
  answer: Decoded | null | undefined
}

interface Place {
  readonly selections: Map<ObjectKey, Selection>
  /** Those that have been told, with their labels. */
  readonly pods: Map<ObjectKey, ReadonlyMap<string, string>>
  watch: Fiber.Fiber<never> | null
  /** Of the watch: what an earlier one may still say is not heard. */
  era: number
}

export const makeSelected = (options: SelectedOptions): Effect.Effect<Selected, never, Kube | Scope.Scope> =>
  Effect.gen(function* () {
    const fibers = yield* FiberMap.make<string, never, never>()
    const start = yield* FiberMap.runtime(fibers)<Kube>()
    const places = new Map<string, Place>()

    const answer = (key: ObjectKey, selection: Selection, object: Decoded | null): void => {
      selection.answer = object
      options.put({ _tag: "Fetched", key, object })
    }

    const wantedIn = ({ selections }: Place, labels: ReadonlyMap<string, string>): boolean =>
      selections.values().some((selection) => hasLabels(labels, selection.labels))

    const drop = (place: Place, key: ObjectKey): void => {
      if (place.pods.delete(key)) options.put({ _tag: "Deleted", key })
    }

    const take = (place: Place, pod: Decoded): void => {
      const { key, labels } = pod.meta
      if (wantedIn(place, labels)) {
        place.pods.set(key, labels)
        options.put({ _tag: "Upserted", object: pod })
      } else drop(place, key)
    }

    const observing = (namespace: string, place: Place): WatchObserver<Decoded> => {
      const era = ++place.era
      return {
        listed: (pods) => {
          if (place.era !== era) return
          const there = new Set(pods.map(({ meta }) => meta.key))
          for (const key of [...place.pods.keys()]) if (!there.has(key)) drop(place, key)
          for (const pod of pods) take(place, pod)
          for (const [key, selection] of place.selections) if (selection.answer !== null) answer(key, selection, null)
        },
        set: (pod) => {
          if (place.era === era) take(place, pod)
        },
        gone: ({ meta }) => {
          if (place.era === era) drop(place, meta.key)
        },
        alive: () => {},
        failed: (why, error) => {
          if (why === "Broken" || place.era !== era) return
          options.put({ _tag: "Denied", kind: options.kind.groupKind, namespace, detail: error.message })
          // What was read stays in use; for what never was nobody must wait (law 1).
          for (const [key, selection] of place.selections)
            if (selection.answer === undefined) answer(key, selection, closed(key, noRight(namespace, error)))
        }
      }
    }

    const open = (namespace: string): Place => {
      const place: Place = { selections: new Map(), pods: new Map(), watch: null, era: 0 }
      places.set(namespace, place)
      return place
    }

    const close = (namespace: string, place: Place): void => {
      places.delete(namespace)
      place.era++
      place.watch?.interruptUnsafe()
      for (const key of [...place.pods.keys()]) drop(place, key)
      options.left(namespace)
    }

    const letGo = (wanted: ReadonlySet<ObjectKey>): void => {
      for (const [namespace, place] of places) {
        const { size } = place.selections
        for (const key of place.selections.keys()) if (!wanted.has(key)) place.selections.delete(key)
        if (place.selections.size === 0) close(namespace, place)
        else if (place.selections.size < size) for (const [key, labels] of [...place.pods]) if (!wantedIn(place, labels)) drop(place, key)
      }
    }

    return {
      want: (wanted) => {
        letGo(wanted)
        const grown = new Set<string>()
        for (const key of wanted) {
          const { namespace } = parseKey(key)
          if (options.namespaces !== null && !options.namespaces.has(namespace)) {
            options.put({ _tag: "Fetched", key, object: closed(key, `namespace ${namespace} is not watched (--watch-namespace)`) })
            continue
          }
          const place = places.get(namespace) ?? open(namespace)
          const known = place.selections.get(key)
          if (known === undefined) {
            place.selections.set(key, { labels: selectedLabels(key), answer: undefined })
            grown.add(namespace)
            // It may have been let go and named again between two sets, of which we see the last only: said twice does no harm.
          } else if (known.answer !== undefined) options.put({ _tag: "Fetched", key, object: known.answer })
        }
        // Pods that nobody wanted were not kept: they are listed anew, in place of the watch that there is.
        for (const namespace of grown) {
          const place = places.get(namespace)!
          place.watch = start(namespace, options.watch(namespace, observing(namespace, place)))
        }
      },
      run: FiberMap.join(fibers).pipe(Effect.andThen(Effect.never))
    }
  })

const noRight = (namespace: string, error: KubeError): string =>
  `the pods of namespace ${namespace} may not be read (${error.message}): grant the operator list and watch of pods there (docs/security.md)`
