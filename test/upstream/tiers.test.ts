// Tiers on real sockets: what cannot be reached is left for the next tier, is tried again without a request of a client, and is returned to.
import { assert, describe, it } from "vitest"
import type { Endpoint } from "#src/snapshot/upstream.ts"
import { at, exchange, handNames, type LiveOptions, liveUpstream, named, until } from "../support/live.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { silentHost } from "../support/silent.ts"

/** A port on which nobody listens. */
const deadPort = async (): Promise<number> => {
  const origin = await startOrigin()
  await origin.close()
  return origin.port
}

const tiered = (endpoints: ReadonlyArray<Endpoint>, returnAfter = 60_000, more: Partial<LiveOptions> = {}) =>
  liveUpstream({ endpoints, ...more, spec: { failover: { spill: 140, returnAfter, codes: [], response: null } } })

const answeredBy = async (upstream: Parameters<typeof exchange>[0], more: Parameters<typeof exchange>[1] = {}) => {
  const { failure, peer } = await exchange(upstream, more)
  assert.isNull(failure)
  return peer!.address
}

const addressOf = (origin: Origin) => `127.0.0.1:${origin.port}`

describe("a tier that cannot be reached", () => {
  it("is left for the next, through a chain of four, for any method", async () => {
    await using last = await startOrigin()
    const dead = await Promise.all([deadPort(), deadPort(), deadPort(), deadPort(), deadPort()])
    await using upstream = await tiered([
      at(dead[0]!),
      // More than one request may fail to connect to in one tier.
      ...[1, 2, 3, 4].map((n) => at(dead[n]!, { tier: 1 })),
      at(dead[1]!, { tier: 2, ip: "127.0.0.2" }),
      at(last.port, { tier: 3 })
    ])
    assert.strictEqual(await answeredBy(upstream, { method: "POST" }), addressOf(last))
    assert.strictEqual(upstream.facts().tier, 1)
  })

  it("leaves the next tier as many tries as it had itself", async () => {
    await using alive = await startOrigin()
    const dead = await Promise.all([deadPort(), deadPort(), deadPort(), deadPort()])
    await using upstream = await tiered([
      ...dead.slice(0, 3).map((port) => at(port)),
      at(dead[3]!, { tier: 1 }),
      at(alive.port, { tier: 1 })
    ])
    assert.strictEqual(await answeredBy(upstream), addressOf(alive))
  })

  it("is not asked again by the requests that follow, and the report says which is", async () => {
    const told: Array<number> = []
    await using standby = await startOrigin()
    const port = await deadPort()
    await using upstream = await tiered([at(port), at(standby.port, { tier: 5 })], 60_000, {
      observer: { onDial: () => {}, onFacts: () => told.push(5) }
    })
    assert.strictEqual(upstream.facts().tier, 0)
    await answeredBy(upstream)
    const dials = upstream.describe().pool.dials
    for (let n = 0; n < 20; n++) assert.strictEqual(await answeredBy(upstream), addressOf(standby))
    assert.strictEqual(upstream.describe().pool.dials, dials)
    assert.strictEqual(upstream.facts().tier, 5)
    assert.isAbove(told.length, 0)
  })

  it("is told once somebody asks who stands behind it, and not before: nothing would be passed over", async () => {
    let told = 0
    const names = handNames()
    names.set("gone.example", { state: "Failed", reason: "dns_nxdomain", detail: "NXDOMAIN for gone.example" })
    await using upstream = await tiered([named("gone.example", 80)], 60_000, {
      names,
      observer: { onDial: () => {}, onFacts: () => told++ }
    })
    const before = told
    assert.isUndefined(upstream.facts().passedOver)
    assert.strictEqual(upstream.level, 0)
    assert.strictEqual(told, before + 1)
    assert.isTrue(upstream.facts().passedOver)
    // What was told is not told again.
    assert.strictEqual(upstream.level, 0)
    assert.strictEqual(told, before + 1)
  })

  it("costs a black hole's time once", async () => {
    const hole = await silentHost()
    try {
      await using standby = await startOrigin()
      await using upstream = await tiered([at(hole.port), at(standby.port, { tier: 1 })], 60_000, { timeouts: { connect: 3_000 } })
      const begun = performance.now()
      await answeredBy(upstream)
      assert.isAtLeast(performance.now() - begun, 2_990)
      const { dialFailures } = upstream.describe().pool
      for (let n = 0; n < 50; n++) await answeredBy(upstream)
      assert.deepEqual([dialFailures, upstream.describe().pool.dialFailures], [1, 1])
    } finally {
      await hole.close()
    }
  })

  it("is what one name without an answer makes of it", async () => {
    await using standby = await startOrigin()
    const names = handNames()
    names.set("gone.test", { state: "Failed", reason: "dns_nxdomain", addresses: [] })
    await using upstream = await tiered([named("gone.test", 80), at(standby.port, { tier: 1 })], 60_000, { names })
    assert.strictEqual(await answeredBy(upstream), addressOf(standby))
  })

  it("answers as before where there is no other", async () => {
    const port = await deadPort()
    await using upstream = await liveUpstream({ endpoints: [at(port)] })
    assert.strictEqual((await exchange(upstream)).failure?.reason, "connect_refused")
    await using again = await startOrigin({ port })
    // Nobody waits for it to be trusted.
    assert.strictEqual(await answeredBy(upstream), addressOf(again))
  })
})

describe("the return", () => {
  it("comes after a dial that no client waited for, and none of the requests meanwhile fails", async () => {
    await using standby = await startOrigin()
    const port = await deadPort()
    await using upstream = await tiered([at(port), at(standby.port, { tier: 1 })], 50)
    assert.strictEqual(await answeredBy(upstream), addressOf(standby))
    await using primary = await startOrigin({ port })
    await primary.until(({ connections }) => connections > 0)
    assert.strictEqual(primary.requests, 0)
    while ((await answeredBy(upstream)) !== addressOf(primary)) {}
    assert.strictEqual(upstream.facts().tier, 0)
  })

  it("is looked for until it is there", async () => {
    let failed = 0
    await using standby = await startOrigin()
    await using upstream = await tiered([at(await deadPort()), at(standby.port, { tier: 1 })], 0, {
      observer: { onDial: (_, { _tag }) => (failed += _tag === "Failed" ? 1 : 0), onFacts: () => {} }
    })
    await answeredBy(upstream)
    await until(() => failed === 3)
  })

  it("is not before the time of trust is over", async () => {
    await using standby = await startOrigin()
    const port = await deadPort()
    await using upstream = await tiered([at(port), at(standby.port, { tier: 1 })], 3_600_000)
    await answeredBy(upstream)
    await using primary = await startOrigin({ port })
    await primary.until(({ connections, open }) => connections > 0 && open === 0)
    for (let n = 0; n < 20; n++) assert.strictEqual(await answeredBy(upstream), addressOf(standby))
    // But it is there when it is the only one left.
    await standby.close()
    assert.strictEqual(await answeredBy(upstream), addressOf(primary))
  })

  it("is looked for by nobody once the upstream is closed", async () => {
    await using standby = await startOrigin()
    const port = await deadPort()
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
    const before = timers()
    const upstreams = await Promise.all(
      Array.from({ length: 40 }, () => tiered([at(port), at(standby.port, { tier: 1 })], 60_000, { timeouts: { keepAliveIdle: 1 } }))
    )
    for (const upstream of upstreams) await answeredBy(upstream)
    assert.isAtLeast(timers(), before + 35)
    for (const upstream of upstreams) await upstream.close()
    await until(() => timers() < before + 20)
  })
})
