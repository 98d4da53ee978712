// The state as units of computation read it. Every read is recorded, so that the next translation computes anew only the units whose reads changed,
// and a unit that comes to the same value (===) stops the change there. Results depend on the state alone: memory only saves work (law 13).
import { HashMap, Option } from "effect"
import type { GroupKind, ObjectKey } from "#schemas/meta.ts"
import type { Decoded } from "../state/change.ts"
import { type ClusterState, objectsOf } from "../state/state.ts"
import { type BucketIndex, edited, type Index, indexed } from "./lookup.ts"
import { shared } from "./sharing.ts"

/** What a unit may read. A unit must read nothing else that can change: no clock, no mutable variable. */
export interface View {
  /** The object as decoded (its value may have failed), or null. The caller names the type that the kind's schema decodes to. */
  readonly get: <A = unknown>(key: ObjectKey) => Decoded<A> | null
  /**
   * A Secret or ConfigMap by key, and the record that it is wanted: the union over all units is translate's `interest`.
   * null: it does not exist. undefined: asked for, not answered yet (nothing is published then, law 2).
   */
  readonly fetched: <A = unknown>(key: ObjectKey) => Decoded<A> | null | undefined
  /** All objects of a kind, sorted by key; the same array (===) while none of them changes. */
  readonly list: <A = unknown>(kind: GroupKind) => ReadonlyArray<Decoded<A>>
  /** The objects of a kind in a namespace, likewise. */
  readonly inNamespace: <A = unknown>(kind: GroupKind, namespace: string) => ReadonlyArray<Decoded<A>>
  /** The objects of an index's kind that fall into a bucket, likewise. Indexes are constants of the file that reads them. */
  readonly by: <A>(index: Index<A>, bucket: string) => ReadonlyArray<Decoded<A>>
  /**
   * The value of a unit: computed now, or kept (===) from the previous translation when nothing it read has changed. The value must be immutable and depend on
   * `table`, `key` and what it reads through the view it is given (not the outer one). Units may use units; a cycle is a programming error and throws.
   * What a value computed anew has in common with the previous one is shared with it (===), so that readers of an equal value stay unchanged.
   * same: a test of the whole value to use instead, where comparing the parts would be wasted.
   */
  readonly unit: <A>(table: string, key: string, compute: (view: View) => A, same?: (before: A, after: A) => boolean) => A
}

/** What a unit came to and what it read. Immutable once made. */
interface Unit {
  readonly value: unknown
  /** Reads by kind: object keys, or `index\0bucket`. */
  readonly reads: ReadonlyArray<Reads>
  readonly fetched: ReadonlyArray<ObjectKey>
  readonly units: ReadonlyArray<Used>
  /** Whether this unit or one it used, at any depth, asked for a fetched object. */
  readonly asks: boolean
  readonly compute: (view: View) => unknown
  readonly same: ((before: never, after: never) => boolean) | undefined
}

interface Reads {
  readonly kind: GroupKind
  readonly ids: ReadonlyArray<string>
}

interface Used {
  readonly table: string
  readonly key: string
  readonly unit: Unit
}

export interface Memo {
  readonly state: ClusterState
  readonly units: ReadonlyMap<string, ReadonlyMap<string, Unit>>
  readonly indexes: ReadonlyMap<string, BucketIndex>
  /** Units computed anew by the translation that made this memo: the measure of law 13. */
  readonly computed: number
  /** Units kept from the previous one. */
  readonly kept: number
  readonly interest: ReadonlySet<ObjectKey>
}

export interface Session {
  readonly view: View
  /** The memo for the next translation: units that this one did not use are forgotten. */
  readonly finish: () => Memo
}

const all: (kind: GroupKind) => Index<unknown> = (kind) => ({ name: `${kind}:all`, kind, buckets: () => [""] })
const namespaceOf = (key: ObjectKey): string => key.slice(key.indexOf("/") + 1, key.lastIndexOf("/"))
const namespaced: (kind: GroupKind) => Index<unknown> = (kind) => ({
  name: `${kind}:namespace`,
  kind,
  buckets: (object) => [namespaceOf(object.meta.key)]
})
const kindOf = (key: ObjectKey): GroupKind => key.slice(0, key.indexOf("/"))

const asks = (fetched: ReadonlyArray<ObjectKey>, units: ReadonlyArray<Used>): boolean =>
  fetched.length > 0 || units.some((used) => used.unit.asks)

/** Opens a view over a state. previous: the memo of an earlier translation, of any state. */
export const open = (state: ClusterState, previous: Memo | null): Session => {
  const units = new Map<string, Map<string, Unit>>()
  const running = new Set<string>()
  const indexes = new Map<string, BucketIndex>()
  const changes = new Map<GroupKind, ReadonlySet<ObjectKey> | null>()
  const fetchedSame = previous !== null && previous.state.fetched === state.fetched
  let computed = 0
  let kept = 0

  /** Keys of a kind that differ from the previous state; null: none. */
  const changed = (kind: GroupKind): ReadonlySet<ObjectKey> | null => {
    const known = changes.get(kind)
    if (known !== undefined) return known
    const keys = previous === null ? null : edited(objectsOf(previous.state, kind), objectsOf(state, kind))
    changes.set(kind, keys)
    return keys
  }

  const indexOf = (index: Index<never>): BucketIndex => {
    const open = indexes.get(index.name)
    if (open !== undefined) return open
    const before = previous?.indexes.get(index.name)
    const keys = before === undefined ? null : changed(index.kind)
    const made =
      before !== undefined && keys === null
        ? before
        : indexed(index as unknown as Index<unknown>, objectsOf(state, index.kind), before, keys)
    indexes.set(index.name, made)
    return made
  }

  const readsHold = (reads: Reads): boolean => {
    const keys = changed(reads.kind)
    if (keys === null) return true
    for (const id of reads.ids) {
      const cut = id.indexOf("\u0000")
      if (cut === -1) {
        if (keys.has(id as ObjectKey)) return false
        continue
      }
      const name = id.slice(0, cut)
      const bucket = id.slice(cut + 1)
      const before = previous?.indexes.get(name)
      if (before === undefined || before.buckets.get(bucket) !== indexOf(before.index).buckets.get(bucket)) return false
    }
    return true
  }

  const fetchedHolds = (key: ObjectKey): boolean =>
    fetchedSame ||
    Option.getOrUndefined(HashMap.get(previous!.state.fetched, key)) === Option.getOrUndefined(HashMap.get(state.fetched, key))

  /** The unit if nothing it read has changed, else null. A unit it used may have been computed anew to the same value: then it is brought up to date, so that what it asks for is. */
  const verified = (unit: Unit): Unit | null => {
    if (!unit.reads.every(readsHold) || !unit.fetched.every(fetchedHolds)) return null
    let moved = false
    const current: Array<Used> = []
    for (const used of unit.units) {
      const now = settle(used.table, used.key, used.unit.compute, used.unit.same)
      if (now.value !== used.unit.value) return null
      if (now !== used.unit) moved = true
      current.push(now === used.unit ? used : { ...used, unit: now })
    }
    return moved ? { ...unit, units: current, asks: asks(unit.fetched, current) } : unit
  }

  const tableOf = (name: string): Map<string, Unit> => {
    const table = units.get(name)
    if (table !== undefined) return table
    const made = new Map<string, Unit>()
    units.set(name, made)
    return made
  }

  /** The unit as it stands in this state: verified, or computed. */
  const settle = (tableName: string, key: string, compute: (view: View) => unknown, same: Unit["same"]): Unit => {
    const table = tableOf(tableName)
    const settled = table.get(key)
    if (settled !== undefined) return settled
    const before = previous?.units.get(tableName)?.get(key)
    // Without a nested unit nothing can come back to this one while it is verified.
    const nested = before === undefined || before.units.length > 0
    const mark = nested ? `${tableName}\u0000${key}` : ""
    if (nested) {
      if (running.has(mark)) throw new Error(`unit ${tableName} ${key} needs itself`)
      running.add(mark)
    }
    try {
      const stands = before === undefined ? null : verified(before)
      if (stands === null) computed++
      else kept++
      const unit = stands ?? record(compute, same, before)
      table.set(key, unit)
      return unit
    } finally {
      if (nested) running.delete(mark)
    }
  }

  const record = (compute: (view: View) => unknown, same: Unit["same"], before: Unit | undefined): Unit => {
    const reads = new Map<GroupKind, Set<string>>()
    const wanted = new Set<ObjectKey>()
    const used = new Map<Unit, Used>()
    const note = (kind: GroupKind, id: string): void => {
      const ids = reads.get(kind)
      if (ids === undefined) reads.set(kind, new Set([id]))
      else ids.add(id)
    }
    const made = compute(
      viewOf(
        note,
        (key) => wanted.add(key),
        (table, key, unit) => used.set(unit, { table, key, unit })
      )
    )
    const value =
      before === undefined
        ? made
        : same === undefined
          ? shared(before.value, made)
          : same(before.value as never, made as never)
            ? before.value
            : made
    const units = [...used.values()]
    return {
      value,
      reads: [...reads].map(([kind, ids]) => ({ kind, ids: [...ids] })),
      fetched: [...wanted],
      units,
      asks: asks([...wanted], units),
      compute,
      same
    }
  }

  const viewOf = (
    note: (kind: GroupKind, id: string) => void,
    want: (key: ObjectKey) => void,
    use: (table: string, key: string, unit: Unit) => void
  ): View => {
    const bucket = (index: Index<never>, name: string): ReadonlyArray<Decoded> => {
      note(index.kind, `${index.name}\u0000${name}`)
      return indexOf(index).buckets.get(name) ?? none
    }
    return {
      get: <A>(key: ObjectKey) => {
        const kind = kindOf(key)
        note(kind, key)
        return Option.getOrNull(HashMap.get(objectsOf(state, kind).byKey, key)) as Decoded<A> | null
      },
      fetched: <A>(key: ObjectKey) => {
        want(key)
        return Option.getOrUndefined(HashMap.get(state.fetched, key)) as Decoded<A> | null | undefined
      },
      list: <A>(kind: GroupKind) => bucket(all(kind), "") as ReadonlyArray<Decoded<A>>,
      inNamespace: <A>(kind: GroupKind, namespace: string) => bucket(namespaced(kind), namespace) as ReadonlyArray<Decoded<A>>,
      by: <A>(index: Index<A>, name: string) => bucket(index as unknown as Index<never>, name) as ReadonlyArray<Decoded<A>>,
      unit: <A>(table: string, key: string, compute: (view: View) => A, same?: (before: A, after: A) => boolean) => {
        const unit = settle(table, key, compute, same as Unit["same"])
        use(table, key, unit)
        return unit.value as A
      }
    }
  }

  const rootWants = new Set<ObjectKey>()
  const roots = new Set<Unit>()
  const view = viewOf(
    () => {},
    (key) => rootWants.add(key),
    (_table, _key, unit) => roots.add(unit)
  )

  /** What the units in use ask for. A unit that was only verified for a reader that then dropped it asks for nothing. */
  const asked = (): Set<ObjectKey> => {
    const interest = new Set(rootWants)
    const seen = new Set<Unit>()
    const visit = (unit: Unit): void => {
      if (!unit.asks || seen.has(unit)) return
      seen.add(unit)
      for (const key of unit.fetched) interest.add(key)
      for (const used of unit.units) visit(used.unit)
    }
    for (const unit of roots) visit(unit)
    return interest
  }

  const finish = (): Memo => {
    const interest = asked()
    const before = previous?.interest
    const unchanged = before !== undefined && before.size === interest.size && [...interest].every((key) => before.has(key))
    // An index nobody read this time is brought along if its kind stood still; otherwise it would be of an older state than the memo.
    if (previous !== null)
      for (const [name, index] of previous.indexes) if (!indexes.has(name) && changed(index.index.kind) === null) indexes.set(name, index)
    return { state, units, indexes, computed, kept, interest: unchanged ? before : interest }
  }

  return { view, finish }
}

const none: ReadonlyArray<Decoded> = []
