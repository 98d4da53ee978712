// One exchange on an HTTP/2 connection: the request out, its body at the peer's pace, the response in, and how it ends. What wire.ts is to HTTP/1.1.

import type { Readable } from "node:stream"
import { given } from "../http1/spent.ts"
import { Waiting } from "../http1/waiting.ts"
import { codeName, codes } from "../http2/code.ts"
import type { RequestHead, ResponseHead } from "../http2/head.ts"
import type { Reset, Stream, StreamHandler } from "../http2/stream.ts"
import type { AttemptPeer, UpstreamFailure, UpstreamRequest } from "./attempt.ts"
import type { Carried, CarrierSink } from "./carrier.ts"
import { trailerFields } from "./fields.ts"
import { judgeHead } from "./head.ts"
import { lossOf } from "./loss.ts"
import type { Multiplex } from "./multiplex.ts"
import { expectsBody, isOwned } from "./sending.ts"
import type { StreamClock, Timed } from "./streamclocks.ts"
import { maxInterim } from "./wire.ts"

/** null: a field that is the transport's own is among the others. */
const headOf = (request: UpstreamRequest, host: string, secure: boolean): RequestHead | null => {
  const { method, path, headers, contentLength } = request
  const fields: Array<string> = []
  for (let at = 0; at < headers.length; at += 2) {
    if (isOwned(headers[at]!)) return null
    fields.push(headers[at]!, headers[at + 1]!)
  }
  if (request.takesTrailers === true) fields.push("te", "trailers")
  const length = request.body === null ? 0 : contentLength
  if (length !== null && (length > 0 || expectsBody(method))) fields.push("content-length", String(length))
  return { method, scheme: secure ? "https" : "http", authority: host === "" ? null : host, path, protocol: null, fields }
}

export class UpstreamStream implements Carried, StreamHandler, Timed {
  readonly #connection: Multiplex
  readonly #request: UpstreamRequest
  readonly #peer: AttemptPeer
  readonly #sink: CarrierSink
  #stream: Stream | null = null
  /** Of the connection's `came`, when this was sent. */
  #seen = 0
  #answered = false
  #headed = false
  #interim = 0
  /** The client takes no more for now: what comes waits, which the window bounds. */
  #held = false
  /** Bytes that it was given and the peer was not yet told of. */
  #owed = 0
  readonly #late = new Waiting()
  #trailers: ReadonlyArray<string> | null = null
  /** The body is on its way. */
  #sending = false
  /** Bytes of it still owed; null: nobody said how many. */
  #left: number | null = null
  /** The peer takes no more of it for now. */
  #full = false
  #clock: StreamClock | null = null
  #done = false

  constructor(connection: Multiplex, request: UpstreamRequest, peer: AttemptPeer, sink: CarrierSink) {
    this.#connection = connection
    this.#request = request
    this.#peer = peer
    this.#sink = sink
  }

  get written(): boolean {
    return this.#stream !== null
  }

  get silent(): boolean {
    return !this.#answered
  }

  get owing(): boolean {
    return this.written && !this.#headed && !this.#fed
  }

  /** The client's body is still coming, and the upstream takes it. */
  get #fed(): boolean {
    return this.#sending && !this.#full
  }

  begin(host: string): void {
    const connection = this.#connection
    const { body: given, contentLength, upgrade } = this.#request
    const head = upgrade === null ? headOf(this.#request, host, connection.secure) : null
    const body = contentLength === 0 ? null : given
    this.#seen = connection.came
    const opened = head === null ? "Unwritable" : connection.lost ? null : connection.session.request(head, body === null, this)
    if (opened === null) this.#fail("upstream_unsent", "the connection takes no more requests")
    else if (opened === "Unwritable") this.#fail("internal", "the request cannot be written as HTTP/2")
    else {
      this.#stream = opened
      this.#startFirst()
      if (body !== null) this.#beginBody(body, contentLength)
    }
  }

  #beginBody(body: Readable, length: number | null): void {
    this.#sending = true
    this.#left = length
    body.on("data", this.#onBody)
    body.on("end", this.#onBodyEnd)
    body.on("error", this.#onBodyFailed)
    body.on("close", this.#onBodyFailed)
    // It may have broken off before anybody listened.
    if (body.destroyed && !body.readableEnded) queueMicrotask(this.#onBodyFailed)
  }

  // The exchange's side.

  resume(): void {
    if (!this.#held) return
    // Later: what waits must not be told from inside whoever asks.
    queueMicrotask(() => {
      if (this.#done || !this.#held) return
      this.#held = false
      this.#consume(this.#owed)
      this.#owed = 0
      if (this.#late.bytes > 0) this.#give(this.#late.take())
      if (!this.#done && !this.#held && this.#trailers !== null) this.#finish(this.#trailers)
    })
  }

  abort(late = false): void {
    if (this.#done) return
    this.#done = true
    this.#stop()
    if (late) this.#connection.doubt(this.#seen)
    queueMicrotask(() => this.#sink.onFree(this.#connection))
  }

  // What comes.

  onHead({ status, fields }: ResponseHead): void {
    if (this.#done) return
    this.#answered = true
    const judged = judgeHead({ version: "1.1", status, reason: "", fields, bytes: 0 }, this.#request.method)
    if (typeof judged === "string") this.#fail("upstream_malformed", judged)
    else if (status < 200) {
      if (++this.#interim > maxInterim) this.#fail("upstream_malformed", `more than ${maxInterim} interim responses`)
      // 100 answers an expectation, and no request of ours has one: it says nothing (RFC 9110 section 15.2).
      else if (status !== 100) this.#sink.onInterim(status, judged.fields)
    } else {
      this.#stopClock()
      this.#headed = true
      this.#startIdle()
      if (!this.#sink.onHead(status, judged.fields, this.#peer)) this.#held = true
    }
  }

  onData(chunk: Buffer): void {
    if (this.#done) return
    this.#clock?.refresh()
    given(chunk)
    if (this.#held) this.#late.push(chunk)
    else this.#give(chunk)
  }

  onEnd(trailers: ReadonlyArray<string>): void {
    if (this.#done) return
    if (this.#held) this.#trailers = trailers
    else this.#finish(trailers)
  }

  onReset({ by, code, unprocessed, detail }: Reset): void {
    if (this.#done) return
    const connection = this.#connection
    // All of it had come, and its reader still has to take it.
    if (this.#trailers !== null) return
    if (unprocessed) this.#fail("upstream_refused_stream", `the stream was refused (${detail})`)
    else if (by === "Session" && connection.lost) this.#fail(...lossOf(connection.error, this.#headed, this.#peer))
    else if (this.#headed) this.#fail("upstream_truncated", `stream reset (${codeName(code)}) in the middle of the response: ${detail}`)
    else if (by === "Peer") this.#fail("upstream_reset", `stream reset (${codeName(code)}) before a response`)
    else this.#fail("upstream_malformed", detail)
  }

  onDrain(): void {
    this.#full = false
    this.#clock?.refresh()
    if (this.#sending) this.#request.body?.resume()
  }

  #give(chunk: Buffer): void {
    // Read before it is given: its memory may be gone after.
    const size = chunk.length
    if (this.#sink.onData(chunk)) this.#consume(size)
    else {
      this.#held = true
      this.#owed += size
    }
  }

  #consume(bytes: number): void {
    if (bytes > 0 && !this.#done) this.#stream?.consume(bytes)
  }

  #finish(trailers: ReadonlyArray<string>): void {
    this.#done = true
    this.#stop()
    // First: a request that the proxy sends at once in `onEnd` should find the place free.
    this.#sink.onFree(this.#connection)
    this.#sink.onEnd(trailers.length === 0 ? trailers : trailerFields(trailers, true))
  }

  #fail(reason: UpstreamFailure["reason"], detail: string): void {
    if (this.#done) return
    this.#done = true
    const failure: UpstreamFailure = { reason, detail, sent: this.written ? "Some" : "None", headed: this.#headed, peer: this.#peer }
    // Before it was written the body is still whole, and may go on another connection.
    if (this.written) this.#stop()
    queueMicrotask(() => {
      this.#sink.onFailure(failure)
      this.#sink.onFree(this.#connection)
    })
  }

  /** Nothing more goes out or is wanted. */
  #stop(): void {
    this.#stopClock()
    const body = this.#request.body
    const unsent = this.#sending
    this.#leaveBody()
    if (unsent) body!.destroy()
    if (this.#stream?.closed === false) this.#stream.reset(codes.CANCEL)
  }

  // Clocks: one at a time, for the first byte and then for silence.

  #startFirst(): void {
    this.#clock = this.#connection.firstClocks?.start(this) ?? null
  }

  #startIdle(): void {
    this.#clock = this.#connection.idleClocks?.start(this) ?? null
  }

  #stopClock(): void {
    const clock = this.#clock
    if (clock === null) return
    this.#clock = null
    const { firstClocks, idleClocks } = this.#connection
    const clocks = this.#headed ? idleClocks : firstClocks
    clocks!.stop(clock)
  }

  onTime(): void {
    if (this.#done) return
    const { firstByte, idle } = this.#connection.settings
    if (this.#headed) {
      // Held by us: it is the client that does not read, and whoever writes to it has a clock for that.
      if (this.#held) this.#clock?.refresh()
      else this.#fail("stream_idle", `no byte either way for ${idle} ms`)
    } else if (this.#fed) {
      // A slow client is not the upstream's fault: while its body is still coming and the upstream takes it, the clock starts again.
      this.#clock?.refresh()
    } else {
      this.#connection.doubt(this.#seen)
      this.#fail("first_byte_timeout", `no response within ${firstByte} ms`)
    }
  }

  // The body's side.

  readonly #onBody = (chunk: Buffer): void => {
    const size = chunk.length
    if (!this.#sending || size === 0) return
    // Never more than was declared.
    if (this.#left !== null && size > this.#left) {
      this.#onBodyFailed()
      return
    }
    if (this.#left !== null) this.#left -= size
    this.#clock?.refresh()
    if (this.#stream!.data(chunk)) return
    this.#full = true
    this.#request.body!.pause()
  }

  readonly #onBodyEnd = (): void => {
    if (!this.#sending) return
    if (this.#left !== null && this.#left > 0) {
      this.#onBodyFailed()
      return
    }
    this.#leaveBody()
    this.#clock?.refresh()
    const trailers = this.#request.trailers?.()
    if (trailers === undefined || trailers.length === 0) this.#stream!.end()
    else this.#stream!.end(trailerFields(trailers, true))
  }

  readonly #onBodyFailed = (): void => {
    if (this.#sending) this.#fail("client_abort", "the request body ended before its end")
  }

  #leaveBody(): void {
    if (!this.#sending) return
    this.#sending = false
    const body = this.#request.body!
    body.off("data", this.#onBody)
    body.off("end", this.#onBodyEnd)
    body.off("close", this.#onBodyFailed)
    // The listener for errors stays: one that comes with the destruction is nobody's.
  }
}
