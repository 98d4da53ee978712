// Whom a request is sent to first when several upstreams may serve it, and who comes after.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { legsOf } from "#src/proxy/legs.ts"
import type { LiveShare } from "#src/proxy/table.ts"
import type { LiveUpstream } from "#src/upstream/upstream.ts"

const shareOf = (upstream: string, more: Partial<LiveShare> = {}): LiveShare =>
  ({ compiled: { share: { upstream } }, problem: null, unserved: null, standbys: [], answer: null, ...more }) as unknown as LiveShare

/** The ids in the order they are asked: levels of the share's own upstream, then of its standbys. */
const order = (levels: ReadonlyArray<number>, random: number, unserved: ReadonlyArray<number> = []): ReadonlyArray<number> => {
  const upstreams = new Map(levels.map((level, n) => [String(n), { level, id: String(n) } as LiveUpstream]))
  const [share, ...standbys] = levels.map((_, n) => shareOf(String(n), unserved.includes(n) ? { unserved: "newer" } : {}))
  return legsOf({ ...share!, standbys }, upstreams, random).map(({ upstream }) => Number(upstream.id))
}

describe("the legs of a request", () => {
  it("are in their order while the first serves everything", () => {
    for (const random of [0, 0.5, 0.999]) expect(order([1, 1, 1], random)).toEqual([0, 1, 2])
  })

  it("begin with the standby for what the first cannot take, and leave who can serve nothing to the end", () => {
    expect(order([0.7, 1, 1], 0.69)).toEqual([0, 1, 2])
    expect(order([0.7, 1, 1], 0.71)).toEqual([1, 0, 2])
    expect(order([0, 1, 1], 0)).toEqual([1, 2, 0])
    expect(order([0.5, 0.25, 0], 0.6)).toEqual([0, 1, 2])
    expect(order([0.5, 0.25, 0], 0.7)).toEqual([1, 0, 2])
    expect(order([0, 0, 0], 0.9)).toEqual([0, 1, 2])
  })

  it("pass over a standby that says what is not served here, and one that is not there", () => {
    expect(order([0, 1, 1], 0, [1])).toEqual([2, 0])
    expect(legsOf(shareOf("gone"), new Map(), 0)).toEqual([])
  })

  it("are each usable upstream once, the first of them with its part of the requests", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 6 }),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (levels, random) => {
          const asked = order(levels, random)
          expect([...asked].sort((a, b) => a - b)).toEqual(levels.map((_, n) => n))
          if (levels.some((level) => level > 0)) expect(levels[asked[0]!]).toBeGreaterThan(0)
        }
      )
    )
  })
})
