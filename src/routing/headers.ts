// Header edits of HeaderModifier filters, on raw lists (name, value, name, value …): order, case and repeated lines survive, and no name is special to a list.
import type { HeaderEdit } from "../snapshot/route.ts"

/** A header edit made ready: `key` is the name in lower case. */
export interface EditedHeader {
  readonly _tag: HeaderEdit["_tag"]
  readonly name: string
  readonly key: string
  /** "" for Remove. */
  readonly value: string
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/

// Framing and connection belong to the transport, Host to the identity of the upstream: an edit here would be a second answer to the same question.
const owned: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])

/** What hinders header edits from being applied, in words for a condition; null: nothing. */
export const editsProblem = (edits: ReadonlyArray<HeaderEdit>): string | null => {
  for (const edit of edits) {
    if (!token.test(edit.name)) return `"${edit.name}" is not a header name`
    if (owned.has(edit.name.toLowerCase())) {
      return edit.name.toLowerCase() === "host"
        ? "the Host header is not edited by a header modifier: use URLRewrite with a hostname"
        : `the header ${edit.name} belongs to the connection and is not edited by a header modifier`
    }
    // A value with a line break would be a header of its own. The API puts no pattern on values.
    if (edit._tag !== "Remove" && !fieldValue.test(edit.value)) return `the value for ${edit.name} has characters that no header may have`
  }
  return null
}

export const headerEdits = (edits: ReadonlyArray<HeaderEdit>): ReadonlyArray<EditedHeader> =>
  edits.map((edit) => ({
    _tag: edit._tag,
    name: edit.name,
    key: edit.name.toLowerCase(),
    value: edit._tag === "Remove" ? "" : edit.value
  }))

/** Whether a name from the wire is the one with this lower-case key. */
export const isNamed = (name: string | undefined, key: string): boolean =>
  name !== undefined && name.length === key.length && (name === key || name.toLowerCase() === key)

/**
 * The value of a field with its repeated lines joined in order (RFC 9110 5.3): `, ` between them, `; ` for Cookie (RFC 6265 5.4). null: absent.
 * key in lower case.
 */
export const joinedValue = (headers: ReadonlyArray<string>, key: string): string | null => {
  let value: string | null = null
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (isNamed(headers[at], key)) value = value === null ? headers[at + 1]! : value + (key === "cookie" ? "; " : ", ") + headers[at + 1]!
  }
  return value
}

const remove = (headers: Array<string>, key: string, from: number): void => {
  let kept = from
  for (let at = from; at < headers.length; at += 2) {
    if (isNamed(headers[at], key)) continue
    if (kept !== at) {
      headers[kept] = headers[at]!
      headers[kept + 1] = headers[at + 1]!
    }
    kept += 2
  }
  headers.length = kept
}

const set = (headers: Array<string>, edit: EditedHeader): void => {
  for (let at = 0; at < headers.length; at += 2) {
    if (!isNamed(headers[at], edit.key)) continue
    headers[at] = edit.name
    headers[at + 1] = edit.value
    remove(headers, edit.key, at + 2)
    return
  }
  headers.push(edit.name, edit.value)
}

const add = (headers: Array<string>, edit: EditedHeader): void => {
  // A cookie holds commas: joined lines would be another cookie (RFC 6265 3).
  if (edit.key !== "set-cookie") {
    for (let at = headers.length - 2; at >= 0; at -= 2) {
      if (!isNamed(headers[at], edit.key)) continue
      headers[at + 1] = `${headers[at + 1]}${edit.key === "cookie" ? "; " : ","}${edit.value}`
      return
    }
  }
  headers.push(edit.name, edit.value)
}

/**
 * Applies edits in place. Set replaces every line of the name with one; Add appends `,value` to its last line (a new line when there is none, and always
 * for Set-Cookie); Remove takes every line. Names match without case.
 */
export const applyEdits = (headers: Array<string>, edits: ReadonlyArray<EditedHeader>): void => {
  for (const edit of edits) {
    if (edit._tag === "Set") set(headers, edit)
    else if (edit._tag === "Add") add(headers, edit)
    else remove(headers, edit.key, 0)
  }
}
