// Units of computation and what each of them read: the memory between translations. A change marks the units that read it and those that used these, and only
// marked units are looked at again, so a change costs what depends on it and not what there is.
//
// The memory is altered in place by the translation that goes on from it (a copy of 25,000 units would cost more than the change). `Memo.epoch` says which
// translation it belongs to: given to another one, an old memo is not used, and everything is computed. Results never depend on it.
import { HashMap, Option } from "effect"
import type { GroupKind, ObjectKey } from "#schemas/meta.ts"
import type { Decoded } from "../state/change.ts"
import { type ClusterState, objectsOf } from "../state/state.ts"
import { type Buckets, edited, type Index, indexed, reindex } from "./lookup.ts"
import { shared } from "./sharing.ts"

/** Clean: up to date. Check: something it used may have changed. Dirty: something it read has changed. */
type Mark = "Clean" | "Check" | "Dirty"

export interface Unit {
  readonly table: string
  readonly key: string
  readonly compute: (reader: Unit) => unknown
  readonly same: ((before: never, after: never) => boolean) | undefined
  value: unknown
  mark: Mark
  running: boolean
  /** Epoch of the last translation that asked for it outside of any unit; Infinity while it is a member of a collection. */
  root: number
  collection: Collection | null
  reads: ReadonlySet<string>
  wants: ReadonlySet<ObjectKey>
  /** The units it used, with the values it saw. */
  uses: ReadonlyMap<Unit, unknown>
  users: ReadonlySet<Unit>
}

/** A unit for each object of a kind. */
interface Collection {
  readonly kind: GroupKind
  readonly units: Map<ObjectKey, Unit>
  readonly values: Map<ObjectKey, unknown>
  /** Members that may have changed since they were last looked at. */
  readonly marked: Set<Unit>
  /** Keys that have come, gone or changed since. */
  edited: Set<ObjectKey>
}

/** The values of a collection (one Map, altered in place by later translations) and, of what changed in this translation, the value before; undefined: it is new. */
export interface Collected<A> {
  readonly values: ReadonlyMap<ObjectKey, A>
  readonly changed: ReadonlyMap<ObjectKey, A | undefined>
}

/** What a value is before the first computation: equal to none. */
const absent: unknown = Symbol("absent")

interface OpenIndex {
  readonly index: Index<unknown>
  readonly buckets: Buckets
}

const objectRead = (key: ObjectKey): string => key
const bucketRead = (index: string, bucket: string): string => `${index}\u0000${bucket}`
const fetchedRead = (key: ObjectKey): string => `fetched\u0000${key}`
const givenRead = (name: string): string => `given\u0000${name}`

const kindOf = (key: ObjectKey): GroupKind => key.slice(0, key.indexOf("/"))

// Most units have one or two of these and none of the rest: a Set is made when there is something to put in.
const noReads: ReadonlySet<string> = new Set()
const noWants: ReadonlySet<ObjectKey> = new Set()
const noUses: ReadonlyMap<Unit, unknown> = new Map()
const noUsers: ReadonlySet<Unit> = new Set()

const noteRead = (reader: Unit | null, read: string): void => {
  if (reader === null) return
  if (reader.reads === noReads) reader.reads = new Set([read])
  else (reader.reads as Set<string>).add(read)
}

const noteWant = (reader: Unit | null, key: ObjectKey): void => {
  if (reader === null) return
  if (reader.wants === noWants) reader.wants = new Set([key])
  else (reader.wants as Set<ObjectKey>).add(key)
}

const noteUse = (reader: Unit | null, used: Unit): void => {
  if (reader === null) return
  if (reader.uses === noUses) reader.uses = new Map([[used, used.value]])
  else (reader.uses as Map<Unit, unknown>).set(used, used.value)
}

const noteUser = (used: Unit, user: Unit): void => {
  if (used.users === noUsers) used.users = new Set([user])
  else (used.users as Set<Unit>).add(user)
}

// Most of what is read is read by one unit: a Set is made for the second.
const putReader = (readers: Map<string, Unit | Set<Unit>>, read: string, unit: Unit): void => {
  const known = readers.get(read)
  if (known === undefined) readers.set(read, unit)
  else if (known instanceof Set) known.add(unit)
  else if (known !== unit) readers.set(read, new Set([known, unit]))
}

const takeReader = (readers: Map<string, Unit | Set<Unit>>, read: string, unit: Unit): void => {
  const known = readers.get(read)
  if (known === unit) readers.delete(read)
  else if (known instanceof Set && known.delete(unit) && known.size === 0) readers.delete(read)
}

const putInto = <K, V>(sets: Map<K, Set<V>>, key: K, value: V): void => {
  const set = sets.get(key)
  if (set === undefined) sets.set(key, new Set([value]))
  else set.add(value)
}

const takeFrom = <K, V>(sets: Map<K, Set<V>>, key: K, value: V): void => {
  const set = sets.get(key)
  if (set === undefined) return
  set.delete(value)
  if (set.size === 0) sets.delete(key)
}

export class Units {
  epoch = 0
  computed = 0
  #state: ClusterState
  readonly #tables = new Map<string, Map<string, Unit>>()
  readonly #readers = new Map<string, Unit | Set<Unit>>()
  readonly #roots = new Set<Unit>()
  readonly #loose = new Set<Unit>()
  readonly #indexes = new Map<string, OpenIndex>()
  readonly #collections = new Map<string, Collection>()
  readonly #given = new Map<string, unknown>()
  readonly #wanted = new Map<ObjectKey, Set<Unit>>()
  #interest: ReadonlySet<ObjectKey> = new Set()

  constructor(state: ClusterState) {
    this.#state = state
  }

  get size(): number {
    let size = 0
    for (const table of this.#tables.values()) size += table.size
    return size
  }

  /** Begins a translation of `state`: marks what reads anything that differs from the state before. */
  begin(state: ClusterState): void {
    const before = this.#state
    this.#state = state
    this.epoch++
    this.computed = 0
    if (before.kinds !== state.kinds)
      for (const kind of new Set([...HashMap.keys(before.kinds), ...HashMap.keys(state.kinds)])) this.#changeKind(kind, before, state)
    if (before.fetched === state.fetched) return
    for (const key of this.#wanted.keys())
      if (Option.getOrUndefined(HashMap.get(before.fetched, key)) !== Option.getOrUndefined(HashMap.get(state.fetched, key)))
        this.#dirty(fetchedRead(key))
  }

  #changeKind(kind: GroupKind, before: ClusterState, state: ClusterState): void {
    const [old, now] = [objectsOf(before, kind), objectsOf(state, kind)]
    const keys = edited(old, now)
    if (keys.size === 0) return
    for (const key of keys) this.#dirty(objectRead(key))
    for (const collection of this.#collections.values()) if (collection.kind === kind) for (const key of keys) collection.edited.add(key)
    for (const [name, { index, buckets }] of this.#indexes) {
      if (index.kind !== kind) continue
      for (const bucket of reindex(index, buckets, old, now, keys)) this.#dirty(bucketRead(name, bucket))
    }
  }

  #dirty(read: string): void {
    const readers = this.#readers.get(read)
    if (readers === undefined) return
    for (const unit of readers instanceof Set ? readers : [readers]) {
      const clean = unit.mark === "Clean"
      unit.mark = "Dirty"
      if (!clean) continue
      unit.collection?.marked.add(unit)
      this.#check(unit)
    }
  }

  #check(changed: Unit): void {
    const next = [...changed.users]
    for (let unit = next.pop(); unit !== undefined; unit = next.pop()) {
      if (unit.mark !== "Clean") continue
      unit.mark = "Check"
      unit.collection?.marked.add(unit)
      next.push(...unit.users)
    }
  }

  get(reader: Unit | null, key: ObjectKey): Decoded | null {
    noteRead(reader, objectRead(key))
    return Option.getOrNull(HashMap.get(objectsOf(this.#state, kindOf(key)).byKey, key))
  }

  fetched(reader: Unit | null, key: ObjectKey): Decoded | null | undefined {
    noteWant(reader, key)
    return Option.getOrUndefined(HashMap.get(this.#state.fetched, key))
  }

  by(reader: Unit | null, index: Index<unknown>, bucket: string): ReadonlyArray<Decoded> {
    noteRead(reader, bucketRead(index.name, bucket))
    let open = this.#indexes.get(index.name)
    if (open === undefined) {
      open = { index, buckets: indexed(index, objectsOf(this.#state, index.kind)) }
      this.#indexes.set(index.name, open)
    }
    return open.buckets.get(bucket) ?? none
  }

  /** A value from outside of the state, that units may read: made of other units' values by the translation itself. */
  give(name: string, value: unknown): void {
    if (this.#given.get(name) === value) return
    this.#given.set(name, value)
    this.#dirty(givenRead(name))
  }

  given(reader: Unit | null, name: string): unknown {
    noteRead(reader, givenRead(name))
    return this.#given.get(name)
  }

  #unitOf(tableName: string, key: string, compute: Unit["compute"], same: Unit["same"]): Unit {
    let table = this.#tables.get(tableName)
    if (table === undefined) {
      table = new Map()
      this.#tables.set(tableName, table)
    }
    const known = table.get(key)
    if (known !== undefined) return known
    const unit: Unit = {
      table: tableName,
      key,
      compute,
      same,
      value: absent,
      mark: "Dirty",
      running: false,
      root: -1,
      collection: null,
      reads: noReads,
      wants: noWants,
      uses: noUses,
      users: noUsers
    }
    table.set(key, unit)
    return unit
  }

  /** The value of a unit, brought up to date. reader null: a root, which keeps the unit alive for this translation. */
  unit(reader: Unit | null, table: string, key: string, compute: Unit["compute"], same: Unit["same"]): unknown {
    const unit = this.#unitOf(table, key, compute, same)
    if (reader !== null) noteUser(unit, reader)
    else if (unit.root < this.epoch) {
      unit.root = this.epoch
      this.#roots.add(unit)
    }
    this.#settle(unit)
    noteUse(reader, unit)
    return unit.value
  }

  /** A unit for each object of a kind, of which only those are looked at that may have changed. */
  each(table: string, kind: GroupKind, compute: (reader: Unit, key: ObjectKey) => unknown): Collected<unknown> {
    const objects = objectsOf(this.#state, kind).byKey
    let collection = this.#collections.get(table)
    if (collection === undefined) {
      collection = { kind, units: new Map(), values: new Map(), marked: new Set(), edited: new Set(HashMap.keys(objects)) }
      this.#collections.set(table, collection)
    }
    const { units, values, marked, edited: keys } = collection
    const changed = new Map<ObjectKey, unknown>()
    for (const key of keys) {
      const known = units.get(key)
      if (HashMap.has(objects, key)) {
        if (known !== undefined) continue
        const unit = this.#unitOf(table, key, (reader) => compute(reader, key), undefined)
        unit.root = Number.POSITIVE_INFINITY
        unit.collection = collection
        units.set(key, unit)
        marked.add(unit)
      } else if (known !== undefined) {
        changed.set(key, values.get(key))
        units.delete(key)
        values.delete(key)
        marked.delete(known)
        known.root = -1
        known.collection = null
        this.#loose.add(known)
      }
    }
    collection.edited = new Set()
    for (const unit of marked) {
      this.#settle(unit)
      const key = unit.key as ObjectKey
      const before = values.get(key)
      if (before === unit.value) continue
      changed.set(key, before)
      values.set(key, unit.value)
    }
    marked.clear()
    return { values, changed }
  }

  #settle(unit: Unit): void {
    if (unit.mark === "Clean") return
    if (unit.running) throw new Error(`unit ${unit.table} ${unit.key} needs itself`)
    unit.running = true
    try {
      if (unit.mark === "Check" && !this.#usesMoved(unit)) unit.mark = "Clean"
      if (unit.mark !== "Clean") this.#compute(unit)
    } finally {
      unit.running = false
    }
  }

  #usesMoved(unit: Unit): boolean {
    for (const [used, seen] of unit.uses) {
      this.#settle(used)
      if (used.value !== seen) return true
    }
    return false
  }

  #compute(unit: Unit): void {
    this.computed++
    const { reads, wants, uses } = unit
    unit.reads = noReads
    unit.wants = noWants
    unit.uses = noUses
    const made = this.#made(unit, { reads, wants, uses })
    unit.value =
      unit.value === absent
        ? made
        : unit.same === undefined
          ? shared(unit.value, made)
          : unit.same(unit.value as never, made as never)
            ? unit.value
            : made
    unit.mark = "Clean"
    for (const read of unit.reads) if (!reads.has(read)) putReader(this.#readers, read, unit)
    for (const read of reads) if (!unit.reads.has(read)) takeReader(this.#readers, read, unit)
    for (const key of unit.wants) {
      if (wants.has(key)) continue
      putInto(this.#wanted, key, unit)
      putReader(this.#readers, fetchedRead(key), unit)
    }
    for (const key of wants) if (!unit.wants.has(key)) this.#unwant(unit, key)
    for (const used of uses.keys()) if (!unit.uses.has(used)) this.#release(unit, used)
  }

  /** A unit that throws stays dirty and registered for what it read before, so that it is computed again when asked for again. */
  #made(unit: Unit, before: Pick<Unit, "reads" | "wants" | "uses">): unknown {
    try {
      return unit.compute(unit)
    } catch (defect) {
      for (const used of unit.uses.keys()) if (!before.uses.has(used)) this.#release(unit, used)
      Object.assign(unit, before)
      throw defect
    }
  }

  #unwant(unit: Unit, key: ObjectKey): void {
    takeFrom(this.#wanted, key, unit)
    takeReader(this.#readers, fetchedRead(key), unit)
  }

  #release(user: Unit, used: Unit): void {
    if (used.users !== noUsers) (used.users as Set<Unit>).delete(user)
    if (used.users.size === 0) this.#loose.add(used)
  }

  /** Ends the translation: units that nothing used any more are forgotten, and with them what they asked for. */
  finish(): ReadonlySet<ObjectKey> {
    for (const unit of this.#roots) {
      if (unit.root >= this.epoch) continue
      this.#roots.delete(unit)
      this.#loose.add(unit)
    }
    for (const unit of this.#loose) {
      this.#loose.delete(unit)
      if (unit.users.size > 0 || unit.root >= this.epoch) continue
      this.#tables.get(unit.table)?.delete(unit.key)
      for (const read of unit.reads) takeReader(this.#readers, read, unit)
      for (const key of unit.wants) this.#unwant(unit, key)
      // A set that grows while it is walked is walked to its new end.
      for (const used of unit.uses.keys()) this.#release(unit, used)
    }
    const stands = this.#interest.size === this.#wanted.size && [...this.#wanted.keys()].every((key) => this.#interest.has(key))
    if (!stands) this.#interest = new Set(this.#wanted.keys())
    return this.#interest
  }
}

const none: ReadonlyArray<Decoded> = []
