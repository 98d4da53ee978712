// Judges the head of an upstream's response (docs/request.md): what cannot be plainly valid is refused; from the rest follows how the body ends and
// whether the connection goes on. Apart from the transport: this is policy and pure, what is a head at all the reader has decided.
import type { Framing } from "../http1/framing.ts"
import type { ResponseHead } from "../http1/reader.ts"
import { hasToken, stripHopByHop } from "./fields.ts"

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

const isHop = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])

/** method: of the request it answers. */
export const judgeHead = (head: ResponseHead, method: string): JudgedHead | HeadProblem => {
  const { status, fields, version } = head
  const old = version === "1.0"
  if (version !== "1.1" && !old) return "the version is neither HTTP/1.1 nor HTTP/1.0"
  if (status < 100 || status > 599) return `status ${status} is not between 100 and 599`
  let strip = false
  let upgrade: string | null = null
  let length = -1
  let coded = false
  let close = false
  let keep = false
  let keptFor: number | null = null
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!
    // Only the few lengths that matter are worth a lower-case copy.
    switch (name.length) {
      case 2:
      case 7:
      case 10:
      case 16:
      case 17:
      case 18:
      case 19:
      case 25:
        break
      case 14:
        if (name.toLowerCase() === "content-length") {
          if (length >= 0) return "two Content-Length fields"
          length = lengthOf(fields[at + 1]!)
          if (length < 0) return "Content-Length is not a number"
        }
        continue
      default:
        continue
    }
    const lower = name.toLowerCase()
    if (!isHop.has(lower)) continue
    strip = true
    if (lower === "transfer-encoding") {
      // A coding that we do not undo, or a second field, would change what the client is told the bytes are (RFC 9112 section 6.1).
      if (coded || fields[at + 1]!.toLowerCase() !== "chunked") return "Transfer-Encoding is not exactly chunked"
      coded = true
    } else if (lower === "connection") {
      const value = fields[at + 1]!.toLowerCase()
      close ||= hasToken(value, "close")
      keep ||= hasToken(value, "keep-alive")
    } else if (lower === "keep-alive") keptFor = timeoutOf(fields[at + 1]!) ?? keptFor
    else if (lower === "upgrade") upgrade = fields[at + 1]!.toLowerCase()
  }
  if (coded && length >= 0) return "Transfer-Encoding together with Content-Length"
  if (coded && old) return "Transfer-Encoding in HTTP/1.0"
  const framing: Framing =
    method === "HEAD" || status < 200 || status === 204 || status === 304 ? "None" : coded ? "Chunked" : length >= 0 ? length : "UntilClose"
  let passed: ReadonlyArray<string> = strip ? stripHopByHop(fields) : fields
  // RFC 9110 section 8.6: there is no Content-Length in a 204 to pass on.
  if (status === 204 && length >= 0) passed = without(passed, "content-length")
  const persistent = framing !== "UntilClose" && !close && (!old || keep)
  return { fields: passed, framing, persistent, keptFor, upgrade }
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

const without = (fields: ReadonlyArray<string>, name: string): Array<string> =>
  fields.filter((_, at) => fields[at - (at % 2)]!.toLowerCase() !== name)
