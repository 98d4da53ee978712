// The request body as an upstream may read, pause and destroy it: made only where there is one, fed by the connection's reader, counted and bounded here.
import { Readable } from "node:stream"
import { piecesApart, Waiting } from "../http1/waiting.ts"

export interface UploadLimits {
  /** Bytes; more is `body_too_large`. null: no limit. */
  readonly bytes: number | null
  /** A client that sends less than `rate` bytes a second over `window` milliseconds, while we are ready to read, is `body_timeout`. */
  readonly window: number
  readonly rate: number
}

export type UploadFailure = "body_too_large" | "body_timeout"

/** Whose body it is. */
export interface UploadOwner {
  /** The upstream takes no more for now. */
  readonly onHeld: () => void
  /** It takes more, or nothing any more. */
  readonly onWanted: () => void
  /** detail: for the log. */
  readonly onUploadFailure: (reason: UploadFailure, detail: string) => void
}

export class Upload extends Readable {
  /** Bytes received from the client. */
  received = 0
  /** What came after it. */
  trailers: ReadonlyArray<string> = []
  readonly #owner: UploadOwner
  readonly #limits: UploadLimits
  /** The rate is asked for until the upstream answers. */
  #clocked = true
  #looked: number
  #before = 0
  #held = true
  /** Pieces that the stream has and nobody has taken; once they are many, what comes waits beside it, and the client is held until all are taken. */
  #pieces = 0
  #crowded = false
  readonly #late = new Waiting()

  /** now: `performance.now()`. */
  constructor(owner: UploadOwner, limits: UploadLimits, now: number) {
    super({ highWaterMark: 65_536 })
    this.#owner = owner
    this.#limits = limits
    this.#looked = now
  }

  /** The rate is asked for only until the upstream answers: a stream in both directions may be silent as long as it likes. */
  stopClock(): void {
    this.#clocked = false
  }

  /** The next bytes of the body. Not after it was destroyed: then nobody wants them. */
  give(chunk: Buffer): void {
    this.received += chunk.length
    if (this.#limits.bytes !== null && this.received > this.#limits.bytes) {
      this.#fail("body_too_large", `the body is larger than ${this.#limits.bytes} bytes`)
      return
    }
    if (this.#crowded) {
      this.#late.push(chunk)
      return
    }
    const room = this.push(chunk)
    this.#pieces = this.readableLength === 0 ? 0 : this.#pieces + 1
    this.#crowded = this.#pieces === piecesApart
    if (room && !this.#crowded) return
    this.#held = true
    this.#owner.onHeld()
  }

  /** The body is whole. */
  finish(trailers: ReadonlyArray<string> = []): void {
    this.trailers = trailers
    this.#clocked = false
    if (this.#late.bytes > 0) this.push(this.#late.take())
    this.push(null)
  }

  /** Whether enough came lately. */
  look(now: number): void {
    if (!this.#clocked || now - this.#looked < this.#limits.window) return
    const came = this.received - this.#before
    this.#before = this.received
    this.#looked = now
    // Held: it is the upstream that is slow.
    const { rate, window } = this.#limits
    if (!this.#held && came < (rate * window) / 1000) this.#fail("body_timeout", `less than ${rate} bytes a second came`)
  }

  override _read(): void {
    if (this.#crowded) return
    this.#held = false
    this.#owner.onWanted()
  }

  override read(size?: number): unknown {
    const taken: unknown = super.read(size)
    if (this.#crowded && this.readableLength === 0) {
      this.#crowded = false
      this.#pieces = 0
      if (this.#late.bytes === 0 || this.push(this.#late.take())) this._read()
    }
    return taken
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#clocked = false
    this.#owner.onWanted()
    done(error)
  }

  #fail(reason: UploadFailure, detail: string): void {
    this.#clocked = false
    this.#owner.onUploadFailure(reason, detail)
  }
}
