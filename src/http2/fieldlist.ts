// The fields of one header block as they come out of the decoder, judged by what their message may have (RFC 9113 sections 8.1 to 8.3): a message that
// breaks one of these rules is malformed, and nothing of it is given to anybody.
import { isToken } from "../http1/characters.ts"
import type { FieldSink } from "./decoder.ts"
import type { RequestHead, ResponseHead } from "./head.ts"
import type { SessionLimits } from "./limits.ts"
import { requestProblem } from "./pseudo.ts"

export type BlockKind = "Request" | "Response" | "Trailers"

export class FieldList implements FieldSink {
  /** Why the message is malformed. */
  problem: string | null = null
  /** All fields are there; false: the bounds do not take them. */
  whole = true
  fields: Array<string> = []
  /** Content-Length; null: none. */
  contentLength: number | null = null
  readonly #limits: Pick<SessionLimits, "headBytes" | "fields" | "connectProtocol">
  #kind: BlockKind = "Request"
  #bytes = 0
  #regular = false
  #method: string | null = null
  #scheme: string | null = null
  #authority: string | null = null
  #path: string | null = null
  #protocol: string | null = null
  #status: string | null = null
  #host: string | null = null

  constructor(limits: Pick<SessionLimits, "headBytes" | "fields" | "connectProtocol">) {
    this.#limits = limits
  }

  begin(kind: BlockKind): void {
    this.#kind = kind
    this.problem = null
    this.whole = true
    this.fields = []
    this.contentLength = null
    this.#bytes = 0
    this.#regular = false
    this.#method = this.#scheme = this.#authority = this.#path = this.#protocol = this.#status = this.#host = null
  }

  field(name: string, value: string, wrong: boolean): void {
    if (this.problem !== null) return
    if (wrong) {
      this.problem = "a name or value with a character that none may have"
      return
    }
    // Beyond the bound nothing is kept, however often a block names what is in the table (a bomb): it is read on for the table's sake alone.
    this.#bytes += name.length + value.length + 4
    if (this.#bytes > this.#limits.headBytes || this.fields.length === this.#limits.fields * 2) {
      this.whole = false
      return
    }
    if (name.charCodeAt(0) === colon) this.#pseudo(name, value)
    else {
      this.#regular = true
      const problem = forbidden(name, value)
      if (problem !== null) this.problem = problem
      else if (name === "content-length") this.#length(value)
      else if (name === "host") {
        if (this.#host !== null) this.problem = "Host came more than once"
        this.#host = value
      }
      this.fields.push(name, value)
    }
  }

  /** Once all fields are in; null: malformed, see `problem`. What is not whole has "" for what is not there. */
  request(): RequestHead | null {
    const { fields } = this
    const scheme = this.#scheme ?? ""
    const path = this.#path ?? ""
    const method = this.#method ?? ""
    const head: RequestHead = { method, scheme, authority: this.#authority, path, protocol: this.#protocol, fields }
    if (this.problem === null && this.whole) {
      this.problem = requestProblem(
        { method: this.#method, scheme: this.#scheme, authority: this.#authority, path: this.#path, protocol: this.#protocol },
        this.#host,
        this.#limits.connectProtocol
      )
    }
    return this.problem === null ? head : null
  }

  /** The same of a response. */
  response(): ResponseHead | null {
    if (this.problem === null && this.#status === null) this.problem = "a response without :status"
    return this.problem === null ? { status: Number(this.#status), fields: this.fields } : null
  }

  #pseudo(name: string, value: string): void {
    const missing = this.#kind === "Trailers" ? "trailers with a pseudo field" : this.#regular ? "a pseudo field behind others" : null
    if (missing !== null) {
      this.problem = missing
      return
    }
    if (this.#kind === "Response") {
      if (name !== ":status") this.problem = "a pseudo field that no response has"
      else if (this.#status !== null) this.problem = ":status came more than once"
      else if (!/^[1-5][0-9]{2}$/.test(value) || value === "101") this.problem = ":status is none of HTTP/2"
      this.#status = value
      return
    }
    let before: string | null = null
    switch (name) {
      case ":method":
        before = this.#method
        this.#method = value
        if (!isTokenText(value)) this.problem = ":method is not a token"
        break
      case ":scheme":
        before = this.#scheme
        this.#scheme = value
        break
      case ":authority":
        before = this.#authority
        this.#authority = value
        break
      case ":path":
        before = this.#path
        this.#path = value
        break
      case ":protocol":
        before = this.#protocol
        this.#protocol = value
        break
      default:
        this.problem = "a pseudo field that no request has"
    }
    if (before !== null) this.problem = `${name} came more than once`
  }

  #length(value: string): void {
    if (this.contentLength !== null) this.problem = "Content-Length came more than once"
    else if (!/^[0-9]{1,15}$/.test(value)) this.problem = "Content-Length is not one plain number"
    else this.contentLength = Number(value)
  }
}

const colon = 58

const isTokenText = (text: string): boolean => {
  for (let at = 0; at < text.length; at++) if (isToken[text.charCodeAt(at)] !== 1) return false
  return text !== ""
}

/** RFC 9113 section 8.2.2: what belongs to a connection of HTTP/1.1. */
const forbidden = (name: string, value: string): string | null => {
  switch (name) {
    case "connection":
    case "keep-alive":
    case "proxy-connection":
    case "transfer-encoding":
    case "upgrade":
      return `the field ${name}, which belongs to a connection`
    case "te":
      return value === "trailers" ? null : "the field te with more than trailers"
    default:
      return null
  }
}
