// Which endpoints of an upstream take requests now, tier by tier. Apart from how one of a tier is picked (balancer.ts): an upstream of one tier is one balancer.
import { type Headcount, panics } from "../health/panic.ts"
import type { Balanced, Balancer } from "./balancer.ts"
import { mix } from "./hash.ts"
import { Returns } from "./returns.ts"

/** What of an endpoint decides whether it may be picked. */
export interface Tiered extends Balanced {
  /** What it was given: what its tier can bear goes by this. */
  readonly fullWeight: number
  /** 0 is asked first. */
  readonly tier: number
  /** It takes new requests only when nobody else of its tier can. */
  readonly draining: boolean
  /** Whose ranks are one order; null: it has none. */
  readonly group: string | null
  /** Within its group, the lowest that can serve is the one whose turn it is. */
  readonly rank: number
  /** Its first answer may still come. */
  readonly pending: boolean
  /** It has an address that may be dialled. */
  readonly usable: boolean
  /** Nothing that judges it says that it fails. */
  readonly healthy: boolean
  readonly health: Headcount
  /** No connection to it can be made. */
  readonly unreachable: boolean
}

export interface TierOptions<A> {
  readonly make: () => Balancer<A>
  /** Percent: a tier takes everything while the share of it that serves, times this, is 100. */
  readonly spill: number
  /** Percent of the addresses of a tier that must be out before their health is ignored; 0: it never is. */
  readonly panic: number
  /** Milliseconds that who has failed must serve again before requests go back to it. */
  readonly returnAfter: number
  /** Looks at everybody before they are judged; null: nobody has to. → as `set`. */
  readonly warm: ((members: ReadonlyArray<A>, now: number) => number | null) | null
  readonly now: () => number
  /** 0 ≤ x < 1. */
  readonly random: () => number
}

interface Tier<A> {
  readonly number: number
  readonly balancer: Balancer<A>
  /** Those whose turn it is, and the others in theirs. */
  readonly own: ReadonlyArray<A>
  readonly reserve: ReadonlyArray<A>
  /** Of the requests. */
  share: number
  /** Somebody of it is trusted to serve. */
  able: boolean
}

const weight = (members: ReadonlyArray<Tiered>): number => members.reduce((sum, member) => sum + member.fullWeight, 0)

const earlier = (a: number | null, b: number | null): number | null => (a === null || b === null ? (a ?? b) : Math.min(a, b))

const able = (member: Tiered): boolean => member.usable && member.healthy && !member.unreachable

const lowest = (members: ReadonlyArray<Tiered>): number =>
  members.reduce((rank, member) => Math.min(rank, member.rank), Number.POSITIVE_INFINITY)

/** By group, the rank whose turn it is: the lowest of which somebody passes the first of the tests that anybody passes. */
const ranksOf = <A extends Tiered>(
  members: ReadonlyArray<A>,
  ...tests: ReadonlyArray<(member: A) => boolean>
): ReadonlyMap<string, number> => {
  const groups = Map.groupBy(
    members.filter(({ group }) => group !== null),
    ({ group }) => group!
  )
  const ranks = new Map<string, number>()
  for (const [group, own] of groups)
    ranks.set(group, lowest(tests.map((test) => own.filter(test)).find((passed) => passed.length > 0) ?? own))
  return ranks
}

/** The first list with somebody in it, and of that those who stay, if there are any. */
const first = <A extends Tiered>(...lists: ReadonlyArray<ReadonlyArray<A>>): ReadonlyArray<A> => {
  const found = lists.find((list) => list.length > 0) ?? []
  const staying = found.filter(({ draining }) => !draining)
  return staying.length > 0 ? staying : found
}

export class Tiers<A extends Tiered> {
  readonly #options: TierOptions<A>
  readonly #returns: Returns<A>
  readonly #balancers = new Map<number, Balancer<A>>()
  /** In the order to try them: those that are able first. */
  #tiers: ReadonlyArray<Tier<A>> = []
  /** The one that gets all requests; null: none or several do. */
  #only: Balancer<A> | null = null
  /** What share of its requests it can serve, 0 to 1. */
  level = 0
  /** The first tier that gets requests, or whose first answer is awaited: what nobody knows yet has not failed. */
  tier = 0
  /** No tier is trusted to serve, and no first answer is awaited. */
  spent = false
  /** Nor can anybody serve who is not trusted yet. */
  hopeless = false
  /** Those that take requests, and whose health is ignored for it. */
  panicking: ReadonlySet<number> = new Set()

  constructor(options: TierOptions<A>) {
    this.#options = options
    this.#returns = new Returns(options.returnAfter)
  }

  /** A request that fails in one may go on to another, of a tier or within it. */
  get several(): boolean {
    return this.#tiers.length > 1 || this.#tiers.some(({ reserve }) => reserve.length > 0)
  }

  /** Somebody may be picked. */
  get any(): boolean {
    return this.#tiers.some(({ balancer }) => balancer.size > 0)
  }

  /** Judges everybody anew. → when to do it again though nothing changes, by the clock; null: never. */
  set(members: ReadonlyArray<A>): number | null {
    const weighed = members.filter((member) => member.weight > 0)
    const now = this.#options.now()
    const due = earlier(this.#options.warm?.(members, now) ?? null, this.#returns.judge(weighed, able, now))
    const numbers = [...new Set(weighed.map(({ tier }) => tier))].sort((a, b) => a - b)
    let left = 1
    const tiers = numbers.map((number): Tier<A> => {
      const all = weighed.filter(({ tier }) => tier === number)
      const trust = (member: A) => this.#returns.trusted(member, now)
      const ranks = ranksOf(all, trust, able, (member) => member.usable)
      const own = all.filter(({ group, rank }) => group === null || ranks.get(group) === rank)
      const reserve =
        own.length === all.length
          ? []
          : all.filter((member) => !own.includes(member)).sort((a, b) => Number(able(b)) - Number(able(a)) || a.rank - b.rank)
      const trusted = own.filter(trust)
      const share = Math.min(left, ((weight(trusted) / weight(own)) * this.#options.spill) / 100)
      left -= share
      const balancer = this.#balancers.get(number) ?? this.#options.make()
      this.#balancers.set(number, balancer)
      const usable = own.filter((member) => member.usable)
      const healthy = usable.filter((member) => member.healthy)
      // Where there is nobody else to wait for them, nobody who is healthy waits.
      const alone = numbers.length === 1 && reserve.length === 0
      balancer.set(alone ? first(healthy, usable) : first(trusted, own.filter(able), healthy, usable))
      return { number, balancer, own, reserve, share, able: trusted.length > 0 }
    })
    for (const number of this.#balancers.keys()) if (!numbers.includes(number)) this.#balancers.delete(number)
    this.level = 1 - left
    this.#tiers = [...tiers.filter((tier) => tier.able), ...tiers.filter((tier) => !tier.able)]
    if (this.level > 0) for (const tier of tiers) tier.share /= this.level
    else this.#lastResort(weighed, tiers)
    const taking = tiers.filter(({ share }) => share > 0)
    const awaited = weighed.filter(({ pending }) => pending).reduce((lowest, { tier }) => Math.min(lowest, tier), Number.POSITIVE_INFINITY)
    this.tier = Math.min(taking[0]?.number ?? 0, awaited)
    this.spent = this.level === 0 && awaited === Number.POSITIVE_INFINITY
    this.hopeless = this.spent && !weighed.some(able)
    this.#panic(taking)
    this.#only = taking.length === 1 ? taking[0]!.balancer : null
    return due
  }

  /** While the tiers together can serve everything, none of them needs who is out. */
  #panic(taking: ReadonlyArray<Tier<A>>): void {
    const panicking = new Set<number>()
    const needed = this.several && this.level === 1 ? [] : taking
    for (const { number, balancer, own } of needed) {
      const usable = own.filter((member) => member.usable)
      if (!panics(usable, this.#options.panic)) continue
      panicking.add(number)
      balancer.set(first(usable))
    }
    this.panicking = panicking
  }

  /** Nobody is trusted: who is about to be, else who has an address, from the first tier on. */
  #lastResort(weighed: ReadonlyArray<A>, tiers: ReadonlyArray<Tier<A>>): void {
    const hope = first(
      weighed.filter(able),
      weighed.filter((member) => member.usable && member.healthy),
      weighed.filter((member) => member.usable)
    ).reduce((lowest, { tier }) => Math.min(lowest, tier), Number.POSITIVE_INFINITY)
    for (const tier of tiers) if (tier.number === hope) tier.share = 1
  }

  /** affinity as for a balancer: a key is of one tier while the shares stand. */
  next(affinity: number | null): A | null {
    if (this.#only !== null) return this.#only.next(affinity)
    let draw = affinity === null ? this.#options.random() : (mix(affinity) >>> 0) / 2 ** 32
    let last: Balancer<A> | null = null
    for (const { balancer, share } of this.#tiers) {
      if (share === 0) continue
      last = balancer
      if (draw < share) break
      draw -= share
    }
    return last === null ? null : last.next(affinity)
  }

  /** Somebody of the first tier that has others: a request that failed goes on to the next when nobody is left of its own. */
  nextBut(excluded: ReadonlySet<A>, affinity: number | null): A | null {
    for (const { number, balancer, reserve } of this.#tiers) {
      // Who is out takes nothing, unless its tier ignores that: named here, a request would be sent on to it for ever.
      const open = (member: A) => member.usable && (member.healthy || this.panicking.has(number))
      const found = balancer.nextBut(excluded, affinity)
      if (found !== null && open(found)) return found
      const waiting = reserve.find((member) => open(member) && !excluded.has(member))
      if (waiting !== undefined) return waiting
    }
    return null
  }
}
