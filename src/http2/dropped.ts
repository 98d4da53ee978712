// Streams that we have reset and the peer may not know of yet: what still comes of them is thrown away (RFC 9113 section 5.1).

/** The oldest are forgotten: whoever still speaks of them breaks a rule by then. */
const most = 256

export class Dropped {
  readonly #streams = new Set<number>()

  add(stream: number): void {
    this.#streams.add(stream)
    if (this.#streams.size <= most) return
    for (const oldest of this.#streams) {
      this.#streams.delete(oldest)
      break
    }
  }

  has(stream: number): boolean {
    return this.#streams.has(stream)
  }
}
