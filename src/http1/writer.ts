// HTTP/1.1 heads and chunks as text (latin1) for a socket. What cannot be written as exactly one line is refused, whoever it came from:
// null is the answer then, and nothing has been written.
import { isTarget, isToken, isValue } from "./characters.ts"

const every = (allowed: Uint8Array, text: string): boolean => {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code > 255 || allowed[code] === 0) return false
  }
  return true
}

/** `GET /path HTTP/1.1` with its CRLF. */
export const requestLine = (method: string, target: string): string | null =>
  method === "" || target === "" || !every(isToken, method) || !every(isTarget, target) ? null : `${method} ${target} HTTP/1.1\r\n`

/** `HTTP/1.1 200 OK` with its CRLF. */
export const statusLine = (status: number, reason: string): string | null =>
  !Number.isInteger(status) || status < 100 || status > 999 || !every(isValue, reason) ? null : `HTTP/1.1 ${status} ${reason}\r\n`

/** A line for each pair of the raw list, each with its CRLF; the empty line that ends a head is the caller's. */
export const fieldLines = (fields: ReadonlyArray<string>): string | null => {
  let text = ""
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at]!
    const value = fields[at + 1]!
    if (name === "" || !every(isToken, name) || !every(isValue, value)) return null
    text += `${name}: ${value}\r\n`
  }
  return text
}

/** What stands before the data of a chunk. Its size is never 0: that would be the last. After the data comes `chunkEnd`. */
export const chunkStart = (size: number): string => `${size.toString(16)}\r\n`

export const chunkEnd = "\r\n"

/** Ends a chunked body without trailers. */
export const lastChunk = "0\r\n\r\n"

/** Ends a chunked body with trailer fields. */
export const lastChunkWith = (trailers: ReadonlyArray<string>): string | null => {
  const lines = fieldLines(trailers)
  return lines === null ? null : `0\r\n${lines}\r\n`
}
