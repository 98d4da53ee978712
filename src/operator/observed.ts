// What stands in the API server of the objects whose status we write: the watch keeps it, beside the decoded objects, which have no status.
import { type GroupKind, type ObjectKey, parseKey } from "#schemas/meta.ts"
import { sameJson } from "./status/json.ts"

export interface Observation {
  readonly uid: string
  readonly resourceVersion: string
  /** `gateway.networking.k8s.io/v1`: the version that is served. */
  readonly apiVersion: string
  /** As JSON; undefined: there is none. */
  readonly status: unknown
  readonly generation: number
  /** Names in managedFields of those who wrote its condition `Accepted` last. */
  readonly accepters: ReadonlyArray<string>
}

export interface Observed {
  readonly get: (key: ObjectKey) => Observation | undefined
  readonly keys: () => Iterable<ObjectKey>
  /** Whose statuses are written here: kinds of others are not kept. */
  readonly wants: (kind: GroupKind) => boolean
  readonly seen: (key: ObjectKey, observation: Observation) => void
  readonly gone: (key: ObjectKey) => void
  /** After a whole list: what it lacks is gone. namespace "": of the whole cluster. */
  readonly only: (kind: GroupKind, namespace: string, keys: ReadonlySet<ObjectKey>) => void
  /** Called with each key that came, changed or went. */
  readonly onChange: (listener: (key: ObjectKey) => void) => void
}

/** kinds: those with a status of ours. */
export const makeObserved = (kinds: ReadonlySet<GroupKind>): Observed => {
  const byKind = new Map<GroupKind, Map<ObjectKey, Observation>>([...kinds].map((kind) => [kind, new Map()] as const))
  const listeners: Array<(key: ObjectKey) => void> = []
  const tell = (key: ObjectKey): void => {
    for (const listener of listeners) listener(key)
  }
  const of = (key: ObjectKey) => byKind.get(parseKey(key).kind)
  const gone = (key: ObjectKey): void => {
    if (of(key)?.delete(key) === true) tell(key)
  }
  return {
    get: (key) => of(key)?.get(key),
    *keys() {
      for (const known of byKind.values()) yield* known.keys()
    },
    wants: (kind) => kinds.has(kind),
    seen: (key, observation) => {
      const known = of(key)
      const before = known?.get(key)
      if (known === undefined) return
      const { uid, resourceVersion, status } = observation
      // An edit of its CRD may change what stands without a new resourceVersion.
      if (before?.uid === uid && before.resourceVersion === resourceVersion && sameJson(before.status, status)) return
      known.set(key, observation)
      tell(key)
    },
    gone,
    only: (kind, namespace, keys) => {
      for (const key of [...(byKind.get(kind)?.keys() ?? [])])
        if ((namespace === "" || parseKey(key).namespace === namespace) && !keys.has(key)) gone(key)
    },
    onChange: (listener) => {
      listeners.push(listener)
    }
  }
}
