// HTTP/1.1 to upstreams: a dialled socket in, callbacks of `ResponseSink` out. One exchange at a time on it; how that goes is wire.ts.
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { defaultReaderLimits, type ReaderLimits } from "../http1/limits.ts"
import { Reader, type ResponseHead } from "../http1/reader.ts"
import type { AttemptPeer, UpstreamRequest } from "./attempt.ts"
import type { Carrier, CarrierSettings, CarrierSink } from "./carrier.ts"
import { defectDetail } from "./defect.ts"
import { Wire } from "./wire.ts"

/** Of a response (docs/request.md). */
const limits: ReaderLimits = { ...defaultReaderLimits, headBytes: 61_440 }

/** The peer closes what it keeps for so long: we close it earlier, or a request would meet the close. */
const headStart = 1_000

const noBytes = Buffer.alloc(0)

/** One checked connection. It takes one exchange at a time; the pool asks `usable` before each. */
export class Connection implements Carrier {
  readonly socket: Socket | TLSSocket
  readonly settings: CarrierSettings
  readonly onClose: (connection: Connection) => void
  requests = 0
  rested = false
  /** The exchange under way. */
  current: Wire | null = null
  /** Its reader waits for the client to take what came. */
  held = false
  readonly #reader: Reader<ResponseHead>
  /** The first error of the socket: a TLS alert is followed by others that say less. */
  error: Error | null = null
  /** The peer sends no more. */
  #ended = false
  #onTunnelClosed: (() => void) | null = null
  #firstTimer: NodeJS.Timeout | null = null
  #idleTimer: NodeJS.Timeout | null = null
  #restTimer: NodeJS.Timeout | null = null
  #restAfter: number
  #closed = false

  constructor(socket: Socket | TLSSocket, settings: CarrierSettings, onClose: (connection: Connection) => void) {
    this.socket = socket
    this.settings = settings
    this.onClose = onClose
    this.#restAfter = settings.keepAliveIdle
    this.#reader = new Reader<ResponseHead>(
      "Response",
      {
        onHead: (head) => this.current?.head(head) ?? "Stop",
        onData: (chunk) => this.current?.data(chunk),
        onEnd: (trailers) => {
          // What follows a response is no response, and is seen by `readyForNext`.
          this.#reader.pause()
          this.current?.end(trailers)
        },
        onError: (problem) => this.current?.malformed(problem)
      },
      limits
    )
    socket.on("data", this.#onData)
    socket.on("end", this.#onEnd)
    socket.on("error", (error) => {
      this.error ??= error
    })
    socket.on("close", () => {
      this.#stop()
      this.#onTunnelClosed?.()
      // All has come, and its reader still has to take it.
      if (!this.#ended || this.error !== null) this.current?.closed()
      this.onClose(this)
    })
  }

  /** Free, open, and not used up. */
  get usable(): boolean {
    return this.current === null && !this.#closed && !this.socket.destroyed && this.socket.writable
  }

  rest(): void {
    this.rested = true
    if (this.#closed) return
    // Refreshed at each rest and never cleared: when it fires on a connection in use, there is nothing to do.
    if (this.#restTimer !== null) this.#restTimer.refresh()
    else {
      this.#restTimer = setTimeout(this.#onRested, this.#restAfter)
      this.#restTimer.unref()
    }
  }

  readonly #onRested = (): void => {
    if (this.current === null) this.destroy()
  }

  /** last: asks the peer to close after it. */
  send(request: UpstreamRequest, host: string, peer: AttemptPeer, last: boolean, sink: CarrierSink): Wire {
    this.requests++
    const wire = new Wire(this, request, peer, sink)
    this.current = wire
    this.#reader.resume()
    this.refreshFirst()
    // What cannot be sent twice is not sent blind on a used connection: one turn of the event loop shows a close that came with the last response.
    // Two immediates: the first may run before sockets are looked at again.
    if (this.requests > 1 && (!request.idempotent || request.body !== null)) setImmediate(() => setImmediate(() => wire.send(host, last)))
    else wire.send(host, last)
    return wire
  }

  destroy(): void {
    if (!this.#closed) this.#stop()
    this.#reader.stop()
    this.socket.destroy()
  }

  #stop(): void {
    this.#closed = true
    if (this.#firstTimer !== null) clearTimeout(this.#firstTimer)
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer)
    if (this.#restTimer !== null) clearTimeout(this.#restTimer)
  }

  // What comes.

  readonly #onData = (chunk: Buffer): void => {
    const wire = this.current
    // Nobody has asked (RFC 9112 section 9.2): discarded, and the connection with it.
    if (wire === null || !wire.written) {
      this.destroy()
      return
    }
    wire.answered()
    try {
      this.#reader.execute(chunk)
      this.#settle(wire)
    } catch (cause) {
      // A bug of ours costs this exchange, never the process.
      this.destroy()
      wire.fail("internal", defectDetail(cause))
    }
  }

  readonly #onEnd = (): void => {
    this.#ended = true
    this.#reader.finish()
    if (this.current !== null) this.#settle(this.current)
    else this.destroy()
  }

  #settle(wire: Wire): void {
    if (!wire.settle()) return
    if (!this.#ended) {
      if (wire.headed) this.refreshIdle()
    } else if (this.#reader.waiting === 0) {
      wire.closed()
      this.destroy()
    }
  }

  // What the wire asks for.

  /** Nothing came after the response that has just ended, and the peer keeps the connection for a while. */
  get readyForNext(): boolean {
    return this.#reader.waiting === 0 && this.#reader.place === "Between" && this.#restAfter > 0
  }

  /** The peer keeps an unused connection so long; null: it does not say. */
  keptFor(milliseconds: number | null): void {
    // A shorter `Keep-Alive: timeout=` of the peer wins, less a second.
    const { keepAliveIdle } = this.settings
    const after = milliseconds === null ? keepAliveIdle : Math.min(keepAliveIdle, milliseconds - headStart)
    if (after === this.#restAfter) return
    this.#restAfter = after
    if (this.#restTimer !== null) clearTimeout(this.#restTimer)
    this.#restTimer = null
  }

  /** Reads no more for now. */
  hold(): void {
    if (this.held) return
    this.held = true
    this.#reader.pause()
    this.socket.pause()
  }

  /** Goes on reading. Later: what is read then must not be told from inside whoever asks. */
  resume(wire: Wire): void {
    if (!this.held) return
    queueMicrotask(() => {
      if (this.current !== wire || !this.held) return
      this.held = false
      this.#reader.resume()
      this.#settle(wire)
      if (!this.held) this.socket.resume()
    })
  }

  /** The response has ended, whether its reader takes it or not. */
  letGo(): void {
    if (!this.held) return
    this.held = false
    this.socket.resume()
  }

  /** Bytes only, until it closes. Gives what came with the 101; the socket is paused. */
  becomeTunnel(onClosed: () => void): Uint8Array {
    this.#onTunnelClosed = onClosed
    this.#stop()
    this.current = null
    this.socket.off("data", this.#onData)
    this.socket.off("end", this.#onEnd)
    this.socket.pause()
    const rest = this.#reader.takeRest()
    return rest.length === 0 ? noBytes : rest
  }

  // One timer of each sort a connection, refreshed (47 ns) and never cleared per request: when it fires, the exchange under way has waited that long.
  refreshFirst(): void {
    const after = this.settings.firstByte
    if (after === null || this.#closed) return
    if (this.#firstTimer !== null) this.#firstTimer.refresh()
    else {
      this.#firstTimer = setTimeout(() => this.current?.onFirstByteTimeout(after), after)
      this.#firstTimer.unref()
    }
  }

  refreshIdle(): void {
    const after = this.settings.idle
    if (after === null || this.#closed) return
    if (this.#idleTimer !== null) this.#idleTimer.refresh()
    else {
      this.#idleTimer = setTimeout(() => this.current?.onIdleTimeout(after), after)
      this.#idleTimer.unref()
    }
  }
}
