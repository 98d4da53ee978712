// Messages on a byte stream: four bytes of length, big-endian, and so many bytes of JSON. Bounded before anything is gathered or parsed.

export class FrameError extends Error {
  override readonly name = "FrameError"
}

export const frame = (text: string): Buffer => {
  const size = Buffer.byteLength(text)
  const bytes = Buffer.allocUnsafe(4 + size)
  bytes.writeUInt32BE(size, 0)
  bytes.write(text, 4)
  return bytes
}

/** Bytes up to which pieces are joined as they come: a peer that sends one byte at a time costs its bytes, not an object for each of them. */
const small = 16_384

/** Chunks in, parsed JSON out. Throws FrameError when a frame is larger than the limit of the moment or not JSON; nothing may be pushed after that. */
export class FrameReader {
  /** Bytes of a frame. May change between frames: a peer that is not known yet gets little. */
  limit: number
  #chunks: Array<Buffer> = []
  #length = 0
  readonly #onFrame: (value: unknown, size: number) => void

  constructor(limit: number, onFrame: (value: unknown, size: number) => void) {
    this.limit = limit
    this.#onFrame = onFrame
  }

  push(chunk: Buffer): void {
    this.#keep(chunk)
    this.#length += chunk.length
    for (;;) {
      if (this.#length < 4) return
      const size = this.#head().readUInt32BE(0)
      if (size > this.limit) throw new FrameError(`a frame of ${size} bytes: at most ${this.limit} are taken`)
      if (this.#length < 4 + size) return
      const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#length)
      this.#chunks = all.length === 4 + size ? [] : [all.subarray(4 + size)]
      this.#length -= 4 + size
      this.#onFrame(parsed(all.toString("utf8", 4, 4 + size)), size)
    }
  }

  /** Of two small neighbours the second is always the smaller: few pieces, and each byte joined a few times. */
  #keep(chunk: Buffer): void {
    let last = chunk
    for (let before = this.#chunks.at(-1); before !== undefined && before.length <= last.length; before = this.#chunks.at(-1)) {
      if (before.length + last.length > small) break
      last = Buffer.concat([before, last])
      this.#chunks.pop()
    }
    this.#chunks.push(last)
  }

  /** The first chunk, made long enough to hold the length: chunks are joined once a frame, not once a chunk. */
  #head(): Buffer {
    if (this.#chunks[0]!.length < 4) this.#chunks = [Buffer.concat(this.#chunks, this.#length)]
    return this.#chunks[0]!
  }
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes what it read.
    throw new FrameError("a frame that is not JSON")
  }
}
