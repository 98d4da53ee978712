// The state of one stream (RFC 9113 sections 5.1 and 5.2): its windows, what of its body waits for them, and which side has ended.
import { Waiting } from "../http1/waiting.ts"
import type { Code } from "./code.ts"
import type { Sender } from "./sender.ts"
import type { Reset, Stream, StreamHandler } from "./stream.ts"

/** What a stream asks of its connection. */
export interface StreamOwner {
  readonly sender: Sender
  /** The window that a peer has for a body. */
  readonly window: number
  readonly sendReset: (stream: LiveStream, code: Code) => void
  /** The peer may send so much more. */
  readonly sendCredit: (stream: LiveStream, bytes: number) => void
  /** Of its bytes, so many are done with. */
  readonly credit: (bytes: number) => void
  readonly ended: (stream: LiveStream) => void
}

const silent: StreamHandler = { onHead: () => {}, onData: () => {}, onEnd: () => {}, onDrain: () => {}, onReset: () => {} }

export class LiveStream implements Stream {
  readonly id: number
  handler: StreamHandler = silent
  closed = false
  peerEnded = false
  /** END_STREAM was sent. */
  ended = false
  /** Bytes that may be sent; below 0 when the peer has made its window smaller. */
  sendWindow: number
  /** Bytes that may come. */
  receiveWindow: number
  /** The peer's final head has come (client), or ours was sent (server). */
  headed = false
  /** Content-Length of what comes; null: not declared. */
  declared: number | null = null
  /** Of a client's request: the answer to HEAD has no body. */
  method = ""
  private readonly connection: StreamOwner
  private readonly sender: Sender
  private received = 0
  /** Bytes that came and are not consumed. */
  private charged = 0
  /** Bytes consumed that the peer was not told of. */
  private owed = 0
  private readonly queue = new Waiting()
  /** Our side is said; it goes out after what is queued. */
  private ending = false
  private trailers: ReadonlyArray<string> | null = null
  /** Its owner was told to wait. */
  private waits = false

  constructor(id: number, connection: StreamOwner) {
    this.id = id
    this.connection = connection
    this.sender = connection.sender
    this.sendWindow = connection.sender.streamWindow
    this.receiveWindow = connection.window
  }

  get unsent(): number {
    return this.queue.bytes
  }

  // === For its owner ===

  head(status: number, fields: ReadonlyArray<string>, end: boolean): boolean {
    if (this.said || this.headed) return true
    if (!this.sender.head(this.id, [":status", String(status)], fields, end)) return false
    this.headed = status >= 200
    if (end) this.sentEnd()
    return true
  }

  data(chunk: Buffer): boolean {
    if (this.said || chunk.length === 0) return !this.waits
    const { sender, queue } = this
    const { outlet } = sender
    if (queue.bytes > 0 || outlet.full) queue.push(chunk)
    else {
      const sent = sender.data(this, chunk, chunk.length)
      if (sent < chunk.length) queue.push(chunk.subarray(sent))
      else {
        outlet.spend(chunk)
        if (!outlet.full) return true
      }
    }
    this.waits = true
    sender.await(this)
    return false
  }

  end(trailers?: ReadonlyArray<string>): boolean {
    if (this.said) return true
    this.ending = true
    this.trailers = trailers === undefined || trailers.length === 0 ? null : trailers
    if (this.queue.bytes > 0) return true
    return this.sendEnd()
  }

  reset(code: Code): void {
    if (this.closed) return
    // Where both have said everything there is nothing to take back: a frame more would count as an attack on servers that count them.
    if (!this.peerEnded || !this.ended) this.connection.sendReset(this, code)
    this.close()
  }

  consume(bytes: number): void {
    const done = Math.min(bytes, this.charged)
    if (this.closed || done <= 0) return
    this.charged -= done
    this.connection.credit(done)
    if (this.peerEnded) return
    this.owed += done
    if (this.owed * 2 < this.connection.window) return
    this.receiveWindow += this.owed
    this.connection.sendCredit(this, this.owed)
    this.owed = 0
  }

  // === For its connection ===

  /** Sends some of what waits, no more than `most`: the others have their turn. → something went, or was said. */
  pump(most: number): boolean {
    const chunk = this.queue.shift()
    if (chunk === undefined) return false
    const sent = this.sender.data(this, chunk, most)
    if (sent < chunk.length) this.queue.unshift(sent === 0 ? chunk : chunk.subarray(sent))
    return sent > 0
  }

  /** Nothing waits any more. */
  emptied(): void {
    const waited = this.waits
    this.waits = false
    if (this.ending && !this.ended) this.sendEnd()
    if (waited) this.handler.onDrain()
  }

  /** So many bytes of a DATA frame are to come. → false: more than the window. */
  charge(bytes: number): boolean {
    this.receiveWindow -= bytes
    this.charged += bytes
    return this.receiveWindow >= 0
  }

  /** → false: more than the declared length. */
  count(bytes: number): boolean {
    this.received += bytes
    return this.declared === null || this.received <= this.declared
  }

  /** The length is the declared one. */
  get complete(): boolean {
    return this.declared === null || this.received === this.declared
  }

  /** The peer has ended its side: nothing more is to be consumed for its sake. */
  endPeer(trailers: ReadonlyArray<string>): void {
    this.peerEnded = true
    this.handler.onEnd(trailers)
    this.settle()
  }

  /** Both sides have ended. */
  settle(): void {
    if (this.peerEnded && this.ended) this.close()
  }

  /** Ends it for a reason that is not its owner's. */
  break(reset: Reset): void {
    if (this.closed) return
    this.close()
    this.handler.onReset(reset)
  }

  /** Nothing more can be said. */
  private get said(): boolean {
    return this.closed || this.ending || this.ended
  }

  private sendEnd(): boolean {
    const { trailers } = this
    this.trailers = null
    const written = this.sender.end(this.id, trailers)
    this.sentEnd()
    return written
  }

  private sentEnd(): void {
    this.ended = true
    this.settle()
  }

  private close(): void {
    if (this.closed) return
    this.closed = true
    this.waits = false
    this.queue.take()
    const { charged } = this
    this.charged = 0
    if (charged > 0) this.connection.credit(charged)
    this.connection.ended(this)
  }
}
