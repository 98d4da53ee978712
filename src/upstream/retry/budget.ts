// How many tries of an upstream may be repetitions: a backend in trouble must not get a multiple of its load. One an upstream and process: of a pod with several, each has its part.
import { type Limits, type RetryRate, usualRetryRate } from "../../snapshot/behaviour.ts"
import type { Withheld } from "./plan.ts"

/** Parts of the time that is looked back on, each forgotten as a whole. */
const parts = 10

/** Counts requests of rules that retry, and their repetitions. Times are milliseconds that do not run backwards. */
export class Budget {
  /** Further tries that were wanted and not made. */
  readonly withheld: Record<Withheld, number> = { attempts: 0, budget: 0, body: 0, wait: 0, limit: 0 }
  /** Requests that are being tried once more. */
  retrying = 0
  // Made with the first request: most upstreams are reached by no rule that retries.
  #requests: Array<number> | null = null
  #retries: Array<number> = []
  /** The part the last count is of. */
  #part = 0
  /** The time of which so many are free, and those of it that were made, of that share or not. */
  #turnOf = 0
  #made = 0
  readonly #atOnce: Limits["maxRetries"]
  readonly #load: () => number
  readonly #rate: RetryRate
  /** In any `per` that much is free to this process, or a quiet upstream could repeat nothing. */
  readonly #free: number

  /** atOnce: how many requests may be tried once more at the same time. load: requests under way and waiting, for a share of them. processes: of the pod. rate: of their tries. */
  constructor(atOnce: Limits["maxRetries"], load: () => number, processes = 1, rate: RetryRate = usualRetryRate) {
    this.#rate = rate
    this.#free = Math.max(1, Math.floor(this.#rate.count / processes))
    this.#atOnce = atOnce
    this.#load = load
  }

  /** How many requests may be tried once more at the same time, as it is now. */
  get limit(): number {
    const atOnce = this.#atOnce
    if (typeof atOnce === "object") return Math.max(atOnce.least, Math.floor((this.#load() * atOnce.percent) / 100))
    return typeof atOnce === "number" ? atOnce : Number.POSITIVE_INFINITY
  }

  get full(): boolean {
    return this.retrying >= this.limit
  }

  request(now: number): void {
    this.#requests ??= this.#begin(now)
    this.#turn(now)
    this.#requests[this.#part % parts]!++
  }

  /** Takes one repetition; false: there is none left. The user's own share of what is under way stands in place of what is counted here. */
  take(now: number): boolean {
    if (typeof this.#atOnce === "object") return true
    this.#requests ??= this.#begin(now)
    this.#turn(now)
    const { percent, per } = this.#rate
    const turn = Math.floor(now / per)
    if (turn > this.#turnOf) {
      this.#turnOf = turn
      this.#made = 0
    }
    if (this.#made >= this.#free && (sum(this.#retries) + 1) * 100 > percent * sum(this.#requests)) return false
    this.#made++
    this.#retries[this.#part % parts]!++
    return true
  }

  get #length(): number {
    return this.#rate.interval / parts
  }

  #begin(now: number): Array<number> {
    this.#part = Math.floor(now / this.#length)
    this.#retries = new Array<number>(parts).fill(0)
    return new Array<number>(parts).fill(0)
  }

  #turn(now: number): void {
    const part = Math.floor(now / this.#length)
    const steps = Math.min(part - this.#part, parts)
    for (let step = 1; step <= steps; step++) {
      const at = (this.#part + step) % parts
      this.#requests![at] = 0
      this.#retries[at] = 0
    }
    if (part > this.#part) this.#part = part
  }
}

const sum = (counts: ReadonlyArray<number>): number => counts.reduce((all, count) => all + count, 0)
