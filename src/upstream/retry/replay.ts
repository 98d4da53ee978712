// The body of a request that may be sent more than once. What goes by is kept up to a bound (law 9); a body that outgrows it is streamed on, and its request
// is not repeated. Each try reads a copy of its own: the transport destroys what it was given, and gives back the memory of its chunks (http1/spent.ts).
import { Readable } from "node:stream"

/** Bytes kept of one body. */
export const mostKept = 65_536

const nothing = Buffer.alloc(0)

export class Replay {
  readonly #source: Readable
  // One buffer that grows, not a list: a client chooses how small its pieces are.
  #kept = nothing
  /** Bytes of it in use. */
  #length = 0
  #keeps: boolean
  /** Something has gone by. */
  #begun = false
  #ended = false
  #broken: boolean
  #copy: Copy | null = null

  /** declared: its length, null where unknown. */
  constructor(source: Readable, declared: number | null) {
    this.#source = source
    this.#keeps = declared === null || declared <= mostKept
    this.#broken = source.destroyed && !source.readableEnded
    // Or the first listener would start it.
    source.pause()
    source.on("data", this.#onData)
    source.on("end", this.#onEnd)
    source.on("close", this.#onClose)
    source.on("error", ignore)
  }

  /** Another try would send all of it. */
  get whole(): boolean {
    return !this.#broken && (this.#keeps || !this.#begun)
  }

  /** The body for the next try, from its beginning. Only while it is whole, and when the try before is over. */
  open(): Readable {
    const copy = new Copy(this)
    this.#copy = copy
    if (this.#broken) copy.destroy()
    return copy
  }

  /** There will be no other try: nothing is kept any more. */
  settle(): void {
    this.#keeps = false
    // A copy that has not been read yet still needs what was kept.
    if (this.#copy?.replayed !== false) this.#kept = nothing
  }

  // The copy's side.

  wanted(copy: Copy): void {
    if (!copy.replayed) {
      copy.replayed = true
      if (this.#length > 0) {
        copy.push(Buffer.from(this.#kept.subarray(0, this.#length)))
        if (this.#ended) copy.push(null)
        return
      }
    }
    if (this.#ended) copy.push(null)
    else this.#source.resume()
  }

  left(copy: Copy): void {
    if (this.#copy !== copy) return
    this.#copy = null
    if (!this.#source.destroyed) this.#source.pause()
  }

  // The source's side.

  readonly #onData = (chunk: Buffer): void => {
    this.#begun = true
    if (this.#keeps) this.#keep(chunk)
    // What nobody reads now is kept, or nobody will.
    if (this.#copy === null || !this.#copy.push(chunk)) this.#source.pause()
  }

  readonly #onEnd = (): void => {
    this.#ended = true
    if (this.#copy?.replayed === true) this.#copy.push(null)
  }

  readonly #onClose = (): void => {
    if (this.#ended) return
    this.#broken = true
    this.#copy?.destroy()
  }

  #keep(chunk: Buffer): void {
    const length = this.#length + chunk.length
    if (length > mostKept) {
      this.#keeps = false
      this.#kept = nothing
      this.#length = 0
      return
    }
    // Most bodies that are kept come in one piece: a copy from Node's pool, which costs a tenth of memory of its own.
    if (this.#length === 0) this.#kept = Buffer.from(chunk)
    else if (length > this.#kept.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(mostKept, Math.max(1024, 2 * length)))
      this.#kept.copy(grown, 0, 0, this.#length)
      this.#kept = grown
    }
    if (this.#length > 0) chunk.copy(this.#kept, this.#length)
    this.#length = length
  }
}

class Copy extends Readable {
  /** What was kept before is given. */
  replayed = false
  readonly #of: Replay

  constructor(of: Replay) {
    // At most one piece waits here: the source has its own bounds.
    super({ highWaterMark: 1 })
    this.#of = of
  }

  override _read(): void {
    this.#of.wanted(this)
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#of.left(this)
    done(error)
  }
}

const ignore = (): void => {}
