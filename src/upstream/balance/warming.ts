// Slow start: an address that joins, or comes back from being out, takes a part of its share at first and more with time (Envoy's formula). None is made where
// nothing is said of it: its requests pay for nothing.
import type { Balance, SlowStart } from "../../snapshot/balance.ts"

/** Milliseconds between two steps of those that warm up. */
const shortestStep = 50
const longestStep = 1_000
const steps = 20

export interface WarmedTarget {
  readonly denied: unknown
  readonly healthy: boolean
  /** Of its share, above 0 to 1. */
  warmth: number
}

export interface WarmedMember {
  readonly order: ReadonlyArray<WarmedTarget>
  /** Of its weight: what its addresses together have. */
  warmth: number
}

/** elapsed: milliseconds since it began. → above 0 to 1. */
export const warmthAfter = (elapsed: number, { window, aggression, least }: SlowStart): number =>
  elapsed >= window ? 1 : Math.max(least, (Math.max(0, elapsed) / window) ** (1 / aggression))

class Warming {
  readonly #settings: SlowStart
  /** By the clock: since when each takes requests; null: it is out. Those that began together stay equal, so at the start of a proxy nothing changes. */
  #since = new Map<WarmedTarget, number | null>()

  constructor(settings: SlowStart) {
    this.#settings = settings
  }

  /** → when to do it again though nothing changes, by the clock; null: nobody warms up. */
  judge(members: Iterable<WarmedMember>, now: number): number | null {
    const since = new Map<WarmedTarget, number | null>()
    let warming = false
    for (const member of members) {
      let [count, sum] = [0, 0]
      for (const target of member.order) {
        const began = target.healthy ? (this.#since.get(target) ?? now) : null
        since.set(target, began)
        // Who is out and takes requests all the same (panic) takes what is asked of it.
        target.warmth = began === null ? 1 : warmthAfter(now - began, this.#settings)
        if (target.warmth < 1) warming = true
        if (began === null || target.denied !== null) continue
        count++
        sum += target.warmth
      }
      member.warmth = count === 0 ? 1 : sum / count
    }
    this.#since = since
    return warming ? now + Math.min(longestStep, Math.max(shortestStep, this.#settings.window / steps)) : null
  }
}

/** null: nobody warms up. */
export const warmingOf = (balance: Balance): ((members: Iterable<WarmedMember>, now: number) => number | null) | null => {
  if (balance._tag === "ConsistentHash" || balance.slowStart === undefined) return null
  const warming = new Warming(balance.slowStart)
  return (members, now) => warming.judge(members, now)
}
