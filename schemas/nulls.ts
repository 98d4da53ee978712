// Go writes null for nil slices, maps and pointers, and the API server drops null where a CRD has no `nullable`: null is absence.

/** Deeper than any object we read; a YAML alias may even make a loop. */
const deepest = 64

export class TooDeep extends Error {
  constructor() {
    super(`nested deeper than ${deepest} levels`)
  }
}

/** Is there a field to drop? Most objects have none, and looking is cheaper than copying. Throws TooDeep. */
const holdsNull = (value: unknown, depth: number): boolean => {
  if (typeof value !== "object" || value === null) return false
  if (depth > deepest) throw new TooDeep()
  if (Array.isArray(value)) {
    for (const item of value) if (holdsNull(item, depth + 1)) return true
    return false
  }
  const fields = value as Readonly<Record<string, unknown>>
  for (const key in fields) {
    const item = fields[key]
    if (item === null || item === undefined || holdsNull(item, depth + 1)) return true
  }
  return false
}

const strip = (value: unknown, depth: number): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (depth > deepest) throw new TooDeep()
  if (Array.isArray(value)) return value.map((item) => strip(item, depth + 1))
  const kept = Object.entries(value).filter(([, item]) => item !== null && item !== undefined)
  return Object.fromEntries(kept.map(([key, item]) => [key, strip(item, depth + 1)]))
}

/**
 * The value without object fields that are null (or undefined, which no JSON has); the same value (`===`) where there are none.
 * null items of lists stay. Throws TooDeep.
 */
export const withoutNulls = (value: unknown): unknown => (holdsNull(value, 0) ? strip(value, 0) : value)
