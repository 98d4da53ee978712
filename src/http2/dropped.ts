// Streams that we have reset and the peer may not know of yet: what still comes of them is thrown away (RFC 9113 section 5.1).

export class Dropped {
  readonly #streams = new Set<number>()
  readonly #most: number

  /** most: of them are remembered. Of what a client cancels within a round trip all should be, or the server's innocent frames would be mistaken for a fault. */
  constructor(most: number) {
    this.#most = most
  }

  add(stream: number): void {
    this.#streams.add(stream)
    if (this.#streams.size <= this.#most) return
    for (const oldest of this.#streams) {
      this.#streams.delete(oldest)
      break
    }
  }

  has(stream: number): boolean {
    return this.#streams.has(stream)
  }
}
