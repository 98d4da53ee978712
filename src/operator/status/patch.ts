// The merge patch of a status: only fields that differ, whole, against the resourceVersion they were compared with.
import { type Difference, differenceOf } from "./difference.ts"
import { type Fields, field, isFields, sameJson } from "./json.ts"

export interface StatusPatch {
  readonly difference: Exclude<Difference, "None">
  /** The fields of `.status` to send. */
  readonly status: Fields
}

/** Compares what is desired with what stands; null: nothing is worth a write. A field that is to be null and is not there is as it should be. */
export const statusPatch = (status: unknown, desired: Fields): StatusPatch | null => {
  const wanted = Object.entries(desired).filter(([key, value]) => value !== null || (field(status, key) ?? null) !== null)
  const difference = differenceOf(
    Object.fromEntries(wanted.map(([key]) => [key, field(status, key)])),
    Object.fromEntries(wanted.map(([key, value]) => [key, value]))
  )
  if (difference === "None") return null
  const moved = wanted.filter(([key, value]) => !sameJson(field(status, key), value))
  return { difference, status: Object.fromEntries(moved.map(([key, value]) => [key, replacing(field(status, key), value)])) }
}

/** A merge patch merges objects: what is to go has to be named. Lists are replaced as they are. */
const replacing = (before: unknown, after: unknown): unknown =>
  isFields(before) && isFields(after)
    ? Object.fromEntries([
        ...Object.keys(before)
          .filter((key) => !Object.hasOwn(after, key))
          .map((key) => [key, null] as const),
        ...Object.entries(after).map(([key, value]) => [key, replacing(field(before, key), value)] as const)
      ])
    : after
