// What every way of balancing does for an upstream, and which class does it. Which of an endpoint's addresses: place.ts.
import type { Balance } from "../../snapshot/balance.ts"
import { LeastRequest } from "./least.ts"
import { Maglev } from "./maglev.ts"
import { RandomDraw } from "./random.ts"
import { Rotation } from "./rotation.ts"

export interface Balanced {
  /** The same over updates, and on every replica. */
  readonly key: string
  /** As it is now: less than it was given while it warms up (warming.ts). */
  readonly weight: number
  /** Requests under way and connections being made. */
  readonly load: number
}

export interface Balancer<A> {
  /** Who may be picked from now on. Items of weight 0 never are. */
  readonly set: (items: ReadonlyArray<A>) => void
  readonly size: number
  /** affinity: what a consistent hash goes by (32 bits); null: the request has nothing. → null: nobody is here. */
  readonly next: (affinity: number | null) => A | null
  /** Somebody who is not excluded, for a second try elsewhere. null: all are excluded. */
  readonly nextBut: (excluded: ReadonlySet<A>, affinity: number | null) => A | null
}

/** random: 0 ≤ x < 1. A way that only a newer operator knows is never asked: its upstream is refused (proxy/table). */
export const makeBalancer = <A extends Balanced>(balance: Balance, random: () => number): Balancer<A> => {
  switch (balance._tag) {
    case "LeastRequest":
      return new LeastRequest<A>(random)
    case "Random":
      return new RandomDraw<A>(random)
    case "ConsistentHash":
      return new Maglev<A>(random, balance.tableSize)
    default:
      return new Rotation<A>()
  }
}
