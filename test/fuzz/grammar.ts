// A second reading of RFC 9112, written apart from the proxy and stricter than any server: the oracle that says how many requests a run of bytes is.
// It knows one framing a message and no leniency, so whatever it does not read is nobody's to forward.

export interface ReadRequest {
  readonly method: string
  readonly target: string
  readonly version: "1.0" | "1.1"
  /** In order, values without the white space around them. */
  readonly fields: ReadonlyArray<readonly [string, string]>
  /** What the request is for: the authority of an absolute-form target, or Host; "" for an HTTP/1.0 request that names none. */
  readonly authority: string
  /** latin1. */
  readonly body: string
  readonly framing: "None" | "Length" | "Chunked"
  /** The last byte of the body came. */
  readonly complete: boolean
}

export interface Reading {
  readonly requests: ReadonlyArray<ReadRequest>
  /** "End": the bytes end with a request. "More": in the middle of one that is valid so far. Otherwise what is wrong. */
  readonly rest: "End" | "More" | { readonly wrong: string }
  /** Where the first request that is not complete begins. */
  readonly consumed: number
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const value = /^[\t\x20-\x7e\x80-\xff]*$/
// What an extension says is dropped and may be anything; where its line ends is not (RFC 9112 7.1.1). An origin is sent none.
const chunkLine = /^(0*[0-9A-Fa-f]{1,16})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?$/
const plainChunkLine = /^([0-9A-Fa-f]{1,16})$/
const plainHost = /^(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?$/

class Wrong {
  readonly why: string
  constructor(why: string) {
    this.why = why
  }
}
const more = Symbol("more")

const isHost = (text: string): boolean => {
  const match = plainHost.exec(text)
  return match !== null && (match[1] === undefined || (Number(match[1]) > 0 && Number(match[1]) < 65536))
}

/** The line at `at` without its CRLF. A CR or LF that is not part of one is wrong as soon as it is seen. */
const line = (text: string, at: number): { readonly text: string; readonly next: number } | typeof more | Wrong => {
  for (let i = at; i < text.length; i++) {
    const char = text[i]
    if (char === "\n") return new Wrong("bare LF")
    if (char !== "\r") continue
    if (i + 1 === text.length) return more
    return text[i + 1] === "\n" ? { text: text.slice(at, i), next: i + 2 } : new Wrong("bare CR")
  }
  return more
}

interface Head {
  readonly method: string
  readonly target: string
  readonly version: "1.0" | "1.1"
  readonly fields: Array<readonly [string, string]>
  readonly authority: string
  readonly length: number | "Chunked" | null
  readonly next: number
}

const targetProblem = (method: string, target: string): string | null => {
  if (target === "*") return method === "OPTIONS" ? null : "* without OPTIONS"
  const absolute = /^https?:\/\/([^/?]*)/i.exec(target)
  if (absolute !== null && !isHost(absolute[1]!)) return "authority of the target"
  const origin = absolute === null ? target : target.slice(absolute[0].length)
  if (absolute === null && !origin.startsWith("/")) return "form of the target"
  if (!/^[\x21\x22\x24-\x7e]*$/.test(origin)) return "character in the target"
  const path = origin.split("?")[0]!
  if (path.includes("\\") || /%(?![0-9a-f]{2})|%00|%2e%2e/i.test(path)) return "path"
  return null
}

const readHead = (text: string, from: number, strict: boolean): Head | typeof more | Wrong => {
  let at = from
  // RFC 9112 2.2: empty lines before a request may be ignored; a parser that takes a lone CR or LF for one reads no other message.
  if (!strict) while (text[at] === "\r" || text[at] === "\n") at++
  if (at === text.length) return more
  const first = line(text, at)
  if (first === more || first instanceof Wrong) return first
  const parts = /^([^ ]+) ([^ ]+) HTTP\/(1\.[01])$/.exec(first.text)
  if (parts === null) return new Wrong("request line")
  const [, method = "", target = "", version = ""] = parts
  if (!token.test(method)) return new Wrong("method")
  if (method === "CONNECT" || method === "TRACE") return new Wrong("a method that is not served")
  const badTarget = targetProblem(method, target)
  if (badTarget !== null) return new Wrong(badTarget)
  const fields: Array<readonly [string, string]> = []
  at = first.next
  for (;;) {
    const next = line(text, at)
    if (next === more || next instanceof Wrong) return next
    at = next.next
    if (next.text === "") break
    const colon = next.text.indexOf(":")
    if (colon < 0 || !token.test(next.text.slice(0, colon))) return new Wrong("field name")
    const content = next.text.slice(colon + 1)
    if (!value.test(content)) return new Wrong("field value")
    fields.push([next.text.slice(0, colon), content.replace(/^[ \t]+|[ \t]+$/g, "")])
  }
  const all = (name: string) => fields.filter(([key]) => key.toLowerCase() === name).map(([, content]) => content)
  const hosts = all("host")
  if (hosts.length > 1 || (hosts.length === 0 && version === "1.1")) return new Wrong(`${hosts.length} Host`)
  if (hosts.length === 1 && !isHost(hosts[0]!)) return new Wrong("Host")
  const codings = all("transfer-encoding")
  const lengths = all("content-length")
  if (codings.length > 0 && version === "1.0") return new Wrong("Transfer-Encoding in 1.0")
  if (codings.length > 0 && lengths.length > 0) return new Wrong("Transfer-Encoding with Content-Length")
  if (codings.length > 1 || (codings.length === 1 && codings[0]!.toLowerCase() !== "chunked")) return new Wrong("Transfer-Encoding")
  if (lengths.length > 1 || (lengths.length === 1 && !/^[0-9]{1,16}$/.test(lengths[0]!))) return new Wrong("Content-Length")
  const length = lengths.length === 1 ? Number(lengths[0]) : null
  if (length !== null && length > Number.MAX_SAFE_INTEGER) return new Wrong("Content-Length")
  const absolute = /^https?:\/\/([^/?]*)/i.exec(target)
  const authority = absolute === null ? (hosts[0] ?? "") : absolute[1]!
  return { method, target, version: version as "1.0" | "1.1", fields, authority, length: codings.length > 0 ? "Chunked" : length, next: at }
}

interface Body {
  readonly body: string
  /** null: more is to come. */
  readonly next: number | null
}

const readChunks = (text: string, from: number, strict: boolean): Body | Wrong => {
  let body = ""
  let at = from
  for (;;) {
    const size = line(text, at)
    if (size instanceof Wrong) return size
    if (size === more) return { body, next: null }
    const match = (strict ? plainChunkLine : chunkLine).exec(size.text)
    if (match === null) return new Wrong("chunk size")
    const length = Number.parseInt(match[1]!, 16)
    at = size.next
    if (length === 0) break
    body += text.slice(at, at + length)
    if (text.length < at + length + 2) {
      return "\r\n".startsWith(text.slice(at + length)) || text.length < at + length ? { body, next: null } : new Wrong("end of a chunk")
    }
    if (text.slice(at + length, at + length + 2) !== "\r\n") return new Wrong("end of a chunk")
    at += length + 2
  }
  for (;;) {
    const trailer = line(text, at)
    if (trailer instanceof Wrong) return trailer
    if (trailer === more) return { body, next: null }
    at = trailer.next
    if (trailer.text === "") return { body, next: at }
    const colon = trailer.text.indexOf(":")
    if (strict || colon < 0 || !token.test(trailer.text.slice(0, colon)) || !value.test(trailer.text.slice(colon + 1)))
      return new Wrong("trailer")
  }
}

/**
 * Reads requests until the bytes end or go wrong. The request in which they went wrong is among `requests` only when its head was right.
 * strict: as an origin is owed it, not even the tolerances that RFC 9112 gives a server. latin1.
 */
export const readRequests = (text: string, strict: boolean): Reading => {
  const requests: Array<ReadRequest> = []
  let at = 0
  for (;;) {
    if (at === text.length) return { requests, rest: "End", consumed: at }
    const head = readHead(text, at, strict)
    if (head === more) return { requests, rest: /^[\r\n]*$/.test(text.slice(at)) && !strict ? "End" : "More", consumed: at }
    if (head instanceof Wrong) return { requests, rest: { wrong: head.why }, consumed: at }
    const { method, target, version, fields, authority, length, next } = head
    const add = (body: string, complete: boolean) => {
      const framing = length === "Chunked" ? "Chunked" : length === null ? "None" : "Length"
      requests.push({ method, target, version, fields, authority, body, framing, complete })
    }
    if (length === "Chunked") {
      const body = readChunks(text, next, strict)
      if (body instanceof Wrong) {
        add("", false)
        return { requests, rest: { wrong: body.why }, consumed: at }
      }
      add(body.body, body.next !== null)
      if (body.next === null) return { requests, rest: "More", consumed: at }
      at = body.next
      continue
    }
    const end = next + (length ?? 0)
    add(text.slice(next, end), text.length >= end)
    if (text.length < end) return { requests, rest: "More", consumed: at }
    at = end
  }
}
