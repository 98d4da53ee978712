// The ONE file that speaks HTTP/1.1 to upstreams, today through undici: a dialled socket in, callbacks of `ResponseSink` out.
// Everything in which undici deviates stays behind it (docs/request.md lists that), so that a codec of our own replaces this file alone.
import type { EventEmitter } from "node:events"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { TLSSocket } from "node:tls"
import { Client, type Dispatcher } from "undici"
import type { AttemptPeer, ResponseSink, UpstreamFailure, UpstreamRequest } from "./attempt.ts"
import { tlsFailure } from "./dial/failure.ts"
import { stripHopByHop, trailerFields } from "./fields.ts"
import { readHead } from "./head.ts"

export interface TransportSettings {
  /** Milliseconds an unused connection is kept; a shorter `Keep-Alive: timeout=` of the peer wins, less a second. */
  readonly keepAliveIdle: number
  /** Milliseconds from the last byte sent to the first byte of the response; null: no limit. */
  readonly firstByte: number | null
  /** Milliseconds without a byte either way after the response has begun, while its reader takes them; null: no limit. */
  readonly idle: number | null
}

/** What the pool's exchange is told beyond the response. `onFailure` is always called in a later microtask, never from inside `send`. */
export interface TransportSink extends ResponseSink {
  /** The connection is free again, or gone (`connection.usable`); called once, after the exchange has ended in any way but an upgrade. */
  readonly onFree: (connection: Connection) => void
}

/** Bytes of a response head that are taken. */
const maxHeadBytes = 61_440

/** Interim responses that are taken before the final one. */
const maxInterim = 16

const noBytes = new Uint8Array(0)
const noTrailers: ReadonlyArray<string> = []

// Made once: building an Error costs a stack, and undici wants one to abort with.
const aborted = Object.assign(new Error("the exchange was cancelled"), { code: "SLUICE_ABORTED" })
const spent = Object.assign(new Error("the connection has closed"), { code: "SLUICE_SPENT" })

/** One checked connection. It takes one exchange at a time; the pool asks `usable` before each. */
export class Connection {
  readonly socket: Socket | TLSSocket
  readonly settings: TransportSettings
  readonly onClose: (connection: Connection) => void
  /** Exchanges begun on it. */
  requests = 0
  /** It has waited for work: the peer may have closed it meanwhile. */
  rested = false
  /** The exchange under way. */
  current: Wire | null = null
  /** Became a tunnel: bytes only, until it closes. */
  upgraded = false
  /** The first error of the socket: a TLS alert is followed by an end, which undici tells instead. */
  alert: Error | null = null
  readonly #client: Client
  #firstTimer: NodeJS.Timeout | null = null
  #idleTimer: NodeJS.Timeout | null = null
  #restTimer: NodeJS.Timeout | null = null
  #closed = false

  constructor(socket: Socket | TLSSocket, settings: TransportSettings, onClose: (connection: Connection) => void) {
    this.socket = socket
    this.settings = settings
    this.onClose = onClose
    let taken = false
    this.#client = new Client("http://upstream.invalid", {
      pipelining: 1,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      strictContentLength: true,
      maxHeaderSize: maxHeadBytes,
      keepAliveTimeout: settings.keepAliveIdle,
      keepAliveMaxTimeout: settings.keepAliveIdle,
      keepAliveTimeoutThreshold: 1000,
      // The socket exists and was checked; there is never a second one. Not from inside the call: undici would miss its own wake-up.
      connect: (_options, callback) => {
        const first = !taken
        taken = true
        queueMicrotask(() => {
          socket.off("readable", this.#early)
          if (first && !socket.destroyed) callback(null, socket)
          else callback(spent, null)
        })
      }
    })
    ;(this.#client as EventEmitter).on("error", ignore)
    socket.on("error", (error) => {
      this.alert ??= error
    })
    socket.on("close", () => {
      this.#stop()
      if (this.upgraded) this.current?.sink.onFree(this)
      this.onClose(this)
    })
    socket.on("readable", this.#early)
  }

  /** Free, open, and not used up. */
  get usable(): boolean {
    return this.current === null && !this.#closed && !this.socket.destroyed && this.socket.writable
  }

  // Until undici reads the socket nobody would see the peer close it, or speak unasked (RFC 9112 section 9.2: discard and close).
  readonly #early = () => {
    if (this.socket.read() !== null) this.destroy()
  }

  /** It goes to rest before its first request, which undici's own idle timer does not cover. */
  rest(): void {
    this.rested = true
    if (this.requests > 0 || this.#restTimer !== null) return
    this.#restTimer = setTimeout(() => this.destroy(), this.settings.keepAliveIdle)
    this.#restTimer.unref()
  }

  /**
   * Sends one request. host: the Host line. last: ask the peer to close after it.
   * Exactly one of onEnd, onUpgrade, onFailure follows unless the wire is aborted; then onFree.
   */
  send(request: UpstreamRequest, host: string, peer: AttemptPeer, last: boolean, sink: TransportSink): Wire {
    if (this.#restTimer !== null) clearTimeout(this.#restTimer)
    this.requests++
    const wire = new Wire(this, request, peer, sink)
    this.current = wire
    this.refreshFirst()
    // What cannot be sent twice is not sent blind on a used connection: one turn of the event loop shows a close that came with the last response.
    // (undici itself lets that turn pass only for requests that come later.)
    if (this.requests > 1 && (!request.idempotent || request.body !== null)) setImmediate(() => this.#dispatch(wire, host, last))
    else this.#dispatch(wire, host, last)
    return wire
  }

  #dispatch(wire: Wire, host: string, last: boolean): void {
    if (wire.over) return
    const { request } = wire
    const body = request.contentLength === 0 ? null : request.body
    const headers: Array<string> = ["host", host]
    for (const part of request.headers) headers.push(part)
    if (body !== null && request.contentLength !== null) headers.push("content-length", String(request.contentLength))
    const options: Dispatcher.DispatchOptions = { path: request.path, method: request.method, headers, body }
    if (request.upgrade !== null) options.upgrade = request.upgrade
    // false: a HEAD or a GET with a body keeps the connection too; what such a peer sends too much closes it.
    else options.reset = last
    this.#client.dispatch(options, wire)
  }

  /** Closes it now; an exchange under way fails or, when it was aborted, ends silently. */
  destroy(): void {
    if (this.#closed) return
    this.#stop()
    this.#client.destroy(aborted, ignore)
    this.socket.destroy()
  }

  #stop(): void {
    this.#closed = true
    if (this.#firstTimer !== null) clearTimeout(this.#firstTimer)
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer)
    if (this.#restTimer !== null) clearTimeout(this.#restTimer)
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

const ignore = (): void => {}

/** One exchange on a connection: undici's handler on one side, the sink on the other. */
export class Wire implements Dispatcher.DispatchHandler {
  readonly connection: Connection
  readonly request: UpstreamRequest
  readonly peer: AttemptPeer
  readonly sink: TransportSink
  #controller: Dispatcher.DispatchController | null = null
  #bytesBefore = 0
  #bodySent = false
  #interim = 0
  /** A byte of the response has been seen. */
  #answered = false
  #headed = false
  #done = false
  #freed = false

  constructor(connection: Connection, request: UpstreamRequest, peer: AttemptPeer, sink: TransportSink) {
    this.connection = connection
    this.request = request
    this.peer = peer
    this.sink = sink
  }

  get over(): boolean {
    return this.#done
  }

  /** Nothing of a response has been seen: law 8 may allow another try. */
  get silent(): boolean {
    return !this.#answered
  }

  resume(): void {
    // Later: undici's parser must not be entered from inside another connection's.
    queueMicrotask(() => {
      if (this.#done) return
      if (this.#headed) this.connection.refreshIdle()
      this.#controller?.resume()
    })
  }

  /** No callback but onFree follows. The connection is closed: what is under way on it cannot be taken back. */
  abort(): void {
    if (this.#done) return
    this.#done = true
    this.#cut()
    this.#free()
  }

  #cut(): void {
    this.#controller?.abort(aborted)
    this.connection.destroy()
  }

  #free(): void {
    if (this.#freed) return
    this.#freed = true
    // Later: whether the connection lives is known when the parser has returned.
    queueMicrotask(() => {
      if (this.connection.current === this) this.connection.current = null
      this.sink.onFree(this.connection)
    })
  }

  #fail(reason: UpstreamFailure["reason"], detail: string): void {
    if (this.#done) return
    this.#done = true
    const sent = this.#controller === null || this.connection.socket.bytesWritten === this.#bytesBefore ? "None" : "Some"
    const failure: UpstreamFailure = { reason, detail, sent, headed: this.#headed, peer: this.peer }
    this.#cut()
    queueMicrotask(() => this.sink.onFailure(failure))
    this.#free()
  }

  onFirstByteTimeout(after: number): void {
    if (this.#done || this.#headed) return
    const socket = this.connection.socket
    // A slow client is not the upstream's fault: while its body is still coming and the upstream takes it, the clock starts again.
    if (this.request.body !== null && !this.#bodySent && this.#controller !== null && !socket.writableNeedDrain) {
      this.connection.refreshFirst()
      return
    }
    this.#fail("first_byte_timeout", `no response within ${after} ms`)
  }

  onIdleTimeout(after: number): void {
    if (this.#done || !this.#headed) return
    // Held by us: it is the client that does not read, and whoever writes to it has a clock for that.
    if (this.#controller?.paused === true) {
      this.connection.refreshIdle()
      return
    }
    this.#fail("stream_idle", `no byte either way for ${after} ms`)
  }

  // What follows is undici's DispatchHandler.

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#bytesBefore = this.connection.socket.bytesWritten
    this.#controller = controller
    if (this.#done) controller.abort(aborted)
  }

  onBodySent(): void {
    if (this.#headed) this.connection.refreshIdle()
    else this.connection.refreshFirst()
  }

  onRequestSent(): void {
    this.#bodySent = true
  }

  onResponseStarted(): void {
    this.#answered = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, reason?: string): void {
    if (this.#done) return
    const head = readHead(status, (controller.rawHeaders ?? []) as ReadonlyArray<Uint8Array>, reason)
    if (typeof head === "string") {
      this.#fail("upstream_malformed", head)
      return
    }
    const fields = head.strip ? stripHopByHop(head.fields) : head.fields
    if (status < 200) {
      if (status === 101) this.#fail("upstream_malformed", "101 Switching Protocols without a proper Upgrade")
      else if (++this.#interim > maxInterim) this.#fail("upstream_malformed", `more than ${maxInterim} interim responses`)
      else this.sink.onInterim(status, fields)
      return
    }
    this.#headed = true
    this.connection.refreshIdle()
    if (!this.sink.onHead(status, fields, this.peer)) controller.pause()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#done) return
    this.connection.refreshIdle()
    if (!this.sink.onData(chunk)) controller.pause()
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.#done) return
    this.#done = true
    const raw = controller.rawTrailers as ReadonlyArray<Uint8Array> | null | undefined
    let trailers = noTrailers
    if (raw !== null && raw !== undefined && raw.length > 0) {
      const read = readHead(200, raw)
      if (typeof read !== "string") trailers = trailerFields(read.fields)
    }
    // First: a request that the proxy sends at once in `onEnd` should find the connection free.
    this.#free()
    this.sink.onEnd(trailers)
  }

  onRequestUpgrade(controller: Dispatcher.DispatchController, status: number, _headers: unknown, socket: Duplex): void {
    if (this.#done) return
    const head = readHead(status, (controller.rawHeaders ?? []) as ReadonlyArray<Uint8Array>)
    const asked = (this.request.upgrade ?? "").toLowerCase()
    const problem =
      typeof head === "string" ? head : head.upgrade !== asked ? `switched to a protocol that was not asked for (asked: ${asked})` : null
    if (typeof head === "string" || problem !== null) {
      this.#fail("upstream_malformed", problem ?? "")
      socket.destroy()
      return
    }
    this.#done = true
    this.connection.upgraded = true
    this.sink.onUpgrade(status, stripHopByHop(head.fields), socket, noBytes, this.peer)
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#done) return
    const [reason, detail] = this.#judge(error)
    this.#fail(reason, detail)
  }

  /** undici's error → our label. The codes are undici's, Node's (errno) and OpenSSL's. */
  #judge(error: Error & { readonly code?: unknown }): readonly [UpstreamFailure["reason"], string] {
    const code = typeof error.code === "string" ? error.code : ""
    const body = this.request.body
    if (this.#controller === null) {
      if (code === "UND_ERR_INVALID_ARG" || code === "UND_ERR_NOT_SUPPORTED")
        return ["internal", `the request cannot be sent: ${error.message}`]
      return ["upstream_unsent", "the connection closed before the request was sent"]
    }
    if (code === "UND_ERR_ABORTED" || code === "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH" || (body !== null && body.errored === error)) {
      if (body !== null && !this.connection.socket.errored) return ["client_abort", "the request body ended before its end"]
    }
    if (code === "UND_ERR_HEADERS_OVERFLOW") return ["upstream_malformed", `response head above ${maxHeadBytes} bytes`]
    // undici says this of every parser error while fewer body bytes than declared have come, heads included.
    if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH") {
      return this.#headed
        ? ["upstream_truncated", "the response body is shorter than declared"]
        : ["upstream_malformed", "malformed response head"]
    }
    if (error.name === "HTTPParserError") {
      const early = this.#headed && error.message.includes("Invalid EOF state")
      return early ? ["upstream_truncated", "the response body ends in the middle of a chunk"] : ["upstream_malformed", error.message]
    }
    // undici closes on these two by itself; its 100 is the stated deviation, its 101 RFC 9110 section 15.2.2.
    if (code === "UND_ERR_SOCKET" && error.message === "bad response") return ["upstream_malformed", "100 Continue unasked"]
    if (code === "UND_ERR_SOCKET" && error.message === "bad upgrade") return ["upstream_malformed", "101 Switching Protocols unasked"]
    if (code === "" || code === "ERR_ASSERTION") return ["internal", `${error.name}: ${error.message}`]
    // TLS 1.3 peers refuse a client certificate after the handshake is done on our side (RFC 8446 section 4.4.2.4).
    const alert = this.connection.alert as (Error & { readonly code?: unknown }) | null
    if (!this.#answered && typeof alert?.code === "string" && alert.code.startsWith("ERR_SSL_")) {
      const failure = tlsFailure(alert as { readonly code: string }, this.peer.endpoint, this.peer.address, undefined, Date.now())
      return [failure.reason, failure.detail]
    }
    const how = code === "UND_ERR_SOCKET" ? "closed" : `lost (${code})`
    if (this.#headed) return ["upstream_truncated", `connection ${how} in the middle of the response`]
    if (this.#answered) return ["upstream_malformed", `connection ${how} in the middle of the response head`]
    return ["upstream_reset", `connection ${how} before a response`]
  }
}
