// Weights are honoured exactly in each round, and spread evenly inside it.
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { Rotation } from "#src/upstream/balance/rotation.ts"
import { at, exchange, handNames, liveUpstream, named } from "../../support/live.ts"
import { startOrigin } from "../../support/origin.ts"

const items = (weights: ReadonlyArray<number>) => weights.map((weight, n) => ({ n, weight }))

describe("a rotation", () => {
  it("gives each item its weight in any round", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 1, maxLength: 8 }), fc.nat(100), (weights, skipped) => {
        const rotation = new Rotation<{ n: number; weight: number }>()
        rotation.set(items(weights))
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        if (total === 0) return rotation.next() === null
        for (let n = 0; n < skipped; n++) rotation.next()
        const seen = weights.map(() => 0)
        for (let n = 0; n < total * 2; n++) seen[rotation.next()!.n]!++
        // Two rounds from any point: equal weights need not be a full round of `total`.
        const parts = seen.map((count, n) => Math.abs(count - 2 * weights[n]!))
        return parts.every((off) => off <= 2)
      })
    )
  })

  it("is exact from its start, and smooth", () => {
    const rotation = new Rotation<{ n: number; weight: number }>()
    rotation.set(items([5, 1, 1]))
    assert.deepEqual(
      Array.from({ length: 14 }, () => rotation.next()!.n),
      [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]
    )
  })

  it("passes over the excluded and ends when all are", () => {
    const rotation = new Rotation<{ n: number; weight: number }>()
    const all = items([3, 2, 1])
    rotation.set(all)
    assert.strictEqual(rotation.nextBut(new Set([all[0]!, all[1]!])), all[2])
    assert.isNull(rotation.nextBut(new Set(all)))
    rotation.set([])
    assert.isNull(rotation.next())
  })
})

describe("an upstream of several endpoints", () => {
  it("shares requests by weight", async () => {
    await using a = await startOrigin()
    await using b = await startOrigin()
    await using c = await startOrigin()
    await using upstream = await liveUpstream({
      endpoints: [at(a.port, { weight: 3 }), at(b.port, { weight: 1 }), at(c.port, { weight: 0 })]
    })
    for (let n = 0; n < 40; n++) await exchange(upstream)
    assert.deepEqual([a.requests, b.requests, c.requests], [30, 10, 0])
  })

  it("uses a draining endpoint only when there is no other, and the next tier only when the first has nobody", async () => {
    await using a = await startOrigin()
    await using b = await startOrigin()
    await using upstream = await liveUpstream({ endpoints: [at(a.port, { draining: true }), at(b.port)] })
    for (let n = 0; n < 4; n++) await exchange(upstream)
    assert.deepEqual([a.requests, b.requests], [0, 4])
    upstream.setEndpoints([at(a.port, { draining: true })])
    await exchange(upstream)
    assert.deepEqual([a.requests, b.requests], [1, 4])
    upstream.setEndpoints([at(a.port, { weight: 0 }), at(b.port, { tier: 1 })])
    await exchange(upstream)
    assert.deepEqual([a.requests, b.requests], [1, 5])
  })

  it("uses every address of a name, and passes over one that just failed", async () => {
    const names = handNames()
    names.set("many.test", { addresses: ["127.0.0.1", "127.0.0.2"] })
    await using one = await startOrigin({ host: "127.0.0.1" })
    await using upstream = await liveUpstream({ endpoints: [named("many.test", one.port)], names })
    // Nobody listens at 127.0.0.2: the dial goes on to the other, and later requests know.
    for (let n = 0; n < 6; n++) assert.isNull((await exchange(upstream)).failure)
    const two = await startOrigin({ host: "127.0.0.2", port: one.port })
    names.set("many.test", { addresses: ["127.0.0.2"] })
    assert.isNull((await exchange(upstream)).failure)
    names.set("many.test", { addresses: ["127.0.0.1", "127.0.0.2"] })
    const before = [one.requests, two.requests]
    for (let n = 0; n < 6; n++) assert.isNull((await exchange(upstream)).failure)
    assert.deepEqual([one.requests - before[0]!, two.requests - before[1]!], [3, 3])
    await two.close()
  })
})
