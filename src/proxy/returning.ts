// The fields of a response as they go to the client: the upstream's, the cookie that ties the client to its endpoint, and what the user's filters edit.
import { applyEdits, type EditedHeader } from "../routing/headers.ts"

/** The upstream's own list where nothing is changed. cookie: the value of a Set-Cookie, or null. */
export const returning = (
  headers: ReadonlyArray<string>,
  edits: ReadonlyArray<EditedHeader>,
  cookie: string | null
): ReadonlyArray<string> => {
  if (edits.length === 0 && cookie === null) return headers
  const fields = [...headers]
  // Before the edits: what the user's filter says is the last word.
  if (cookie !== null) fields.push("Set-Cookie", cookie)
  applyEdits(fields, edits)
  return fields
}
