// Laws 3 and 20: updates and drains under load, counted. Nothing a client asked may fail because the gateway changed or left.
import { Agent } from "node:http"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type AccessLogEntry, noAccessLog } from "#src/proxy/accesslog.ts"
import { ask, raw, startProxy } from "../proxy/harness.ts"
import { prefix, type Sketch } from "../proxy/sketch.ts"
import { at } from "../support/live.ts"
import { type Origin, standard, startOrigin } from "../support/origin.ts"

let first: Origin
let second: Origin
beforeAll(async () => {
  first = await startOrigin()
  second = await startOrigin()
})
afterAll(async () => {
  await first.close()
  await second.close()
})

/** The n-th configuration: rules, upstream settings, endpoints and listeners come and go. */
const nth = (n: number): Sketch => ({
  listeners: {
    web: {
      hosts: {
        "*": [
          { path: prefix(`/gone/${n}`), to: `u${n % 7}` },
          { path: prefix("/"), to: `u${n % 7}` }
        ],
        [`h${n % 5}.example`]: [{ to: `u${n % 7}` }]
      }
    },
    ...(n % 3 === 0 ? { extra: { hostname: "extra.example", hosts: { "extra.example": [{ to: `u${n % 7}` }] } } } : {})
  },
  upstreams: {
    [`u${n % 7}`]: {
      endpoints: n % 2 === 0 ? [at(first.port)] : [at(second.port), at(first.port)],
      spec: { of: { namespace: "test", target: `u${n % 11}` } }
    }
  }
})

it("1,000 updates under load fail no request", async () => {
  await using proxy = await startProxy(nth(0))
  const port = proxy.port("web")
  let running = true
  let done = 0
  const failed: Array<string> = []
  const client = async (agent: Agent, body: string | null) => {
    while (running) {
      const options = body === null ? { agent } : { agent, method: "POST", body }
      const answer = await ask(port, "/thing", options).catch((cause: Error) => ({ status: cause.message }))
      if (answer.status !== 200) failed.push(String(answer.status))
      done++
    }
  }
  const agent = new Agent({ keepAlive: true })
  const clients = [...Array(8)].map((_, n) => client(agent, n % 2 === 0 ? null : "x".repeat(2000)))
  for (let n = 1; n <= 1000; n++) await proxy.publish(nth(n))
  running = false
  await Promise.all(clients)
  agent.destroy()
  expect(failed).toEqual([])
  expect(done).toBeGreaterThan(1000)
  expect(proxy.proxy.ack()!.refused).toEqual([])
  // What left is gone: series and upstreams are those of the last configuration.
  expect(proxy.proxy.describe()!.upstreams.length).toBe(1)
  const series = (await proxy.metrics.text()).split("\n").filter((line) => line.startsWith("sluice_requests_total{"))
  expect(series.length).toBeLessThan(10)
}, 60_000)

it("a request keeps the upstream it began with, however long it takes; the upstream goes when it ends", async () => {
  await using proxy = await startProxy(nth(0))
  using client = await raw(proxy.port("web"))
  client.send("GET /drip/3/60 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
  await client.until(/data: 1/)
  const open = first.open
  await proxy.publish({ listeners: { web: { hosts: { "*": [{ action: { _tag: "Refuse", why: "no_backend" } }] } } } })
  expect((await ask(proxy.port("web"), "/")).status).toBe(500)
  expect((await client.closed).text).toMatch(/data: 3\n\n\r\n0\r\n\r\n$/)
  await first.until((origin) => origin.open < open)
})

describe("a drain", () => {
  const drained = (proxy: Awaited<ReturnType<typeof startProxy>>, bounds: { propagation: number; deadline: number }) =>
    proxy.run(proxy.proxy.drain(bounds))

  it("with 200 requests in flight fails none, closes idle connections and ends", async () => {
    await using proxy = await startProxy(nth(0))
    const port = proxy.port("web")
    const agent = new Agent({ keepAlive: true })
    const gate = Promise.withResolvers<void>()
    let held = 0
    first.script = async (exchange) => {
      if (exchange.request.target !== "/held") return standard(exchange)
      held++
      await gate.promise
      return standard(exchange)
    }
    const flying = [...Array(200)].map(() => ask(port, "/held", { agent }))
    await first.until(() => held === 200)
    using idle = await raw(port)
    using busy = await raw(port)
    busy.send("GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n")
    await busy.until(/x$/)
    expect(proxy.proxy.ready()).toBe(true)
    await proxy.run(
      Effect.gen(function* () {
        const ended = yield* Effect.forkChild(proxy.proxy.drain({ propagation: 50, deadline: 10_000 }), { startImmediately: true })
        expect(proxy.proxy.ready()).toBe(false)
        // Before it stops to accept, it still serves, and tells clients to go. By a clock that stands: however busy the machine is, this comes before.
        const last = yield* Effect.promise(() => ask(port, "/bytes/1", { headers: { Connection: "keep-alive" } }))
        expect(last.headers.connection).toBe("close")
        yield* TestClock.adjust(50)
        yield* Effect.promise(async () => {
          while (await ask(port, "/bytes/1").catch(() => null));
        })
        expect(first.open).toBeGreaterThanOrEqual(200)
        gate.resolve()
        yield* Fiber.join(ended)
      }).pipe(Effect.provide(TestClock.layer()))
    )
    first.script = standard
    const answers = await Promise.all(flying)
    expect(answers.map(({ status }) => status)).toEqual(Array(200).fill(200))
    expect((await idle.closed).clean).toBe(true)
    expect((await busy.closed).clean).toBe(true)
    await expect(ask(port, "/")).rejects.toThrow("ECONNREFUSED")
    agent.destroy()
  })

  it("keeps a connection that was promised to be kept, until a request on it is told that it is the last", async () => {
    await using proxy = await startProxy(nth(0))
    using client = await raw(proxy.port("web"))
    client.send("GET /drip/3/50 HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.until(/data: 1/)
    await proxy.run(
      Effect.gen(function* () {
        const ended = yield* Effect.forkChild(proxy.proxy.drain({ propagation: 50, deadline: 10_000 }), { startImmediately: true })
        // By a clock that stands the world has not noticed yet: nothing that a client may rightly do fails.
        yield* Effect.promise(() => client.until(/data: 3\n\n\r\n0\r\n\r\n$/))
        client.send("GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n")
        const { text } = yield* Effect.promise(() => client.closed)
        expect(text).toMatch(/Connection: keep-alive[\s\S]*Connection: close[\s\S]*x$/)
        yield* TestClock.adjust(50)
        yield* Fiber.join(ended)
      }).pipe(Effect.provide(TestClock.layer()))
    )
  })

  it("lets a long response end, and then its connection", async () => {
    await using proxy = await startProxy(nth(0))
    using client = await raw(proxy.port("web"))
    client.send("GET /drip/3/50 HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.until(/data: 1/)
    await drained(proxy, { propagation: 0, deadline: 10_000 })
    expect((await client.closed).text).toMatch(/data: 3\n\n\r\n0\r\n\r\n$/)
  })

  it("cuts at the deadline what does not end: responses and tunnels", async () => {
    await using proxy = await startProxy(nth(0))
    using slow = await raw(proxy.port("web"))
    slow.send("GET /delay/60000 HTTP/1.1\r\nHost: a\r\n\r\n")
    using tunnel = await raw(proxy.port("web"))
    tunnel.send("GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n")
    await tunnel.until(/101 Switching/)
    const started = performance.now()
    await drained(proxy, { propagation: 0, deadline: 200 })
    expect(performance.now() - started).toBeLessThan(2_000)
    expect((await slow.closed).text).toBe("")
    await tunnel.closed
  })

  it("is not done before what it cut has its line in the log", async () => {
    const told: Array<string> = []
    const log = { ...noAccessLog, write: ({ path, reason }: AccessLogEntry) => void told.push(`${path} ${reason}`) }
    await using proxy = await startProxy(nth(0), { log })
    const open = ["/delay/60000", "/drip/1000/50"].map(async (path) => {
      const client = await raw(proxy.port("web"))
      client.send(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`)
      return client
    })
    using waiting = await open[0]!
    using reading = await open[1]!
    await reading.until(/data: 1/)
    await drained(proxy, { propagation: 0, deadline: 200 })
    expect(told.sort()).toEqual(["/delay/60000 draining", "/drip/1000/50 draining"])
    await waiting.closed
  })

  it("takes no new snapshot", async () => {
    await using proxy = await startProxy(nth(0))
    await drained(proxy, { propagation: 0, deadline: 200 })
    await proxy.publish(nth(1))
    expect(proxy.proxy.describe()!.listeners.every(({ bound }) => !bound)).toBe(true)
  })
})
