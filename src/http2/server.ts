// The server's side: streams begin by the client's requests.
import { codes } from "./code.ts"
import { Endpoint } from "./endpoint.ts"
import type { BlockKind } from "./fieldlist.ts"
import { goawayFrame, most, resetFrame, settings } from "./frame.ts"
import { defaultSessionLimits, type SessionLimits } from "./limits.ts"
import { LiveStream } from "./livestream.ts"
import type { ServerHandler, Session, SessionSocket } from "./session.ts"

/** Begins a session on the socket, whose bytes are the caller's to feed, from the client's preface on. SETTINGS go out at once. */
export const openServer = (socket: SessionSocket, handler: ServerHandler, limits: SessionLimits = defaultSessionLimits): Session =>
  new Server(socket, handler, limits)

class Server extends Endpoint {
  protected lastPeerStream = 0
  private readonly owner: ServerHandler
  /** The last stream that is served; what comes above it is not looked at. */
  private lastServed = most
  private drainSaid = false

  constructor(socket: SessionSocket, handler: ServerHandler, limits: SessionLimits) {
    super(socket, handler, limits, true)
    this.owner = handler
    this.greet(
      [
        [settings.MAX_CONCURRENT_STREAMS, limits.streams],
        ...(limits.connectProtocol ? [[settings.ENABLE_CONNECT_PROTOCOL, 1] as const] : [])
      ],
      null
    )
  }

  leave(): void {
    if (this.leaving || this.over) return
    this.leaving = true
    // What is on its way is served: the last word comes after a round trip (RFC 9113 section 6.8).
    this.outlet.push(goawayFrame(most, codes.NO_ERROR))
    const last = () => {
      if (this.over) return
      this.lastServed = this.lastPeerStream
      this.drainSaid = true
      this.outlet.push(goawayFrame(this.lastServed, codes.NO_ERROR))
      this.checkFinished()
    }
    // A ping of the owner's that is under way says as much.
    if (!this.ping(last)) last()
  }

  protected get lastWordSaid(): boolean {
    return this.drainSaid
  }

  protected isIdle(stream: number): boolean {
    return stream % 2 === 0 || stream > this.lastPeerStream
  }

  protected kindOf(): BlockKind {
    return "Trailers"
  }

  /** Never: nobody answers a server. */
  protected onHeadBlock(): void {}

  protected onPeerGoaway(): void {}

  protected onPeerSetting(id: number, value: number): string | null {
    if (id === settings.ENABLE_PUSH) return value > 1 ? "SETTINGS_ENABLE_PUSH is neither 0 nor 1" : null
    if (id === settings.ENABLE_CONNECT_PROTOCOL) return value > 1 ? "SETTINGS_ENABLE_CONNECT_PROTOCOL is neither 0 nor 1" : null
    return null
  }

  protected onNewBlock(id: number, bytes: Buffer, from: number, to: number, end: boolean) {
    if (id % 2 === 0) return this.fail(codes.PROTOCOL_ERROR, "a request with an even number")
    if (id <= this.lastPeerStream) return this.dropBlock(id, bytes, from, to)
    if (!this.decode(bytes, from, to, "Request")) return
    this.lastPeerStream = id
    if (id > this.lastServed) {
      this.dropped.add(id)
      return
    }
    if (this.live.size >= this.limits.streams) return this.turnAway(id, codes.REFUSED_STREAM, `more than ${this.limits.streams} streams`)
    const { list } = this
    const { whole, contentLength } = list
    const head = list.request()
    if (head === null) return this.turnAway(id, codes.PROTOCOL_ERROR, list.problem ?? "malformed")
    if (end && contentLength !== null && contentLength > 0) {
      return this.turnAway(id, codes.PROTOCOL_ERROR, "less DATA than Content-Length")
    }
    const stream = new LiveStream(id, this)
    stream.declared = contentLength
    stream.peerEnded = end
    this.live.set(id, stream)
    stream.handler = this.owner.onRequest(stream, head, whole, end)
    if (end && !stream.closed) stream.endPeer(none)
  }

  private turnAway(id: number, code: number, detail: string): void {
    this.dropped.add(id)
    this.outlet.push(resetFrame(id, code))
    this.owner.onRefused({ code, detail })
    this.spendReset()
  }
}

const none: ReadonlyArray<string> = []
