// Where the frames of a WebSocket end (RFC 6455 section 5.2), one direction of it: the places where a gateway, which passes them on unread, may say a word of its own.
import { randomBytes } from "node:crypto"

const close = 8

export class Frames {
  /** Bytes of the frame under way that are still to come, once its head is whole. */
  #left = 0
  /** What has come of a head. */
  readonly #head = new Uint8Array(14)
  #length = 0
  /** A Close was among them: nothing may follow it. */
  closed = false

  /** Between two frames, where another may stand. */
  get between(): boolean {
    return this.#left === 0 && this.#length === 0
  }

  /** Passes over the bytes. */
  read(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) at = this.#step(chunk, at)
  }

  /** Passes over them up to the next place between two frames. → how many; null: all, and there was none. */
  readOn(chunk: Uint8Array): number | null {
    for (let at = 0; at < chunk.length; ) {
      if (this.between) return at
      at = this.#step(chunk, at)
    }
    return this.between ? chunk.length : null
  }

  #step(chunk: Uint8Array, at: number): number {
    if (this.#left > 0) {
      const taken = Math.min(this.#left, chunk.length - at)
      this.#left -= taken
      return at + taken
    }
    const head = this.#head
    head[this.#length++] = chunk[at]!
    if (this.#length < 2) return at + 1
    const size = head[1]! & 0x7f
    const extended = size === 126 ? 2 : size === 127 ? 8 : 0
    if (this.#length < 2 + extended + (head[1]! >= 0x80 ? 4 : 0)) return at + 1
    let bytes = extended === 0 ? size : 0
    for (let n = 2; n < 2 + extended; n++) bytes = bytes * 256 + head[n]!
    if ((head[0]! & 0x0f) === close) this.closed = true
    this.#left = bytes
    this.#length = 0
    return at + 1
  }
}

/** A Close that says 1001: whoever says it is going away (RFC 6455 section 7.4.1). masked: it goes to a server. */
export const goingAway = (masked: boolean): Uint8Array => {
  const code = [0x03, 0xe9] as const
  if (!masked) return Uint8Array.of(0x80 | close, 2, ...code)
  const mask = randomBytes(4)
  return Uint8Array.of(0x80 | close, 0x80 | 2, ...mask, code[0] ^ mask[0]!, code[1] ^ mask[1]!)
}
