// Live values as JSON prints them: Maps as objects. What knows how to print itself (sealed bytes show their digest) does so: law 11.
export const printable = (value: unknown): unknown => {
  if (value === null || typeof value !== "object") return value
  if ("toJSON" in value && typeof value.toJSON === "function") return value.toJSON()
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [String(key), printable(item)]))
  if (value instanceof Set) return [...value].map(printable)
  if (Array.isArray(value)) return value.map(printable)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, printable(item)]))
}
