// What strangers may have the API server asked: some at once, then so many a second, each address for itself, in bounded memory.
import * as fc from "fast-check"
import { assert, describe, it } from "vitest"
import { makeAllowance } from "#src/operator/allowance.ts"

const limits = { most: 3, every: 100, addresses: 4 }

describe("the allowance of an address", () => {
  it("is never more than its burst and one in every interval, whatever it tries", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 250 }), { maxLength: 60 }), (pauses) => {
        const allowance = makeAllowance(limits)
        const taken: Array<number> = []
        let now = 1_000
        for (const pause of pauses) {
          now += pause
          if (allowance.take("a", now)) taken.push(now)
        }
        taken.forEach((from, at) => {
          for (const [more, until] of taken.slice(at).entries())
            assert.isAtMost(more + 1, limits.most + Math.floor((until - from) / limits.every))
        })
      })
    )
  })

  it("comes back with time, is given back for who was worth it, and is no other address's", () => {
    const allowance = makeAllowance(limits)
    const takes = (address: string, now: number) => {
      let count = 0
      while (allowance.take(address, now)) count++
      return count
    }
    assert.strictEqual(takes("a", 0), 3)
    assert.strictEqual(takes("b", 0), 3)
    assert.strictEqual(takes("a", 99), 0)
    assert.strictEqual(takes("a", 100), 1)
    assert.strictEqual(takes("a", 10_000), 3)
    allowance.giveBack("a")
    assert.strictEqual(takes("a", 10_000), 1)
  })

  it("is forgotten of the address that asked longest ago, not of the one that asks", () => {
    const allowance = makeAllowance(limits)
    for (let times = 0; times < 3; times++) allowance.take("busy", 0)
    for (const address of ["a", "a", "a", "b", "c"]) allowance.take(address, 0)
    assert.isFalse(allowance.take("busy", 0))
    assert.isTrue(allowance.take("busy", 100))
    // The fifth address takes the place of the first of the others.
    allowance.take("d", 100)
    assert.isFalse(allowance.take("busy", 100))
    assert.isTrue([0, 0, 0].every(() => allowance.take("a", 100)))
  })
})
