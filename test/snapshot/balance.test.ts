// What of balancing a data plane does not take from anybody: a table that could never be filled, one that would hold up the process, a share of nothing.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type Balance, isPrime, largestTable } from "#src/snapshot/balance.ts"
import { Unreadable } from "#src/snapshot/reading.ts"
import { upstream } from "#src/snapshot/upstreamresource.ts"
import { everything } from "./everything.ts"

const of = (balance: unknown): Balance => upstream({ ...[...everything.upstreams.values()][0]!, balance }).balance
const hash = { _tag: "ConsistentHash", by: { _tag: "Source" } }

it("a prime has no divisor but one and itself", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2_000 }), (number) => {
      const divisors = Array.from({ length: number }, (_, n) => n + 1).filter((divisor) => number % divisor === 0)
      expect(isPrime(number)).toBe(divisors.length === 2)
    })
  )
  expect(isPrime(largestTable)).toBe(true)
})

describe("a balance that came from elsewhere", () => {
  it.each([0, 1, 1_000, 65_536, 131_101, 1.5, "1021", null])("has no table of %s slots", (tableSize) => {
    expect(() => of({ ...hash, tableSize })).toThrow(Unreadable)
  })
  it.each([2, 1_021, 65_537, largestTable])("has a table of %s slots", (tableSize) => {
    expect(of({ ...hash, tableSize })).toEqual({ ...hash, tableSize })
  })
  it.each([0, -1, 1.01, null])("begins with no share of %s", (least) => {
    expect(() => of({ _tag: "Random", slowStart: { window: 1, aggression: 1, least } })).toThrow(Unreadable)
  })
})
