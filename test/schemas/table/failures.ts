// What a decoded value could not read: of the object, or of its elements at any depth.

import { Result } from "effect"
import { type DecodedObject, decodeObject } from "#schemas/decode.ts"
import type { Issue } from "#schemas/meta.ts"

export const failures = (value: unknown): ReadonlyArray<Issue> => {
  if (Result.isResult(value)) return Result.isFailure(value) ? (value.failure as ReadonlyArray<Issue>) : failures(value.success)
  if (Array.isArray(value)) return value.flatMap(failures)
  if (value instanceof Map || value instanceof Uint8Array || typeof value !== "object" || value === null) return []
  return Object.values(value).flatMap(failures)
}

/** Throws for what cannot be called by a name. */
export const decoded = (object: unknown): DecodedObject => {
  const result = decodeObject(object)
  if (result._tag !== "Decoded") throw new Error(`${result._tag}: ${JSON.stringify(result)}`)
  return result
}
