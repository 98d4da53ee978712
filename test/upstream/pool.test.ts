// Law 19 for connections: limits hold, the queue is in order and bounded, and whoever waits is woken by whichever comes first.
import { assert, describe, it } from "vitest"
import { at, type Exchanged, exchange, liveUpstream } from "../support/live.ts"
import { type Script, startOrigin } from "../support/origin.ts"
import { withOrigin } from "./road.ts"

/** Answers each request when it is let go, in any order. */
const gate = () => {
  const held = new Map<string, () => void>()
  const script: Script = async (incoming) => {
    await new Promise<void>((resolve) => held.set(incoming.request.target, resolve))
    await incoming.reply({ body: incoming.request.target })
  }
  return { script, open: (target: string) => held.get(target)!() }
}

const paths = (count: number) => Array.from({ length: count }, (_, n) => `/${n + 1}`)

describe("connections", () => {
  it("are reused, the most recent first", async () => {
    const { script, open } = gate()
    await using road = await withOrigin(script)
    const both = ["/1", "/2"].map((path) => exchange(road.upstream, { path }))
    await road.origin.until(({ requests }) => requests === 2)
    open("/1")
    await both[0]
    open("/2")
    await both[1]
    const third = exchange(road.upstream, { path: "/3" })
    await road.origin.until(({ requests }) => requests === 3)
    open("/3")
    assert.isTrue((await third).peer?.reused)
    const connectionOf = (target: string) => road.origin.seen.find((seen) => seen.target === target)!.connection
    assert.strictEqual(connectionOf("/3"), connectionOf("/2"))
    assert.deepInclude(road.upstream.describe().pool, { dials: 2, requests: 3, reused: 1, idle: 2, active: 0 })
  })

  it("never exceed their limit; who waits is served in order", async () => {
    const served: Array<string> = []
    await using road = await withOrigin(
      async (incoming) => {
        served.push(incoming.request.target)
        await incoming.delay(1)
        await incoming.reply({})
      },
      { limits: { maxConnections: 3 } }
    )
    const outcomes = await Promise.all(paths(60).map((path) => exchange(road.upstream, { path })))
    assert.isTrue(outcomes.every(({ failure }) => failure === null))
    assert.strictEqual(road.origin.connections, 3)
    // Three run at once, so neighbours may swap, but nobody is overtaken by more than those.
    for (const [n, target] of served.entries()) assert.isAtMost(Math.abs(Number(target.slice(1)) - (n + 1)), 3)
  })

  it("overflow when the queue is full, at once and unsent, and serve again when there is room", async () => {
    const { script, open } = gate()
    await using road = await withOrigin(script, { limits: { maxConnections: 1, maxPending: 2 } })
    const running: Array<Exchanged> = paths(3).map((path) => exchange(road.upstream, { path }))
    const { failure } = await exchange(road.upstream, { path: "/4" })
    assert.strictEqual(failure?.reason, "overflow")
    assert.strictEqual(failure?.sent, "None")
    assert.deepInclude(road.upstream.describe().pool, { overflows: 1, active: 0, pending: 3 })
    for (const [n, path] of paths(3).entries()) {
      await road.origin.until(({ requests }) => requests === n + 1)
      open(path)
      assert.strictEqual((await running[n]!).body.toString(), path)
    }
    assert.strictEqual(road.origin.connections, 1)
    assert.deepInclude(road.upstream.describe().pool, { pending: 0, idle: 1 })
  })

  it("carry no more requests at once than is said, and one goes when one is done", async () => {
    const { script, open } = gate()
    await using road = await withOrigin(script, { limits: { maxRequests: 2 } })
    const running = paths(2).map((path) => exchange(road.upstream, { path }))
    // Their connections are still being made: they count.
    assert.strictEqual((await exchange(road.upstream, { path: "/3" })).failure?.reason, "overflow")
    await road.origin.until(({ requests }) => requests === 2)
    const { failure } = await exchange(road.upstream, { path: "/4" })
    assert.deepEqual([failure?.reason, failure?.sent], ["overflow", "None"])
    assert.deepInclude(road.upstream.describe().pool, { overflows: 2, active: 2, pending: 0 })
    open("/1")
    await running[0]
    const next = exchange(road.upstream, { path: "/5" })
    await road.origin.until(({ requests }) => requests === 3)
    for (const path of ["/2", "/5"]) open(path)
    assert.strictEqual((await next).body.toString(), "/5")
    await running[1]
  })

  it("that wait for one are not counted among those under way", async () => {
    const { script, open } = gate()
    await using road = await withOrigin(script, { limits: { maxConnections: 1, maxPending: 2, maxRequests: 2 } })
    const all = paths(3).map((path) => exchange(road.upstream, { path }))
    for (const [n, path] of paths(3).entries()) {
      await road.origin.until(({ requests }) => requests === n + 1)
      open(path)
      assert.isNull((await all[n]!).failure)
    }
  })

  it("carry none where none is allowed", async () => {
    await using road = await withOrigin((incoming) => incoming.reply({}), { limits: { maxRequests: 0 } })
    assert.strictEqual((await exchange(road.upstream)).failure?.reason, "overflow")
    assert.strictEqual(road.upstream.describe().pool.dials, 0)
  })

  it("are not given to those who gave up waiting", async () => {
    const { script, open } = gate()
    await using road = await withOrigin(script, { limits: { maxConnections: 1, maxPending: 1 } })
    const first = exchange(road.upstream, { path: "/1" })
    await road.origin.until(({ requests }) => requests === 1)
    const second = exchange(road.upstream, { path: "/2" })
    second.attempt.abort()
    const third = exchange(road.upstream, { path: "/3" })
    open("/1")
    await first
    await road.origin.until(({ requests }) => requests === 2)
    open("/3")
    assert.strictEqual((await third).body.toString(), "/3")
    assert.deepEqual(
      road.origin.seen.map(({ target }) => target),
      ["/1", "/3"]
    )
  })

  it("that die make room for those who wait", async () => {
    await using road = await withOrigin((incoming) => (incoming.request.target === "/1" ? incoming.reset() : incoming.reply({})), {
      limits: { maxConnections: 1 }
    })
    const outcomes = await Promise.all(paths(3).map((path) => exchange(road.upstream, { path, idempotent: false, method: "POST" })))
    assert.deepEqual(
      outcomes.map(({ failure }) => failure?.reason ?? null),
      ["upstream_reset", null, null]
    )
  })

  it("that die again and again use up no place in the queue", async () => {
    await using road = await withOrigin((incoming) => incoming.reset(), { limits: { maxConnections: 1, maxPending: 1 } })
    for (let n = 0; n < 10; n++) {
      const both = [exchange(road.upstream, { method: "POST" }), exchange(road.upstream, { method: "POST" })]
      const reasons = (await Promise.all(both)).map(({ failure }) => failure?.reason)
      assert.deepEqual(reasons, ["upstream_reset", "upstream_reset"])
    }
    assert.strictEqual(road.upstream.describe().pool.overflows, 0)
  })

  it("that cannot be made fail those who waited for them, each with the reason", async () => {
    const gone = await startOrigin()
    await gone.close()
    await using upstream = await liveUpstream({ endpoints: [at(gone.port)], limits: { maxConnections: 2 } })
    const outcomes = await Promise.all(paths(10).map((path) => exchange(upstream, { path })))
    assert.isTrue(outcomes.every(({ failure }) => failure?.reason === "connect_refused"))
    assert.deepInclude(upstream.describe().pool, { pending: 0, dialling: 0, active: 0, idle: 0, dials: 10, dialFailures: 10 })
  })

  it("wake who waits by whichever comes first, a release or the dial begun for it", async () => {
    const { script, open } = gate()
    let accepts = 0
    const origin = await startOrigin({ script, accept: () => ++accepts > 0 })
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)], limits: { maxConnections: 2 } })
    const first = exchange(upstream, { path: "/1" })
    await origin.until(({ requests }) => requests === 1)
    const rest = ["/2", "/3", "/4"].map((path) => exchange(upstream, { path }))
    open("/1")
    await first
    for (const path of ["/2", "/3", "/4"]) {
      await origin.until(({ seen }) => seen.some(({ target }) => target === path))
      open(path)
    }
    assert.isTrue((await Promise.all(rest)).every(({ failure }) => failure === null))
    assert.strictEqual(accepts, 2)
    await origin.close()
  })

  it("carry as many requests as they may, the last of them saying so", async () => {
    await using road = await withOrigin((incoming) => incoming.reply({}), { limits: { maxRequestsPerConnection: 3 } })
    for (let n = 0; n < 7; n++) assert.isNull((await exchange(road.upstream)).failure)
    assert.strictEqual(road.origin.connections, 3)
    assert.deepEqual(
      road.origin.seen.map((seen) => seen.header("connection")),
      ["keep-alive", "keep-alive", "close", "keep-alive", "keep-alive", "close", "keep-alive"]
    )
  })

  it("retire at their age, within the jitter, never in the middle of a request", async () => {
    let clock = 1_000_000
    const { script, open } = gate()
    await using road = await withOrigin(script, { now: () => clock, timeouts: { maxConnectionAge: 10_000 } })
    const first = exchange(road.upstream, { path: "/1" })
    await road.origin.until(({ requests }) => requests === 1)
    open("/1")
    assert.isNull((await first).failure)
    // 10 s less the jitter of a tenth: still young whatever the dice said.
    clock += 8_999
    const second = exchange(road.upstream, { path: "/2" })
    await road.origin.until(({ requests }) => requests === 2)
    clock += 2_002
    open("/2")
    const outcome = await second
    assert.isTrue(outcome.peer?.reused)
    assert.isNull(outcome.failure)
    await road.origin.until(({ open: left }) => left === 0)
  })

  it("close when the peer says so", async () => {
    await using road = await withOrigin((incoming) => incoming.reply({ headers: [["Connection", "close"]] }))
    for (let n = 0; n < 3; n++) assert.isNull((await exchange(road.upstream)).failure)
    assert.strictEqual(road.origin.connections, 3)
    assert.strictEqual(road.upstream.describe().pool.retries, 0)
  })
})
