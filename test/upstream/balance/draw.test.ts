// Random and least request: drawn by weight, and of two the one with less to do for its weight.
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { LeastRequest } from "#src/upstream/balance/least.ts"
import { RandomDraw } from "#src/upstream/balance/random.ts"

interface Item {
  readonly n: number
  readonly weight: number
  load: number
}

const items = (weights: ReadonlyArray<number>, loads: ReadonlyArray<number> = []): ReadonlyArray<Item> =>
  weights.map((weight, n) => ({ n, weight, load: loads[n] ?? 0 }))

/** Evenly spread and the same in every run (a Weyl sequence): with two draws a pick, no pair is left out. */
const sequence = () => {
  let at = 0
  return () => (at = (at + 0.6180339887498949) % 1)
}
const noise = () => {
  let state = 1
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

const count = (picks: number, weights: ReadonlyArray<number>, pick: () => Item): ReadonlyArray<number> => {
  const counts = weights.map(() => 0)
  for (let n = 0; n < picks; n++) counts[pick().n]!++
  return counts.map((seen) => seen / picks)
}

const shapes: ReadonlyArray<ReadonlyArray<number>> = [[1], [1, 1, 1], [3, 1], [5, 0, 1, 1], [1000, 1, 1]]

describe("a random draw", () => {
  it("comes to each by its weight", () => {
    for (const weights of shapes) {
      const draw = new RandomDraw<Item>(sequence())
      draw.set(items(weights))
      const sum = weights.reduce((a, b) => a + b, 0)
      for (const [n, share] of count(20_000, weights, () => draw.next()!).entries()) assert.closeTo(share, weights[n]! / sum, 0.005)
    }
  })
  it("elsewhere is by weight among the others, and null when there are none", () => {
    const draw = new RandomDraw<Item>(sequence())
    const all = items([6, 3, 1])
    draw.set(all)
    const shares = count(20_000, [6, 3, 1], () => draw.nextBut(new Set([all[0]!]))!)
    assert.deepEqual([shares[0], Math.round(shares[1]! * 100)], [0, 75])
    assert.isNull(draw.nextBut(new Set(all)))
    draw.set([])
    assert.isNull(draw.next())
  })
})

describe("least request", () => {
  it("asks idle endpoints by their weights", () => {
    for (const weights of shapes) {
      const least = new LeastRequest<Item>(noise())
      least.set(items(weights))
      const sum = weights.reduce((a, b) => a + b, 0)
      for (const [n, share] of count(50_000, weights, () => least.next()!).entries()) assert.closeTo(share, weights[n]! / sum, 0.01)
    }
  })

  it("of two never takes the one with more to do for its weight", () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 })),
        fc.tuple(fc.nat(100), fc.nat(100)),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (weights, loads, random) => {
          const [a, b] = items(weights, loads) as [Item, Item]
          const least = new LeastRequest<Item>(() => random)
          least.set([a, b])
          const picked = least.next()!
          const other = picked === a ? b : a
          assert.isAtMost(picked.load / picked.weight, other.load / other.weight)
        }
      )
    )
  })

  it("draws two different ones, also of unequal weights: the busiest of all is never asked", () => {
    for (const weights of [
      [1, 1, 1, 1],
      [7, 1, 2, 3]
    ]) {
      const least = new LeastRequest<Item>(noise())
      least.set(items(weights, [0, 0, 1000, 0]))
      const shares = count(20_000, weights, () => least.next()!)
      assert.strictEqual(shares[2], 0)
      for (const n of [0, 1, 3]) assert.isAbove(shares[n]!, 0)
    }
  })

  it("keeps the queues of endpoints that are as fast as their weights in the proportion of those", () => {
    const weights = [3, 1]
    const all = items(weights)
    const least = new LeastRequest<Item>(noise())
    const random = noise()
    least.set(all)
    const served = [0, 0]
    for (let n = 0; n < 40_000; n++) {
      const picked = least.next()!
      picked.load++
      served[picked.n]!++
      // Each serves at a rate of its weight, a little less in sum than what comes.
      for (const item of all) if (item.load > 0 && random() < item.weight * 0.24) item.load--
    }
    assert.closeTo(served[0]! / 40_000, 0.75, 0.02)
    assert.closeTo(all[0]!.load / (all[0]!.load + all[1]!.load), 0.75, 0.05)
  })

  it("elsewhere is the freest of the others", () => {
    const all = items([1, 1, 4], [0, 3, 8])
    const least = new LeastRequest<Item>(sequence())
    least.set(all)
    assert.strictEqual(least.nextBut(new Set([all[0]!])), all[2])
    assert.isNull(least.nextBut(new Set(all)))
    least.set([])
    assert.isNull(least.next())
  })
})
