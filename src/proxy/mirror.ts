// Copies of a request for other upstreams beside its own (Gateway API v1.6, HTTPRequestMirrorFilter): what they answer goes nowhere, and nothing that becomes of
// them is noticed by the request. Apart from the exchange for just that: a copy that is slow, large or refused ends by itself, and is counted.
import { Readable } from "node:stream"
import { Waiting } from "../http1/waiting.ts"
import type { Attempt, ResponseSink, UpstreamFailure, UpstreamRequest } from "../upstream/attempt.ts"
import type { LiveUpstream } from "../upstream/upstream.ts"
import type { LiveMirror } from "./table.ts"

/** How a copy ended. ok: its upstream answered, whatever it said. behind: more of its body waited than is kept. incomplete: the request's own body broke off. */
export type MirrorResult = "ok" | "behind" | "incomplete" | UpstreamFailure["reason"]

/** Bytes of one body that wait for a copy's upstream. */
const mostBehind = 1024 * 1024
/** The same of all copies of a Gateway in this process. */
const mostKept = 32 * 1024 * 1024
/** Bytes of an answer that are read for the connection's sake; more is not waited for. */
const mostRead = 256 * 1024
/** Milliseconds for a copy whose rule sets no time. */
const longest = 60_000

/** What all copies keep together (law 19). */
export class MirrorRoom {
  #kept = 0

  take(bytes: number): boolean {
    if (this.#kept + bytes > mostKept) return false
    this.#kept += bytes
    return true
  }

  free(bytes: number): void {
    this.#kept -= bytes
  }
}

/** What a copy is sent with. body: its own; null: the request has none. */
export type CopyRequest = (mirror: LiveMirror, upstream: LiveUpstream, body: Readable | null) => UpstreamRequest

/** The copies of one request. */
export class Mirroring {
  readonly #copies: Array<Copy> = []
  readonly #room: MirrorRoom | null
  readonly #request: CopyRequest
  readonly #milliseconds: number

  /** room null: the request has no body. milliseconds: what the rule gives one try, or the whole; null: nothing. */
  constructor(room: MirrorRoom | null, request: CopyRequest, milliseconds: number | null) {
    this.#room = room
    this.#request = request
    this.#milliseconds = milliseconds ?? longest
  }

  /** Sends one now. */
  begin(mirror: LiveMirror, upstream: LiveUpstream): void {
    const copy = new Copy(mirror, upstream, this.#room === null ? null : new CopiedBody(this.#room))
    this.#copies.push(copy)
    copy.start((body) => this.#request(mirror, upstream, body), this.#milliseconds)
  }

  /** Bytes of the request's body. */
  data(chunk: Buffer): void {
    for (const copy of this.#copies) copy.data(chunk)
  }

  /** The body is whole. */
  end(): void {
    for (const copy of this.#copies) copy.end()
  }

  /** The request is over: copies whose body did not come to its end are none. */
  leave(): void {
    for (const copy of this.#copies) copy.leave()
  }
}

/** The body of a copy, kept apart: the request's own chunks are given back as they pass (http1/spent.ts). */
class CopiedBody extends Readable {
  readonly #room: MirrorRoom
  readonly #waiting = new Waiting()
  #wanted = false
  #ended = false

  constructor(room: MirrorRoom) {
    super({ highWaterMark: 16_384 })
    this.#room = room
  }

  /** The last byte was given. */
  get whole(): boolean {
    return this.#ended
  }

  /** false: too much waits already. */
  give(chunk: Buffer): boolean {
    if (this.#waiting.bytes + chunk.length > mostBehind || !this.#room.take(chunk.length)) return false
    this.#waiting.push(Buffer.from(chunk))
    this.#feed()
    return true
  }

  finish(): void {
    this.#ended = true
    this.#feed()
  }

  override _read(): void {
    this.#wanted = true
    this.#feed()
  }

  #feed(): void {
    while (this.#wanted) {
      const piece = this.#waiting.shift()
      if (piece === undefined) {
        if (this.#ended) this.push(null)
        return
      }
      this.#room.free(piece.length)
      this.#wanted = this.push(piece)
    }
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#wanted = false
    this.#room.free(this.#waiting.take().length)
    done(error)
  }
}

class Copy implements ResponseSink {
  readonly #mirror: LiveMirror
  readonly #upstream: LiveUpstream
  readonly #body: CopiedBody | null
  readonly #hold: Disposable
  #attempt: Attempt | null = null
  #timer: NodeJS.Timeout | null = null
  #read = 0
  #over = false

  constructor(mirror: LiveMirror, upstream: LiveUpstream, body: CopiedBody | null) {
    this.#mirror = mirror
    this.#upstream = upstream
    this.#body = body
    this.#hold = upstream.hold()
    body?.on("error", ignore)
  }

  start(request: (body: Readable | null) => UpstreamRequest, milliseconds: number): void {
    try {
      this.#attempt = this.#upstream.send(request(this.#body), this)
      this.#timer = setTimeout(() => this.#cut("backend_timeout", true), milliseconds)
    } catch {
      // A defect of ours costs the copy alone.
      this.#finish("internal")
    }
  }

  data(chunk: Buffer): void {
    if (!this.#over && !this.#body!.destroyed && !this.#body!.give(chunk)) this.#cut("behind")
  }

  end(): void {
    if (!this.#over && !this.#body!.destroyed) this.#body!.finish()
  }

  leave(): void {
    if (this.#body?.whole === false) this.#cut("incomplete")
  }

  onInterim(): void {}

  onHead(): boolean {
    return true
  }

  onData(chunk: Uint8Array): boolean {
    this.#read += chunk.length
    if (this.#read > mostRead) this.#cut("ok")
    return true
  }

  onEnd(): void {
    this.#finish("ok")
  }

  onUpgrade(...[, , socket]: Parameters<ResponseSink["onUpgrade"]>): void {
    socket.destroy()
    this.#finish("ok")
  }

  onFailure({ headed, reason }: UpstreamFailure): void {
    this.#finish(headed ? "ok" : reason)
  }

  #cut(result: MirrorResult, late = false): void {
    if (this.#over) return
    this.#attempt?.abort(late)
    this.#finish(result)
  }

  #finish(result: MirrorResult): void {
    if (this.#over) return
    this.#over = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#body?.destroy()
    this.#hold[Symbol.dispose]()
    this.#mirror.tally.mirrored(result)
  }
}

const ignore = (): void => {}
