// Which address of an endpoint takes a request: a name may stand for many machines, and what is said of endpoints holds for them too.
import type { Balance } from "../../snapshot/balance.ts"
import type { Member } from "../member.ts"
import type { Target } from "../target.ts"
import { mix } from "./hash.ts"

/** affinity as for the endpoint. null: no address may be dialled. */
export type Place = (member: Member, affinity: number | null) => Target | null

const load = (target: Target): number => target.load

/** Rendezvous hashing: an address that comes takes its share of the keys and no other moves; the order of an answer is nothing to it. */
const distance = (target: Target, affinity: number): number => mix(target.mark ^ affinity)

/** random: 0 ≤ x < 1. */
export const makePlace = ({ _tag }: Balance, now: () => number, random: () => number): Place => {
  switch (_tag) {
    case "LeastRequest":
      return (member) => member.cheapest(load, 0, now)
    case "Random":
      return (member) => member.cheapest(random, 0, now)
    case "ConsistentHash":
      return (member, affinity) => (affinity === null ? member.cheapest(random, 0, now) : member.cheapest(distance, affinity, now))
    default:
      return (member) => member.next(now)
  }
}
