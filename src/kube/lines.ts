// Newline-delimited JSON from pieces of bytes. Apart, because a line may come in a thousand pieces and must not be joined a thousand times.

/** Larger than anything that etcd stores, in JSON. */
const maxLineBytes = 64 * 1024 * 1024

const newline = 10

/** One stream's lines. */
export class Lines {
  readonly #rest: Array<Buffer> = []
  #size = 0

  /** The values of the lines that this piece ends; null: one is not JSON or longer than is taken, and the stream is of no use any more. */
  push(part: Buffer): ReadonlyArray<unknown> | null {
    const values: Array<unknown> = []
    let from = 0
    for (let at = part.indexOf(newline); at !== -1; at = part.indexOf(newline, from)) {
      this.#rest.push(part.subarray(from, at))
      from = at + 1
      const line = this.#rest.length === 1 ? this.#rest[0]! : Buffer.concat(this.#rest)
      this.#rest.length = 0
      this.#size = 0
      if (line.length === 0 || (line.length === 1 && line[0] === 13)) continue
      try {
        values.push(JSON.parse(line.toString("utf8")))
      } catch {
        return null
      }
    }
    if (from < part.length) {
      this.#rest.push(part.subarray(from))
      this.#size += part.length - from
      if (this.#size > maxLineBytes) return null
    }
    return values
  }
}
