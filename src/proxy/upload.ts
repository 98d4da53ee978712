// The request body as an upstream may read, pause and destroy it. Destroying the request itself would take the client's connection with it,
// and with that the answer the client is owed; so it is wrapped, counted and bounded here.
import type { IncomingMessage } from "node:http"
import { Readable } from "node:stream"

export interface UploadLimits {
  /** Bytes; more is `body_too_large`. null: no limit. */
  readonly bytes: number | null
  /** A client that sends less than `rate` bytes a second over `window` milliseconds, while we are ready to read, is `body_timeout`. */
  readonly window: number
  readonly rate: number
}

export type UploadFailure = "body_too_large" | "body_timeout"

export class Upload extends Readable {
  /** Bytes received from the client. */
  received = 0
  readonly #request: IncomingMessage
  readonly #limits: UploadLimits
  readonly #onFailure: (reason: UploadFailure) => void
  #timer: NodeJS.Timeout | null = null
  #since = 0
  #held = true

  constructor(request: IncomingMessage, limits: UploadLimits, onFailure: (reason: UploadFailure) => void) {
    super({ highWaterMark: 65_536 })
    this.#request = request
    this.#limits = limits
    this.#onFailure = onFailure
    request.pause()
    request.on("data", this.#take)
    request.on("end", this.#end)
    this.#timer = setInterval(this.#check, limits.window)
    this.#timer.unref()
  }

  /** The rate is asked for only until the upstream answers: a stream in both directions may be silent as long as it likes. */
  stopClock(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  override _read(): void {
    this.#held = false
    this.#request.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.stopClock()
    this.#request.off("data", this.#take)
    this.#request.off("end", this.#end)
    done(error)
  }

  readonly #take = (chunk: Uint8Array): void => {
    this.received += chunk.length
    if (this.#limits.bytes !== null && this.received > this.#limits.bytes) {
      this.#request.pause()
      this.#fail("body_too_large")
      return
    }
    if (!this.push(chunk)) {
      this.#held = true
      this.#request.pause()
    }
  }

  readonly #end = (): void => {
    this.stopClock()
    this.push(null)
  }

  readonly #check = (): void => {
    const before = this.#since
    this.#since = this.received
    // Held: it is the upstream that is slow.
    if (!this.#held && this.received - before < (this.#limits.rate * this.#limits.window) / 1000) this.#fail("body_timeout")
  }

  #fail(reason: UploadFailure): void {
    this.stopClock()
    this.#onFailure(reason)
  }
}

/**
 * After an answer that came before the end of the request: reads on and throws away, so that the client can read the answer (closing on unread
 * bytes resets the connection, RFC 9112 9.6), but within bounds; beyond them the connection is cut.
 */
export const discard = (request: IncomingMessage, bounds: { readonly bytes: number; readonly milliseconds: number }): void => {
  if (request.complete || request.destroyed) return
  let left = bounds.bytes
  const cut = () => {
    request.socket.destroy()
  }
  const timer = setTimeout(cut, bounds.milliseconds)
  timer.unref()
  const stop = () => clearTimeout(timer)
  request.on("data", (chunk: Uint8Array) => {
    left -= chunk.length
    if (left < 0) cut()
  })
  request.on("end", stop)
  request.on("close", stop)
  request.resume()
}
