// A decoded value as it is kept: ten thousand routes hold a hundred thousand lists and maps, most of them empty, none of them to grow.
import { Result } from "effect"

const none: ReadonlyArray<never> = Object.freeze([])

/** The one empty map. Decoded values are never altered. */
export const noEntries: ReadonlyMap<string, never> = new Map<string, never>()

/** What stands in the place of a list or a map; anything else is its own. */
const exact = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.length === 0 ? none : value.map(exact)
  if (value instanceof Map) return value.size === 0 ? noEntries : value
  if (ArrayBuffer.isView(value)) return value
  if (Result.isResult(value)) {
    if (Result.isFailure(value)) return value
    const kept = exact(value.success)
    return kept === value.success ? value : Result.succeed(kept)
  }
  const fields = value as Readonly<Record<string, unknown>>
  let copy: Record<string, unknown> | null = null
  for (const name of Object.keys(fields)) {
    const item = fields[name]
    if (typeof item !== "object" || item === null) continue
    const kept = exact(item)
    if (kept === item) continue
    copy ??= { ...fields }
    copy[name] = kept
  }
  return copy ?? value
}

/** An equal value: lists without spare room, the empty ones and the empty maps shared. */
export const compact = <A>(value: A): A => exact(value) as A
