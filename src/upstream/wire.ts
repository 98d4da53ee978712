// One exchange on a connection: the request out, the response in, and how it ends. The connection reads; what it reads means something here.
import type { Problem } from "../http1/problem.ts"
import type { ResponseHead, Verdict } from "../http1/reader.ts"
import type { AttemptPeer, UpstreamFailure, UpstreamRequest } from "./attempt.ts"
import type { Carried, CarrierSink } from "./carrier.ts"
import { trailerFields } from "./fields.ts"
import { judgeHead } from "./head.ts"
import { howLost, lossOf } from "./loss.ts"
import { requestHead, Sending, type SendingOwner } from "./sending.ts"
import type { Connection } from "./transport.ts"

/** Interim responses that are taken before the final one. */
export const maxInterim = 16

const noTrailers: ReadonlyArray<string> = []

export class Wire implements Carried, SendingOwner {
  readonly request: UpstreamRequest
  readonly #connection: Connection
  readonly #peer: AttemptPeer
  readonly #sink: CarrierSink
  #sending: Sending | null = null
  #written = false
  #answered = false
  #headed = false
  #interim = 0
  /** What the response's head says of the connection. */
  #persistent = false
  #upgraded: readonly [number, ReadonlyArray<string>] | null = null
  #trailers: ReadonlyArray<string> | null = null
  #done = false

  constructor(connection: Connection, request: UpstreamRequest, peer: AttemptPeer, sink: CarrierSink) {
    this.#connection = connection
    this.request = request
    this.#peer = peer
    this.#sink = sink
  }

  get silent(): boolean {
    return !this.#answered
  }

  /** Bytes of the request were given to the socket: from here on bytes of the peer are its response. */
  get written(): boolean {
    return this.#written
  }

  resume(): void {
    this.#connection.resume(this)
  }

  /** No callback but onFree follows. The connection is closed: what is under way on it cannot be taken back. */
  abort(): void {
    if (this.#done) return
    this.#done = true
    this.#cut()
    queueMicrotask(() => this.#free())
  }

  // The connection's side.

  send(host: string, last: boolean): void {
    if (this.#done) return
    const { request } = this
    // Lost in the turn it waited for: what is given to such a socket goes nowhere, and would count as sent.
    if (this.#connection.socket.destroyed) {
      this.closed()
      return
    }
    const head = requestHead(request, host, last)
    if (head === null) {
      this.fail("internal", "the request cannot be written as HTTP/1.1")
      return
    }
    this.#persistent = !last
    const { socket } = this.#connection
    const body = request.contentLength === 0 ? null : request.body
    this.#written = true
    if (body === null) socket.write(head, "latin1")
    else this.#sending = new Sending(socket, head, body, request, this)
  }

  /** A byte of the response has come. */
  answered(): void {
    this.#answered = true
  }

  head(head: ResponseHead): Verdict {
    if (this.#done) return "Stop"
    const judged = judgeHead(head, this.request.method)
    if (typeof judged === "string") return this.#refuse(judged)
    const { status } = head
    if (status < 200) {
      if (status === 101) return this.#switch(judged.upgrade, judged.fields)
      if (++this.#interim > maxInterim) return this.#refuse(`more than ${maxInterim} interim responses`)
      // 100 answers an expectation, and no request of ours has one: it says nothing (RFC 9110 section 15.2).
      if (status !== 100) this.#sink.onInterim(status, judged.fields)
      return this.#done ? "Stop" : "Interim"
    }
    this.#headed = true
    this.#persistent &&= judged.persistent
    this.#connection.keptFor(judged.keptFor)
    if (!this.#sink.onHead(status, judged.fields, this.#peer)) this.#connection.hold()
    return this.#done ? "Stop" : judged.framing
  }

  #switch(upgrade: string | null, fields: ReadonlyArray<string>): Verdict {
    const asked = this.request.upgrade
    if (asked === null) return this.#refuse("101 Switching Protocols unasked")
    if (upgrade !== asked.toLowerCase()) return this.#refuse(`switched to a protocol that was not asked for (asked: ${asked})`)
    this.#upgraded = [101, fields]
    return "Stop"
  }

  #refuse(detail: string): Verdict {
    this.fail("upstream_malformed", detail)
    return "Stop"
  }

  data(chunk: Buffer): void {
    if (!this.#done && !this.#sink.onData(chunk)) this.#connection.hold()
  }

  end(trailers: ReadonlyArray<string>): void {
    if (!this.#done) this.#trailers = trailers
  }

  malformed(problem: Problem): void {
    if (problem.code === "truncated") this.closed()
    else this.fail("upstream_malformed", problem.detail)
  }

  /** Bytes were read, and the reader has returned. True: the exchange goes on and waits for more. */
  settle(): boolean {
    if (this.#done) return false
    if (this.#trailers !== null) this.#finish(this.#trailers)
    else if (this.#upgraded !== null) this.#becomeTunnel(this.#upgraded)
    else return true
    return false
  }

  #finish(trailers: ReadonlyArray<string>): void {
    this.#done = true
    const connection = this.#connection
    const unsent = this.#sending !== null && !this.#sending.sent
    this.#sending?.stop()
    connection.letGo()
    // An upgrade that was refused leaves the peer's idea of what comes next in doubt.
    if (unsent || !this.#persistent || this.request.upgrade !== null || !connection.readyForNext) connection.destroy()
    // First: a request that the proxy sends at once in `onEnd` should find the connection free.
    this.#free()
    this.#sink.onEnd(trailers.length === 0 ? noTrailers : trailerFields(trailers))
  }

  #becomeTunnel([status, fields]: readonly [number, ReadonlyArray<string>]): void {
    this.#done = true
    this.#sending?.stop()
    const head = this.#connection.becomeTunnel(() => this.#sink.onFree(this.#connection))
    this.#sink.onUpgrade(status, fields, this.#connection.socket, head, this.#peer)
  }

  #free(): void {
    if (this.#connection.current === this) this.#connection.current = null
    this.#sink.onFree(this.#connection)
  }

  // Ways to fail.

  /** The connection ended or was lost. */
  closed(): void {
    if (this.#done) return
    const { error } = this.#connection
    if (!this.#written) this.fail("upstream_unsent", "the connection closed before the request was sent")
    else if (this.#answered && !this.#headed)
      this.fail("upstream_malformed", `connection ${howLost(error)} in the middle of the response head`)
    else this.fail(...lossOf(error, this.#headed, this.#peer))
  }

  fail(reason: UpstreamFailure["reason"], detail: string): void {
    if (this.#done) return
    this.#done = true
    const sent = this.#written ? "Some" : "None"
    const failure: UpstreamFailure = { reason, detail, sent, headed: this.#headed, peer: this.#peer }
    // A request that could not be written has cost its connection nothing.
    if (reason !== "internal") this.#cut()
    queueMicrotask(() => {
      this.#sink.onFailure(failure)
      this.#free()
    })
  }

  #cut(): void {
    // Before it was written the body is still whole, and may go on another connection.
    this.#sending?.stop()
    this.#connection.destroy()
  }

  onFirstByteTimeout(after: number): void {
    if (this.#done || this.#headed) return
    // A slow client is not the upstream's fault: while its body is still coming and the upstream takes it, the clock starts again.
    if (this.#fed) {
      this.#connection.refreshFirst()
      return
    }
    this.fail("first_byte_timeout", `no response within ${after} ms`)
  }

  onIdleTimeout(after: number): void {
    if (this.#done || !this.#headed) return
    // Held by us: it is the client that does not read, and whoever writes to it has a clock for that.
    if (this.#connection.held) {
      this.#connection.refreshIdle()
      return
    }
    this.fail("stream_idle", `no byte either way for ${after} ms`)
  }

  /** The head of the final response has come. */
  get headed(): boolean {
    return this.#headed
  }

  get owing(): boolean {
    return this.#written && !this.#headed && !this.#fed
  }

  /** The client's body is still coming, and the upstream takes it. */
  get #fed(): boolean {
    return this.#sending !== null && !this.#sending.sent && !this.#connection.socket.writableNeedDrain
  }

  // The body's side.

  onBodyData(): void {
    if (this.#headed) this.#connection.refreshIdle()
    else this.#connection.refreshFirst()
  }

  onBodySent(): void {
    this.onBodyData()
  }

  onBodyFailed(): void {
    this.fail("client_abort", "the request body ended before its end")
  }
}
