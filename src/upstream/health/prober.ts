// Looks at the addresses of one upstream again and again, one look at a time each, spread by chance, and tells who fails. One prober an upstream of a pod: the routes
// to a backend share it.
import type { HealthCheck } from "../../snapshot/health.ts"
import type { Dialler } from "../dialler.ts"
import type { Looks, Verdict } from "../elsewhere.ts"
import type { Target } from "../target.ts"
import { probe, secured } from "./probe.ts"

export interface ProberTools {
  readonly dialler: Dialler
  /** 0 ≤ x < 1. */
  readonly random: () => number
  /** Somebody fails, or is well again. */
  readonly changed: () => void
  /** A look ended, or one that failed is looked at no more: why the address fails now, and whether what requests would do was done and did not fail. */
  readonly looked?: (target: Target, failing: string | null, forgiven: boolean) => void
}

/** Milliseconds that first looks are spread over, at most. */
const firstWithin = 1_000
/** Of Node. */
const longestTimer = 2 ** 31 - 1
/** Of an interval, either way: pods that began together do not stay together. */
const jitter = 0.1

export class Prober implements Looks {
  readonly #check: HealthCheck
  readonly #tools: ProberTools
  readonly #watched = new Set<Watched>()
  readonly counts = { passed: 0, failed: 0 }
  #stopped = false

  constructor(check: HealthCheck, tools: ProberTools) {
    this.#check = check
    this.#tools = tools
  }

  watch(target: Target): Watched {
    const watched = new Watched(target, this.#check, this.#tools, this.counts)
    this.#watched.add(watched)
    if (this.#stopped) watched.close()
    return watched
  }

  leave(verdict: Verdict): void {
    if (!(verdict instanceof Watched)) return
    verdict.close()
    this.#watched.delete(verdict)
    if (verdict.failing !== null) this.#tools.looked?.(verdict.target, null, false)
  }

  /** No more looks; what is known stays. */
  stop(): void {
    this.#stopped = true
    for (const watched of this.#watched) watched.close()
  }
}

/** One address under watch. */
export class Watched implements Verdict {
  readonly target: Target
  readonly #check: HealthCheck
  readonly #tools: ProberTools
  readonly #counts: Prober["counts"]
  /** null: nobody has looked yet, and it is taken for well. */
  #well: boolean | null = null
  /** Looks in a row that say otherwise. */
  #against = 0
  #timer: NodeJS.Timeout | null = null
  #look: { readonly cancel: () => void } | null = null
  /** Why it fails; null: it does not. */
  failing: string | null = null

  constructor(target: Target, check: HealthCheck, tools: ProberTools, counts: Prober["counts"]) {
    this.target = target
    this.#check = check
    this.#tools = tools
    this.#counts = counts
    this.#wait(tools.random() * Math.min(check.interval, firstWithin))
  }

  #wait(milliseconds: number): void {
    this.#timer = setTimeout(this.#begin, Math.min(milliseconds, longestTimer))
    this.#timer.unref()
  }

  readonly #begin = (): void => {
    const { target } = this
    const { interval } = this.#check
    // What may not be dialled is not out for its health.
    if (target.denied !== null) {
      this.#wait(interval)
      return
    }
    this.#look = probe(this.#tools.dialler, target, this.#check, (failing, atOnce) => {
      this.#look = null
      this.#wait(interval * (1 - jitter + 2 * jitter * this.#tools.random()))
      this.#judge(failing, atOnce)
    })
  }

  /** A look goes as far as a connection of requests. */
  get #likeRequests(): boolean {
    const { port, probe: kind } = this.#check
    return port === null && secured(kind, this.target) === this.target.member.endpoint.tls
  }

  #judge(failing: string | null, atOnce: boolean): void {
    const well = failing === null
    this.#counts[well ? "passed" : "failed"]++
    // What requests would do was done, and did not fail.
    const likeRequests = well && this.#likeRequests
    const forgiven = likeRequests && this.target.forgive()
    this.#conclude(failing, forgiven, atOnce)
    this.#tools.looked?.(this.target, this.failing, likeRequests)
  }

  #conclude(failing: string | null, forgiven: boolean, atOnce: boolean): void {
    const { unhealthyThreshold, healthyThreshold } = this.#check
    const well = failing === null
    if (well === this.#well) {
      this.#against = 0
      if (forgiven) this.#tools.changed()
      return
    }
    // The first look decides alone: nothing was known before it.
    if (!atOnce && this.#well !== null && ++this.#against < (well ? healthyThreshold : unhealthyThreshold)) return
    this.#against = 0
    this.#well = well
    this.failing = failing
    this.#tools.changed()
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#look?.cancel()
  }
}
