// One client connection by its bytes and its times: heads in any pieces, slow ones, pipelines, clients that leave, clients that do not read their answer.
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Clock } from "#src/proxy/clock.ts"
import { Connection } from "#src/proxy/connection.ts"
import type { ExchangeContext } from "#src/proxy/context.ts"
import { readAnswers } from "../fuzz/attack.ts"
import { at } from "../support/live.ts"
import { type Origin, standard, startOrigin } from "../support/origin.ts"
import { raw, startProxy, type TestProxy } from "./harness.ts"
import { exact, type Sketch } from "./sketch.ts"

let origin: Origin
let proxy: TestProxy
/** Has little time for anybody; the other has more than any of these tests takes. */
let hasty: TestProxy
const sketch = (): Sketch => ({
  listeners: {
    web: { hosts: { "*": [{ path: exact("/refused"), action: { _tag: "Refuse", why: "no_backend" } }, { to: "origin" }] } }
  },
  upstreams: { origin: { endpoints: [at(origin.port)] } }
})
const times = { head: 400, handshake: 1_000, keepAlive: 1_200 }
const long = { times: { ...times, head: 60_000 }, discard: { bytes: 1024 * 1024, milliseconds: 60_000 }, stall: 60_000 }

beforeAll(async () => {
  origin = await startOrigin()
  proxy = await startProxy(sketch(), { limits: long })
  hasty = await startProxy(sketch(), { limits: { ...long, times, discard: { ...long.discard, milliseconds: 500 } } })
})
afterAll(async () => {
  await proxy.close()
  await hasty.close()
  await origin.close()
})

/** A connection whose first request was answered: a busy machine may have cost others before it the time of their head. */
const answered = async (port: number) => {
  for (;;) {
    const client = await raw(port)
    client.send("GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n")
    const text = await client.until(/^HTTP\/1\.1 (200 .*x|408 .*)$/s).catch(() => "")
    if (text.startsWith("HTTP/1.1 200 ")) return client
    client.socket.destroy()
  }
}

const tick = () => new Promise((resolve) => setImmediate(resolve))
const MiB = 1024 * 1024

describe("bytes in any pieces", () => {
  const text =
    "\r\nPOST /pieces?a=b HTTP/1.1\r\nHost: a\r\nX-A:  spaced \t\r\nTransfer-Encoding: chunked\r\n\r\n" +
    "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-T: 1\r\n\r\nGET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

  const served = async (pieces: ReadonlyArray<string>): Promise<ReadonlyArray<unknown>> => {
    using client = await raw(proxy.port())
    client.socket.setNoDelay(true)
    for (const piece of pieces) {
      await new Promise<void>((resolve) => client.socket.write(piece, "latin1", () => resolve()))
      await tick()
    }
    return readAnswers((await client.closed).text, []).answers.map(({ status, body }) => {
      const { method, target, size, headers } = JSON.parse(body)
      return [status, method, target, size, (headers as Array<[string, string]>).find(([name]) => name === "X-A")?.[1]]
    })
  }

  const whole = [
    [200, "POST", "/pieces?a=b", 5, "spaced"],
    [200, "GET", "/after", 0, undefined]
  ]

  it("are the same requests, cut at each place", async () => {
    for (let from = 1; from < text.length; from += 24) {
      const cuts = Array.from({ length: Math.min(24, text.length - from) }, (_, n) => from + n)
      const answers = await Promise.all(cuts.map((cut) => served([text.slice(0, cut), text.slice(cut)])))
      for (const [n, answer] of answers.entries()) expect([cuts[n], answer]).toEqual([cuts[n], whole])
    }
  })

  it("are the same requests, byte by byte", async () => {
    expect(await served([...text])).toEqual(whole)
  })
})

describe("times", () => {
  it("a head that comes byte by byte does not get more time for it: 408", async () => {
    using client = await raw(hasty.port())
    const started = performance.now()
    const timer = setInterval(() => client.send("x"), 40)
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    const { text } = await client.closed
    clearInterval(timer)
    expect(text).toMatch(/^HTTP\/1\.1 408 /)
    expect(performance.now() - started).toBeLessThan(5_000)
    expect((await hasty.logged((line) => line.reason === "header_timeout")).status).toBe(408)
  })

  it("the head of a second request has a time of its own, from its first byte", async () => {
    using client = await answered(hasty.port())
    client.send("GET /bytes/1 HT")
    const { text } = await client.closed
    expect(readAnswers(text, []).answers.map(({ status }) => status)).toEqual([200, 408])
  })

  it("an idle connection is kept for the announced time, and a little longer", async () => {
    using client = await raw(proxy.port())
    // Before it rests: when the answer is here, it may have rested a moment.
    const rested = performance.now()
    client.send("GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n")
    const text = await client.until(/x$/)
    expect(text).toContain("\r\nConnection: keep-alive\r\nKeep-Alive: timeout=1\r\n")
    expect((await client.closed).clean).toBe(true)
    expect(performance.now() - rested).toBeGreaterThan(1_200)
  })

  it("an idle connection ends in its time though its client has not read all that it was told", async () => {
    const server = createServer({ allowHalfOpen: true })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1")
    client.on("error", () => {})
    client.pause()
    const [socket] = (await once(server, "connection")) as [Socket]
    while (socket.writableLength === 0) socket.write(Buffer.alloc(MiB))
    const exchange = {
      headLimits: { fields: 200, target: 8192, underscores: "Drop" },
      trust: () => false,
      discard: { bytes: 1024, milliseconds: 100 },
      draining: () => false
    } as unknown as ExchangeContext
    const host = {
      exchange,
      clock: new Clock(80),
      times: { head: 100, keepAlive: 100 },
      secure: false,
      ending: () => false,
      onRefused: () => {},
      onPreface: () => {}
    }
    const closed = once(socket, "close")
    const connection = new Connection(socket, { ...host, onClosed: () => {} }, 32_768)
    await closed
    expect(connection.gone).toBe(true)
    client.destroy()
    server.close()
  })

  it("a long answer does not count as idling", async () => {
    using client = await raw(proxy.port())
    client.send("GET /delay/1600 HTTP/1.1\r\nHost: a\r\n\r\nGET /bytes/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    expect(readAnswers((await client.closed).text, []).answers.map(({ status }) => status)).toEqual([200, 200])
  })

  it("a drain waits for a half head no longer than the head's time, and closes what says nothing at once", async () => {
    await using other = await startProxy(sketch(), { limits: { times } })
    using half = await raw(other.port())
    using silent = await raw(other.port())
    half.send("GET / HTTP/1.1\r\n")
    using _ = await answered(other.port())
    await other.run(other.proxy.drain({ propagation: 0, deadline: 60_000 }))
    expect((await half.closed).text).toMatch(/^HTTP\/1\.1 408 /)
    expect(await silent.closed).toEqual({ text: "", clean: true })
  })
})

describe("a pipeline", () => {
  it("is held in the client's own buffers while its first request waits", async () => {
    let release = () => {}
    origin.script = async (exchange) => {
      if (exchange.request.target === "/first")
        await new Promise<void>((resolve) => {
          release = resolve
        })
      await exchange.reply({ body: "" })
    }
    using client = await raw(proxy.port())
    const { requests } = origin
    client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n")
    await origin.until((origin) => origin.requests > requests)
    const block = `GET /next HTTP/1.1\r\nHost: a\r\nX-Fill: ${"x".repeat(8_000)}\r\n\r\n`.repeat(128)
    const before = client.socket.bytesWritten
    for (let n = 0; n < 64; n++) client.send(block)
    const sent = () => client.socket.bytesWritten - before - client.socket.writableLength
    // What kernels hold, and our 64 KiB: it stops moving far below the whole.
    let last = -1
    while (sent() !== last) {
      last = sent()
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    expect(last).toBeLessThan(24 * MiB)
    expect(origin.requests).toBe(requests + 1)
    release()
    await origin.until((origin) => origin.requests > requests + 300)
    origin.script = standard
  })

  it("ends with a request that says so, and with one that is refused", async () => {
    for (const last of ["GET /bytes/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / HTTP/1.1\r\n\r\n"]) {
      using client = await raw(proxy.port())
      client.send(`GET /bytes/1 HTTP/1.1\r\nHost: a\r\n\r\n${last}${"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n".repeat(50)}`)
      const { answers } = readAnswers((await client.closed).text, [])
      expect(answers.length).toBe(2)
      expect(origin.seen.filter(({ target }) => target === "/hidden")).toEqual([])
    }
  })
})

describe("a client that leaves", () => {
  const waits = async (bytes: string, leave: (client: Awaited<ReturnType<typeof raw>>) => void): Promise<void> => {
    origin.script = (exchange) => exchange.closed
    const { aborted, requests } = origin
    using client = await raw(proxy.port())
    client.send(bytes)
    await origin.until((origin) => origin.requests > requests)
    leave(client)
    await origin.until((origin) => origin.aborted > aborted)
    origin.script = standard
  }

  it("is noticed while its request waits, with others behind it", () =>
    waits(`GET /left HTTP/1.1\r\nHost: a\r\n\r\n${"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500)}`, ({ socket }) =>
      socket.destroy()
    ))

  it("is noticed while its upload waits for an upstream that does not read", () =>
    waits(`POST /left HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n${"x".repeat(40_000)}`, ({ socket }) =>
      socket.resetAndDestroy()
    ))

  it("by half is taken to have left", async () => {
    await waits("GET /half HTTP/1.1\r\nHost: a\r\n\r\n", ({ socket }) => socket.end())
    expect(await proxy.logged((line) => line.path === "/half")).toMatchObject({ status: 499, reason: "client_abort" })
  })

  it("by half, after its answer was given, still reads that to its end", async () => {
    using client = await raw(proxy.port())
    client.socket.pause()
    client.send("GET /bytes/60000 HTTP/1.1\r\nHost: a\r\n\r\n")
    expect((await proxy.logged((line) => line.path === "/bytes/60000")).reason).toBeUndefined()
    client.socket.end()
    client.socket.resume()
    const { text, clean } = await client.closed
    expect(clean).toBe(true)
    expect(readAnswers(text, []).answers[0]?.body.length).toBe(60_000)
  })
})

describe("a last answer", () => {
  it("reaches a client that is still sending", async () => {
    using client = await raw(proxy.port())
    client.send(`POST /refused HTTP/1.0\r\nHost: a\r\nContent-Length: ${MiB}\r\n\r\n`)
    const block = Buffer.alloc(64 * 1024)
    for (let n = 0; n < 12; n++) {
      client.send(block)
      await tick()
    }
    const { text, clean } = await client.closed
    expect(text).toMatch(/^HTTP\/1\.1 500 .*misconfigured\.\n$/s)
    expect(clean).toBe(true)
  })

  it("is not waited for longer than its time, though the client neither leaves nor stops sending", async () => {
    const socket = connect({ host: "127.0.0.1", port: hasty.port(), allowHalfOpen: true })
    socket.on("error", () => {})
    let text = ""
    socket.on("data", (chunk) => {
      text += chunk
    })
    const closed = new Promise((resolve) => socket.on("close", resolve))
    socket.write("GET /refused HTTP/1.0\r\nHost: a\r\n\r\n")
    const timer = setInterval(() => socket.write("more"), 20)
    await closed
    clearInterval(timer)
    expect(text).toMatch(/^HTTP\/1\.1 500 /)
  })
})

describe("the connection goes on", () => {
  it("after an early answer, when the rest of the body was read", async () => {
    using client = await raw(proxy.port())
    client.send("POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf:")
    await client.until(/misconfigured\.\n$/)
    client.send("restsGET /bytes/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    const { answers } = readAnswers((await client.closed).text, [])
    expect(answers.map(({ status }) => status)).toEqual([500, 200])
  })
})
