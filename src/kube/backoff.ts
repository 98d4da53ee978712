// How long to stay away after failures: 0.8 s, doubled up to 30 s, jittered, forgotten after two healthy minutes. Pure: time and chance are given.

export interface BackoffTimings {
  /** Milliseconds. */
  readonly first: number
  readonly most: number
  /** Without a failure for so long, the next one is the first again. */
  readonly healthy: number
}

export const defaultBackoff: BackoffTimings = { first: 800, most: 30_000, healthy: 120_000 }

/** A server that asks us to stay away for an hour gets five minutes. */
const longestAsked = 300_000

export class Backoff {
  readonly #timings: BackoffTimings
  #failures = 0
  /** When the last pause ended. */
  #until = Number.NEGATIVE_INFINITY

  constructor(timings: BackoffTimings = defaultBackoff) {
    this.#timings = timings
  }

  /** Whether nothing has failed lately. */
  calm(now: number): boolean {
    return now - this.#until >= this.#timings.healthy
  }

  /** What failed until now says nothing of what fails next. */
  forget(): void {
    this.#failures = 0
    this.#until = Number.NEGATIVE_INFINITY
  }

  /**
   * Milliseconds to wait after one more failure. now: monotonic milliseconds; chance: 0 to 1; asked: Retry-After, obeyed and jittered upwards only; settling:
   * of a server that has just come back (src/kube/contact.ts), whose failures are not counted beyond the first.
   */
  next(now: number, chance: number, asked: number | null = null, settling = false): number {
    if (this.calm(now)) this.#failures = 0
    const own = Math.min(this.#timings.most, this.#timings.first * 2 ** Math.min(this.#failures, 30)) * (0.75 + chance / 2)
    this.#failures = settling ? 1 : this.#failures + 1
    const pause = asked === null ? own : Math.max(own, Math.min(asked, longestAsked) * (1 + chance / 5))
    this.#until = now + pause
    return pause
  }
}
