// One request of an HTTP/2 connection: its stream is to the exchange what a connection of HTTP/1.1 is. Its body waits in the client's window, not here.
import type { Socket } from "node:net"
import { given } from "../http1/spent.ts"
import { codes } from "../http2/code.ts"
import type { RequestHead as StreamHead } from "../http2/head.ts"
import type { Reset, Stream, StreamHandler } from "../http2/stream.ts"
import type { Client, ClientReply } from "./client.ts"
import type { ExchangeContext } from "./context.ts"
import { Exchange } from "./exchange.ts"
import type { ReceivedHead } from "./head.ts"
import { Http2Reply } from "./http2reply.ts"
import type { Remote } from "./remote.ts"

/** The connection, as its requests have it. */
export interface Http2Way {
  readonly context: ExchangeContext
  readonly socket: Socket
  readonly remote: Remote
  readonly cut: boolean
  readonly onEnded: (client: Http2Request, now: number) => void
}

/** Parts of a body that are smaller than this share of the memory they are in are copied out of it: whoever keeps them keeps no more than so many times. */
const share = 4

export class Http2Request implements Client, StreamHandler {
  readonly ahead = false
  readonly socket: Socket
  readonly remote: Remote
  readonly exchange: Exchange
  private readonly host: Http2Way
  private readonly stream: Stream
  private over = false
  private bodyHeld = false
  /** Bytes of the body that were given on and not told to the client yet. */
  private charged = 0

  constructor(host: Http2Way, stream: Stream, head: StreamHead, ended: boolean) {
    this.host = host
    this.stream = stream
    this.socket = host.socket
    this.remote = host.remote
    this.exchange = new Exchange(host.context, this, receivedOf(head, ended))
  }

  get cut(): boolean {
    return this.host.cut
  }

  // === For its exchange ===

  replyTo(method: string): ClientReply {
    return new Http2Reply(this.stream, this.host.context.stall, method)
  }

  /** Other streams go on. */
  last(): void {}

  guard(act: () => void): void {
    try {
      act()
    } catch (cause) {
      this.broken(cause)
    }
  }

  holdBody(): void {
    this.bodyHeld = true
  }

  wantBody(): void {
    this.bodyHeld = false
    if (this.charged === 0) return
    const { charged } = this
    this.charged = 0
    this.stream.consume(charged)
  }

  handOver(): Buffer {
    throw new Error("a stream of HTTP/2 has no socket of its own")
  }

  end(now: number): void {
    this.over = true
    // The rest of a body that nobody wants (RFC 9113 section 8.1).
    if (!this.stream.closed && !this.stream.peerEnded) this.stream.reset(codes.NO_ERROR)
    this.host.onEnded(this, now)
  }

  // === The stream ===

  onHead(): void {}

  onData(chunk: Buffer): void {
    const small = chunk.length * share < chunk.buffer.byteLength
    const kept = small ? Buffer.from(chunk) : chunk
    if (!small) given(chunk)
    this.guard(() => {
      this.charged += chunk.length
      if (this.over || !this.exchange.take(kept) || !this.bodyHeld) this.wantBody()
    })
  }

  onEnd(trailers: ReadonlyArray<string>): void {
    if (!this.over) this.guard(() => this.exchange.bodyEnded(trailers))
  }

  onDrain(): void {
    if (!this.over) this.guard(() => this.exchange.onDrain())
  }

  onReset(reset: Reset): void {
    if (this.over) return
    this.guard(() => {
      // What was said may stand in the log: nothing can be said any more.
      if (reset.by === "Us") this.exchange.clientFailed("bad_request", reset.detail)
      if (!this.over) this.exchange.onGone(reset.detail)
    })
  }

  // === For its connection ===

  look(now: number): void {
    this.guard(() => this.exchange.look(now))
  }

  farewell(): void {
    if (!this.over) this.guard(() => this.exchange.farewell())
  }

  private broken(cause: unknown): void {
    try {
      this.exchange.defect(cause)
    } catch {
      this.stream.reset(codes.INTERNAL_ERROR)
      if (!this.over) this.host.onEnded(this, performance.now())
    }
  }
}

/** The head as one of HTTP/1.1 would be: the authority is its Host, and the parts of a cookie are one (RFC 9113 section 8.2.3). */
const receivedOf = ({ method, path, authority, fields }: StreamHead, ended: boolean): ReceivedHead => {
  const pairs: Array<string> = []
  let cookie = -1
  // Host is the same wherever both are there: the codec refuses others.
  if (authority !== null) pairs.push("Host", authority)
  for (let at = 0; at < fields.length; at += 2) {
    const name = fields[at]!
    const value = fields[at + 1]!
    if (name === "host" && authority !== null) continue
    if (name === "cookie") {
      if (cookie >= 0) {
        pairs[cookie] = `${pairs[cookie]}; ${value}`
        continue
      }
      cookie = pairs.length + 1
    }
    pairs.push(name, value)
  }
  return { method, target: path, version: "2", fields: pairs, ended }
}
