// Ejection on real sockets: what of a request's ways to fail counts, what the choice makes of it in pools of one to four, and how panic ends it.
import { PassThrough } from "node:stream"
import { assert, describe, it } from "vitest"
import type { UpstreamFacts } from "#src/report/report.ts"
import { defaultOutlier, type Outlier } from "#src/snapshot/health.ts"
import { at, exchange, handNames, type LiveOptions, liveUpstream, named, type TestUpstream, until } from "../../support/live.ts"
import { type Script, startOrigin, tunnel } from "../../support/origin.ts"

/** Never again within a test. */
const long = 3_600_000

const judged = (options: LiveOptions, outlier: Partial<Outlier> = {}): Promise<TestUpstream> =>
  liveUpstream({
    ...options,
    spec: { ...options.spec, outlier: { ...defaultOutlier, serverErrors: 3, baseEjection: long, ...outlier } }
  })

const bad: Script = (incoming) => incoming.reply({ status: 503 })
const good: Script = (incoming) => incoming.reply({})

const statuses = async (upstream: TestUpstream, times: number): Promise<ReadonlyArray<number | string>> => {
  const all: Array<number | string> = []
  for (let n = 0; n < times; n++) {
    const { status, failure } = await exchange(upstream)
    all.push(failure?.reason ?? status)
  }
  return all
}

const count = (all: ReadonlyArray<number | string>, one: number | string) => all.filter((each) => each === one).length

const outOf = (upstream: TestUpstream): number => (upstream.facts() as UpstreamFacts).health!.out

describe("what counts against an address", () => {
  it("is an answer of 500 and above", async () => {
    await using a = await startOrigin({ script: bad })
    await using b = await startOrigin({ script: good })
    await using upstream = await judged({ endpoints: [at(a.port), at(b.port)] })
    assert.strictEqual(count(await statuses(upstream, 40), 503), 3)
    assert.deepEqual([a.requests, b.requests], [3, 37])
    // It loses its connections, too.
    await a.until(({ open }) => open === 0)
    assert.deepInclude(upstream.facts(), { addresses: 2, healthy: 1, health: { out: 1, why: "too many errors in a row" } })
    assert.deepEqual(upstream.describe().health, { panic: false, ejections: { errors: 1, gateway: 0, local: 0, share: 0 }, probes: {} })
    assert.deepEqual(
      upstream.describe().endpoints.map(({ addresses }) => addresses[0]!.out),
      ["too many errors in a row", null]
    )
  })

  it("is a connection that cannot be made", async () => {
    const gone = await startOrigin()
    await gone.close()
    await using b = await startOrigin({ script: good })
    await using upstream = await judged({ endpoints: [at(gone.port), at(b.port)] }, { serverErrors: null, localFailures: 2 })
    // A failed connect goes elsewhere by itself: no client sees one.
    assert.strictEqual(count(await statuses(upstream, 10), 200), 10)
    assert.strictEqual(upstream.describe().pool.dialFailures, 2)
    assert.deepInclude(upstream.facts().health, { out: 1, why: "too many failures without an answer in a row" })
  })

  it("is a reset, an answer that is none, and one that does not come in time", async () => {
    const ways: ReadonlyArray<Script> = [
      (incoming) => incoming.reset(),
      async (incoming) => {
        await incoming.write("no HTTP at all\r\n\r\n")
        incoming.end()
      },
      () => new Promise<void>(() => {})
    ]
    for (const script of ways) {
      await using a = await startOrigin({ script })
      await using b = await startOrigin({ script: good })
      await using upstream = await judged({ endpoints: [at(a.port), at(b.port)], timeouts: { firstByte: 2_000 } }, { serverErrors: 2 })
      const all = await Promise.all(Array.from({ length: 4 }, () => exchange(upstream)))
      assert.strictEqual(all.filter(({ failure }) => failure !== null).length, 2)
      assert.strictEqual(outOf(upstream), 1)
    }
  })

  it("is a request given up for its time, and none that its client gave up", async () => {
    await using a = await startOrigin({ script: () => new Promise<void>(() => {}) })
    await using b = await startOrigin({ script: good })
    await using upstream = await judged({ endpoints: [at(a.port), at(b.port)] }, { serverErrors: 2 })
    for (const [late, out] of [
      [false, 0],
      [true, 1]
    ] as const) {
      for (let n = 0; n < 2; n++) {
        const before = a.requests
        const stuck = [exchange(upstream), exchange(upstream)]
        await a.until(({ requests }) => requests === before + 1)
        for (const { attempt } of stuck) attempt.abort(late)
      }
      assert.strictEqual(outOf(upstream), out)
    }
  })

  it("is none whose client was still sending when its time was over", async () => {
    await using a = await startOrigin({ script: () => new Promise<void>(() => {}) })
    await using b = await startOrigin({ script: good })
    await using upstream = await judged({ endpoints: [at(a.port), at(b.port)] }, { serverErrors: 1 })
    const stuck = Array.from({ length: 2 }, () => {
      const body = new PassThrough()
      body.write("slowly")
      return exchange(upstream, { method: "POST", body })
    })
    await a.until(({ requests }) => requests === 1)
    for (const { attempt } of stuck) attempt.abort(true)
    assert.strictEqual(outOf(upstream), 0)
  })

  it("is each try of a retry rule, the late ones too", async () => {
    await using a = await startOrigin({ script: () => new Promise<void>(() => {}) })
    await using b = await startOrigin({ script: good })
    await using upstream = await judged({ endpoints: [at(a.port), at(b.port)] }, { serverErrors: 1 })
    for (let n = 0; n < 2; n++) {
      const outcome = new Promise<number>((resolve, reject) => {
        upstream.send(
          {
            method: "GET",
            path: "/",
            headers: [],
            clientHost: "a",
            hostOverride: null,
            body: null,
            contentLength: null,
            upgrade: null,
            idempotent: true,
            affinity: null
          },
          {
            onInterim: () => {},
            onHead: (status) => {
              resolve(status)
              return true
            },
            onData: () => true,
            onEnd: () => {},
            onUpgrade: () => {},
            onFailure: reject
          },
          {
            rule: { codes: [], attempts: 2, backoff: 0, longest: 0, perTry: "Default" },
            onward: null,
            tryTimeout: 500,
            deadline: null,
            tries: 0,
            withheld: ""
          }
        )
      })
      assert.strictEqual(await outcome, 200)
    }
    assert.strictEqual(outOf(upstream), 1)
    assert.strictEqual(a.requests, 1)
  })

  it("is no request whose own body broke off, and an upgrade is a good answer", async () => {
    await using a = await startOrigin({ script: bad })
    await using upstream = await judged({ endpoints: [at(a.port)] }, { serverErrors: 2 })
    a.script = () => new Promise<void>(() => {})
    for (let n = 1; n < 4; n++) {
      const body = new PassThrough()
      const broken = exchange(upstream, { method: "POST", body })
      body.write("half")
      await a.until(({ requests }) => requests === n)
      body.destroy()
      assert.strictEqual((await broken).failure?.reason, "client_abort")
    }
    assert.strictEqual(outOf(upstream), 0)
    for (let n = 0; n < 3; n++) {
      a.script = bad
      await exchange(upstream)
      a.script = tunnel
      const { tunnel: socket } = await exchange(upstream, { upgrade: "websocket" })
      socket!.destroy()
    }
    assert.strictEqual(outOf(upstream), 0)
  })

  it("is nothing that comes after a good head, and no close of a connection that rested", async () => {
    await using a = await startOrigin({
      script: async (incoming) => {
        await incoming.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        incoming.end()
      }
    })
    await using upstream = await judged({ endpoints: [at(a.port)] }, { serverErrors: 1 })
    assert.deepEqual(await statuses(upstream, 3), ["upstream_truncated", "upstream_truncated", "upstream_truncated"])
    assert.strictEqual(outOf(upstream), 0)
    a.script = (incoming) => incoming.reply({ close: "quiet" })
    assert.strictEqual(count(await statuses(upstream, 6), 200), 6)
    assert.strictEqual(outOf(upstream), 0)
  })
})

describe("pools of few", () => {
  it("of one serves on: with nobody left, health is ignored", async () => {
    await using a = await startOrigin({ script: bad })
    await using upstream = await judged({ endpoints: [at(a.port)] })
    assert.strictEqual(count(await statuses(upstream, 5), 503), 5)
    assert.deepEqual([outOf(upstream), upstream.describe().health?.panic], [1, true])
    a.script = good
    assert.deepEqual(await statuses(upstream, 2), [200, 200])
  })

  it("of one answers nothing when health is never to be ignored", async () => {
    await using a = await startOrigin({ script: bad })
    await using upstream = await judged({ endpoints: [at(a.port)] }, { panic: 0 })
    assert.deepEqual(await statuses(upstream, 5), [503, 503, 503, "no_healthy", "no_healthy"])
  })

  it("of two loses one and never both; of three, by default, two, and then all take requests", async () => {
    for (const [size, out, panic] of [
      [2, 1, false],
      [3, 2, true]
    ] as const) {
      const origins = await Promise.all(Array.from({ length: size }, () => startOrigin({ script: bad })))
      await using upstream = await judged({ endpoints: origins.map(({ port }) => at(port)) })
      await statuses(upstream, 30)
      assert.deepEqual([outOf(upstream), upstream.describe().health?.panic], [out, panic])
      const before = origins.map(({ requests }) => requests)
      await statuses(upstream, size * 4)
      const more = origins.map(({ requests }, n) => requests - before[n]!)
      assert.deepEqual(more.filter((n) => n > 0).length, panic ? size : 1, `${size}: ${more.join()}`)
      await Promise.all(origins.map((origin) => origin.close()))
    }
  })

  it("keeps the share that maxEjectionPercent says, rounded up, and all at 0", async () => {
    for (const [percent, out] of [
      [0, 0],
      [25, 1],
      [26, 2],
      [100, 4]
    ] as const) {
      const origins = await Promise.all(Array.from({ length: 4 }, () => startOrigin({ script: bad })))
      await using upstream = await judged({ endpoints: origins.map(({ port }) => at(port)) }, { maxEjectionPercent: percent })
      await statuses(upstream, 40)
      assert.strictEqual(outOf(upstream), out, `${percent} %`)
      await Promise.all(origins.map((origin) => origin.close()))
    }
  })

  it("counts the addresses of a name one by one", async () => {
    await using a = await startOrigin({ host: "127.0.0.1", script: bad })
    await using b = await startOrigin({ host: "127.0.0.2", port: a.port, script: good })
    const names = handNames()
    names.set("many.test", { addresses: ["127.0.0.1", "127.0.0.2"] })
    for (const balance of [{ _tag: "RoundRobin" }, { _tag: "LeastRequest" }] as const) {
      await using upstream = await judged({ endpoints: [named("many.test", a.port)], names, spec: { balance } })
      assert.strictEqual(count(await statuses(upstream, 20), 503), 3)
      // Who leaves the answer leaves health, and begins anew when it is back.
      names.set("many.test", { addresses: ["127.0.0.2"] })
      assert.strictEqual(outOf(upstream), 0)
      names.set("many.test", { addresses: ["127.0.0.1", "127.0.0.2"] })
      assert.strictEqual(count(await statuses(upstream, 20), 503), 3)
    }
    assert.isAbove(b.requests, 60)
  })

  it("has no connection of an ejected address used again, also where connections are few", async () => {
    await using a = await startOrigin({ script: bad })
    await using b = await startOrigin({ script: good })
    await using upstream = await judged({ endpoints: [at(a.port), at(b.port)], limits: { maxConnections: 1 } }, { serverErrors: 1 })
    await Promise.all(Array.from({ length: 12 }, () => exchange(upstream)))
    assert.strictEqual(a.requests, 1)
  })
})

describe("tiers", () => {
  it("goes to the next one when all of a tier are out, also where half is the most, and back when they are in again", async () => {
    await using a = await startOrigin({ script: bad })
    await using b = await startOrigin({ script: bad })
    await using standby = await startOrigin({ script: good })
    await using upstream = await judged(
      {
        endpoints: [at(a.port), at(b.port), at(standby.port, { tier: 1 })],
        spec: { failover: { spill: 140, returnAfter: 0, codes: [], response: null } }
      },
      { baseEjection: 5_000, serverErrors: 2 }
    )
    const all = await statuses(upstream, 20)
    assert.strictEqual(count(all, 503), 4)
    assert.strictEqual(standby.requests, 16)
    a.script = good
    b.script = good
    await until(() => outOf(upstream) === 0)
    await statuses(upstream, 4)
    assert.strictEqual(standby.requests, 16)
  })
})

describe("an upstream that says nothing of health", () => {
  it("judges nobody", async () => {
    await using a = await startOrigin({ script: bad })
    await using upstream = await liveUpstream({ endpoints: [at(a.port)], spec: { outlier: "Disabled" } })
    await statuses(upstream, 20)
    assert.isUndefined(upstream.facts().health)
    assert.isNull(upstream.describe().health)
  })
})
