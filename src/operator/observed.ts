// What stands in the API server of the objects whose status we write: the watch keeps it, beside the decoded objects, which have no status.
import type { ObjectKey } from "#schemas/meta.ts"

export interface Observation {
  readonly uid: string
  readonly resourceVersion: string
  /** As JSON; undefined: there is none. */
  readonly status: unknown
}

export interface Observed {
  readonly get: (key: ObjectKey) => Observation | undefined
  readonly keys: () => Iterable<ObjectKey>
  readonly put: (key: ObjectKey, observation: Observation) => void
  readonly drop: (key: ObjectKey) => void
  /** Called with each key that was put or dropped. One listener: the status writer. */
  readonly onChange: (listener: (key: ObjectKey) => void) => void
}

export const makeObserved = (): Observed => {
  const known = new Map<ObjectKey, Observation>()
  let tell: (key: ObjectKey) => void = () => {}
  return {
    get: (key) => known.get(key),
    keys: () => known.keys(),
    put: (key, observation) => {
      if (known.get(key)?.resourceVersion === observation.resourceVersion && known.get(key)?.uid === observation.uid) return
      known.set(key, observation)
      tell(key)
    },
    drop: (key) => {
      if (known.delete(key)) tell(key)
    },
    onChange: (listener) => {
      tell = listener
    }
  }
}
