// Equality of decoded objects by content, for `apply`: resourceVersion and uid move without anything being said, and Service edits move no generation.
import type { Decoded } from "./change.ts"

/** Structural equality of plain data, Maps, Sets and values that print themselves (a sealed Secret prints its digest). */
export const same = (a: unknown, b: unknown): boolean => {
  if (Object.is(a, b)) return true
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => same(item, b[i]))
  const shape = Object.getPrototypeOf(a)
  if (shape !== Object.getPrototypeOf(b)) return false
  if (a instanceof Map)
    return b instanceof Map && a.size === b.size && [...a].every(([key, value]) => b.has(key) && same(value, b.get(key)))
  if (a instanceof Set) return b instanceof Set && a.size === b.size && [...a].every((value) => b.has(value))
  // A class of its own may hide what it holds (private fields): what it prints of itself decides. An effect Result prints its whole content.
  if (shape !== Object.prototype && shape !== null && "toJSON" in a && "toJSON" in b) {
    if (typeof a.toJSON === "function" && typeof b.toJSON === "function") return sameOwn(a, b) && same(a.toJSON(), b.toJSON())
  }
  return sameOwn(a, b)
}

const sameOwn = (a: object, b: object): boolean => {
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) => Object.hasOwn(b, key) && same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
}

/** What translate may read of an object is equal. A new generation counts, though the value be the same: conditions carry it. Where a manifest said it does not. */
export const sameContent = (a: Decoded, b: Decoded): boolean =>
  a.meta.key === b.meta.key &&
  a.meta.generation === b.meta.generation &&
  a.meta.created === b.meta.created &&
  same(a.meta.labels, b.meta.labels) &&
  same(a.meta.annotations, b.meta.annotations) &&
  same(a.value, b.value) &&
  same(a.owner, b.owner)
