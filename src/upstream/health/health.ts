// Who judges the addresses of one upstream, and how many of them may be out. There is none where nothing of health is said: its requests pay for nothing.
import type { Outlier } from "../../snapshot/health.ts"
import type { HealthDescription } from "../description.ts"
import type { Member, Target } from "../member.ts"
import { Conduct, type Offence } from "./conduct.ts"

export interface HealthTools {
  /** Milliseconds. */
  readonly now: () => number
  /** Every endpoint, as it is now. */
  readonly members: () => Iterable<Member>
  /** The health of an address changed. */
  readonly changed: () => void
}

const words: Readonly<Record<Offence, string>> = {
  errors: "too many errors in a row",
  gateway: "too many gateway errors in a row",
  local: "too many failures without an answer in a row"
}

/** null: it is in. */
export const whyOut = ({ conduct }: Target): string | null => (conduct === null || conduct.offence === null ? null : words[conduct.offence])

export class Health {
  readonly #outlier: Outlier | null
  readonly #tools: HealthTools
  readonly #ejections: Record<Offence, number> = { errors: 0, gateway: 0, local: 0 }
  /** Health is ignored in a tier that is in use. */
  #panicking = false

  constructor(outlier: Outlier | null, tools: HealthTools) {
    this.#outlier = outlier
    this.#tools = tools
  }

  join(target: Target): void {
    if (this.#outlier === null) return
    target.conduct = new Conduct({
      outlier: this.#outlier,
      now: this.#tools.now,
      allows: () => this.#allows(target, this.#outlier!.maxEjectionPercent),
      changed: (offence) => {
        if (offence !== null) this.#ejections[offence]++
        this.#tools.changed()
      }
    })
  }

  describe(): HealthDescription {
    return { panic: this.#panicking, ejections: { ...this.#ejections } }
  }

  leave(target: Target): void {
    target.conduct?.close()
    target.conduct = null
  }

  /** panicking: tiers in which health is ignored for now. */
  heed(members: ReadonlyArray<Member>, panicking: ReadonlySet<number>): void {
    this.#panicking = panicking.size > 0
    for (const member of members) member.heed(panicking.has(member.tier))
  }

  /** A tier with another behind it may go whole; of the last at least one address may, or no pool of a few would ever lose one. */
  #allows({ member: { tier } }: Target, percent: number): boolean {
    let [all, out, behind] = [0, 0, false]
    for (const member of this.#tools.members()) {
      if (member.weight === 0 || !member.usable) continue
      if (member.tier > tier) behind = true
      if (member.tier !== tier) continue
      for (const target of member.order) {
        if (target.denied !== null) continue
        all++
        if (target.conduct?.offence != null) out++
      }
    }
    return percent > 0 && (behind || out < Math.ceil((all * percent) / 100))
  }
}
