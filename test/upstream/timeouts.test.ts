// First byte and idle: one timer each a connection, which a neighbour's cannot cut and a slow client does not trip.
import { Readable } from "node:stream"
import { assert, describe, it } from "vitest"
import { at, exchange, handNames, liveUpstream, named, until } from "../support/live.ts"
import { drip, startOrigin } from "../support/origin.ts"
import { withOrigin } from "./road.ts"

describe("the first byte", () => {
  it("that does not come in time is a failure, and its connection closes", async () => {
    await using road = await withOrigin((incoming) => incoming.closed, { timeouts: { firstByte: 60 } })
    const began = performance.now()
    const { failure } = await exchange(road.upstream)
    assert.strictEqual(failure?.reason, "first_byte_timeout")
    assert.strictEqual(failure?.sent, "Some")
    assert.isFalse(failure?.headed)
    const waited = performance.now() - began
    assert.isTrue(waited >= 55 && waited < 2_000, `${waited} ms`)
    await road.origin.until(({ open }) => open === 0)
  })

  it("has the whole time again on a reused connection", async () => {
    await using road = await withOrigin(
      async (incoming) => {
        await incoming.delay(3_000)
        await incoming.reply({})
      },
      { timeouts: { firstByte: 5_500 } }
    )
    for (let n = 0; n < 2; n++) assert.isNull((await exchange(road.upstream)).failure)
    assert.strictEqual(road.origin.connections, 1)
  })

  it("is not awaited while the client still sends its body, however slowly", async () => {
    await using road = await withOrigin(
      async (incoming) => {
        if (incoming.request.target === "/silent") return void (await incoming.closed)
        const body = await incoming.read()
        await incoming.reply({ body: String(body.length) })
      },
      { timeouts: { firstByte: 500 } }
    )
    const body = new Readable({ read() {} })
    body.push("a")
    const running = exchange(road.upstream, { method: "POST", body })
    // Three neighbours that wait for their first byte in turn: the body has been slow for three times the limit by then.
    for (let n = 0; n < 3; n++)
      assert.strictEqual((await exchange(road.upstream, { path: "/silent" })).failure?.reason, "first_byte_timeout")
    body.push("b")
    body.push(null)
    const outcome = await running
    assert.isNull(outcome.failure)
    assert.strictEqual(outcome.body.toString(), "2")
  })

  it("is awaited when it is the upstream that does not take the body", async () => {
    await using road = await withOrigin(
      (incoming) => {
        incoming.socket.pause()
        return incoming.closed
      },
      { timeouts: { firstByte: 100 } }
    )
    const block = Buffer.alloc(65_536)
    const body = new Readable({
      read() {
        this.push(block)
      }
    })
    assert.strictEqual((await exchange(road.upstream, { method: "POST", body })).failure?.reason, "first_byte_timeout")
  })

  it("may be switched off", async () => {
    await using road = await withOrigin(
      async (incoming) => {
        await incoming.delay(80)
        await incoming.reply({})
      },
      { timeouts: { firstByte: "Disabled" } }
    )
    assert.isNull((await exchange(road.upstream)).failure)
  })
})

describe("silence after the head", () => {
  it("cuts the response", async () => {
    await using road = await withOrigin(
      async (incoming) => {
        await incoming.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        await incoming.closed
      },
      { timeouts: { idle: 60 } }
    )
    const { failure } = await exchange(road.upstream)
    assert.strictEqual(failure?.reason, "stream_idle")
    assert.isTrue(failure?.headed)
  })

  it("is not the upstream's while the client does not read; it has the whole time again when the client does", async () => {
    const origin = await startOrigin({
      script: async (incoming) => {
        await incoming.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
        if (incoming.request.target === "/silent") await incoming.closed
        else {
          await incoming.delay(200)
          await incoming.write("two")
        }
      }
    })
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)], timeouts: { idle: 500 } })
    // Three neighbours fall silent in turn: by then the reader of the first has been slow for three times the limit.
    let chunks = 0
    const held = exchange(upstream, { path: "/held" }, { onData: () => ++chunks > 1 })
    await held.head
    for (let n = 0; n < 3; n++) assert.strictEqual((await exchange(upstream, { path: "/silent" })).failure?.reason, "stream_idle")
    held.attempt.resume()
    assert.isNull((await held).failure)
    await origin.close()
  })

  it("does not cut a long response that keeps speaking, whatever the first-byte limit and its neighbours", async () => {
    await using road = await withOrigin((incoming) => (incoming.request.target === "/long" ? drip(15, 200)(incoming) : incoming.closed), {
      timeouts: { idle: 2_500, firstByte: 1_000 }
    })
    const long = exchange(road.upstream, { path: "/long" })
    const neighbours = await Promise.all([exchange(road.upstream), exchange(road.upstream)])
    assert.deepEqual(
      neighbours.map(({ failure }) => failure?.reason),
      ["first_byte_timeout", "first_byte_timeout"]
    )
    const outcome = await long
    assert.isNull(outcome.failure)
    assert.include(outcome.body.toString(), "data: 15")
  })
})

describe("an unused connection", () => {
  it("closes after its idle time, whether it carried a request or not", async () => {
    await using road = await withOrigin((incoming) => incoming.reply({}), { timeouts: { keepAliveIdle: 60 } })
    await exchange(road.upstream)
    const running = [exchange(road.upstream), exchange(road.upstream)]
    running[1]!.attempt.abort()
    await running[0]
    await road.origin.until(({ connections, open }) => connections === 2 && open === 2)
    await road.origin.until(({ open }) => open === 0)
    await until(() => road.upstream.describe().pool.idle === 0)
  })

  it("closes a second before the peer's own limit", async () => {
    await using road = await withOrigin((incoming) => incoming.reply({ headers: [["Keep-Alive", "timeout=1"]] }), {
      timeouts: { keepAliveIdle: 30_000 }
    })
    await exchange(road.upstream)
    await road.origin.until(({ open }) => open === 0)
    assert.isNull((await exchange(road.upstream)).failure)
    assert.strictEqual(road.origin.connections, 2)
  })
})

describe("a name without an answer", () => {
  it("is awaited as long as a connect may take, then told", async () => {
    const names = handNames()
    await using upstream = await liveUpstream({ endpoints: [named("slow.test", 80)], names, timeouts: { connect: 60 } })
    const { failure } = await exchange(upstream)
    assert.strictEqual(failure?.reason, "dns_timeout")
    assert.strictEqual(failure?.sent, "None")
    assert.include(failure?.detail, "slow.test")
  })

  it("is awaited by a bounded number of requests; the others overflow, and are counted", async () => {
    const names = handNames()
    await using upstream = await liveUpstream({
      endpoints: [named("slow.test", 80)],
      names,
      limits: { maxPending: 2 },
      timeouts: { connect: 60 }
    })
    const waiting = [exchange(upstream), exchange(upstream)]
    const { failure } = await exchange(upstream)
    assert.strictEqual(failure?.reason, "overflow")
    assert.strictEqual(upstream.describe().pool.overflows, 1)
    for (const one of waiting) assert.strictEqual((await one).failure?.reason, "dns_timeout")
  })

  it("lets the request through when the answer comes, and fails it with the answer's reason", async () => {
    await using origin = await startOrigin()
    const names = handNames()
    await using upstream = await liveUpstream({ endpoints: [named("late.test", origin.port)], names })
    const first = exchange(upstream)
    names.set("late.test", { addresses: ["127.0.0.1"] })
    assert.strictEqual((await first).status, 200)
    const other = handNames()
    await using dead = await liveUpstream({ endpoints: [named("dead.test", 80)], names: other })
    const second = exchange(dead)
    other.set("dead.test", { state: "Failed", reason: "dns_nxdomain", detail: "NXDOMAIN for dead.test" })
    assert.strictEqual((await second).failure?.reason, "dns_nxdomain")
    assert.strictEqual((await exchange(dead)).failure?.reason, "dns_nxdomain")
  })
})
