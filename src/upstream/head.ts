// Judges the head of an upstream's response (docs/request.md): what cannot be plainly valid is refused; from the rest follows how the body ends and
// whether the connection goes on. Apart from the transport: this is policy and pure, what is a head at all the reader has decided.
import type { Framing } from "../http1/framing.ts"
import { nameSieve } from "../http1/names.ts"
import type { ResponseHead } from "../http1/reader.ts"
import { hasToken, nominations, withoutNominated } from "./fields.ts"

export interface JudgedHead {
  /** Raw pairs with their order, case and duplicates, without hop-by-hop fields. */
  readonly fields: ReadonlyArray<string>
  /** Of the body (RFC 9112 section 6.3); None for an interim response. */
  readonly framing: Framing
  /** The connection may carry another exchange, as far as this head says. */
  readonly persistent: boolean
  /** Milliseconds the peer keeps the connection when it is unused (`Keep-Alive: timeout=`); null: it says nothing. */
  readonly keptFor: number | null
  /** The value of Upgrade, lower case. */
  readonly upgrade: string | null
}

/** Why the head is refused, in words for the log: no values, they are the peer's. */
export type HeadProblem = string

// What the pass below does with a field; every other passes.
const dropped = 1
const connection = 2
const keepAlive = 3
const transferEncoding = 4
const contentLength = 5
const upgraded = 6

const kinds: ReadonlyMap<string, number> = new Map([
  ["connection", connection],
  ["content-length", contentLength],
  ["http2-settings", dropped],
  ["keep-alive", keepAlive],
  ["proxy-authenticate", dropped],
  ["proxy-authentication-info", dropped],
  ["proxy-authorization", dropped],
  ["proxy-connection", dropped],
  ["te", dropped],
  ["trailer", dropped],
  ["transfer-encoding", transferEncoding],
  ["upgrade", upgraded]
])

const maybe = nameSieve(kinds.keys())

const kindOf = (name: string): number => {
  if (!maybe(name)) return 0
  // Nearly every response has these, spelt so.
  if (name === "Content-Length" || name === "content-length") return contentLength
  if (name === "Connection" || name === "connection") return connection
  return kinds.get(name.toLowerCase()) ?? 0
}

/** method: of the request it answers. */
export const judgeHead = (head: ResponseHead, method: string): JudgedHead | HeadProblem => {
  const { status, fields, version } = head
  const old = version === "1.0"
  if (version !== "1.1" && !old) return "the version is neither HTTP/1.1 nor HTTP/1.0"
  if (status < 100 || status > 599) return `status ${status} is not between 100 and 599`
  // From the first field on that does not pass: a list of those that do.
  let passed: Array<string> | null = null
  let nominated: Array<string> | null = null
  let upgrade: string | null = null
  let length = -1
  let coded = false
  let close = false
  let keep = false
  let keptFor: number | null = null
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!
    const value = fields[at + 1]!
    const kind = kindOf(name)
    if (kind === contentLength) {
      if (length >= 0) return "two Content-Length fields"
      length = lengthOf(value)
      if (length < 0) return "Content-Length is not a number"
    }
    // RFC 9110 section 8.6: there is no Content-Length in a 1xx or a 204 to pass on.
    if (kind === 0 || (kind === contentLength && status >= 200 && status !== 204)) {
      if (passed !== null) passed.push(name, value)
      continue
    }
    passed ??= fields.slice(0, at)
    if (kind === transferEncoding) {
      // A coding that we do not undo, or a second field, would change what the client is told the bytes are (RFC 9112 section 6.1).
      if (coded || value.toLowerCase() !== "chunked") return "Transfer-Encoding is not exactly chunked"
      coded = true
    } else if (kind === connection) {
      const lower = value.toLowerCase()
      if (lower === "keep-alive") keep = true
      else if (lower === "close") close = true
      else {
        close ||= hasToken(lower, "close")
        keep ||= hasToken(lower, "keep-alive")
        nominated = nominations(lower, nominated)
      }
    } else if (kind === keepAlive) keptFor = timeoutOf(value) ?? keptFor
    else if (kind === upgraded) upgrade = upgrade === null ? value.toLowerCase() : `${upgrade}, ${value.toLowerCase()}`
  }
  if (coded && length >= 0) return "Transfer-Encoding together with Content-Length"
  if (coded && old) return "Transfer-Encoding in HTTP/1.0"
  const framing: Framing =
    method === "HEAD" || status < 200 || status === 204 || status === 304 ? "None" : coded ? "Chunked" : length >= 0 ? length : "UntilClose"
  if (nominated !== null) withoutNominated(passed!, nominated)
  // A 204 that claims a body has none (RFC 9112 section 6.3), but its sender may not know: what it sends next would be read as a response.
  const doubtful = status === 204 && (coded || length > 0)
  const persistent = framing !== "UntilClose" && !close && (!old || keep) && !doubtful
  return { fields: passed ?? fields, framing, persistent, keptFor, upgrade }
}

/** -1: not a plain decimal number that counts exactly. */
const lengthOf = (value: string): number => {
  if (value.length === 0 || value.length > 16) return -1
  let length = 0
  for (let at = 0; at < value.length; at++) {
    const digit = value.charCodeAt(at) - 48
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length > Number.MAX_SAFE_INTEGER ? -1 : length
}

const timeoutOf = (value: string): number | null => {
  const seconds = /(?:^|[,;\s])timeout=(\d{1,7})(?=$|[,;\s])/i.exec(value)?.[1]
  return seconds === undefined ? null : Number(seconds) * 1000
}
