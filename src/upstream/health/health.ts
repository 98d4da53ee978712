// Who judges the addresses of one upstream, and how many of them may be out. There is none where nothing of health is said: its requests pay for nothing.
import type { HealthCheck, Outlier } from "../../snapshot/health.ts"
import { settle } from "../../snapshot/setting.ts"
import type { Upstream } from "../../snapshot/upstream.ts"
import type { HealthDescription } from "../description.ts"
import type { Elsewhere, Looks } from "../elsewhere.ts"
import type { Member } from "../member.ts"
import type { Target } from "../target.ts"
import { Conduct, type Offence } from "./conduct.ts"
import { Prober, type ProberTools } from "./prober.ts"

export interface HealthTools extends ProberTools {
  /** Milliseconds. */
  readonly now: () => number
  /** Every endpoint, as it is now. */
  readonly members: () => Iterable<Member>
  /** Who looks, and who else judges; absent: nobody else. */
  readonly elsewhere?: Elsewhere | undefined
}

const words: Readonly<Record<Offence, string>> = {
  errors: "too many errors in a row",
  gateway: "too many gateway errors in a row",
  local: "too many failures without an answer in a row",
  share: "too many of its requests fail"
}

/** null: it is in. */
export const whyOut = ({ conduct, watched }: Target): string | null => {
  if (watched !== null && watched.failing !== null) return `health check: ${watched.failing}`
  return conduct === null || conduct.offence === null ? null : words[conduct.offence]
}

/** null: nothing judges the addresses of this upstream. */
export const makeHealth = ({ outlier, health }: Pick<Upstream, "outlier" | "health">, tools: HealthTools): Health | null => {
  const [ejection, check] = [settle(outlier, null), settle(health, null)]
  return ejection === null && check === null ? null : new Health(ejection, check, tools)
}

export class Health {
  readonly #outlier: Outlier | null
  readonly #prober: Looks | null
  readonly #ends = new Map<Conduct, () => void>()
  readonly #tools: HealthTools
  readonly #ejections: Record<Offence, number> = { errors: 0, gateway: 0, local: 0, share: 0 }
  /** Percent of a tier; 0: health is never ignored. */
  readonly panic: number
  /** Health is ignored in a tier that is in use. */
  #panicking = false

  constructor(outlier: Outlier | null, check: HealthCheck | null, tools: HealthTools) {
    this.#outlier = outlier
    this.#tools = tools
    this.#prober = check === null ? null : (tools.elsewhere?.looks(tools.changed) ?? new Prober(check, tools))
    this.panic = (check ?? outlier)?.panic ?? 0
  }

  join(target: Target): void {
    target.watched = this.#prober?.watch(target) ?? null
    if (this.#outlier === null) return
    const { elsewhere, now, changed } = this.#tools
    const conduct = new Conduct({
      outlier: this.#outlier,
      now,
      allows: () => this.#allows(target, this.#outlier!.maxEjectionPercent),
      changed,
      ejected: (offence, long) => {
        this.#ejections[offence]++
        elsewhere?.ejected(target, offence, long)
      }
    })
    target.conduct = conduct
    if (elsewhere !== undefined)
      this.#ends.set(
        conduct,
        elsewhere.ejections(target, (offence, long) => conduct.impose(offence, long))
      )
  }

  describe(): HealthDescription {
    return { panic: this.#panicking, ejections: { ...this.#ejections }, probes: { ...this.#prober?.counts } }
  }

  leave(target: Target): void {
    if (target.conduct !== null) {
      target.conduct.close()
      this.#ends.get(target.conduct)?.()
      this.#ends.delete(target.conduct)
    }
    target.conduct = null
    if (target.watched !== null) this.#prober?.leave(target.watched)
    target.watched = null
  }

  /** Nobody is looked at any more: the upstream has left the tables. */
  stop(): void {
    this.#prober?.stop()
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
