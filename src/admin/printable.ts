// Live values as JSON prints them: Maps as objects. What knows how to print itself (sealed bytes show their digest) does so, and credentials that a manifest
// writes into header filters are not shown: law 11.
import { carriesCredential, hidden } from "../snapshot/credential.ts"

/** An edit of a header as a filter says it. */
const isEdit = (value: object): value is { readonly name: string; readonly value: string } =>
  "_tag" in value && (value._tag === "Set" || value._tag === "Add") && "name" in value && typeof value.name === "string" && "value" in value

export const printable = (value: unknown): unknown => {
  if (value === null || typeof value !== "object") return value
  if ("toJSON" in value && typeof value.toJSON === "function") return value.toJSON()
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), printable(item)]))
  if (value instanceof Set) return [...value].map(printable)
  if (Array.isArray(value)) return value.map(printable)
  if (isEdit(value) && carriesCredential(value.name)) return { ...value, value: hidden }
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, printable(item)]))
}
