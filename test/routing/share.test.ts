import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { compileWeights, pickWeighted } from "#src/routing/share.ts"

const weighted = (weights: ReadonlyArray<number>) =>
  compileWeights(
    weights.map((weight, at) => ({ weight, at })),
    (item) => item.weight
  )

describe("shares (Gateway API v1.6, HTTPRouteRule.backendRefs)", () => {
  it("a share is weight / sum, in the order written", () => {
    const table = weighted([1, 3])
    assert.strictEqual(pickWeighted(table, 0)?.at, 0)
    assert.strictEqual(pickWeighted(table, 0.2499)?.at, 0)
    assert.strictEqual(pickWeighted(table, 0.25)?.at, 1)
    assert.strictEqual(pickWeighted(table, 0.9999)?.at, 1)
  })

  it("without any weight nothing is picked", () => {
    assert.isNull(pickWeighted(weighted([]), 0.5))
    assert.isNull(pickWeighted(weighted([0, 0]), 0))
  })

  it("property: over evenly spread numbers each share gets exactly its weight, and weight 0 nothing", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 16 }), (weights) => {
        const sum = weights.reduce((a, b) => a + b, 0)
        const counts = weights.map(() => 0)
        const table = weighted(weights)
        for (let at = 0; at < sum; at++) counts[pickWeighted(table, (at + 0.5) / sum)!.at]!++
        assert.deepEqual(counts, weights)
      })
    )
  })

  it("the largest number below 1 stays within the shares", () => {
    const last = 1 - Number.EPSILON / 2
    assert.strictEqual(pickWeighted(weighted([1_000_000, 1_000_000, 1]), last)?.at, 2)
    assert.strictEqual(pickWeighted(weighted([1_000_000, 0]), last)?.at, 0)
  })
})
