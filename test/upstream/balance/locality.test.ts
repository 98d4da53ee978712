// Laws of zones: endpoints of the proxy's own come first, where there are enough of them; the others take what those cannot serve, and nobody is preferred whose zone nobody knows.
import fc from "fast-check"
import { assert, describe, expect, it } from "vitest"
import type { Balance, PreferLocal } from "#src/snapshot/balance.ts"
import type { Endpoint } from "#src/snapshot/upstream.ts"
import { awayFrom } from "#src/upstream/balance/locality.ts"
import { at, exchange, liveUpstream, type TestUpstream, until } from "../../support/live.ts"
import { startOrigin } from "../../support/origin.ts"

const near = (said: Partial<PreferLocal> = {}): Balance => ({ _tag: "RoundRobin", preferLocal: { least: 0, leastLocal: 1, ...said } })
const inZone = (zone: string | null, more: Partial<Endpoint> = {}): Endpoint => at(80, { zone, ...more })
const away = (balance: Balance, own: string | null, ...endpoints: ReadonlyArray<Endpoint>): ReadonlyArray<boolean> =>
  endpoints.map(awayFrom(balance, own, endpoints))

describe("who is away", () => {
  it("is everybody of another zone, or of none", () => {
    expect(away(near(), "a", inZone("a"), inZone("b"), inZone(null))).toEqual([false, true, true])
  })

  it("is told by hints before zones", () => {
    expect(away(near(), "a", inZone("a", { forZones: ["b"] }), inZone("b", { forZones: ["c", "a"] }))).toEqual([true, false])
  })

  it("is nobody where the own zone is not known, has too few endpoints, or nothing is preferred", () => {
    const both = [inZone("a"), inZone("b")]
    expect(away(near(), null, ...both)).toEqual([false, false])
    expect(away(near(), "c", ...both)).toEqual([false, false])
    expect(away(near({ leastLocal: 2 }), "a", ...both)).toEqual([false, false])
    expect(away(near({ least: 3 }), "a", ...both)).toEqual([false, false])
    expect(away(near({ least: 2 }), "a", ...both)).toEqual([false, true])
    expect(away({ _tag: "RoundRobin" }, "a", ...both)).toEqual([false, false])
    expect(away({ _tag: "ConsistentHash", by: { _tag: "Source" } }, "a", ...both)).toEqual([false, false])
  })

  it("is said tier by tier, and endpoints of no weight are not counted", () => {
    const [a, b] = [inZone("a"), inZone("b")]
    expect(away(near(), "a", a, b, inZone("b", { tier: 1 }), inZone("c", { tier: 1 }))).toEqual([false, true, false, false])
    expect(away(near(), "a", inZone("a", { weight: 0 }), b)).toEqual([false, false])
  })

  it("is never all of a tier", () => {
    const zone = fc.constantFrom("a", "b", null)
    const endpoint = fc.record({ zone, tier: fc.nat(2), weight: fc.nat(1), hint: fc.option(zone.filter((one) => one !== null)) })
    fc.assert(
      fc.property(fc.array(endpoint, { minLength: 1 }), fc.nat(3), fc.integer({ min: 1, max: 3 }), (all, least, leastLocal) => {
        const endpoints = all.map(({ hint, zone, ...more }) => inZone(zone, { ...more, ...(hint === null ? {} : { forZones: [hint] }) }))
        const is = awayFrom(near({ least, leastLocal }), "a", endpoints)
        for (const tier of [0, 1, 2]) {
          const weighed = endpoints.filter((one) => one.tier === tier && one.weight > 0)
          if (weighed.length > 0) assert.isTrue(weighed.some((one) => !is(one)))
        }
      })
    )
  })
})

describe("an upstream", () => {
  const peers = async (upstream: TestUpstream, count: number): Promise<ReadonlyArray<number>> => {
    const seen: Array<number> = []
    for (let n = 0; n < count; n++) {
      const { peer, failure } = await exchange(upstream)
      assert.isNull(failure)
      seen.push(Number(peer!.address.split(":").at(-1)))
    }
    return [...new Set(seen)].sort((a, b) => a - b)
  }
  const sorted = (...ports: ReadonlyArray<number>) => [...ports].sort((a, b) => a - b)
  const failover = { spill: 140, returnAfter: 0, codes: [], response: null }

  it("serves from its zone; from the others when that cannot be reached, and again from its own when it can", async () => {
    const a = await startOrigin()
    await using b = await startOrigin()
    await using c = await startOrigin()
    const endpoints = [at(a.port, { zone: "a" }), at(b.port, { zone: "b" }), at(c.port, { zone: "c" })]
    await using upstream = await liveUpstream({ endpoints, zone: "a", spec: { balance: near(), failover } })
    assert.deepEqual(await peers(upstream, 12), [a.port])
    await a.close()
    assert.deepEqual(await peers(upstream, 12), sorted(b.port, c.port))
    // It is a tier in the making of choices alone: what is told is the user's.
    assert.strictEqual(upstream.facts().tier, 0)
    assert.deepEqual(
      upstream.describe().endpoints.map(({ zone, away, tier }) => [zone, away, tier]),
      [
        ["a", false, 0],
        ["b", true, 0],
        ["c", true, 0]
      ]
    )
    await using again = await startOrigin({ port: a.port })
    await until(() => upstream.facts().healthy === 3 && upstream.level === 1)
    const deadline = performance.now() + 20_000
    while ((await peers(upstream, 1))[0] !== a.port) if (performance.now() > deadline) throw new Error("never comes back")
    assert.deepEqual(await peers(upstream, 12), [a.port])
    assert.isAbove(again.requests, 0)
  })

  it("lets a tier be before its zone", async () => {
    await using first = await startOrigin()
    await using second = await startOrigin()
    const endpoints = [at(first.port, { zone: "b" }), at(second.port, { zone: "a", tier: 1 })]
    await using upstream = await liveUpstream({ endpoints, zone: "a", spec: { balance: near(), failover } })
    assert.deepEqual(await peers(upstream, 6), [first.port])
  })

  it("prefers none while its zone has too few, and its own as soon as it has them", async () => {
    await using a = await startOrigin()
    await using b = await startOrigin()
    await using c = await startOrigin()
    const before = [at(a.port, { zone: "a" }), at(b.port, { zone: "b" })]
    await using upstream = await liveUpstream({ endpoints: before, zone: "a", spec: { balance: near({ leastLocal: 2 }), failover } })
    assert.deepEqual(await peers(upstream, 8), sorted(a.port, b.port))
    upstream.setEndpoints([...before, at(c.port, { zone: "a" })])
    assert.deepEqual(await peers(upstream, 8), sorted(a.port, c.port))
    upstream.setEndpoints(before)
    assert.deepEqual(await peers(upstream, 8), sorted(a.port, b.port))
  })
})
