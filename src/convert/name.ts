// Names for what is made: free in their namespace, and the one that the source had where it is free.
import { type GroupKind, type ObjectKey, objectKey } from "#schemas/meta.ts"

/** The longest name that an object may have. */
const longest = 253

export interface Names {
  /** The first of `wanted`, `wanted-2`, `wanted-3` … that nothing of the kind has; taken from then on. */
  readonly take: (kind: GroupKind, namespace: string, wanted: string) => string
}

export const makeNames = (taken: Iterable<ObjectKey>): Names => {
  const known = new Set<string>(taken)
  return {
    take: (kind, namespace, wanted) => {
      for (let number = 1; ; number++) {
        const end = number === 1 ? "" : `-${number}`
        const name = `${wanted.slice(0, longest - end.length).replace(/[-.]+$/, "")}${end}`
        const key = objectKey(kind, namespace, name)
        if (known.has(key)) continue
        known.add(key)
        return name
      }
    }
  }
}
