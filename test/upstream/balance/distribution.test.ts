// How requests are spread over endpoints, by a test of goodness (chi-squared) on a fixed seed: every way of balancing keeps to the weights, also while one warms up.
import { assert, describe, it } from "vitest"
import type { Balance } from "#src/snapshot/balance.ts"
import { makeBalancer } from "#src/upstream/balance/balancer.ts"
import { hashText } from "#src/upstream/balance/hash.ts"

interface Item {
  readonly key: string
  readonly weight: number
  readonly load: number
}

/** Mulberry32: even in as many dimensions as a pick draws. */
const seeded = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}

const items = (weights: ReadonlyArray<number>): ReadonlyArray<Item> =>
  weights.map((weight, n) => ({ key: `Address 192.0.2.${n}:443`, weight, load: 0 }))

/** What chi-squared of so many degrees exceeds once in a million times (Wilson and Hilferty 1931). */
const bound = (degrees: number): number => degrees * (1 - 2 / (9 * degrees) + 4.75 * Math.sqrt(2 / (9 * degrees))) ** 3

const picks = 100_000

/** expected: the weights it is judged by. */
const chiSquared = (balance: Balance, weights: ReadonlyArray<number>, expected = weights): number => {
  const all = items(weights)
  const balancer = makeBalancer<Item>(balance, seeded(20_261_122))
  balancer.set(all)
  const counts = new Map(all.map((item) => [item, 0]))
  for (let n = 0; n < picks; n++) {
    const picked = balancer.next(hashText(`user-${n}`))!
    counts.set(picked, counts.get(picked)! + 1)
  }
  const sum = expected.reduce((a, b) => a + b, 0)
  return [...counts.values()].reduce((total, count, n) => {
    const due = (picks * expected[n]!) / sum
    return total + (count - due) ** 2 / due
  }, 0)
}

const shapes: ReadonlyArray<ReadonlyArray<number>> = [
  [1, 1],
  [1, 1, 1],
  [5, 3, 1],
  // One of three that has begun to warm up.
  [1, 1, 0.1],
  Array.from({ length: 10 }, (_, n) => 1 + (n % 3)),
  Array.from({ length: 100 }, () => 1)
]

describe.each([
  ["RoundRobin", { _tag: "RoundRobin" }],
  ["LeastRequest", { _tag: "LeastRequest" }],
  ["Random", { _tag: "Random" }],
  ["ConsistentHash", { _tag: "ConsistentHash", by: { _tag: "Source" } }]
] as const)("%s", (_name, balance) => {
  it.each(shapes.map((weights) => [weights.length > 5 ? `${weights.length} endpoints` : weights.join(", "), weights] as const))(
    "spreads requests by the weights: %s",
    (_said, weights) => {
      const found = chiSquared(balance, weights)
      assert.isBelow(found, bound(weights.length - 1))
      // In turn there is no chance in it.
      if (balance._tag === "RoundRobin") assert.isBelow(found, 0.01)
    }
  )
})

it("a share that is a twentieth too large would be found", () => {
  assert.isAbove(chiSquared({ _tag: "Random" }, [1.05, 1, 1], [1, 1, 1]), bound(2))
})
