// Which address of an endpoint takes a request: a name may stand for many machines, and what is said of endpoints holds for them too.
import type { Balance, Spread } from "../../snapshot/balance.ts"
import type { Member } from "../member.ts"
import type { Target } from "../target.ts"
import { mix } from "./hash.ts"

/** affinity as for the endpoint. null: no address may be dialled. */
export type Place = (member: Member, affinity: number | null) => Target | null

const load = (target: Target): number => target.load

/** Rendezvous hashing: an address that comes takes its share of the keys and no other moves; the order of an answer is nothing to it. */
const distance = (target: Target, affinity: number): number => mix(target.mark ^ affinity)

/** More than any load. */
const aside = 1_000_000

/** By its share: one that warms up stands aside for a part of the requests, and takes them when all do. */
const gently = ({ _tag }: Balance & Spread, now: () => number, random: () => number): Place => {
  const cold = (target: Target): boolean => target.warmth < 1 && random() >= target.warmth
  switch (_tag) {
    case "Random":
      // The first of exponential times: a draw by weight, of whoever is left.
      return (member) => member.cheapest((target) => -Math.log(1 - random()) / target.warmth, 0, now)
    case "LeastRequest":
      return (member) => member.cheapest((target) => (cold(target) ? aside : 0) + target.load, 0, now)
    default:
      return (member) => {
        let target = member.next(now)
        for (let turns = member.order.length; turns > 1 && target !== null && cold(target); turns--) target = member.next(now)
        return target
      }
  }
}

/** random: 0 ≤ x < 1. */
export const makePlace = (balance: Balance, now: () => number, random: () => number): Place => {
  if (balance._tag !== "ConsistentHash" && balance.slowStart !== undefined) return gently(balance, now, random)
  switch (balance._tag) {
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
