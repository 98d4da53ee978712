// What is said on a stream of HTTP/2: the same as reply.ts says on a connection of HTTP/1.1, without framing of its own.
import { nameSieve } from "../http1/names.ts"
import { codes } from "../http2/code.ts"
import type { Stream } from "../http2/stream.ts"
import { isNamed } from "../routing/headers.ts"
import { trailerFields } from "../upstream/fields.ts"
import { answerTo } from "./answer.ts"
import type { ClientReply } from "./client.ts"
import { dateValue } from "./heading.ts"

/** What no message of HTTP/2 has (RFC 9113 section 8.2.2), whoever put it there. */
const connectionFields = new Set(["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"])
const mayBeOne = nameSieve(connectionFields)

export class Http2Reply implements ClientReply {
  status = 0
  bytes = 0
  headed = false
  answered = false
  private readonly stream: Stream
  /** Milliseconds a client may leave a response unread. */
  private readonly stall: number
  private readonly method: string
  /** When a client that reads nothing has had its time; Infinity: it has taken everything. */
  private unread = Number.POSITIVE_INFINITY

  constructor(stream: Stream, stall: number, method: string) {
    this.stream = stream
    this.stall = stall
    this.method = method
  }

  proceed(): void {
    this.stream.head(100, [], false)
  }

  interim(status: number, fields: ReadonlyArray<string>): void {
    // Advice: one that cannot be written is left out.
    if (!this.headed) this.stream.head(status, fields, false)
  }

  head(status: number, fields: ReadonlyArray<string>): boolean {
    return this.begin(status, fields, false)
  }

  data(chunk: Buffer): boolean {
    this.bytes += chunk.length
    if (this.stream.closed) return false
    return this.said(this.stream.data(chunk))
  }

  end(trailers: ReadonlyArray<string> | null): void {
    this.answered = true
    // Trailers that cannot be written are left out; the content before them stands.
    this.stream.end(trailers === null ? undefined : trailerFields(trailers, true))
  }

  /** Never asked for: no request of HTTP/2 has Upgrade. */
  switchProtocols(): boolean {
    return false
  }

  answer(status: number, fields: ReadonlyArray<string>, body: string): boolean {
    let said = this.method === "HEAD" ? "" : body
    const written = this.begin(status, fields, said === "")
    if (!written) {
      const plain = answerTo("internal")
      // Its head counts its own body.
      said = this.method === "HEAD" ? "" : plain.body
      this.begin(plain.status, plain.headers, said === "")
    }
    this.bytes = said.length
    this.answered = true
    if (said !== "") {
      this.said(this.stream.data(Buffer.from(said, "latin1")))
      this.stream.end()
    }
    return written
  }

  get taken(): boolean {
    return this.unread === Number.POSITIVE_INFINITY
  }

  cut(): void {
    this.stream.reset(codes.INTERNAL_ERROR)
  }

  drained(): void {
    this.unread = Number.POSITIVE_INFINITY
  }

  stalled(now: number): boolean {
    return now >= this.unread
  }

  private begin(status: number, fields: ReadonlyArray<string>, end: boolean): boolean {
    let dated = false
    let foreign = false
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at]!
      if (name.length === 4) dated ||= isNamed(name, "date")
      foreign ||= mayBeOne(name) && connectionFields.has(name.toLowerCase())
    }
    const own = foreign ? withoutConnection(fields) : fields
    if (!this.stream.head(status, dated ? own : [...own, "Date", dateValue()], end)) return false
    this.status = status
    this.headed = true
    return true
  }

  private said(more: boolean): boolean {
    if (!more) this.unread = performance.now() + this.stall
    return more
  }
}

const withoutConnection = (fields: ReadonlyArray<string>): ReadonlyArray<string> => {
  const kept: Array<string> = []
  for (let at = 0; at < fields.length; at += 2) {
    if (!connectionFields.has(fields[at]!.toLowerCase())) kept.push(fields[at]!, fields[at + 1]!)
  }
  return kept
}
