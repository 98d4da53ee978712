// The two times of a rule, one setTimeout handle each: a deadline is the rule's to the millisecond.

export class Deadlines {
  #request: NodeJS.Timeout | null = null
  #backend: NodeJS.Timeout | null = null

  /** The whole exchange. null: no limit. Milliseconds. */
  startRequest(milliseconds: number | null, fire: () => void): void {
    if (milliseconds !== null) this.#request = setTimeout(fire, milliseconds)
  }

  /** One try. null: no limit. Milliseconds. */
  startBackend(milliseconds: number | null, fire: () => void): void {
    if (milliseconds !== null) this.#backend = setTimeout(fire, milliseconds)
  }

  clear(): void {
    if (this.#request !== null) clearTimeout(this.#request)
    if (this.#backend !== null) clearTimeout(this.#backend)
    this.#request = null
    this.#backend = null
  }
}
