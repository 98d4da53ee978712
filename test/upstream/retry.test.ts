// Law 8: one repetition, on a fresh connection, and only where the peer cannot have acted on the request, or may act on it twice.
import { Readable } from "node:stream"
import { assert, describe, it } from "vitest"
import { at, exchange, liveUpstream } from "../support/live.ts"
import { pattern, type Script, startOrigin } from "../support/origin.ts"

/** Answers the first request of each connection and does what it is told with the others. */
const firstOnly =
  (then: Script): Script =>
  async (incoming) => {
    if (incoming.request.sequence === 1) {
      await incoming.read()
      return incoming.reply({ body: "ok" })
    }
    return then(incoming)
  }

const onReused = async (then: Script) => {
  const origin = await startOrigin({ script: firstOnly(then) })
  const upstream = await liveUpstream({ endpoints: [at(origin.port)] })
  assert.strictEqual((await exchange(upstream)).status, 200)
  return {
    origin,
    upstream,
    async [Symbol.asyncDispose]() {
      await upstream.close()
      await origin.close()
    }
  }
}

describe("a peer that closes each connection after its reply, unannounced", () => {
  it("fails no GET and no POST", async () => {
    await using origin = await startOrigin({
      script: async (incoming) => {
        const body = await incoming.read()
        await incoming.reply({ body: String(body.length), close: "quiet" })
      }
    })
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)] })
    for (let n = 0; n < 100; n++) {
      const got = await exchange(upstream)
      assert.isNull(got.failure, `GET ${n}`)
      const body = Readable.from([pattern(100)], { objectMode: false })
      const posted = await exchange(upstream, { method: "POST", body, contentLength: 100 })
      assert.isNull(posted.failure, `POST ${n}`)
      assert.strictEqual(posted.body.toString(), "100")
    }
  })

  it("fails none that run at once", async () => {
    await using origin = await startOrigin({
      script: async (incoming) => {
        await incoming.read()
        await incoming.reply({ body: "ok", close: "quiet" })
      }
    })
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)], limits: { maxConnections: 8 } })
    const outcomes = await Promise.all(Array.from({ length: 200 }, (_, n) => exchange(upstream, n % 2 === 0 ? {} : { method: "POST" })))
    assert.deepEqual(
      outcomes.filter(({ failure }) => failure !== null),
      []
    )
  })
})

describe("a reused connection that dies before a byte of the response", () => {
  it("costs an idempotent request nothing: it is sent once more, on a fresh connection", async () => {
    for (const method of ["GET", "HEAD", "PUT", "DELETE"]) {
      await using road = await onReused((incoming) => incoming.reset())
      const outcome = await exchange(road.upstream, { method })
      assert.isNull(outcome.failure, method)
      assert.isFalse(outcome.peer?.reused)
      assert.deepEqual(
        road.origin.seen.map(({ connection }) => connection),
        [1, 1, 2]
      )
      assert.strictEqual(road.upstream.describe().pool.retries, 1)
    }
  })

  it("fails a POST that may have been acted on, and a PUT whose body is on its way", async () => {
    const body = () => Readable.from([pattern(10)], { objectMode: false })
    for (const more of [{ method: "POST" }, { method: "POST", body: body() }, { method: "PUT", body: body() }]) {
      await using road = await onReused((incoming) => incoming.reset())
      const { failure } = await exchange(road.upstream, more)
      assert.strictEqual(failure?.reason, "upstream_reset")
      assert.strictEqual(failure?.sent, "Some")
      assert.strictEqual(road.origin.requests, 2)
    }
  })

  it("is replaced once: a second death is told", async () => {
    await using origin = await startOrigin({
      script: async (incoming) => {
        if (incoming.request.connection === 1 && incoming.request.sequence === 1) return incoming.reply({})
        incoming.reset()
      }
    })
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)] })
    await exchange(upstream)
    assert.strictEqual((await exchange(upstream)).failure?.reason, "upstream_reset")
    assert.strictEqual(origin.requests, 3)
  })
})

describe("no repetition", () => {
  it("on a connection that was fresh", async () => {
    await using origin = await startOrigin({ script: (incoming) => incoming.reset() })
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)] })
    const { failure } = await exchange(upstream)
    assert.strictEqual(failure?.reason, "upstream_reset")
    assert.strictEqual(origin.requests, 1)
  })

  it("after the first byte of a response, be it part of a head", async () => {
    for (const bytes of ["H", "HTTP/1.1 200 OK\r\nX-A", "HTTP/1.1 103 Hints\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"]) {
      await using road = await onReused(async (incoming) => {
        await incoming.write(bytes)
        incoming.end()
      })
      assert.isNotNull((await exchange(road.upstream)).failure, bytes)
      assert.strictEqual(road.origin.requests, 2, bytes)
    }
  })

  it("of a request that timed out", async () => {
    const origin = await startOrigin({ script: firstOnly((incoming) => incoming.closed) })
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)], timeouts: { firstByte: 500 } })
    await exchange(upstream)
    assert.strictEqual((await exchange(upstream)).failure?.reason, "first_byte_timeout")
    assert.strictEqual(origin.requests, 2)
    await origin.close()
  })
})

describe("a connection that cannot be made", () => {
  it("is unsent whatever the method, so another endpoint gets the request", async () => {
    const gone = await startOrigin()
    await gone.close()
    await using origin = await startOrigin()
    await using upstream = await liveUpstream({ endpoints: [at(gone.port), at(origin.port)] })
    for (let n = 0; n < 6; n++) {
      const body = Readable.from([pattern(10)], { objectMode: false })
      assert.isNull((await exchange(upstream, { method: "POST", body })).failure)
    }
    assert.strictEqual(origin.requests, 6)
  })

  it("is told with its reason when there is no other", async () => {
    const gone = await startOrigin()
    await gone.close()
    await using upstream = await liveUpstream({ endpoints: [at(gone.port)] })
    const { failure } = await exchange(upstream)
    assert.strictEqual(failure?.reason, "connect_refused")
    assert.strictEqual(failure?.sent, "None")
    assert.strictEqual(upstream.facts().lastFailure, "connect_refused")
    assert.strictEqual(upstream.facts().healthy, 0)
  })
})
