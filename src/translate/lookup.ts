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

/** An index over one state of its kind: each bucket sorted by key, empty ones absent. */
export interface BucketIndex {
  readonly index: Index<never>
  readonly objects: Objects
  readonly buckets: ReadonlyMap<string, ReadonlyArray<Decoded>>
}

/** The keys whose object differs between two states of a kind; null: none. */
export const edited = (before: Objects, after: Objects): ReadonlySet<ObjectKey> | null => {
  if (before === after || before.byKey === after.byKey) return null
  const candidates = editedSince(before, after) ?? new Set([...HashMap.keys(before.byKey), ...HashMap.keys(after.byKey)])
  const keys = new Set<ObjectKey>()
  for (const key of candidates)
    if (Option.getOrUndefined(HashMap.get(before.byKey, key)) !== Option.getOrUndefined(HashMap.get(after.byKey, key))) keys.add(key)
  return keys.size === 0 ? null : keys
}

/** Where a key is, or would be, in a bucket. */
const position = (bucket: ReadonlyArray<Decoded>, key: ObjectKey): number => {
  let low = 0
  let high = bucket.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (bucket[middle]!.meta.key < key) low = middle + 1
    else high = middle
  }
  return low
}

const byKey = (a: Decoded, b: Decoded): number => (a.meta.key < b.meta.key ? -1 : a.meta.key > b.meta.key ? 1 : 0)

const equalBuckets = (a: ReadonlyArray<Decoded>, b: ReadonlyArray<Decoded>): boolean =>
  a.length === b.length && a.every((object, i) => object === b[i])

const built = (index: Index<unknown>, objects: Objects, before: BucketIndex | undefined): BucketIndex => {
  const buckets = new Map<string, Array<Decoded>>()
  for (const object of HashMap.values(objects.byKey))
    for (const name of new Set(index.buckets(object))) {
      const bucket = buckets.get(name)
      if (bucket === undefined) buckets.set(name, [object])
      else bucket.push(object)
    }
  for (const [name, bucket] of buckets) {
    bucket.sort(byKey)
    const old = before?.buckets.get(name)
    if (old !== undefined && equalBuckets(old, bucket)) buckets.set(name, old as Array<Decoded>)
  }
  return { index, objects, buckets }
}

/** The index over `objects`. before and keys: the same index over an older state, and what differs from it. */
export const indexed = (
  index: Index<unknown>,
  objects: Objects,
  before: BucketIndex | undefined,
  keys: ReadonlySet<ObjectKey> | null
): BucketIndex => {
  // Beyond a part of the whole, building anew is cheaper than patching sorted arrays one by one.
  if (before === undefined || keys === null || keys.size * 8 > HashMap.size(objects.byKey)) return built(index, objects, before)
  const buckets = new Map(before.buckets)
  const open = new Map<string, Array<Decoded>>()
  const writable = (name: string): Array<Decoded> => {
    const bucket = open.get(name)
    if (bucket !== undefined) return bucket
    const copy = [...(before.buckets.get(name) ?? [])]
    open.set(name, copy)
    buckets.set(name, copy)
    return copy
  }
  for (const key of keys) {
    const old = Option.getOrUndefined(HashMap.get(before.objects.byKey, key))
    const now = Option.getOrUndefined(HashMap.get(objects.byKey, key))
    const stays = new Set(now === undefined ? [] : index.buckets(now))
    if (old !== undefined)
      for (const name of new Set(index.buckets(old)))
        if (!stays.has(name)) {
          const bucket = writable(name)
          bucket.splice(position(bucket, key), 1)
        }
    if (now !== undefined)
      for (const name of stays) {
        const bucket = writable(name)
        const at = position(bucket, key)
        bucket.splice(at, bucket[at]?.meta.key === key ? 1 : 0, now)
      }
  }
  for (const [name, bucket] of open) if (bucket.length === 0) buckets.delete(name)
  return { index, objects, buckets }
}
