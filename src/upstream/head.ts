// Judges the head of an upstream's response, as raw bytes from the parser (docs/request.md): what cannot be plainly valid is refused.
// Apart from the transport, so that the codec that replaces undici keeps the same judgement.

export interface ResponseHead {
  /** Raw pairs with their order, case and duplicates; framing and hop-by-hop fields still in. */
  readonly fields: Array<string>
  /** Hop-by-hop or framing fields are among them, so they have to be stripped. */
  readonly strip: boolean
  /** The value of Upgrade, lower case. */
  readonly upgrade: string | null
}

/** Why the head is refused, in words for the log: no values, they are the peer's. */
export type HeadProblem = string

/** More fields than this are an attack or a mistake (docs/request.md). */
export const maxFields = 200

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

const visible = (value: string): boolean => {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    // RFC 9110 section 5.5: VCHAR, obs-text, SP, HTAB.
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return false
  }
  return true
}

/** Reads name and value buffers into strings (latin1: obs-text survives) and judges them. reason: the phrase of the status line, which goes no further. */
export const readHead = (status: number, raw: ReadonlyArray<Uint8Array | string>, reason = ""): ResponseHead | HeadProblem => {
  if (status < 100 || status > 599) return `status ${status} is not between 100 and 599`
  if (!visible(reason)) return "the reason phrase has a control character"
  const count = raw.length
  if (count > maxFields * 2) return `${count / 2} header fields, at most ${maxFields} are taken`
  const fields: Array<string> = new Array(count)
  let strip = false
  let upgrade: string | null = null
  let length: string | null = null
  let coded = false
  for (let i = 0; i < count; i += 2) {
    const name = latin1(raw[i])
    const value = latin1(raw[i + 1])
    fields[i] = name
    fields[i + 1] = value
    if (!visible(value)) return `the value of field ${i / 2 + 1} has a control character`
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
          if (length !== null) return "two Content-Length fields"
          if (!/^\d{1,16}$/.test(value)) return "Content-Length is not a number"
          length = value
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
      if (coded || value.toLowerCase() !== "chunked") return "Transfer-Encoding is not exactly chunked"
      coded = true
    } else if (lower === "upgrade") upgrade = value.toLowerCase()
  }
  if (coded && length !== null) return "Transfer-Encoding together with Content-Length"
  // RFC 9110 section 8.6: there is no Content-Length in a 204 to pass on.
  if (status === 204 && length !== null) return { fields: without(fields, "content-length"), strip, upgrade }
  return { fields, strip, upgrade }
}

const without = (fields: ReadonlyArray<string>, name: string): Array<string> =>
  fields.filter((_, at) => fields[at - (at % 2)]!.toLowerCase() !== name)

const latin1 = (part: Uint8Array | string | undefined): string =>
  part === undefined ? "" : typeof part === "string" ? part : (part as unknown as { readonly latin1Slice: () => string }).latin1Slice()
