// Go writes null for nil slices, maps and pointers, and the API server drops null where a CRD has no `nullable`: null is absence.

/** Deeper than any object we read; a YAML alias may even make a loop. */
const deepest = 64

export class TooDeep extends Error {
  constructor() {
    super(`nested deeper than ${deepest} levels`)
  }
}

const strip = (value: unknown, depth: number): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (depth > deepest) throw new TooDeep()
  if (Array.isArray(value)) {
    let copy: Array<unknown> | undefined
    for (const [index, item] of value.entries()) {
      const stripped = strip(item, depth + 1)
      if (stripped !== item) copy ??= value.slice()
      if (copy !== undefined) copy[index] = stripped
    }
    return copy ?? value
  }
  let changed = false
  const entries: Array<[string, unknown]> = []
  for (const [key, item] of Object.entries(value)) {
    if (item === null || item === undefined) {
      changed = true
      continue
    }
    const stripped = strip(item, depth + 1)
    if (stripped !== item) changed = true
    entries.push([key, stripped])
  }
  return changed ? Object.fromEntries(entries) : value
}

/** The value without object fields that are null (or undefined, which no JSON has); the same value (`===`) where there are none. null items of lists stay. Throws TooDeep. */
export const withoutNulls = (value: unknown): unknown => strip(value, 0)
