// Bytes that have come and are not wanted yet, in order. Apart from whoever keeps them, because they are bounded in pieces as well as in bytes (law 19):
// a piece of a single byte costs some hundred, and a peer chooses how it cuts what it sends.

/** Pieces that are kept apart: beyond, they are joined. */
export const piecesApart = 64

export class Waiting {
  #pieces: Array<Buffer> = []
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  push(piece: Buffer): void {
    this.#bytes += piece.length
    this.#pieces.push(piece)
    if (this.#pieces.length >= piecesApart) this.#pieces = [Buffer.concat(this.#pieces)]
  }

  /** Puts back what `shift` gave, or what is left of it. */
  unshift(piece: Buffer): void {
    this.#bytes += piece.length
    this.#pieces.unshift(piece)
  }

  /** The first piece; undefined: none waits. */
  shift(): Buffer | undefined {
    const piece = this.#pieces.shift()
    if (piece !== undefined) this.#bytes -= piece.length
    return piece
  }

  /** Everything in one. */
  take(): Buffer {
    const pieces = this.#pieces
    this.#pieces = []
    this.#bytes = 0
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
  }
}
