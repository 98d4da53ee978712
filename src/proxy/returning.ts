// The fields of a response as they go to the client: the upstream's, the cookie that ties the client to its endpoint, and what the user's filters edit.
import { type CompiledFilters, editAnswer } from "../routing/filters.ts"

/** The upstream's own list where nothing is changed. cookie: the value of a Set-Cookie, or null. request: its fields, raw pairs. */
export const returning = (
  headers: ReadonlyArray<string>,
  filters: CompiledFilters,
  cookie: string | null,
  request: ReadonlyArray<string>
): ReadonlyArray<string> => {
  if (filters.response.length === 0 && filters.cors === null && cookie === null) return headers
  const fields = [...headers]
  // Before the edits: what the user's filter says is the last word.
  if (cookie !== null) fields.push("Set-Cookie", cookie)
  editAnswer(fields, filters, request)
  return fields
}
