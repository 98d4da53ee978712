// The ways of balancing on real sockets: who is busy is spared, a key keeps its endpoint and its address, also when connections are few.
import { assert, describe, it } from "vitest"
import type { Balance } from "#src/snapshot/balance.ts"
import { hashText } from "#src/upstream/balance/hash.ts"
import { at, exchange, handNames, liveUpstream, named } from "../../support/live.ts"
import { type Script, startOrigin } from "../../support/origin.ts"

const least: Balance = { _tag: "LeastRequest" }
const hash: Balance = { _tag: "ConsistentHash", by: { _tag: "Source" } }

/** Answers nothing until it is let go. */
const held = () => {
  const waiting: Array<() => void> = []
  let open = false
  const script: Script = async (incoming) => {
    if (!open) await new Promise<void>((resolve) => waiting.push(resolve))
    await incoming.reply({})
  }
  return {
    script,
    release: () => {
      open = true
      for (const resolve of waiting) resolve()
    }
  }
}

/** A key whose request goes to this address. */
const keyTo = async (upstream: Parameters<typeof exchange>[0], address: string): Promise<number> => {
  for (let n = 0; n < 200; n++) {
    const affinity = hashText(`key-${n}`)
    if ((await exchange(upstream, { affinity })).peer?.address === address) return affinity
  }
  throw new Error(`no key in two hundred goes to ${address}`)
}

describe("least request", () => {
  it("sends nothing more to an endpoint that does not answer, while another does", async () => {
    const stuck = held()
    await using a = await startOrigin({ script: stuck.script })
    await using b = await startOrigin()
    await using upstream = await liveUpstream({ endpoints: [at(a.port), at(b.port)], spec: { balance: least } })
    const caught = Array.from({ length: 12 }, () => exchange(upstream))
    // A burst is halved though its connections are only being made: each that is begun counts.
    await a.until(({ requests }) => requests === 6)
    for (let n = 0; n < 30; n++) await exchange(upstream)
    assert.deepEqual([a.requests, b.requests], [6, 36])
    stuck.release()
    for (const { failure } of await Promise.all(caught)) assert.isNull(failure)
  })

  it("does the same among the addresses of one name", async () => {
    const stuck = held()
    await using a = await startOrigin({ host: "127.0.0.1", script: stuck.script })
    await using b = await startOrigin({ host: "127.0.0.2", port: a.port })
    const names = handNames()
    names.set("many.test", { addresses: ["127.0.0.1", "127.0.0.2"] })
    await using upstream = await liveUpstream({ endpoints: [named("many.test", a.port)], names, spec: { balance: least } })
    const first = exchange(upstream)
    await exchange(upstream)
    await a.until(({ requests }) => requests === 1)
    for (let n = 0; n < 20; n++) await exchange(upstream)
    assert.deepEqual([a.requests, b.requests], [1, 21])
    stuck.release()
    assert.isNull((await first).failure)
  })
})

describe("random", () => {
  it("asks every endpoint that has a weight, and every address", async () => {
    await using a = await startOrigin({ host: "127.0.0.1" })
    await using b = await startOrigin({ host: "127.0.0.2", port: a.port })
    await using c = await startOrigin()
    await using never = await startOrigin()
    const names = handNames()
    names.set("many.test", { addresses: ["127.0.0.1", "127.0.0.2"] })
    await using upstream = await liveUpstream({
      endpoints: [named("many.test", a.port), at(c.port), at(never.port, { weight: 0 })],
      names,
      spec: { balance: { _tag: "Random" } }
    })
    // Missing one of three in a hundred draws: less than once in 10^12.
    for (let n = 0; n < 100; n++) await exchange(upstream)
    for (const origin of [a, b, c]) assert.isAbove(origin.requests, 0)
    assert.strictEqual(never.requests, 0)
  })
})

describe("a consistent hash", () => {
  it("keeps a key at its endpoint; keys spread; one without a key goes anywhere", async () => {
    await using a = await startOrigin()
    await using b = await startOrigin()
    await using upstream = await liveUpstream({ endpoints: [at(a.port), at(b.port)], spec: { balance: hash } })
    const places = new Map<number, string>()
    for (let n = 0; n < 60; n++) {
      const key = hashText(`user-${n % 20}`)
      const { address } = (await exchange(upstream, { affinity: key })).peer!
      assert.strictEqual(places.get(key) ?? address, address)
      places.set(key, address)
    }
    assert.strictEqual(new Set(places.values()).size, 2)
    const anywhere = new Set<string>()
    for (let n = 0; n < 60; n++) anywhere.add((await exchange(upstream)).peer!.address)
    assert.strictEqual(anywhere.size, 2)
  })

  it("keeps a key at its address of a name, whatever the order of the answer, and moves no key but those of an address that leaves", async () => {
    const hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    await using a = await startOrigin({ host: hosts[0]! })
    await using _b = await startOrigin({ host: hosts[1]!, port: a.port })
    await using _c = await startOrigin({ host: hosts[2]!, port: a.port })
    const names = handNames()
    names.set("many.test", { addresses: hosts })
    await using upstream = await liveUpstream({ endpoints: [named("many.test", a.port)], names, spec: { balance: hash } })
    const keys = Array.from({ length: 24 }, (_, n) => hashText(`user-${n}`))
    const places = async () => {
      const all: Array<string> = []
      for (const affinity of keys) all.push((await exchange(upstream, { affinity })).peer!.address.split(":")[0]!)
      return all
    }
    const first = await places()
    assert.deepEqual(new Set(first), new Set(hosts))
    names.set("many.test", { addresses: hosts.toReversed() })
    assert.deepEqual(await places(), first)
    names.set("many.test", { addresses: hosts.slice(0, 2) })
    const fewer = await places()
    for (const [n, place] of fewer.entries()) if (first[n] !== hosts[2]) assert.strictEqual(place, first[n])
    names.set("many.test", { addresses: hosts })
    assert.deepEqual(await places(), first)
  })

  it("takes a key whose endpoint is gone to another, and back", async () => {
    const a = await startOrigin()
    await using b = await startOrigin()
    await using upstream = await liveUpstream({ endpoints: [at(a.port), at(b.port)], spec: { balance: hash } })
    const affinity = await keyTo(upstream, `127.0.0.1:${a.port}`)
    await a.close()
    for (let n = 0; n < 3; n++) {
      const { failure, peer } = await exchange(upstream, { affinity })
      assert.isNull(failure)
      assert.strictEqual(peer?.address, `127.0.0.1:${b.port}`)
    }
    await using again = await startOrigin({ port: a.port })
    assert.strictEqual((await exchange(upstream, { affinity })).peer?.address, `127.0.0.1:${again.port}`)
  })

  it("holds at the limit of connections: room is made, an idle connection elsewhere does not do", async () => {
    await using a = await startOrigin()
    await using b = await startOrigin()
    await using upstream = await liveUpstream({
      endpoints: [at(a.port), at(b.port)],
      limits: { maxConnections: 1 },
      spec: { balance: hash }
    })
    const toA = await keyTo(upstream, `127.0.0.1:${a.port}`)
    const toB = await keyTo(upstream, `127.0.0.1:${b.port}`)
    // One at a time, and all at once: those that wait are served where they belong, too.
    for (const affinity of [toA, toB, toA])
      assert.strictEqual((await exchange(upstream, { affinity })).peer?.address, `127.0.0.1:${affinity === toA ? a.port : b.port}`)
    const keys = [toA, toB, toB, toA, toB, toA]
    const outcomes = await Promise.all(keys.map((affinity) => exchange(upstream, { affinity })))
    assert.deepEqual(
      outcomes.map(({ peer }) => peer?.address),
      keys.map((affinity) => `127.0.0.1:${affinity === toA ? a.port : b.port}`)
    )
  })
})
