// Laws of an address that a request names: it is one of the backend's own that may be dialled and is well, or balancing chooses; a second try goes to the next of them.
import { assert, describe, it } from "vitest"
import { defaultOutlier } from "#src/snapshot/health.ts"
import { at, exchange, handNames, liveUpstream, named, type TestUpstream } from "../../support/live.ts"
import { startOrigin } from "../../support/origin.ts"

const local = (port: number) => `127.0.0.1:${port}`

const to = async (upstream: TestUpstream, ...wanted: ReadonlyArray<string>): Promise<string | undefined> => {
  const { peer, failure } = await exchange(upstream, { wanted })
  assert.isNull(failure)
  return peer?.address
}

describe("an address that a request names", () => {
  it("takes it, also of a tier that waits, and not one of weight 0", async () => {
    await using a = await startOrigin()
    await using b = await startOrigin()
    await using standby = await startOrigin()
    await using none = await startOrigin()
    await using upstream = await liveUpstream({
      endpoints: [at(a.port), at(b.port), at(standby.port, { tier: 1 }), at(none.port, { weight: 0 })]
    })
    for (const { port } of [a, b, standby]) for (let n = 0; n < 4; n++) assert.strictEqual(await to(upstream, local(port)), local(port))
    for (let n = 0; n < 4; n++) await to(upstream, local(none.port))
    assert.strictEqual(none.requests, 0)
  })

  it("is the first of several that the backend has; what it has not is passed over, and without any balancing chooses", async () => {
    await using a = await startOrigin()
    await using b = await startOrigin()
    await using elsewhere = await startOrigin()
    await using upstream = await liveUpstream({ endpoints: [at(a.port), at(b.port)] })
    assert.strictEqual(await to(upstream, "nonsense", local(elsewhere.port), local(b.port), local(a.port)), local(b.port))
    assert.strictEqual(await to(upstream, local(a.port), local(b.port)), local(a.port))
    const seen = new Set<string | undefined>()
    for (let n = 0; n < 4; n++) seen.add(await to(upstream, local(elsewhere.port), "", `${local(b.port)} `, "127.0.0.1"))
    assert.strictEqual(seen.size, 2)
    assert.strictEqual(elsewhere.connections, 0)
  })

  it("is one of a name's by itself", async () => {
    await using a = await startOrigin({ host: "127.0.0.1" })
    await using b = await startOrigin({ host: "127.0.0.2", port: a.port })
    const names = handNames()
    names.set("many.test", { addresses: ["127.0.0.1", "127.0.0.2"] })
    await using upstream = await liveUpstream({ endpoints: [named("many.test", a.port)], names })
    for (let n = 0; n < 6; n++) assert.strictEqual(await to(upstream, `127.0.0.2:${b.port}`), `127.0.0.2:${b.port}`)
    names.set("many.test", { addresses: ["127.0.0.1"] })
    assert.strictEqual(await to(upstream, `127.0.0.2:${b.port}`), local(a.port))
  })

  it("is none that is out of health, and none that may not be dialled", async () => {
    await using bad = await startOrigin({ script: (incoming) => incoming.reply({ status: 500 }) })
    await using well = await startOrigin()
    const outlier = { ...defaultOutlier, serverErrors: 1, baseEjection: 3_600_000 }
    await using upstream = await liveUpstream({ endpoints: [at(bad.port), at(well.port)], spec: { outlier } })
    assert.strictEqual(await to(upstream, local(bad.port)), local(bad.port))
    for (let n = 0; n < 4; n++) assert.strictEqual(await to(upstream, local(bad.port)), local(well.port))
    const before = bad.connections
    const allow = [{ hosts: [], ports: [well.port], cidrs: ["127.0.0.0/8"] }]
    const egress = { mode: "Enforce", permitPrivate: true, sources: [], allow } as const
    await using guarded = await liveUpstream({
      endpoints: [at(bad.port), at(well.port)],
      spec: { addresses: { cluster: [], allowLoopback: true, egress } }
    })
    assert.strictEqual(await to(guarded, local(bad.port)), local(well.port))
    assert.deepEqual([bad.connections - before, guarded.describe().pool.dialFailures], [0, 0])
  })

  it("that cannot be connected to leaves the request to the next that it names", async () => {
    const gone = await startOrigin()
    await gone.close()
    await using a = await startOrigin()
    await using b = await startOrigin()
    await using upstream = await liveUpstream({ endpoints: [at(gone.port), at(a.port), at(b.port)] })
    for (const { port } of [a, b, a]) assert.strictEqual(await to(upstream, local(gone.port), local(port)), local(port))
  })

  it("is kept to at the limit of connections", async () => {
    await using a = await startOrigin()
    await using b = await startOrigin()
    await using upstream = await liveUpstream({ endpoints: [at(a.port), at(b.port)], limits: { maxConnections: 1 } })
    for (const { port } of [a, b, b, a]) assert.strictEqual(await to(upstream, local(port)), local(port))
  })
})
