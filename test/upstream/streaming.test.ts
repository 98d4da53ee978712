// Law 9: bodies of any size, both ways, with backpressure; what one side gives up, the other learns within 100 ms.
import { Readable } from "node:stream"
import { assert, describe, it } from "vitest"
import { exchange, until } from "../support/live.ts"
import { download, drip } from "../support/origin.ts"
import { withOrigin } from "./road.ts"

const total = 256 * 1024 * 1024

/** What may be on its way at once: kernel buffers of both sockets and the stream buffers of this process. */
const inFlight = 24 * 1024 * 1024

const once = <A>() => {
  let resolve: (value: A) => void = () => {}
  const promise = new Promise<A>((done) => {
    resolve = done
  })
  return { promise, resolve }
}

/** Milliseconds until the promise settles. */
const took = async (promise: Promise<unknown>): Promise<number> => {
  const began = performance.now()
  await promise
  return performance.now() - began
}

describe("a download", () => {
  it("arrives whole when the reader keeps stopping", async () => {
    await using road = await withOrigin(download(total))
    let size = 0
    const running = exchange(
      road.upstream,
      {},
      {
        onHead: () => false,
        onData: (chunk) => {
          size += chunk.length
          setImmediate(() => running.attempt.resume())
          return false
        }
      }
    )
    await running.head
    running.attempt.resume()
    const outcome = await running
    assert.isNull(outcome.failure)
    assert.strictEqual(size, total)
  })

  it("stops at the origin when the reader stops", async () => {
    let written = 0
    const stalled = once<void>()
    await using road = await withOrigin(async (incoming) => {
      await incoming.write(`HTTP/1.1 200 OK\r\nContent-Length: ${total}\r\n\r\n`)
      const block = Buffer.alloc(65_536)
      for (; written < total; written += block.length) {
        const taken = incoming.write(block)
        // Not taken for half a second: the pressure has reached the origin.
        const timer = setTimeout(stalled.resolve, 500)
        const more = await taken
        clearTimeout(timer)
        if (!more) return
      }
    })
    let held = 0
    const running = exchange(
      road.upstream,
      {},
      {
        onData: (chunk) => {
          held += chunk.length
          return false
        }
      }
    )
    await stalled.promise
    assert.isBelow(written, inFlight)
    assert.isBelow(held, 1024 * 1024)
    running.attempt.abort()
    assert.isBelow(await took(road.origin.until(({ open }) => open === 0)), 100)
  })
})

describe("an upload", () => {
  it("arrives whole, at the origin's pace", async () => {
    let size = 0
    await using road = await withOrigin(async (incoming) => {
      for await (const chunk of incoming.body) {
        size += chunk.length
        if (size % 7 === 0) await new Promise(setImmediate)
      }
      await incoming.reply({ body: String(size) })
    })
    let left = total
    const body = new Readable({
      read() {
        if (left === 0) this.push(null)
        else {
          left -= 65_536
          // One of its own each time: what was sent is given back.
          this.push(Buffer.alloc(65_536))
        }
      }
    })
    const outcome = await exchange(road.upstream, { method: "PUT", body, contentLength: total })
    assert.strictEqual(outcome.body.toString(), String(total))
  })

  it("is not read from the client when the origin does not read", async () => {
    await using road = await withOrigin((incoming) => {
      incoming.socket.pause()
      return incoming.closed
    })
    let produced = 0
    let last = performance.now()
    const block = Buffer.alloc(65_536)
    const body = new Readable({
      read() {
        produced += block.length
        last = performance.now()
        this.push(block)
      }
    })
    const running = exchange(road.upstream, { method: "POST", body })
    while (performance.now() - last < 300) await new Promise(setImmediate)
    assert.isAbove(produced, 0)
    assert.isBelow(produced, inFlight)
    running.attempt.abort()
    assert.isTrue(body.destroyed)
  })
})

describe("giving up", () => {
  it("before the head closes the upstream connection at once", async () => {
    await using road = await withOrigin((incoming) => incoming.closed)
    const running = exchange(road.upstream)
    await road.origin.until(({ requests }) => requests === 1)
    running.attempt.abort()
    assert.isBelow(await took(road.origin.until(({ open }) => open === 0)), 100)
    assert.strictEqual(road.upstream.describe().pool.active, 0)
  })

  it("in the middle of a body closes it at once, and no callback follows", async () => {
    await using road = await withOrigin(drip(1000, 5))
    const events: Array<string> = []
    const running = exchange(road.upstream, {}, { onData: () => events.push("data") > 0 })
    await running.head
    running.attempt.abort()
    const before = events.length
    assert.isBelow(await took(road.origin.until(({ open }) => open === 0)), 100)
    assert.strictEqual(events.length, before)
  })

  it("while the connection is being made leaves the connection to the next", async () => {
    await using road = await withOrigin((incoming) => incoming.reply({ body: "ok" }))
    const running = exchange(road.upstream)
    running.attempt.abort()
    running.attempt.abort()
    await until(() => road.upstream.describe().pool.idle === 1)
    const outcome = await exchange(road.upstream)
    assert.strictEqual(outcome.body.toString(), "ok")
    assert.strictEqual(road.origin.connections, 1)
    assert.strictEqual(road.origin.requests, 1)
  })

  it("on the origin's side cuts the client's upload", async () => {
    await using road = await withOrigin(async (incoming) => {
      for await (const _ of incoming.body) return incoming.reset()
    })
    const body = new Readable({ read() {} })
    body.push(Buffer.alloc(1000))
    const { failure } = await exchange(road.upstream, { method: "POST", body })
    assert.strictEqual(failure?.reason, "upstream_reset")
    assert.strictEqual(failure?.sent, "Some")
    assert.isTrue(body.destroyed)
  })
})
