// How much of a thing a peer may cause: so many at once, and more as time passes or as it does something useful.
import type { Budget } from "./limits.ts"

export class Allowance {
  readonly #budget: Budget
  #left: number
  #filled = performance.now()

  constructor(budget: Budget) {
    this.#budget = budget
    this.#left = budget.burst
  }

  /** → false: it had no more. */
  take(): boolean {
    if (this.#left < 1) {
      // The clock is read only then: most never come so far.
      const now = performance.now()
      this.#left = Math.min(this.#budget.burst, this.#left + ((now - this.#filled) * this.#budget.rate) / 1000)
      this.#filled = now
      if (this.#left < 1) return false
    }
    this.#left--
    return true
  }

  give(count: number): void {
    if (this.#left < this.#budget.burst) this.#left += count
  }
}
