// Lookups over the objects of a kind, kept current by what was edited: a bucket that did not change stays the same array (===).
import { HashMap, Option } from "effect"
import type { GroupKind, ObjectKey } from "#schemas/meta.ts"
import type { Decoded } from "../state/change.ts"
import { editedSince, type Objects } from "../state/state.ts"

/** A way to find objects of a kind: the names of the buckets an object falls into, from its content alone. `name` is unique among all indexes. */
export interface Index<A> {
  readonly name: string
  readonly kind: GroupKind
  readonly buckets: (object: Decoded<A>) => Iterable<string>
}

/** The objects of a bucket, sorted by key. Empty buckets are absent. */
export type Buckets = Map<string, ReadonlyArray<Decoded>>

/** The keys whose object differs between two states of a kind. */
export const edited = (before: Objects, after: Objects): ReadonlySet<ObjectKey> => {
  const keys = new Set<ObjectKey>()
  if (before === after || before.byKey === after.byKey) return keys
  const candidates = editedSince(before, after) ?? new Set([...HashMap.keys(before.byKey), ...HashMap.keys(after.byKey)])
  for (const key of candidates)
    if (Option.getOrUndefined(HashMap.get(before.byKey, key)) !== Option.getOrUndefined(HashMap.get(after.byKey, key))) keys.add(key)
  return keys
}

const byKey = (a: Decoded, b: Decoded): number => (a.meta.key < b.meta.key ? -1 : a.meta.key > b.meta.key ? 1 : 0)

export const indexed = (index: Index<unknown>, objects: Objects): Buckets => {
  const buckets = new Map<string, Array<Decoded>>()
  for (const object of HashMap.values(objects.byKey))
    for (const name of new Set(index.buckets(object))) {
      const bucket = buckets.get(name)
      if (bucket === undefined) buckets.set(name, [object])
      else bucket.push(object)
    }
  for (const bucket of buckets.values()) bucket.sort(byKey)
  return buckets as Buckets
}

/** Brings buckets (in place) from one state of the kind to another; keys: what differs between them. The names of the buckets that changed. */
export const reindex = (
  index: Index<unknown>,
  buckets: Buckets,
  before: Objects,
  after: Objects,
  keys: ReadonlySet<ObjectKey>
): ReadonlySet<string> => {
  // Collected first and merged once a bucket: many edits of one large bucket cost one walk of it.
  const touched = new Map<string, Array<Decoded>>()
  for (const key of keys) {
    const old = Option.getOrUndefined(HashMap.get(before.byKey, key))
    const now = Option.getOrUndefined(HashMap.get(after.byKey, key))
    for (const name of old === undefined ? [] : index.buckets(old)) if (!touched.has(name)) touched.set(name, [])
    for (const name of new Set(now === undefined ? [] : index.buckets(now))) {
      const into = touched.get(name)
      if (into === undefined) touched.set(name, [now!])
      else into.push(now!)
    }
  }
  for (const [name, into] of touched) {
    into.sort(byKey)
    const merged: Array<Decoded> = []
    let next = 0
    for (const object of buckets.get(name) ?? []) {
      if (keys.has(object.meta.key)) continue
      while (next < into.length && into[next]!.meta.key < object.meta.key) merged.push(into[next++]!)
      merged.push(object)
    }
    while (next < into.length) merged.push(into[next++]!)
    if (merged.length === 0) buckets.delete(name)
    else buckets.set(name, merged)
  }
  return new Set(touched.keys())
}
