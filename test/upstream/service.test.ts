// An endpoint that is the name of a service: who serves it, in which order and shares, under which name, and what is told of them. On real sockets, records set by hand.
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { Endpoint } from "#src/snapshot/upstream.ts"
import { isService, servedBy } from "#src/upstream/service.ts"
import { makeAuthority } from "../support/certificates.ts"
import { at, exchange, type HandNames, handNames, type LiveOptions, liveUpstream, until } from "../support/live.ts"
import { type Origin, startOrigin } from "../support/origin.ts"

const name = "_web._tcp.shop.example"
const service = (more: Partial<Endpoint> = {}): Endpoint => at(0, { at: { _tag: "Name", name, port: 0, srv: true }, ...more })

const records = (...texts: ReadonlyArray<string>) => ({ addresses: texts })

const origins = async (count: number): Promise<ReadonlyArray<Origin>> => Promise.all(Array.from({ length: count }, () => startOrigin()))

/** Names a.test, b.test … are this machine, at the ports of the origins. */
const known = (origins: ReadonlyArray<Origin>): { readonly names: HandNames; readonly place: (at: number) => string } => {
  const names = handNames()
  const nameOf = (index: number) => `${"abcdef"[index]}.test`
  for (const index of origins.keys()) names.set(nameOf(index), { addresses: ["127.0.0.1"] })
  return { names, place: (index) => `${origins[index]!.port} ${nameOf(index)}` }
}

const asked = async (upstream: Parameters<typeof exchange>[0], count = 1): Promise<ReadonlyArray<string>> => {
  const peers: Array<string> = []
  for (let n = 0; n < count; n++) {
    const { failure, peer } = await exchange(upstream)
    assert.isNull(failure, failure?.detail)
    peers.push(peer!.endpoint)
  }
  return peers
}

const started = (names: HandNames, endpoints: ReadonlyArray<Endpoint> = [service()], more: Partial<LiveOptions> = {}) =>
  liveUpstream({ endpoints, names, ...more, spec: { failover: { spill: 140, returnAfter: 0, codes: [], response: null }, ...more.spec } })

describe("the endpoints of a service", () => {
  it("are those of its records, each at its own port, with the service's own name as Host", async () => {
    const [a, b] = await origins(2)
    await using _a = a!
    await using _b = b!
    const { names, place } = known([a!, b!])
    names.set(name, records(`1 1 ${place(0)}`, `1 1 ${place(1)}`))
    await using upstream = await started(names)
    assert.deepEqual(new Set(await asked(upstream, 4)), new Set([`a.test:${a!.port}`, `b.test:${b!.port}`]))
    assert.deepEqual([a!.seen[0]!.header("host"), b!.seen[0]!.header("host")], ["shop.example", "shop.example"])
  })

  it("of a higher priority wait until nobody of a lower one can be reached, and until one can again", async () => {
    const [a, b, c] = await origins(3)
    await using _b = b!
    await using _c = c!
    const { names, place } = known([a!, b!, c!])
    names.set(name, records(`20 1 ${place(2)}`, `10 1 ${place(0)}`, `10 1 ${place(1)}`))
    await using upstream = await started(names)
    assert.notInclude(await asked(upstream, 12), `c.test:${c!.port}`)
    await a!.close()
    // While another of its priority is there, that one takes all.
    assert.deepEqual(new Set(await asked(upstream, 12)), new Set([`b.test:${b!.port}`]))
    await b!.close()
    assert.deepEqual(new Set(await asked(upstream, 12)), new Set([`c.test:${c!.port}`]))
    await using again = await startOrigin({ port: b!.port })
    await again.until(({ connections }) => connections > 0)
    let peer = ""
    while (peer !== `b.test:${b!.port}`) [peer = ""] = await asked(upstream)
    assert.strictEqual(upstream.facts().tier, 0)
  })

  it("are all tried before a request is lost, whoever else is known to be gone", async () => {
    const [a, b, c, d] = await origins(4)
    await using _d = d!
    const { names, place } = known([a!, b!, c!, d!])
    names.set(name, records(`10 1 ${place(0)}`, `10 1 ${place(1)}`, `10 1 ${place(2)}`, `20 1 ${place(3)}`))
    await using upstream = await started(names)
    for (const origin of [a, b, c]) await origin!.close()
    assert.deepEqual(await asked(upstream, 1), [`d.test:${d!.port}`])
  })

  it("are within their tier: the next tier comes after all of their priorities", async () => {
    const [a, b, next] = await origins(3)
    await using _next = next!
    const { names, place } = known([a!, b!])
    names.set(name, records(`10 1 ${place(0)}`, `20 1 ${place(1)}`))
    await using upstream = await started(names, [service(), at(next!.port, { tier: 1 })])
    await a!.close()
    assert.deepEqual(await asked(upstream), [`b.test:${b!.port}`])
    await b!.close()
    assert.deepEqual(await asked(upstream), [`127.0.0.1:${next!.port}`])
    assert.strictEqual(upstream.facts().tier, 1)
  })

  it("come and go with the records, and keep what they have while they stay", async () => {
    const [a, b] = await origins(2)
    await using _a = a!
    await using _b = b!
    const { names, place } = known([a!, b!])
    names.set(name, records(`1 1 ${place(0)}`))
    await using upstream = await started(names)
    await asked(upstream, 2)
    names.set(name, records(`1 1 ${place(1)}`, `2 9 ${place(0)}`))
    assert.deepEqual(await asked(upstream), [`b.test:${b!.port}`])
    names.set(name, records(`1 5 ${place(0)}`))
    assert.deepEqual(await asked(upstream), [`a.test:${a!.port}`])
    assert.strictEqual(a!.connections, 1)
    assert.deepEqual(
      upstream.describe().endpoints.map((one) => [one.name, one.service?.priority]),
      [
        [name, undefined],
        [`a.test:${a!.port}`, 1]
      ]
    )
    assert.notInclude(names.watched(), "b.test")
  })

  it("that have left the answer are there for their grace, after all that are in it", () => {
    const [first, second] = servedBy(service(), { addresses: ["20 1 1 new.test", "10 1 1 old.test"], draining: ["10 1 1 old.test"] })
    assert.isBelow(first!.service.rank, second!.service.rank)
  })

  it("make a request that comes first wait for records and addresses both", async () => {
    await using origin = await startOrigin()
    const names = handNames()
    await using upstream = await started(names)
    const waiting = exchange(upstream)
    assert.isTrue(upstream.facts().resolution === "Pending")
    names.set(name, records(`1 1 ${origin.port} late.test`))
    await until(() => names.watched().includes("late.test"))
    names.set("late.test", { addresses: ["127.0.0.1"] })
    assert.strictEqual((await waiting).failure, null)
  })

  it("are none where the service is none, and the failure says why", async () => {
    const names = handNames()
    names.set(name, { state: "Failed", reason: "dns_empty", detail: `${name} says that there is no such service`, addresses: [] })
    await using upstream = await started(names)
    assert.deepInclude((await exchange(upstream)).failure, { reason: "dns_empty", detail: `${name} says that there is no such service` })
    assert.deepInclude(upstream.facts(), { resolution: "Failed", addresses: 0 })
  })

  it("are judged by their own names and addresses", async () => {
    await using origin = await startOrigin()
    const { names, place } = known([origin])
    names.set("b.test", { addresses: ["169.254.169.254"] })
    names.set(name, records(`1 1 ${place(0)}`, `1 1 80 b.test`))
    const allow = (host: string) => ({
      addresses: {
        ...{ cluster: [], allowLoopback: true },
        egress: { mode: "Enforce", allow: [{ hosts: [host], ports: [], cidrs: [] }], permitPrivate: false, sources: [] }
      } as const
    })
    await using admitted = await started(names, [service()], { spec: allow("a.test") })
    assert.deepEqual(await asked(admitted, 4), Array<string>(4).fill(`a.test:${origin.port}`))
    // The service's name opens nothing, whatever its records say.
    await using refused = await started(names, [service()], { spec: allow("shop.example") })
    assert.match((await exchange(refused)).failure!.reason, /^(egress|address)_denied$/)
  })

  it("show a certificate for the service's own name, not for the one that its records say", async () => {
    const authority = await makeAuthority()
    const one = async (certified: string) => {
      const { chain, key } = await authority.leaf({ dns: [certified] })
      await using origin = await startOrigin({ tls: { cert: chain, key } })
      const { names, place } = known([origin])
      names.set(name, records(`1 1 ${place(0)}`))
      const tls = { ca: "System", names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" } as const
      await using upstream = await started(names, [service({ tls: true })], { tls, trust: [authority.certificate] })
      return (await exchange(upstream)).failure?.reason ?? null
    }
    assert.deepEqual([await one("shop.example"), await one("a.test")], [null, "tls_name_mismatch"])
  })

  it("are told as one endpoint with the places in the records, and shown each", async () => {
    const [a, b] = await origins(2)
    await using _a = a!
    await using _b = b!
    const { names, place } = known([a!, b!])
    names.set(name, records(`1 1 ${place(0)}`, `2 1 ${place(1)}`))
    await using upstream = await started(names)
    const { endpoints = [], addresses, resolution } = upstream.facts()
    assert.deepEqual([endpoints.length, addresses, resolution], [1, 2, "Fresh"])
    assert.deepInclude(endpoints[0], { name, resolution: "Fresh", addresses: 2, healthy: 2 })
    assert.deepEqual(endpoints[0]!.sample, [`a.test:${a!.port}`, `b.test:${b!.port}`])
    names.set("b.test", { state: "Stale", detail: "SERVFAIL for b.test", addresses: ["127.0.0.1"] })
    assert.deepInclude(upstream.facts().endpoints![0], { resolution: "Stale", detail: "SERVFAIL for b.test" })
  })
})

describe("the shares of a service", () => {
  it("are those of the weights within a priority, and 0 is a very small one", () => {
    const weights = (...texts: ReadonlyArray<string>) =>
      servedBy(service({ weight: 2 }), { addresses: texts, draining: [] }).map(({ weight }) => weight)
    assert.deepEqual(weights("1 30 80 a.test", "1 10 80 b.test", "2 7 80 c.test"), [1.5, 0.5, 2])
    assert.deepEqual(weights("1 0 80 a.test", "1 0 80 b.test"), [1, 1])
    const [heavy, slight] = weights("1 100 80 a.test", "1 0 80 b.test")
    assert.isTrue(slight! > 0 && slight! < heavy! / 1_000)
    assert.deepEqual(servedBy(service({ weight: 0 }), { addresses: ["1 1 80 a.test"], draining: [] })[0]!.weight, 0)
  })

  it("of any records come to the endpoint's weight in each priority, and every place is there once", () => {
    const record = fc.record({
      priority: fc.integer({ min: 0, max: 3 }),
      weight: fc.integer({ min: 0, max: 65_535 }),
      n: fc.integer({ min: 0, max: 9 })
    })
    fc.assert(
      fc.property(fc.array(record, { maxLength: 20 }), (given) => {
        const served = servedBy(service(), {
          addresses: given.map(({ priority, weight, n }) => `${priority} ${weight} 80 n${n}.test`),
          draining: []
        })
        assert.strictEqual(new Set(served.map(({ at }) => JSON.stringify(at))).size, served.length)
        assert.strictEqual(served.length, new Set(given.map(({ n }) => n)).size)
        for (const own of Map.groupBy(served, ({ service: { priority } }) => priority).values()) {
          assert.closeTo(
            own.reduce((sum, { weight }) => sum + weight, 0),
            1,
            0.005
          )
          for (const one of own) assert.isTrue(one.weight > 0 && !isService(one))
        }
      })
    )
  })
})
