// A table of resources that several routes may share: an entry stays while somebody uses it. Immutable; an edit copies what it touches.
import type { Id } from "../snapshot/id.ts"

export interface Counted<A> {
  readonly values: ReadonlyMap<Id, A>
  readonly uses: ReadonlyMap<Id, number>
}

export const noneCounted: Counted<never> = { values: new Map<Id, never>(), uses: new Map() }

export interface CountedEdit<A> {
  readonly add: (id: Id, value: A) => void
  readonly remove: (id: Id) => void
  /** The table given (===) when nothing came of the edits. */
  readonly done: () => Counted<A>
}

/** keep: the value to hold when an id is added again: the one before where they say the same. */
export const edit = <A>(before: Counted<A>, keep: (before: A, after: A) => A): CountedEdit<A> => {
  const deltas = new Map<Id, number>()
  const added = new Map<Id, A>()
  const count = (id: Id, by: number): void => {
    deltas.set(id, (deltas.get(id) ?? 0) + by)
  }
  return {
    add: (id, value) => {
      count(id, 1)
      const known = added.get(id) ?? before.values.get(id)
      added.set(id, known === undefined ? value : keep(known, value))
    },
    remove: (id) => count(id, -1),
    done: () => {
      let values: Map<Id, A> | null = null
      let uses: Map<Id, number> | null = null
      for (const [id, by] of deltas) {
        const now = (before.uses.get(id) ?? 0) + by
        const value = added.get(id)
        if (by !== 0) {
          uses ??= new Map(before.uses)
          if (now > 0) uses.set(id, now)
          else uses.delete(id)
        }
        if (now <= 0) {
          if (before.values.has(id)) {
            values ??= new Map(before.values)
            values.delete(id)
          }
        } else if (value !== undefined && value !== before.values.get(id)) {
          values ??= new Map(before.values)
          values.set(id, value)
        }
      }
      return values === null && uses === null ? before : { values: values ?? before.values, uses: uses ?? before.uses }
    }
  }
}
