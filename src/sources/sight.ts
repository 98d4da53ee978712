// What can be seen of the cluster, by kind and namespace: for metrics, for conditions and for people. Plain data; nothing is decided by it.
import type { SubscriptionRef } from "effect"
import type { Need } from "#schemas/kinds.ts"
import { type GroupKind, spokenKind } from "#schemas/meta.ts"

export type SightState =
  /** Never listed yet. */
  | "Waiting"
  /** What we hold is what the server has. */
  | "Watching"
  /** The watch is broken or cannot be begun; what was seen before is held. */
  | "Broken"
  /** 403. What was seen before is held. */
  | "Denied"
  /** No version of it is served: its CustomResourceDefinition is absent. */
  | "Unserved"

/** One collection: a kind, in one namespace or ("") in the whole cluster. */
export interface Collection {
  readonly kind: GroupKind
  readonly namespace: string
  readonly state: SightState
  /** Why, in the API server's words; "" while all is well. */
  readonly detail: string
  /** It was listed at least once: its objects are held whatever the state. */
  readonly listed: boolean
}

type Samples = Iterable<readonly [ReadonlyArray<string>, number]>

export interface Sight {
  /** Sorted by kind and namespace; a new array when a state or detail changed. */
  readonly collections: SubscriptionRef.SubscriptionRef<ReadonlyArray<Collection>>
  /** Sources of the metrics of that name (report/metrics): `metrics.sampled("watchState", sight.samples.watchState)`. */
  readonly samples: {
    readonly watchState: () => Samples
    readonly watchSilence: () => Samples
    readonly watchLists: () => Samples
    readonly watchFailures: () => Samples
  }
}

/** The pen of one collection. */
export interface Eye {
  readonly alive: () => void
  readonly listed: () => void
  readonly failed: (state: "Broken" | "Denied" | "Unserved", reason: string, detail: string) => void
  /** A failure that says nothing of the collection as a whole: it is counted. */
  readonly missed: (reason: string) => void
  /** Nobody wants it any more: its row goes. */
  readonly closed: () => void
}

interface Row {
  readonly kind: GroupKind
  readonly namespace: string
  state: SightState
  detail: string
  lists: number
  /** Milliseconds, monotonic. */
  heard: number | null
  readonly failures: Map<string, number>
}

export interface OpenSight extends Sight {
  readonly eye: (kind: GroupKind, namespace: string) => Eye
}

/** Reasons beyond this many count as one: they come from another machine. */
const maxReasons = 50

const order = (a: Row, b: Row): number => (a.kind < b.kind ? -1 : a.kind > b.kind ? 1 : a.namespace < b.namespace ? -1 : 1)

/** collections: empty. now: monotonic milliseconds. publish: how the ref is set. */
export const openSight = (
  collections: SubscriptionRef.SubscriptionRef<ReadonlyArray<Collection>>,
  now: () => number,
  publish: (next: ReadonlyArray<Collection>) => void
): OpenSight => {
  const rows: Array<Row> = []
  const tell = () =>
    publish(rows.map(({ kind, namespace, state, detail, lists }) => ({ kind, namespace, state, detail, listed: lists > 0 })))
  const to = (row: Row, state: SightState, detail: string): void => {
    if (row.state === state && row.detail === detail) return
    row.state = state
    row.detail = detail
    tell()
  }
  return {
    collections,
    eye: (kind, namespace) => {
      const row: Row = { kind, namespace, state: "Waiting", detail: "", lists: 0, heard: null, failures: new Map() }
      rows.push(row)
      rows.sort(order)
      tell()
      const missed = (reason: string): void => {
        const counted = row.failures.has(reason) || row.failures.size < maxReasons ? reason : "Other"
        row.failures.set(counted, (row.failures.get(counted) ?? 0) + 1)
      }
      return {
        missed,
        closed: () => {
          rows.splice(rows.indexOf(row), 1)
          tell()
        },
        alive: () => {
          row.heard = now()
          if (row.lists > 0) to(row, "Watching", "")
        },
        listed: () => {
          row.lists++
        },
        failed: (state, reason, detail) => {
          missed(reason)
          // Nothing was seen yet: it is waited for, whatever the trouble is called.
          to(row, state === "Broken" && row.lists === 0 ? "Waiting" : state, detail)
        }
      }
    },
    samples: {
      watchState: () => rows.map(({ kind, namespace, state }) => [[kind, namespace, state], 1]),
      watchSilence: () =>
        rows.flatMap(({ kind, namespace, heard }) => (heard === null ? [] : [[[kind, namespace], (now() - heard) / 1000]])),
      watchLists: () => rows.map(({ kind, namespace, lists }) => [[kind, namespace], lists]),
      watchFailures: () =>
        rows.flatMap(({ kind, namespace, failures }) => [...failures].map(([reason, count]) => [[kind, namespace, reason], count] as const))
    }
  }
}

/** `HTTPRoute in namespace shop`: for a sentence. */
export const describeCollection = ({ kind, namespace }: Collection): string => {
  return `${spokenKind(kind)}${namespace === "" ? "" : ` in namespace ${namespace}`}`
}

/** What is wrong with a collection and what to do about it, one sentence or two; null: nothing, or what may well be so (an Optional kind without its CRD). */
export const troubleOf = (collection: Collection, need: Need): string | null => {
  const { state, listed, detail } = collection
  const stays = listed ? "; what was read before goes on serving" : ""
  switch (state) {
    case "Watching":
      return null
    case "Waiting":
      return detail === "" ? null : `${describeCollection(collection)} cannot be read yet: ${detail}`
    case "Broken":
      return `${describeCollection(collection)} cannot be watched${stays}: ${detail}`
    case "Denied":
      return `${describeCollection(collection)} may not be read${stays}: ${detail}. Grant get, list and watch${need === "Governing" && !listed ? "; until then nothing that it may govern is published or dialled" : ""}`
    case "Unserved":
      return need !== "Required" && !listed
        ? null
        : `${describeCollection(collection)} is not served by this cluster${stays}. Install its CustomResourceDefinition (${collection.kind})`
  }
}
