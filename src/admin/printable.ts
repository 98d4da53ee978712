// Live values as JSON prints them: Maps as objects. What knows how to print itself (sealed bytes show their digest) does so, and credentials that a manifest
// writes into header filters and matches are not shown: law 11.
import { carriesCredential, hidden } from "../snapshot/credential.ts"

/** A field and its value, as a filter sets it or a match asks for it. */
const isField = (value: object): value is { readonly name: string; readonly value: string } =>
  "name" in value && typeof value.name === "string" && "value" in value && typeof value.value === "string"

export const printable = (value: unknown): unknown => {
  if (value === null || typeof value !== "object") return value
  if ("toJSON" in value && typeof value.toJSON === "function") return value.toJSON()
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), printable(item)]))
  if (value instanceof Set) return [...value].map(printable)
  if (Array.isArray(value)) return value.map(printable)
  if (isField(value) && carriesCredential(value.name)) return { ...value, value: hidden }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, printable(item)]))
}
