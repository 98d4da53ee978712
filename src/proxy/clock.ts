// One timer a port for all that connections wait for: an idle client, a head that does not come, a body too slow, an answer nobody reads. A timer of
// each request would cost more than reading it; these times are long, so being told a moment late is all the same.

/** Asked from time to time whether something of it is over. now: `performance.now()`. */
export interface Watched {
  readonly look: (now: number) => void
}

export class Clock {
  readonly #watched = new Set<Watched>()
  readonly #interval: number
  #timer: NodeJS.Timeout | null = null
  #looked = 0
  #spared = false

  /** shortest: the shortest time anybody waits for, milliseconds. It is seen at most an eighth of it late, or half a second. */
  constructor(shortest: number) {
    this.#interval = Math.max(10, Math.min(500, shortest / 8))
  }

  add(watched: Watched): void {
    this.#watched.add(watched)
    if (this.#timer !== null) return
    this.#looked = performance.now()
    this.#timer = setInterval(this.#look, this.#interval)
    this.#timer.unref()
  }

  delete(watched: Watched): void {
    this.#watched.delete(watched)
    if (this.#watched.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }

  /**
   * A look that comes late judges nobody: this process stood still, and timers run before what has come meanwhile is read. The one after it does, however
   * late, or a process that is always busy would never look.
   */
  readonly #look = (): void => {
    const now = performance.now()
    this.#spared = !this.#spared && now - this.#looked > 2 * this.#interval
    this.#looked = now
    if (this.#spared) return
    for (const watched of this.#watched) watched.look(now)
  }
}
