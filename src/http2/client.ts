// The client's side: streams begin by our requests.
import { codes } from "./code.ts"
import { Endpoint } from "./endpoint.ts"
import type { BlockKind } from "./fieldlist.ts"
import { most, preface, settings } from "./frame.ts"
import { defaultSessionLimits, type SessionLimits } from "./limits.ts"
import { LiveStream } from "./livestream.ts"
import type { ClientSession, SessionHandler, SessionSocket, WrittenHead } from "./session.ts"
import type { Stream, StreamHandler } from "./stream.ts"

/** Begins a session on the socket, whose bytes are the caller's to feed. The preface goes out at once; requests need not wait for the peer's. */
export const openClient = (socket: SessionSocket, handler: SessionHandler, limits: SessionLimits = defaultSessionLimits): ClientSession =>
  new Client(socket, handler, limits)

/** Streams that a server may be asked to serve before it has said how many (RFC 9113 section 6.5.2 recommends no fewer). */
const unspoken = 100

class Client extends Endpoint implements ClientSession {
  connectProtocol = false
  protected readonly lastPeerStream = 0
  protected readonly lastWordSaid = true
  private next = 1
  allowed = unspoken

  constructor(socket: SessionSocket, handler: SessionHandler, limits: SessionLimits) {
    super(socket, handler, limits, false)
    this.greet([[settings.ENABLE_PUSH, 0]], preface)
  }

  get room(): number {
    if (this.leaving || this.over || this.next > most) return 0
    return Math.max(0, this.allowed - this.live.size)
  }

  request(head: WrittenHead, end: boolean, handler: StreamHandler): Stream | null | "Unwritable" {
    if (this.room === 0) return null
    const { method, scheme, authority, path, protocol } = head
    const pseudo: Array<string> = [":method", method]
    if (protocol !== null) pseudo.push(":protocol", protocol)
    if (scheme !== "") pseudo.push(":scheme", scheme)
    if (authority !== null) pseudo.push(":authority", authority)
    if (path !== "") pseudo.push(":path", path)
    if (!isPlain(pseudo)) return "Unwritable"
    if (!this.sender.head(this.next, pseudo, head.fields, end)) return "Unwritable"
    const stream = new LiveStream(this.next, this)
    this.next += 2
    stream.method = method
    stream.handler = handler
    stream.ended = end
    this.live.set(stream.id, stream)
    return stream
  }

  leave(): void {
    if (this.leaving || this.over) return
    this.leaving = true
    this.checkFinished()
  }

  protected isIdle(stream: number): boolean {
    return stream % 2 === 0 || stream >= this.next
  }

  protected kindOf(stream: LiveStream): BlockKind {
    return stream.headed ? "Trailers" : "Response"
  }

  protected onNewBlock(id: number, bytes: Buffer, from: number, to: number) {
    if (this.isIdle(id)) return this.fail(codes.PROTOCOL_ERROR, "HEADERS of a stream that nobody has opened")
    this.dropBlock(id, bytes, from, to)
  }

  protected onHeadBlock(stream: LiveStream, end: boolean) {
    const { list } = this
    const { contentLength } = list
    const head = list.response()
    if (head === null) return this.refuse(stream.id, codes.PROTOCOL_ERROR, list.problem ?? "malformed")
    if (!list.whole) return this.refuse(stream.id, codes.ENHANCE_YOUR_CALM, "the head is too large")
    if (head.status < 200) {
      if (end) return this.refuse(stream.id, codes.PROTOCOL_ERROR, "an interim response that ends its stream")
      stream.handler.onHead(head, false)
      return
    }
    stream.headed = true
    stream.declared = stream.method === "HEAD" || head.status === 204 || head.status === 304 ? 0 : contentLength
    if (end && !stream.complete) return this.refuse(stream.id, codes.PROTOCOL_ERROR, "less DATA than Content-Length")
    stream.peerEnded = end
    stream.handler.onHead(head, end)
    if (end && !stream.closed) stream.endPeer(none)
  }

  protected onPeerGoaway(lastStream: number): void {
    this.leaving = true
    for (const stream of [...this.live.values()]) {
      if (stream.id > lastStream) {
        stream.break({
          by: "Session",
          code: codes.REFUSED_STREAM,
          unprocessed: true,
          detail: "the peer is going away and has not looked at the stream"
        })
      }
    }
  }

  protected onPeerSetting(id: number, value: number): string | null {
    switch (id) {
      case settings.MAX_CONCURRENT_STREAMS:
        this.allowed = value
        return null
      case settings.ENABLE_PUSH:
        return value === 0 ? null : "SETTINGS_ENABLE_PUSH of a server"
      case settings.ENABLE_CONNECT_PROTOCOL:
        if (value > 1) return "SETTINGS_ENABLE_CONNECT_PROTOCOL is neither 0 nor 1"
        this.connectProtocol = value === 1
        return null
      default:
        return null
    }
  }
}

const none: ReadonlyArray<string> = []

/** Pseudo fields hold what their owner has judged; what is no text of a field at all is refused here. */
const isPlain = (pairs: ReadonlyArray<string>): boolean => {
  for (let at = 1; at < pairs.length; at += 2) {
    const value = pairs[at]!
    if (value === "" || /[^\x21-\x7e]/.test(value)) return false
  }
  return true
}
