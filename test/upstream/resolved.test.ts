// An upstream by name, over a real DNS server: what it answers decides who gets the requests.
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { assert, describe, it } from "vitest"
import { defaultDns } from "#src/snapshot/behaviour.ts"
import { Names } from "#src/upstream/discovery/names.ts"
import { parseNameserver } from "#src/upstream/discovery/nameserver.ts"
import { startDnsServer } from "../support/dns.ts"
import { exchange, liveUpstream, named, until } from "../support/live.ts"
import { drip, startOrigin } from "../support/origin.ts"

const withDns = async () => {
  const dns = await startDnsServer()
  const scope = Scope.makeUnsafe()
  const context = await Effect.runPromise(
    Layer.build(Names.layer({ nameservers: [parseNameserver(dns.address)!] })).pipe(Scope.provide(scope))
  )
  return {
    dns,
    names: Context.get(context, Names),
    async [Symbol.asyncDispose]() {
      await Effect.runPromise(Scope.close(scope, Exit.void))
      await dns.close()
    }
  }
}

/** Refreshed every 50 ms, forgotten at once: times of the contract, not of the clock. */
const quick = { ...defaultDns, minTtl: 50, maxTtl: 50, obsoleteGrace: 0 }

describe("an upstream by name", () => {
  it("moves with the answer: new requests go to the new address, the stream on the old one finishes", async () => {
    await using net = await withDns()
    await using one = await startOrigin({ host: "127.0.0.1", script: drip(10, 30) })
    await using two = await startOrigin({ host: "127.0.0.2", port: one.port })
    net.dns.host("api.test", ["127.0.0.1"], 0)
    await using upstream = await liveUpstream({ endpoints: [named("api.test", one.port)], names: net.names, spec: { dns: quick } })
    await Effect.runPromise(upstream.ready)
    assert.deepInclude(upstream.facts(), { resolution: "Fresh", addresses: 1, healthy: 1 })
    const long = exchange(upstream)
    await long.head
    net.dns.host("api.test", ["127.0.0.2"], 0)
    await until(() => upstream.describe().endpoints[0]!.addresses.some(({ address }) => address === `127.0.0.2:${one.port}`))
    await until(() => upstream.describe().endpoints[0]!.addresses.some(({ draining }) => draining))
    for (let n = 0; n < 3; n++) assert.strictEqual((await exchange(upstream)).peer?.address, `127.0.0.2:${one.port}`)
    assert.include((await long).body.toString(), "data: 10")
    await one.until(({ open }) => open === 0)
    assert.strictEqual(two.requests, 3)
    assert.strictEqual(one.requests, 1)
  })

  it("answers from the first request on, which waits for the first answer", async () => {
    await using net = await withDns()
    await using origin = await startOrigin()
    net.dns.answer("late.test", "A", { addresses: ["127.0.0.1"], delay: 80 })
    net.dns.answer("late.test", "AAAA", { nodata: true })
    await using upstream = await liveUpstream({ endpoints: [named("late.test", origin.port)], names: net.names })
    const outcome = await exchange(upstream)
    assert.strictEqual(outcome.status, 200)
    assert.strictEqual(origin.seen[0]?.header("host"), `late.test:${origin.port}`)
  })

  it("that does not exist fails with the reason of the DNS, and is told", async () => {
    await using net = await withDns()
    await using upstream = await liveUpstream({ endpoints: [named("nowhere.test", 80)], names: net.names })
    const { failure } = await exchange(upstream)
    assert.strictEqual(failure?.reason, "dns_nxdomain")
    assert.strictEqual(failure?.sent, "None")
    assert.strictEqual(upstream.facts().resolution, "Failed")
    assert.include(upstream.facts().detail, "nowhere.test")
  })

  it("keeps its last good answer when the DNS dies (law 7)", async () => {
    await using net = await withDns()
    await using origin = await startOrigin()
    net.dns.host("kept.test", ["127.0.0.1"], 0)
    const hold = { nxdomain: 0, refused: 0, servfail: 0, timeout: 0, other: 0 }
    await using upstream = await liveUpstream({
      endpoints: [named("kept.test", origin.port)],
      names: net.names,
      spec: { dns: { ...quick, hold } }
    })
    assert.strictEqual((await exchange(upstream)).status, 200)
    net.dns.answer("kept.test", "A", { rcode: "SERVFAIL" })
    net.dns.answer("kept.test", "AAAA", { rcode: "SERVFAIL" })
    await until(() => upstream.facts().resolution === "Stale")
    assert.strictEqual((await exchange(upstream)).status, 200)
    assert.strictEqual(upstream.describe().endpoints[0]?.resolution, "Stale")
  })

  it("stops watching what no endpoint names any more", async () => {
    await using net = await withDns()
    net.dns.host("a.test", ["127.0.0.1"])
    net.dns.host("b.test", ["127.0.0.1"])
    await using upstream = await liveUpstream({ endpoints: [named("a.test", 80), named("b.test", 80)], names: net.names })
    await Effect.runPromise(upstream.ready)
    upstream.setEndpoints([named("b.test", 81)])
    await until(() => net.names.watched().length === 1)
    assert.deepEqual(
      net.names.watched().map(({ name, watchers }) => [name, watchers]),
      [["b.test", 1]]
    )
  })
})
