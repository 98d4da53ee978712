// A Map to alter without altering it: a copy is made when something differs, and the one given (===) comes back when nothing did.
import { shared } from "./sharing.ts"

export interface Patching<K, A> {
  readonly now: () => ReadonlyMap<K, A>
  readonly set: (key: K, value: A) => void
  readonly drop: (key: K) => void
}

/** keep: of a value and the one that comes in its place, what is held: by default what they have in common stays that of before. */
export const patching = <K, A>(before: ReadonlyMap<K, A>, keep: (before: A | undefined, after: A) => A = shared): Patching<K, A> => {
  let next: Map<K, A> | null = null
  const open = (): Map<K, A> => {
    next ??= new Map(before)
    return next
  }
  const now = (): ReadonlyMap<K, A> => next ?? before
  return {
    now,
    set: (key, value) => {
      const old = now().get(key)
      const kept = keep(old, value)
      if (kept !== old) open().set(key, kept)
    },
    drop: (key) => {
      if (now().has(key)) open().delete(key)
    }
  }
}
