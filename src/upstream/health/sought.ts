// Whether what comes holds what is waited for, wherever it is cut into pieces.

/** What comes after so many bytes is not looked at. */
export const searched = 65_536

export class Sought {
  readonly #bytes: Buffer
  /** What has come and may be its beginning. */
  #rest: Buffer = Buffer.alloc(0)
  #seen = 0

  /** At least one byte. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The piece is copied as far as it is kept. → null: it may still come. */
  in(piece: Uint8Array): boolean | null {
    const within = piece.subarray(0, searched - this.#seen)
    this.#seen += within.length
    const text = Buffer.concat([this.#rest, within])
    if (text.includes(this.#bytes)) return true
    if (this.#seen >= searched) return false
    this.#rest = text.subarray(Math.max(0, text.length - this.#bytes.length + 1))
    return null
  }
}
