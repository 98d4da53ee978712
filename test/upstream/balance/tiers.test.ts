// Law of tiers: who may be picked is decided by what can serve, in the order of the tiers; who failed is trusted again later, not at once.
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { makeBalancer } from "#src/upstream/balance/balancer.ts"
import { type Tiered, Tiers } from "#src/upstream/balance/tiers.ts"

interface Member extends Tiered {
  weight: number
  usable: boolean
  healthy: boolean
  unreachable: boolean
  pending: boolean
  health: Tiered["health"]
}

const member = (key: string, said: Partial<Tiered> = {}): Member => ({
  key,
  weight: 1,
  fullWeight: said.weight ?? 1,
  load: 0,
  tier: 0,
  draining: false,
  group: null,
  rank: 0,
  pending: false,
  usable: true,
  healthy: true,
  unreachable: false,
  health: { addresses: 1, healthy: said.healthy === false ? 0 : 1 },
  ...said
})

const start = (
  members: ReadonlyArray<Tiered>,
  said: { readonly spill?: number; readonly returnAfter?: number; readonly panic?: number } = {}
) => {
  const clock = { now: 0 }
  const tiers = new Tiers<Tiered>({
    make: () => makeBalancer<Tiered>({ _tag: "RoundRobin" }, Math.random),
    spill: said.spill ?? 140,
    returnAfter: said.returnAfter ?? 1_000,
    panic: said.panic ?? 0,
    warm: null,
    now: () => clock.now,
    random: Math.random
  })
  const set = (next: ReadonlyArray<Tiered> = members) => tiers.set(next)
  set()
  return { tiers, clock, set }
}

const picked = (tiers: Tiers<Tiered>, count = 60): ReadonlyArray<string> =>
  [...new Set(Array.from({ length: count }, () => tiers.next(null)?.key ?? "nobody"))].sort()

const keys = (...members: ReadonlyArray<Tiered>) => picked(start(members).tiers)

const share = (tiers: Tiers<Tiered>, of: string, count = 20_000): number => {
  let seen = 0
  for (let n = 0; n < count; n++) if (tiers.next(null)!.key === of) seen++
  return seen / count
}

it("a tier bears what its full weights bear, though one that warms up has little of its own", () => {
  const cold = member("cold", { weight: 0.3, fullWeight: 3 })
  const { tiers } = start([cold, member("out", { healthy: false }), member("standby", { tier: 1 })])
  expect(picked(tiers)).toEqual(["cold"])
})

describe("the endpoints in use", () => {
  it("are those of the lowest tier that has a usable one", () => {
    expect(keys(member("c", { tier: 3 }), member("b", { tier: 1 }), member("a", { usable: false }))).toEqual(["b"])
    expect(keys(member("c", { tier: 3 }), member("b", { tier: 1, weight: 0 }))).toEqual(["c"])
    expect(keys(member("a"), member("b"), member("c", { tier: 1 }))).toEqual(["a", "b"])
    expect(keys()).toEqual(["nobody"])
  })

  it("are neither unhealthy nor unreachable where a later tier is neither", () => {
    expect(keys(member("a", { healthy: false }), member("c", { tier: 1 }))).toEqual(["c"])
    expect(keys(member("a", { unreachable: true }), member("c", { tier: 1 }))).toEqual(["c"])
    expect(start([member("a", { unreachable: true }), member("c", { tier: 7 })]).tiers.tier).toBe(7)
  })

  it("of one group are those of the lowest rank that can serve, and the others follow a failure", () => {
    const ranked = (key: string, rank: number, more: Partial<Tiered> = {}) => member(key, { group: "g", rank, ...more })
    const down = { unreachable: true }
    expect(keys(ranked("a", 10), ranked("b", 10), ranked("c", 20))).toEqual(["a", "b"])
    expect(keys(ranked("a", 10, down), ranked("b", 10), ranked("c", 20))).toEqual(["b"])
    expect(keys(ranked("a", 10, down), ranked("c", 20), ranked("d", 30))).toEqual(["c"])
    // Ranks are one order within a group alone, and nothing to who has none.
    expect(keys(ranked("a", 10), member("x", { group: "h", rank: 20 }), member("y"))).toEqual(["a", "x", "y"])
    // The next tier is asked when no rank can serve, and a rank that stands by takes no share of it.
    expect(keys(ranked("a", 10, down), ranked("c", 20), member("z", { tier: 1 }))).toEqual(["c"])
    expect(keys(ranked("a", 10, down), ranked("c", 20, down), member("z", { tier: 1 }))).toEqual(["z"])
    const [a, c, d, z] = [ranked("a", 10), ranked("c", 20), ranked("d", 30, { usable: false }), member("z", { tier: 1 })]
    const e = ranked("e", 40)
    const { tiers } = start([d, e, c, a, z])
    const asked: Array<string> = []
    const tried = new Set<Tiered>()
    for (let next = tiers.nextBut(tried, null); next !== null; next = tiers.nextBut(tried, null)) {
      asked.push(next.key)
      tried.add(next)
    }
    expect(asked).toEqual(["a", "c", "e", "z"])
    expect([start([a]).tiers.several, start([a, c]).tiers.several]).toEqual([false, true])
  })

  it("are told by their tier; one whose first answer is awaited has not failed", () => {
    const awaited = member("a", { usable: false, pending: true })
    const told = (...members: ReadonlyArray<Tiered>) => {
      const { tier, spent, hopeless } = start(members).tiers
      return [tier, spent, hopeless]
    }
    expect(told(awaited, member("c", { tier: 1 }))).toEqual([0, false, false])
    expect(told(awaited)).toEqual([0, false, false])
    expect(told(member("a", { usable: false }), member("c", { tier: 1 }))).toEqual([1, false, false])
    expect(told(member("a", { unreachable: true }), member("c", { tier: 1, healthy: false }))).toEqual([0, true, true])
    expect(told()).toEqual([0, true, true])
    // Who failed and can serve again has no trust yet, and may serve where nobody else does.
    const lapsed = member("a", { unreachable: true })
    const { tiers, set } = start([lapsed])
    lapsed.unreachable = false
    set()
    expect([tiers.level, tiers.spent, tiers.hopeless]).toEqual([0, true, false])
  })

  it("of a single tier are the healthy, reachable or not, and all of them where nobody is healthy", () => {
    expect(keys(member("a", { healthy: false }), member("b", { unreachable: true }))).toEqual(["b"])
    expect(keys(member("a", { healthy: false }), member("b", { healthy: false }))).toEqual(["a", "b"])
  })

  it("are the last resort of the lowest tier where nobody can serve", () => {
    expect(
      keys(member("a", { usable: false }), member("b", { tier: 1, unreachable: true }), member("c", { tier: 2, unreachable: true }))
    ).toEqual(["b"])
    expect(keys(member("a", { healthy: false }), member("b", { tier: 1, unreachable: true }))).toEqual(["b"])
  })

  it("are draining ones only where their tier has no others", () => {
    expect(keys(member("a", { draining: true }), member("b"))).toEqual(["b"])
    expect(keys(member("a", { draining: true }), member("c", { tier: 1 }))).toEqual(["a"])
  })
})

describe("spilling", () => {
  const four = (down: number, spill?: number) =>
    start(
      [0, 1, 2, 3].map((n) => member(`a${n}`, { unreachable: n < down })).concat(member("b", { tier: 1 })),
      spill === undefined ? {} : { spill }
    ).tiers

  it("begins below the threshold", () => {
    expect(share(four(1), "b")).toBe(0)
    expect(share(four(2), "b")).toBeCloseTo(0.3, 1)
    expect(share(four(3), "b")).toBeCloseTo(0.65, 1)
    expect(share(four(4), "b")).toBe(1)
    expect(share(four(1, 100), "b")).toBeCloseTo(0.25, 1)
    expect(share(four(3, 400), "b")).toBe(0)
  })

  it("goes by weight, not by heads", () => {
    const { tiers } = start([member("a", { weight: 9 }), member("x", { weight: 1, unreachable: true }), member("b", { tier: 1 })], {
      spill: 100
    })
    expect(share(tiers, "b")).toBeCloseTo(0.1, 1)
  })

  it("keeps a key in its tier", () => {
    const tiers = four(2)
    for (let key = 0; key < 50; key++) {
      const tier = tiers.next(key)!.tier
      for (let n = 0; n < 8; n++) expect(tiers.next(key)!.tier).toBe(tier)
    }
  })

  it("says what the upstream can take", () => {
    const level = (...members: ReadonlyArray<Tiered>) => start(members, { spill: 100 }).tiers.level
    expect(level(member("a"), member("b", { unreachable: true }))).toBe(0.5)
    expect(level(member("a", { usable: false }))).toBe(0)
    expect(level(member("a", { usable: false }), member("b", { tier: 1 }))).toBe(1)
    expect(level()).toBe(0)
  })
})

describe("the return", () => {
  it("waits until who failed has been able for long enough", () => {
    const primary = member("a")
    const { tiers, clock, set } = start([primary, member("b", { tier: 1 })])
    primary.unreachable = true
    expect(set()).toBeNull()
    expect(picked(tiers)).toEqual(["b"])
    clock.now = 5_000
    primary.unreachable = false
    expect(set()).toBe(6_000)
    expect(picked(tiers)).toEqual(["b"])
    // Failing again begins the wait anew.
    clock.now = 5_900
    primary.healthy = false
    set()
    clock.now = 6_000
    primary.healthy = true
    expect(set()).toBe(7_000)
    clock.now = 6_999
    set()
    expect(picked(tiers)).toEqual(["b"])
    clock.now = 7_000
    expect(set()).toBeNull()
    expect(picked(tiers)).toEqual(["a"])
  })

  it("is at once for a name whose first answer was awaited", () => {
    const primary = member("a", { usable: false, pending: true })
    const { tiers, set } = start([primary, member("b", { tier: 1 })])
    expect(picked(tiers)).toEqual(["b"])
    primary.usable = true
    primary.pending = false
    expect(set()).toBeNull()
    expect(picked(tiers)).toEqual(["a"])
  })

  it("is at once where there is nobody else", () => {
    const primary = member("a", { usable: false })
    const { tiers, set } = start([primary])
    expect(picked(tiers)).toEqual(["nobody"])
    primary.usable = true
    set()
    expect(picked(tiers)).toEqual(["a"])
    // Who could be trusted soon is better than who cannot serve.
    const other = member("b", { usable: false })
    const both = start([other, member("c", { tier: 1, unreachable: true })])
    expect(picked(both.tiers)).toEqual(["c"])
    other.usable = true
    both.set()
    expect(picked(both.tiers)).toEqual(["b"])
  })
})

describe("going on after a failure", () => {
  it("asks the others of the tier, then the next tiers, in order, those that cannot serve last", () => {
    const members = [
      member("d", { tier: 3 }),
      member("a1"),
      member("a2"),
      member("b", { tier: 1, unreachable: true }),
      member("c", { tier: 2 })
    ]
    const { tiers } = start(members)
    const tried = new Set<Tiered>()
    const order: Array<string> = []
    for (let next = tiers.next(null); next !== null; next = tiers.nextBut(tried, null)) {
      tried.add(next)
      order.push(next.key)
    }
    expect([order.slice(0, 2).sort(), order.slice(2)]).toEqual([
      ["a1", "a2"],
      ["c", "d", "b"]
    ])
  })
})

const anything = fc.array(
  fc.record({
    weight: fc.nat(3),
    tier: fc.nat(4),
    draining: fc.boolean(),
    pending: fc.boolean(),
    usable: fc.boolean(),
    healthy: fc.boolean(),
    unreachable: fc.boolean()
  }),
  { maxLength: 8 }
)

it("whoever there is: somebody usable is picked if anybody is, and everybody usable of a weight can be reached by going on or by health", () => {
  fc.assert(
    fc.property(anything, fc.integer({ min: 100, max: 400 }), (said, spill) => {
      const members = said.map((one, index) => member(String(index), one))
      const { tiers } = start(members, { spill })
      const usable = members.filter(({ usable, weight }) => usable && weight > 0)
      const next = tiers.next(null)
      expect(next === null).toBe(usable.length === 0)
      expect(tiers.any).toBe(usable.length > 0)
      if (next !== null) expect(usable).toContain(next)
      expect(tiers.level).toBeGreaterThanOrEqual(0)
      expect(tiers.level).toBeLessThanOrEqual(1)
      const able = usable.filter(({ healthy, unreachable }) => healthy && !unreachable)
      expect(tiers.level > 0).toBe(able.length > 0)
      if (able.length > 0 && tiers.several) expect(able).toContain(next)
    }),
    { numRuns: 500 }
  )
})

describe("panic", () => {
  const picked = (members: ReadonlyArray<Tiered>, panic: number) => {
    const { tiers } = start(members, { panic })
    const keys = new Set(Array.from({ length: 64 }, () => tiers.next(null)?.key))
    return `${[...keys].sort().join("")} ${[...tiers.panicking].join()}`.trim()
  }
  const out = { healthy: false }

  it("has all of a tier take requests when more than the threshold are out, by addresses, or all are", () => {
    const three = [member("a"), member("b", out), member("c", out)]
    expect(picked(three, 50)).toBe("abc 0")
    expect(picked(three, 67)).toBe("a")
    expect(picked(three, 0)).toBe("a")
    expect(picked([member("a"), member("b", out)], 50)).toBe("a")
    expect(picked([member("a", { health: { addresses: 4, healthy: 1 } }), member("b")], 50)).toBe("ab 0")
    expect(picked([member("a", { health: { addresses: 4, healthy: 1 } }), member("b", { health: { addresses: 2, healthy: 2 } })], 50)).toBe(
      "ab"
    )
    expect(picked([member("a", out), member("b", out)], 100)).toBe("ab 0")
  })

  it("is not while other tiers serve everything, and is of the tiers that take requests where they do not", () => {
    expect(picked([member("a", out), member("b", out), member("s", { tier: 1 })], 50)).toBe("s")
    const both = [member("a", out), member("s", { tier: 1, ...out }), member("t", { tier: 1, ...out })]
    expect(picked(both, 50)).toBe("a 0")
    const spilt = [member("a", out), member("s", { tier: 1 }), member("t", { tier: 1, ...out }), member("u", { tier: 1, ...out })]
    expect(picked(spilt, 50)).toBe("stu 1")
  })
})
