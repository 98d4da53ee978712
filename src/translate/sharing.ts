// A value computed anew, told with the parts of the old one that say the same: what did not change stays === all the way to the socket.
import { same } from "../state/content.ts"

const isPlain = (value: object): boolean => {
  const shape = Object.getPrototypeOf(value)
  return shape === Object.prototype || shape === null
}

const sharedArray = (before: ReadonlyArray<unknown>, after: ReadonlyArray<unknown>): ReadonlyArray<unknown> => {
  const parts = after.map((item, index) => shared(before[index], item))
  return before.length === after.length && parts.every((part, index) => part === before[index]) ? before : parts
}

const sharedMap = (before: ReadonlyMap<unknown, unknown>, after: ReadonlyMap<unknown, unknown>): ReadonlyMap<unknown, unknown> => {
  const parts = new Map([...after].map(([key, value]) => [key, shared(before.get(key), value)] as const))
  return before.size === after.size && parts.entries().every(([key, value]) => before.has(key) && before.get(key) === value)
    ? before
    : parts
}

const sharedFields = (before: object, after: object): object => {
  const old = before as Readonly<Record<string, unknown>>
  // A copy, whose every field is there already: a tenant's object may hold one called `__proto__`, which must not be reached for as the prototype.
  const parts: Record<string, unknown> = { ...after }
  let equal = Object.keys(before).length === Object.keys(after).length
  for (const [key, value] of Object.entries(after)) {
    const part = Object.hasOwn(old, key) ? shared(old[key], value) : value
    parts[key] = part
    if (!Object.hasOwn(old, key) || part !== old[key]) equal = false
  }
  return equal ? before : parts
}

/** Equal to `after`; `before` itself, or those of its parts, where they are equal. Plain data: arrays go by position, Maps by key; other objects are one part. */
export const shared = <A>(before: unknown, after: A): A => {
  if (Object.is(before, after)) return after
  if (typeof before !== "object" || typeof after !== "object" || before === null || after === null) return after
  if (Array.isArray(after)) return (Array.isArray(before) ? sharedArray(before, after) : after) as A
  if (after instanceof Map) return (before instanceof Map ? sharedMap(before, after) : after) as A
  if (isPlain(after)) return (isPlain(before) && !Array.isArray(before) ? sharedFields(before, after) : after) as A
  return same(before, after) ? (before as A) : after
}
