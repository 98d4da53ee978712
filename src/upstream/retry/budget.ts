// How many tries of an upstream may be repetitions: a backend in trouble must not get a multiple of its load. One an upstream and process: of a pod with several, each has its part.
import type { Limits } from "../../snapshot/behaviour.ts"
import type { Withheld } from "./plan.ts"

/** Seconds that are looked back on. */
const span = 10
/** Of the requests in that time. */
const share = 0.2
/** In any one second that much is free to a pod, or a quiet upstream could repeat nothing. */
const freeOfPod = 10

/** Counts requests of rules that retry, and their repetitions. Times are milliseconds that do not run backwards. */
export class Budget {
  /** Further tries that were wanted and not made. */
  readonly withheld: Record<Withheld, number> = { attempts: 0, budget: 0, body: 0, wait: 0, limit: 0 }
  /** Requests that are being tried once more. */
  retrying = 0
  // Made with the first request: most upstreams are reached by no rule that retries.
  #requests: Array<number> | null = null
  #retries: Array<number> = []
  /** The second the last count is of. */
  #second = 0
  readonly #atOnce: Limits["maxRetries"]
  readonly #load: () => number
  readonly #free: number

  /** atOnce: how many requests may be tried once more at the same time. load: requests under way and waiting, for a share of them. processes: of the pod. */
  constructor(atOnce: Limits["maxRetries"], load: () => number, processes = 1) {
    this.#free = Math.max(1, Math.floor(freeOfPod / processes))
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
    this.#requests[this.#second % span]!++
  }

  /** Takes one repetition; false: there is none left. The user's own share stands in place of what is counted here. */
  take(now: number): boolean {
    if (typeof this.#atOnce === "object") return true
    this.#requests ??= this.#begin(now)
    this.#turn(now)
    const at = this.#second % span
    if (this.#retries[at]! >= this.#free && sum(this.#retries) + 1 > share * sum(this.#requests)) return false
    this.#retries[at]!++
    return true
  }

  #begin(now: number): Array<number> {
    this.#second = Math.floor(now / 1000)
    this.#retries = new Array<number>(span).fill(0)
    return new Array<number>(span).fill(0)
  }

  #turn(now: number): void {
    const second = Math.floor(now / 1000)
    const steps = Math.min(second - this.#second, span)
    for (let step = 1; step <= steps; step++) {
      const at = (this.#second + step) % span
      this.#requests![at] = 0
      this.#retries[at] = 0
    }
    if (second > this.#second) this.#second = second
  }
}

const sum = (counts: ReadonlyArray<number>): number => counts.reduce((all, count) => all + count, 0)
