// What is said to the client: how one answer leaves, from the head to the last byte it takes. Apart from the exchange, because when bytes go out
// and whether anybody reads them is a matter of the socket, the same for a relayed answer and for one of our own.
import { spent } from "../http1/spent.ts"
import { piecesApart } from "../http1/waiting.ts"
import { chunkEnd, chunkStart, fieldLines, lastChunk, lastChunkWith } from "../http1/writer.ts"
import { isNamed } from "../routing/headers.ts"
import { trailerFields } from "../upstream/fields.ts"
import { answerTo } from "./answer.ts"
import type { ClientReply } from "./client.ts"
import type { Connection } from "./connection.ts"
import { dateLine, statusLine } from "./heading.ts"
import type { Remote } from "./remote.ts"

/** What a reply needs to know of its port. */
export interface ReplyContext {
  /** Milliseconds a client may leave a response unread. */
  readonly stall: number
  /** The lines by which a connection is kept, with the empty line that ends a head. */
  readonly keepLines: string
  readonly draining: () => boolean
}

/** The client's connection, as a reply uses it. */
export type ReplyConnection = Pick<Connection, "socket" | "gone" | "final" | "last" | "drained"> & {
  readonly remote: Pick<Remote, "secure">
}

const closeLines = "Connection: close\r\n\r\n"

/** Up to here a body is written as one text with its head: one short copy costs less than a second buffer. */
const joined = 4096

export class Reply implements ClientReply {
  /** Of the head that was written; 0 before. */
  status = 0
  /** Bytes of the body given to the client. */
  bytes = 0
  /** A head was given: no other answer can be. */
  headed = false
  /** The last byte of the response was handed to the socket. */
  answered = false
  private readonly context: ReplyContext
  private readonly connection: ReplyConnection
  private readonly method: string
  /** HTTP/1.0: no chunks, no interim responses. */
  private readonly old: boolean
  private chunked = false
  /** The head, until the end of this tick: a short response leaves in one write with its first bytes and its end. */
  private pending = ""
  private first: Buffer | null = null
  /** When a client that reads nothing has had its time; Infinity: it has taken everything. */
  private unread = Number.POSITIVE_INFINITY
  /** Pieces of the body that were given while others were before them. */
  private queued = 0

  constructor(context: ReplyContext, connection: ReplyConnection, method: string, old: boolean) {
    this.context = context
    this.connection = connection
    this.method = method
    this.old = old
  }

  // === Before the head ===

  /** 100: the client may send its body. */
  proceed(): void {
    if (!this.connection.gone) this.connection.socket.write("HTTP/1.1 100 Continue\r\n\r\n", "latin1")
  }

  interim(status: number, fields: ReadonlyArray<string>): void {
    if (this.headed || this.old || this.connection.gone) return
    const lines = fieldLines(fields)
    // An interim response is advice: one that cannot be written is left out.
    if (lines !== null) this.connection.socket.write(`${statusLine(status)}${lines}\r\n`, "latin1")
  }

  // === A relayed answer ===

  /** fields: raw pairs, framed by Content-Length or not at all. edited: by the user's filters too, so they are judged again; false: they cannot be written. */
  head(status: number, fields: ReadonlyArray<string>, edited: boolean): boolean {
    if (!this.begin(status, fields, edited)) return false
    // A stream that is silent at first would look like a hang.
    process.nextTick(flush, this)
    return true
  }

  /** false: the client has more before it than it takes, until it is drained. */
  data(chunk: Buffer): boolean {
    this.bytes += chunk.length
    if (this.pending === "") return this.write(chunk)
    if (this.first === null) {
      this.first = chunk
      return true
    }
    this.flush()
    return this.write(chunk)
  }

  /** `trailers` null: the client did not ask for any. → whether the socket has room again: if not, the answer is out when it is drained. */
  end(trailers: ReadonlyArray<string> | null): boolean {
    this.answered = true
    const last = this.chunked ? this.lastChunk(trailers) : ""
    if (this.pending === "") return last === "" ? this.unread === Number.POSITIVE_INFINITY : this.send(last)
    const { first, pending: text } = this
    this.pending = ""
    this.first = null
    if (first === null) return this.send(text + last)
    return this.sendWith(this.chunked ? text + chunkStart(first.length) : text, first, this.chunked ? chunkEnd + last : "")
  }

  /** Hands the client's socket over with a 101; it is the caller's from here. */
  switchProtocols(protocol: string | null, fields: ReadonlyArray<string>): boolean {
    const lines = fieldLines(fields)
    if (this.connection.gone || lines === null) return false
    this.status = 101
    this.headed = true
    this.connection.socket.write(`${statusLine(101)}Connection: Upgrade\r\nUpgrade: ${protocol}\r\n${lines}\r\n`, "latin1")
    return true
  }

  // === An answer of our own ===

  /** Head, body and end at once. false: an edit of the user's cannot be written (translate refuses those), and the plain answer went instead. */
  answer(status: number, fields: ReadonlyArray<string>, body: string): boolean {
    const written = this.begin(status, fields, true)
    let said = body
    if (!written) {
      const plain = answerTo("internal")
      this.begin(plain.status, plain.headers, false)
      // Its head counts its own body: another would break the framing of the connection.
      said = plain.body
    }
    if (this.method === "HEAD") said = ""
    this.bytes = said.length
    this.answered = true
    const text = this.pending
    this.pending = ""
    this.send(text + said)
    return written
  }

  /** All of it was taken, or nobody waits for that. */
  get taken(): boolean {
    return this.unread === Number.POSITIVE_INFINITY
  }

  // === The end ===

  /** Nothing can be said any more: the client must not take what it got for the whole. */
  cut(): void {
    const { socket, remote } = this.connection
    // An HTTP/1.0 body may end with its connection, and then looks whole when that ends cleanly: only a reset says otherwise.
    if (this.old && !remote.secure) socket.resetAndDestroy()
    else socket.destroy()
  }

  /** The client has taken what was written. */
  drained(): void {
    this.unread = Number.POSITIVE_INFINITY
  }

  /** The client has read nothing for the whole stall time. */
  stalled(now: number): boolean {
    return now >= this.unread
  }

  // === Inside ===

  private begin(status: number, fields: ReadonlyArray<string>, judge: boolean): boolean {
    let text = statusLine(status)
    let counted = false
    let dated = false
    if (judge) {
      const lines = fieldLines(fields)
      if (lines === null) return false
      text += lines
    }
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at]!
      // As most write them: no lower-case copy is made then.
      if (name.length === 14) counted ||= name === "Content-Length" || isNamed(name, "content-length")
      else if (name.length === 4) dated ||= name === "Date" || isNamed(name, "date")
      if (!judge) text += `${name}: ${fields[at + 1]}\r\n`
    }
    if (!dated) text += dateLine()
    if (!counted && this.method !== "HEAD" && status !== 204 && status !== 304) {
      if (this.old) this.connection.last()
      else {
        this.chunked = true
        text += "Transfer-Encoding: chunked\r\n"
      }
    }
    if (this.context.draining()) this.connection.last()
    this.pending = text + (this.connection.final ? closeLines : this.context.keepLines)
    this.status = status
    this.headed = true
    return true
  }

  private lastChunk(trailers: ReadonlyArray<string> | null): string {
    if (trailers === null || trailers.length === 0) return lastChunk
    // Trailers that cannot be written are left out; the content before them stands.
    return lastChunkWith(trailerFields(trailers)) ?? lastChunk
  }

  flush(): void {
    const { pending: text, first } = this
    if (text === "") return
    this.pending = ""
    this.first = null
    if (first === null) this.send(text)
    else this.sendWith(this.chunked ? text + chunkStart(first.length) : text, first, this.chunked ? chunkEnd : "")
  }

  private write(chunk: Buffer): boolean {
    if (this.chunked) return this.sendWith(chunkStart(chunk.length), chunk, chunkEnd)
    if (this.connection.gone) return false
    const more = this.piece(chunk)
    spent(this.connection.socket, chunk)
    return this.said(more)
  }

  private sendWith(before: string, chunk: Buffer, after: string): boolean {
    if (this.connection.gone) return false
    if (chunk.length <= joined) return this.said(this.piece(before + (chunk as unknown as Latin1).latin1Slice() + after))
    const { socket } = this.connection
    socket.cork()
    socket.write(before, "latin1")
    let more = socket.write(chunk)
    if (after !== "") more = socket.write(after, "latin1")
    socket.uncork()
    spent(socket, chunk)
    return this.said(more)
  }

  private send(text: string): boolean {
    return !this.connection.gone && this.said(this.connection.socket.write(text, "latin1"))
  }

  /** One piece of a body. Many small ones fill no socket: beyond some that wait, no more is taken until the last of them is written. */
  private piece(bytes: Buffer | string): boolean {
    const { socket } = this.connection
    this.queued = socket.writableLength === 0 ? 0 : this.queued + 1
    const crowded = this.queued === piecesApart
    const written = crowded ? () => this.written() : undefined
    const more = typeof bytes === "string" ? socket.write(bytes, "latin1", written) : socket.write(bytes, written)
    return more && !crowded
  }

  private written(): void {
    this.queued = 0
    // A socket that has become full meanwhile says itself when it is drained.
    if (!this.taken && !this.connection.gone && !this.connection.socket.writableNeedDrain) this.connection.drained()
  }

  private said(more: boolean): boolean {
    if (!more) this.unread = performance.now() + this.context.stall
    return more
  }
}

/** Buffer's own, which `toString` finds by the name of the encoding. */
interface Latin1 {
  readonly latin1Slice: () => string
}

const flush = (reply: Reply): void => reply.flush()
