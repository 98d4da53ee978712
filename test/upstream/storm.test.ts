// Whatever happens to connections, in whatever order: every request ends exactly once, limits hold, and nothing is left behind.
import { Readable } from "node:stream"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { at, exchange, liveUpstream, until } from "../support/live.ts"
import { download, drip, type Script, startOrigin } from "../support/origin.ts"

const behaviours: Record<string, Script> = {
  ok: (incoming) => incoming.reply({ body: "ok" }),
  quiet: (incoming) => incoming.reply({ body: "ok", close: "quiet" }),
  close: (incoming) => incoming.reply({ body: "ok", close: true }),
  reset: (incoming) => incoming.reset(),
  end: (incoming) => incoming.end(),
  short: async (incoming) => {
    await incoming.write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort")
    incoming.end()
  },
  malformed: async (incoming) => {
    await incoming.write("HTTP/1.1 200 OK\r\nContent-Length: 9, 9\r\n\r\n")
  },
  surplus: async (incoming) => {
    await incoming.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more")
  },
  slow: async (incoming) => {
    await incoming.delay(5)
    await incoming.reply({ body: "slow" })
  },
  never: (incoming) => incoming.closed,
  drip: drip(3, 2),
  large: download(300_000)
}

const script: Script = async (incoming) => {
  const behaviour = behaviours[incoming.request.target.slice(1)]!
  if (incoming.request.sequence % 2 === 0) await incoming.read()
  return behaviour(incoming)
}

const step = fc.record({
  behaviour: fc.constantFrom(...Object.keys(behaviours)),
  method: fc.constantFrom("GET", "POST", "PUT", "HEAD"),
  body: fc.option(fc.integer({ min: 1, max: 50_000 })),
  /** Turns of the event loop before it is given up. */
  abort: fc.option(fc.nat(12)),
  pause: fc.boolean(),
  /** Turns before the next begins. */
  gap: fc.nat(2)
})

describe("a storm", () => {
  it("leaves no request without its end and no connection counted that is gone", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 20, maxLength: 80 }),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 0, max: 20 }),
        async (steps, maxConnections, maxPending) => {
          await using origin = await startOrigin({ script })
          await using upstream = await liveUpstream({
            endpoints: [at(origin.port)],
            limits: { maxConnections, maxPending, maxRequestsPerConnection: 5 },
            timeouts: { firstByte: 80, idle: 80 }
          })
          let ended = 0
          let expected = 0
          for (const { behaviour, method, body, abort, pause, gap } of steps) {
            const hasBody = body !== null && method !== "GET" && method !== "HEAD"
            const running = exchange(
              upstream,
              { path: `/${behaviour}`, method, body: hasBody ? Readable.from([Buffer.alloc(body!)], { objectMode: false }) : null },
              {
                onData: () => {
                  if (pause) setImmediate(() => running.attempt.resume())
                  return !pause
                }
              }
            )
            let over = false
            void running.then(({ events }) => {
              over = true
              ended++
              const terminal = events.filter((event) => event === "onEnd" || event === "onFailure" || event === "onUpgrade")
              assert.strictEqual(terminal.length, 1)
            })
            if (abort === null) expected++
            else {
              for (let turn = 0; turn < abort; turn++) await new Promise(setImmediate)
              if (over) expected++
              running.attempt.abort()
            }
            const { pool } = upstream.describe()
            assert.isAtMost(pool.active + pool.idle + pool.dialling, maxConnections)
            assert.isAtMost(pool.pending, maxConnections + maxPending)
            for (let turn = 0; turn < gap; turn++) await new Promise(setImmediate)
          }
          await until(() => ended >= expected)
          await until(() => upstream.describe().pool.active === 0 && upstream.describe().pool.dialling === 0)
          assert.strictEqual(ended, expected)
          const { pool, endpoints } = upstream.describe()
          assert.deepInclude(pool, { active: 0, pending: 0, dialling: 0 })
          assert.deepInclude(endpoints[0]!.addresses[0]!, { active: 0, idle: pool.idle })
          await until(() => origin.open === upstream.describe().pool.idle)
        }
      ),
      { numRuns: 25 }
    )
  })
})
