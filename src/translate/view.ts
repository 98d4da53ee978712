// The state as translate reads it. Every read is recorded, so that the next translation computes anew only the units whose reads changed,
// and a unit that comes to the same value (===) stops the change there. Results depend on the state alone: memory only saves work (law 13).
import type { GroupKind, ObjectKey } from "#schemas/meta.ts"
import type { Decoded } from "../state/change.ts"
import type { ClusterState } from "../state/state.ts"
import type { Index } from "./lookup.ts"
import { type Collected, type Unit, Units } from "./units.ts"

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
  /** Namespaces whose objects of a kind could never be read: that there are none is not known. */
  readonly unread: (kind: GroupKind) => ReadonlyArray<string>
  /** What the translation has `give`n by this name. The caller names the type. */
  readonly given: <A>(name: string) => A
}

/** What a translation leaves for the next one. */
export interface Memo {
  readonly units: Units
  readonly epoch: number
  /** Units computed anew by the translation that made this memo: the measure of law 13. */
  readonly computed: number
  /** Units in use. */
  readonly size: number
  readonly interest: ReadonlySet<ObjectKey>
}

export interface Session {
  readonly view: View
  /** The previous memo is gone on from; if not, everything counts as new. */
  readonly continues: boolean
  /** The unit of each object of a kind. Only those that may have changed are looked at, so this is how to walk what there are thousands of. */
  readonly each: <A>(table: string, kind: GroupKind, compute: (view: View, key: ObjectKey) => A) => Collected<A>
  /** Puts in a value that units read by `given`: made of other units, where a unit of its own would have to look at all of them. Before any of its readers runs. */
  readonly give: (name: string, value: unknown) => void
  /** The memo for the next translation: units that this one did not use are forgotten. */
  readonly finish: () => Memo
}

const named = <A>(make: (kind: GroupKind) => A): ((kind: GroupKind) => A) => {
  const known = new Map<GroupKind, A>()
  return (kind) => {
    const found = known.get(kind)
    if (found !== undefined) return found
    const made = make(kind)
    known.set(kind, made)
    return made
  }
}

// By kind, of which there are as many as a release knows.
const all = named<Index<unknown>>((kind) => ({ name: `${kind}:all`, kind, buckets: () => [""] }))
const byNamespace = named<Index<unknown>>((kind) => ({
  name: `${kind}:namespace`,
  kind,
  buckets: ({ meta: { key } }) => [key.slice(key.indexOf("/") + 1, key.lastIndexOf("/"))]
}))

const none: ReadonlyArray<string> = []

/** A class, for there is one a unit: methods of an object literal would be made anew for each. */
class RecordingView implements View {
  readonly #units: Units
  readonly #reader: Unit | null

  constructor(units: Units, reader: Unit | null) {
    this.#units = units
    this.#reader = reader
  }

  get<A>(key: ObjectKey): Decoded<A> | null {
    return this.#units.get(this.#reader, key) as Decoded<A> | null
  }

  fetched<A>(key: ObjectKey): Decoded<A> | null | undefined {
    return this.#units.fetched(this.#reader, key) as Decoded<A> | null | undefined
  }

  list<A>(kind: GroupKind): ReadonlyArray<Decoded<A>> {
    return this.#units.by(this.#reader, all(kind), "") as ReadonlyArray<Decoded<A>>
  }

  inNamespace<A>(kind: GroupKind, namespace: string): ReadonlyArray<Decoded<A>> {
    return this.#units.by(this.#reader, byNamespace(kind), namespace) as ReadonlyArray<Decoded<A>>
  }

  by<A>(index: Index<A>, bucket: string): ReadonlyArray<Decoded<A>> {
    return this.#units.by(this.#reader, index as Index<unknown>, bucket) as ReadonlyArray<Decoded<A>>
  }

  unit<A>(table: string, key: string, compute: (view: View) => A, same?: (before: A, after: A) => boolean): A {
    const units = this.#units
    return units.unit(this.#reader, table, key, (unit) => compute(new RecordingView(units, unit)), same as Unit["same"]) as A
  }

  unread(kind: GroupKind): ReadonlyArray<string> {
    return (this.#units.given(this.#reader, `unread ${kind}`) as ReadonlyArray<string> | undefined) ?? none
  }

  given<A>(name: string): A {
    return this.#units.given(this.#reader, name) as A
  }
}

/** Opens a view over a state. previous: the memo of an earlier translation; of any but the last that went on from it, it is of no use, and no harm. */
export const open = (state: ClusterState, previous: Memo | null): Session => {
  const goesOn = previous !== null && previous.units.epoch === previous.epoch
  const units = goesOn ? previous.units : new Units(state)
  units.begin(state)
  for (const [kind, { unread }] of state.kinds) units.give(`unread ${kind}`, unread)
  return {
    view: new RecordingView(units, null),
    continues: goesOn,
    each: <A>(table: string, kind: GroupKind, compute: (view: View, key: ObjectKey) => A) =>
      units.each(table, kind, (unit, key) => compute(new RecordingView(units, unit), key)) as Collected<A>,
    give: (name, value) => units.give(name, value),
    finish: () => {
      const interest = units.finish()
      return { units, epoch: units.epoch, computed: units.computed, size: units.size, interest }
    }
  }
}
