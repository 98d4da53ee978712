// What is said to the client: how one answer leaves, from the head to the last byte it takes. Apart from the exchange, because when bytes go out
// and whether anybody reads them is a matter of node:http and the socket, the same for a relayed answer and for one of our own.
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http"
import type { Socket } from "node:net"
import { trailerFields } from "../upstream/fields.ts"
import { answerTo } from "./answer.ts"
import type { Connection } from "./connection.ts"

/** Who is told what becomes of a reply. */
export interface ReplyOwner {
  /** The client has taken what was written: more may come. */
  readonly onTaken: () => void
  /** The client read nothing for the whole stall time. */
  readonly onUnread: () => void
  /** The client's side is over, after the end as after an abort. */
  readonly onClosed: (whole: boolean) => void
}

/** What a reply needs to know of its port. `stall`: milliseconds a client may leave a response unread. */
export interface ReplyContext {
  readonly stall: number
  readonly draining: () => boolean
}

export class Reply {
  /** Of the head that was written; 0 before. */
  status = 0
  /** Bytes of the body given to the client. */
  bytes = 0
  /** A head was written: no other answer can be given. */
  headed = false
  /** The last byte of the response was handed to the socket. */
  answered = false
  private readonly context: ReplyContext
  private readonly connection: Connection
  private readonly request: IncomingMessage
  private readonly response: ServerResponse
  /** The socket of an Upgrade request left the server's hands: nobody passes its drain on to the response. */
  private readonly ownSocket: boolean
  private readonly owner: ReplyOwner
  private flushed = false
  /** The first bytes of the body wait for the end of this tick: a short response leaves in one write with its head and its end. */
  private first: Uint8Array | null = null
  private stallTimer: NodeJS.Timeout | null = null
  private unread = false
  private released = false

  constructor(
    context: ReplyContext,
    connection: Connection,
    request: IncomingMessage,
    response: ServerResponse,
    ownSocket: boolean,
    owner: ReplyOwner
  ) {
    this.context = context
    this.connection = connection
    this.request = request
    this.response = response
    this.ownSocket = ownSocket
    this.owner = owner
    response.on("close", this.onClosed)
    response.on("error", ignore)
  }

  // === Before the head ===

  /** 100: the client may send its body. */
  proceed(): void {
    this.response.writeContinue()
  }

  interim(status: number, headers: ReadonlyArray<string>): void {
    if (this.headed || this.released || this.request.httpVersion !== "1.1") return
    try {
      this.response.writeInformation(status, headers as Array<string>)
    } catch {
      // An interim response is advice: one that cannot be written is left out.
    }
  }

  /** The connection ends with this answer. */
  last(): void {
    this.response.shouldKeepAlive = false
    this.connection.final = true
  }

  // === A relayed answer ===

  /** Throws when a field cannot be written; nothing was said then. */
  head(status: number, fields: Array<string>): void {
    this.writeHead(status, fields)
    // Node keeps the head back until the first byte of the body; a stream that is silent at first would look like a hang.
    process.nextTick(flush, this)
  }

  /** false: the client has more before it than it takes, until `onTaken`. */
  data(chunk: Uint8Array): boolean {
    this.bytes += chunk.length
    if (!this.flushed) {
      if (this.first === null) {
        this.first = chunk
        return true
      }
      this.flush()
    }
    return this.write(chunk)
  }

  /** `trailers` null: the client did not ask for any. */
  end(trailers: ReadonlyArray<string> | null): void {
    if (trailers !== null && trailers.length > 0 && this.response.chunkedEncoding) this.addTrailers(trailers)
    const { first } = this
    this.first = null
    this.close(first)
  }

  /** Hands the client's socket over with a 101; it is the caller's from here. null: the client left. */
  switchProtocols(protocol: string | null, fields: ReadonlyArray<string>): Socket | null {
    const client = this.response.socket as Socket | null
    if (client === null) return null
    this.status = 101
    this.headed = true
    this.response.off("close", this.onClosed)
    this.response.detachSocket(client)
    let text = `HTTP/1.1 101 ${STATUS_CODES[101]}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n`
    for (let at = 0; at < fields.length; at += 2) text += `${fields[at]}: ${fields[at + 1]}\r\n`
    client.write(`${text}\r\n`, "latin1")
    return client
  }

  // === An answer of our own ===

  /** Head, body and end at once. false: an edit of the user's cannot be written (translate refuses those), and the plain answer went instead. */
  answer(status: number, fields: Array<string>, body: string): boolean {
    let said = body
    let written = true
    try {
      this.writeHead(status, fields)
    } catch {
      const plain = answerTo("internal")
      this.writeHead(plain.status, [...plain.headers])
      // Its head counts its own body: another would break the framing of the connection.
      said = plain.body
      written = false
    }
    this.bytes = this.request.method === "HEAD" ? 0 : Buffer.byteLength(said)
    this.close(said)
    return written
  }

  // === The end ===

  /** Nothing can be said any more: the client must not take what it got for the whole. */
  cut(): void {
    const socket = this.response.socket ?? this.request.socket
    // An HTTP/1.0 body may end with its connection, and then looks whole when that ends cleanly: only a reset says otherwise.
    if (this.request.httpVersion === "1.0" && !this.connection.secure) socket.resetAndDestroy()
    else socket.destroy()
  }

  /** Its exchange is over: no clock runs and nothing is said after this. */
  release(): void {
    this.released = true
    if (this.stallTimer !== null) clearTimeout(this.stallTimer)
  }

  // === Inside ===

  private writeHead(status: number, fields: Array<string>): void {
    if (this.context.draining()) this.last()
    this.response.writeHead(status, fields)
    this.status = status
    this.headed = true
  }

  flush(): void {
    if (this.flushed || this.released) return
    this.flushed = true
    if (this.first === null) this.response.flushHeaders()
    else this.write(this.first)
    this.first = null
  }

  private write(chunk: Uint8Array): boolean {
    if (this.response.write(chunk)) return true
    this.awaitReading()
    return false
  }

  private close(body: Uint8Array | string | null): void {
    this.answered = true
    this.flushed = true
    if (body === null) this.response.end()
    else this.response.end(body)
    // What is left is the client's reading. As a rule the socket has taken everything by now, and no clock is needed.
    if (this.response.socket?.writableLength !== 0) this.awaitReading()
  }

  private addTrailers(trailers: ReadonlyArray<string>): void {
    const fields = trailerFields(trailers)
    const pairs: Array<[string, string]> = []
    for (let at = 0; at < fields.length; at += 2) pairs.push([fields[at]!, fields[at + 1]!])
    try {
      this.response.addTrailers(pairs)
    } catch {
      // A trailer that cannot be written is left out; the content before it stands.
    }
  }

  /** The client has more before it than it takes. */
  private awaitReading(): void {
    this.unread = true
    if (this.stallTimer !== null) {
      this.stallTimer.refresh()
      return
    }
    this.stallTimer = setTimeout(this.onStall, this.context.stall)
    this.response.on("drain", this.onDrain)
    if (this.ownSocket) this.response.socket?.on("drain", this.onDrain)
  }

  private readonly onDrain = (): void => {
    // After the last byte only the end of the response is an end.
    this.unread = this.answered
    this.stallTimer?.refresh()
    this.owner.onTaken()
  }

  private readonly onStall = (): void => {
    // All was taken meanwhile: what is silent now is the upstream, which has a clock of its own.
    if (!this.unread) return
    // Its turn on a pipelined connection has not come: there is nothing yet that the client could read.
    if (this.response.socket === null) this.stallTimer?.refresh()
    else this.owner.onUnread()
  }

  private readonly onClosed = (): void => this.owner.onClosed(this.response.writableFinished)
}

const flush = (reply: Reply): void => reply.flush()

const ignore = (): void => {}
