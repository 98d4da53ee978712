// Laws of slow start: whoever joins or comes back begins with a part of its share that grows to all of it; who began together stays equal; nobody is left out.
import fc from "fast-check"
import { assert, describe, expect, it } from "vitest"
import type { SlowStart } from "#src/snapshot/balance.ts"
import { makePlace } from "#src/upstream/balance/place.ts"
import { type WarmedMember, type WarmedTarget, warmingOf, warmthAfter } from "#src/upstream/balance/warming.ts"
import { noOwnAddresses } from "#src/upstream/dial/own.ts"
import { pending } from "#src/upstream/discovery/resolution.ts"
import { Member } from "#src/upstream/member.ts"
import { at, exchange, liveUpstream, named, specOf } from "../../support/live.ts"
import { startOrigin } from "../../support/origin.ts"

const slowStart: SlowStart = { window: 60_000, aggression: 1, least: 0.1 }

describe("the share of one that warms up", () => {
  it("grows from the least to all of it, evenly where aggression is 1", () => {
    expect([0, 3_000, 6_000, 30_000, 59_999, 60_000, 1e9].map((elapsed) => warmthAfter(elapsed, slowStart))).toEqual([
      0.1,
      0.1,
      0.1,
      0.5,
      59_999 / 60_000,
      1,
      1
    ])
    expect(warmthAfter(15_000, { ...slowStart, aggression: 2 })).toBeCloseTo(0.5)
    expect(warmthAfter(30_000, { ...slowStart, aggression: 0.5 })).toBeCloseTo(0.25)
  })

  it("never falls, is never nothing and never more than all", () => {
    const settings = fc.record({
      window: fc.integer({ min: 1, max: 1e9 }),
      aggression: fc.double({ min: 0.1, max: 10, noNaN: true }),
      least: fc.double({ min: 0.01, max: 1, noNaN: true })
    })
    fc.assert(
      fc.property(settings, fc.nat(2e9), fc.nat(2e9), (one, a, b) => {
        const [early, late] = [warmthAfter(Math.min(a, b), one), warmthAfter(Math.max(a, b), one)]
        assert.isTrue(early >= one.least && early <= late && late <= 1)
      })
    )
  })
})

const target = (healthy = true): WarmedTarget & { healthy: boolean; denied: string | null } => ({ healthy, denied: null, warmth: 1 })
const warm = () => warmingOf({ _tag: "RoundRobin", slowStart })!
const of = (...order: ReadonlyArray<WarmedTarget>): WarmedMember => ({ order, warmth: 1 })

describe("those who warm up", () => {
  it("are equal who began together; one that joins later begins with the least, and all are asked about again until they are done", () => {
    const judge = warm()
    const [a, b, c] = [target(), target(), target()]
    expect(judge([of(a), of(b)], 0)).toBe(1_000)
    expect(a.warmth).toBe(b.warmth)
    expect(judge([of(a), of(b)], 60_000)).toBeNull()
    const members = [of(a), of(b), of(c)]
    expect(judge(members, 60_000)).toBe(61_000)
    expect(members.map(({ warmth }) => warmth)).toEqual([1, 1, 0.1])
    judge(members, 90_000)
    expect(c.warmth).toBe(0.5)
    expect(judge(members, 120_000)).toBeNull()
    expect(c.warmth).toBe(1)
  })

  it("begin anew when they come back from being out, or into the answer; out, they are whole for a time of panic", () => {
    const judge = warm()
    const [a, b] = [target(), target()]
    const member = of(a, b)
    judge([member], 0)
    judge([member], 60_000)
    b.healthy = false
    judge([member], 70_000)
    expect([b.warmth, member.warmth]).toEqual([1, 1])
    b.healthy = true
    judge([member], 80_000)
    expect([a.warmth, b.warmth, member.warmth]).toEqual([1, 0.1, 0.55])
    judge([member], 200_000)
    judge([of(a)], 200_000)
    judge([member], 200_000)
    expect(b.warmth).toBe(0.1)
  })

  it("count nothing of who may not be dialled", () => {
    const judge = warm()
    const [a, b] = [target(), target()]
    judge([of(a)], 0)
    b.denied = "private"
    const member = of(a, b)
    judge([member], 60_000)
    expect(member.warmth).toBe(1)
  })

  it("are nobody where nothing is said of it", () => {
    expect(warmingOf({ _tag: "Random" })).toBeNull()
    expect(warmingOf({ _tag: "ConsistentHash", by: { _tag: "Source" } })).toBeNull()
  })
})

describe("the addresses of a name", () => {
  const noise = () => {
    let state = 7
    return () => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return state / 2 ** 32
    }
  }
  const many = (count: number): Member => {
    const spec = specOf({ endpoints: [], spec: { addresses: { cluster: [], allowLoopback: true, egress: null } } })
    const ignore = () => {}
    const member = new Member("m", named("many.test", 443), spec, () => noOwnAddresses, {
      ...{ changed: ignore, joined: ignore, left: ignore, refused: ignore }
    })
    const addresses = Array.from({ length: count }, (_, n) => `127.0.0.${n + 1}`)
    member.watch({
      name: "many.test",
      current: () => ({ ...pending, state: "Fresh", addresses }),
      subscribe: () => () => {},
      settled: undefined as never
    })
    return member
  }

  it.each(["RoundRobin", "LeastRequest", "Random"] as const)("take turns by their shares: %s", (_tag) => {
    const place = makePlace({ _tag, slowStart }, () => 0, noise())
    for (const [cold, share] of [
      [0.1, 0.1 / 3.1],
      [0.5, 0.5 / 3.5],
      [1, 0.25]
    ] as const) {
      const member = many(4)
      const last = member.order[3]!
      last.warmth = cold
      let seen = 0
      for (let n = 0; n < 20_000; n++) if (place(member, null) === last) seen++
      assert.closeTo(seen / 20_000, share, 0.015, `${cold}`)
    }
  })

  it("are all asked when all of them are cold, and one that is alone", () => {
    for (const _tag of ["RoundRobin", "LeastRequest", "Random"] as const)
      for (const count of [1, 3]) {
        const place = makePlace({ _tag, slowStart }, () => 0, noise())
        const member = many(count)
        for (const one of member.order) one.warmth = 0.01
        assert.strictEqual(new Set(Array.from({ length: 300 }, () => place(member, null))).size, count)
      }
  })
})

describe("an upstream", () => {
  it("gives an endpoint that joins a part of its turns, and all of them when the window is over", async () => {
    await using a = await startOrigin()
    await using b = await startOrigin()
    await using c = await startOrigin()
    const clock = { now: 1_000_000 }
    const before = [at(a.port), at(b.port)]
    await using upstream = await liveUpstream({
      endpoints: before,
      spec: { balance: { _tag: "RoundRobin", slowStart } },
      now: () => clock.now
    })
    const turns = async (count: number): Promise<number> => {
      const seen = c.requests
      for (let n = 0; n < count; n++) await exchange(upstream)
      return c.requests - seen
    }
    clock.now += 60_000
    upstream.setEndpoints([...before, at(c.port)])
    assert.closeTo(await turns(42), 2, 1)
    clock.now += 30_000
    upstream.setEndpoints([...before, at(c.port)])
    assert.closeTo(await turns(50), 10, 1)
    clock.now += 30_000
    upstream.setEndpoints([...before, at(c.port)])
    assert.closeTo(await turns(60), 20, 1)
  })

  it("looks again by itself until the window is over", async () => {
    await using a = await startOrigin()
    await using b = await startOrigin()
    const quick = { ...slowStart, window: 300, least: 0.01 }
    await using upstream = await liveUpstream({ endpoints: [at(a.port)], spec: { balance: { _tag: "RoundRobin", slowStart: quick } } })
    upstream.setEndpoints([at(a.port), at(b.port)])
    const deadline = performance.now() + 20_000
    for (let half = 0; half < 10; ) {
      const before = b.requests
      for (let n = 0; n < 10; n++) await exchange(upstream)
      half = b.requests - before === 5 ? half + 1 : 0
      if (performance.now() > deadline) throw new Error("never has its share")
    }
  })

  it("keeps its requests in a tier that warms up", async () => {
    await using a = await startOrigin()
    await using b = await startOrigin()
    await using standby = await startOrigin()
    const clock = { now: 1_000_000 }
    const last = at(standby.port, { tier: 1 })
    await using upstream = await liveUpstream({
      endpoints: [at(a.port), last],
      spec: { balance: { _tag: "RoundRobin", slowStart } },
      now: () => clock.now
    })
    clock.now += 60_000
    upstream.setEndpoints([at(a.port), at(b.port, { weight: 3 }), last])
    for (let n = 0; n < 40; n++) await exchange(upstream)
    assert.strictEqual(standby.requests, 0)
    assert.isAbove(b.requests, 0)
  })
})
