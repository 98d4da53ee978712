// HTTP/2 toward an origin that is not ours (node:http2): what goes out, what comes back, how many on a connection, and what ends one.
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { once } from "node:events"
import { constants } from "node:http2"
import { createServer, type Socket } from "node:net"
import { PassThrough, Readable } from "node:stream"
import { text } from "node:stream/consumers"
import { assert, describe, it } from "vitest"
import type { Upstream } from "#src/snapshot/upstream.ts"
import { number, raw, setting, type } from "../http2/wire.ts"
import { makeAuthority } from "../support/certificates.ts"
import { type Http2Script, startHttp2Origin } from "../support/http2origin.ts"
import { at, exchange, field, type LiveOptions, liveUpstream, until } from "../support/live.ts"
import { startOrigin } from "../support/origin.ts"

const h2c: Partial<Upstream> = { protocol: "h2c" }

const road = async (script: Http2Script, options: Partial<LiveOptions> = {}, server: object = {}) => {
  const origin = await startHttp2Origin(script, { server })
  const upstream = await liveUpstream({ endpoints: [at(origin.port)], spec: h2c, ...options })
  return {
    origin,
    upstream,
    async [Symbol.asyncDispose]() {
      await upstream.close()
      await origin.close()
    }
  }
}

const from = (...pieces: ReadonlyArray<string>) => Readable.from(pieces.map((piece) => Buffer.from(piece)))

const answer: Http2Script = (stream) => {
  stream.respond({ ":status": 200, "content-type": "text/plain" })
  stream.end("hello")
}

/** Answers when it is let go. */
const gate = () => {
  const held = new Map<string, () => void>()
  const script: Http2Script = (stream, headers) => {
    held.set(String(headers[":path"]), () => {
      stream.respond({ ":status": 200 })
      stream.end(String(headers[":path"]))
    })
  }
  return { script, held, open: (path: string) => held.get(path)!() }
}

describe("a request over HTTP/2", () => {
  it("says who it is for in :authority alone, and nothing of a connection", async () => {
    let seen: Record<string, unknown> = {}
    await using it = await road((stream, headers, origin) => {
      seen = { ...headers }
      answer(stream, headers, origin)
    })
    const outcome = await exchange(it.upstream, { path: "/a?b=c", headers: ["Accept", "*/*", "X-Mixed", "1"], takesTrailers: true })
    assert.strictEqual(outcome.status, 200)
    assert.strictEqual(outcome.body.toString(), "hello")
    assert.strictEqual(field(outcome, "content-type"), "text/plain")
    assert.deepInclude(seen, {
      ":method": "GET",
      ":path": "/a?b=c",
      ":scheme": "http",
      ":authority": `127.0.0.1:${it.origin.port}`,
      accept: "*/*",
      "x-mixed": "1",
      te: "trailers"
    })
    assert.notProperty(seen, "host")
    assert.notProperty(seen, "connection")
    assert.notProperty(seen, "transfer-encoding")
    assert.notProperty(seen, "content-length")
  })

  it("goes over TLS where h2 was agreed on, and not where it was not", async () => {
    const authority = await makeAuthority()
    const leaf = await authority.leaf({ dns: ["origin.test"], ip: ["127.0.0.1"] })
    const tls = { cert: leaf.chain, key: leaf.key }
    const trusted: Partial<LiveOptions> = {
      spec: { protocol: "h2" },
      tls: { ca: "System", names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" },
      trust: [authority.certificate]
    }
    const origin = await startHttp2Origin(
      (stream, headers) => {
        stream.respond({ ":status": 200 })
        stream.end(String(headers[":scheme"]))
      },
      { tls }
    )
    await using upstream = await liveUpstream({ endpoints: [at(origin.port, { tls: true })], ...trusted })
    assert.strictEqual((await exchange(upstream)).body.toString(), "https")
    await origin.close()
    await using old = await startOrigin({ tls })
    await using other = await liveUpstream({ endpoints: [at(old.port, { tls: true })], ...trusted })
    const { failure } = await exchange(other)
    assert.strictEqual(failure?.reason, "tls_handshake")
    assert.include(failure?.detail, "HTTP/2")
  })

  it("is told that its peer speaks something else", async () => {
    await using old = await startOrigin({})
    await using upstream = await liveUpstream({ endpoints: [at(old.port)], spec: h2c })
    const { failure } = await exchange(upstream)
    assert.strictEqual(failure?.reason, "upstream_malformed")
    assert.deepInclude(upstream.describe().pool, { active: 0, pending: 0 })
  })

  it("carries bodies and trailers both ways, of a length that is said and of none", async () => {
    await using it = await road(async (stream, headers) => {
      const trailers = new Promise<unknown>((resolve) => stream.once("trailers", resolve))
      const body = await text(stream)
      stream.respond({ ":status": 200 }, { waitForTrailers: true })
      stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", "x_under-score": "1", "content-length": "5" }))
      const came = headers["content-length"] === undefined ? JSON.stringify(await trailers) : ""
      stream.end(`${headers["content-length"] ?? "none"} ${body.length} ${came}`)
    })
    const counted = await exchange(it.upstream, { method: "POST", body: from("abc", "de"), contentLength: 5 })
    assert.strictEqual(counted.body.toString(), "5 5 ")
    assert.deepEqual(counted.trailers, ["grpc-status", "0", "x_under-score", "1"])
    const trailers = () => ["x-sum", "1", "transfer-encoding", "chunked"]
    const open = await exchange(it.upstream, { method: "POST", body: from("abcd"), trailers })
    assert.strictEqual(open.body.toString(), `none 4 {"x-sum":"1"}`)
    const empty = await exchange(it.upstream, { method: "POST", body: null, contentLength: 0 })
    assert.strictEqual(empty.body.toString(), "0 0 ")
    assert.strictEqual(it.origin.accepted, 1)
  })

  it("relays interim responses but 100", async () => {
    await using it = await road((stream) => {
      stream.additionalHeaders({ ":status": 103, link: "</a.css>" })
      stream.respond({ ":status": 204 }, { endStream: true })
    })
    const outcome = await exchange(it.upstream)
    assert.deepEqual(outcome.interim, [[103, ["link", "</a.css>"]]])
    assert.strictEqual(outcome.status, 204)
  })

  it("of a body shorter or longer than declared is none", async () => {
    const codes: Array<number> = []
    await using it = await road((stream) => {
      stream.on("close", () => codes.push(stream.rstCode))
      stream.resume()
    })
    for (const body of ["abc", "abcdef"]) {
      const { failure } = await exchange(it.upstream, { method: "POST", body: from(body), contentLength: 5 })
      assert.strictEqual(failure?.reason, "client_abort")
    }
    await until(() => codes.length === 2)
    assert.deepEqual(codes, [constants.NGHTTP2_CANCEL, constants.NGHTTP2_CANCEL])
    assert.strictEqual(it.origin.accepted, 1)
  })

  it("is held up alone by a client that does not read, and the origin with it", async () => {
    const whole = 4 * 1024 * 1024
    let given = 0
    await using it = await road((stream, headers, origin) => {
      if (headers[":path"] !== "/large") return answer(stream, headers, origin)
      stream.respond({ ":status": 200 })
      const more = () => {
        while (given < whole) {
          given += 16_384
          if (!stream.write(Buffer.alloc(16_384, given / 16_384))) return void stream.once("drain", more)
        }
        stream.end()
      }
      more()
    })
    let taken = 0
    let open = false
    const onData = (chunk: Uint8Array): boolean => {
      taken += chunk.length
      return open
    }
    const large = exchange(it.upstream, { path: "/large" }, { onHead: () => false, onData })
    await large.head
    for (let n = 0; n < 20; n++) assert.strictEqual((await exchange(it.upstream)).body.toString(), "hello")
    assert.strictEqual(taken, 0)
    assert.isBelow(given, 1024 * 1024)
    open = true
    large.attempt.resume()
    const outcome = await large
    assert.isNull(outcome.failure)
    assert.strictEqual(taken, whole)
  })

  it("sends its body at the origin's pace", async () => {
    let read = (): void => {}
    let size = 0
    await using it = await road((stream) => {
      stream.respond({ ":status": 200 })
      stream.pause()
      read = () => {
        stream.on("data", (chunk: Buffer) => {
          size += chunk.length
        })
        stream.on("end", () => stream.end(String(size)))
        stream.resume()
      }
    })
    const body = new PassThrough({ highWaterMark: 65_536 })
    const sent = exchange(it.upstream, { method: "POST", body })
    const whole = 8 * 1024 * 1024
    let written = 0
    let full = false
    while (written < whole && !full) {
      written += 65_536
      full = !body.write(Buffer.alloc(65_536))
      if (full) {
        const drained = new Promise<boolean>((resolve) => body.once("drain", () => resolve(true)))
        full = !(await Promise.race([drained, new Promise<boolean>((resolve) => setTimeout(resolve, 200, false))]))
      }
    }
    assert.isBelow(written, whole)
    assert.isBelow(written, 4 * 1024 * 1024)
    read()
    body.end()
    const outcome = await sent
    assert.strictEqual(outcome.body.toString(), String(written))
  })
})

describe("a connection for many requests", () => {
  it("carries those that come before it is made, and those after", async () => {
    const { script, open, held } = gate()
    await using it = await road(script)
    const all = Array.from({ length: 60 }, (_, n) => exchange(it.upstream, { path: `/${n}` }))
    await it.origin.until(({ requests }) => requests === 60)
    const later = exchange(it.upstream, { path: "/later" })
    await it.origin.until(({ requests }) => requests === 61)
    assert.deepInclude(it.upstream.describe().pool, { dials: 1, active: 1, idle: 0, pending: 0 })
    assert.deepInclude(it.upstream.describe().endpoints[0]!.addresses[0], { active: 61, idle: 0, open: 1 })
    for (const path of [...held.keys()].reverse()) open(path)
    for (const [n, one] of all.entries()) assert.strictEqual((await one).body.toString(), `/${n}`)
    assert.isTrue((await later).peer?.reused)
    assert.deepInclude(it.upstream.describe().pool, { dials: 1, active: 0, idle: 1, requests: 61 })
    assert.deepInclude(it.upstream.describe().endpoints[0]!.addresses[0], { active: 0, idle: 1, open: 1 })
  })

  it("has no more of them than its peer allows: the next go on another", async () => {
    const { script, open, held } = gate()
    await using it = await road(script, {}, { settings: { maxConcurrentStreams: 5 } })
    const all = Array.from({ length: 23 }, (_, n) => exchange(it.upstream, { path: `/${n}` }))
    await until(() => held.size === 23)
    assert.strictEqual(it.origin.most, 5)
    for (const path of held.keys()) open(path)
    for (const one of all) assert.isNull((await one).failure)
    held.clear()
    // Known from now on.
    const before = it.origin.accepted
    const more = Array.from({ length: 5 }, (_, n) => exchange(it.upstream, { path: `/more${n}` }))
    await until(() => held.size === 5)
    for (const path of held.keys()) open(path)
    for (const one of more) assert.isNull((await one).failure)
    assert.strictEqual(it.origin.accepted, before)
  })

  it("stays within the limits: connections, waiting, requests at once, requests of a connection", async () => {
    const { script, open, held } = gate()
    await using it = await road(script, { limits: { maxConnections: 1, maxPending: 2 } }, { settings: { maxConcurrentStreams: 2 } })
    // Its limit is known with the first answer.
    const first = exchange(it.upstream, { path: "/first" })
    await until(() => held.has("/first"))
    open("/first")
    await first
    const all = ["/1", "/2", "/3", "/4"].map((path) => exchange(it.upstream, { path }))
    await until(() => held.size === 3)
    assert.strictEqual((await exchange(it.upstream, { path: "/5" })).failure?.reason, "overflow")
    assert.deepInclude(it.upstream.describe().pool, { pending: 2, overflows: 1, dials: 1 })
    for (const path of ["/1", "/2"]) open(path)
    await until(() => held.has("/4"))
    for (const path of ["/3", "/4"]) open(path)
    for (const one of all) assert.isNull((await one).failure)

    await using busy = await road(gate().script, { limits: { maxRequests: 3 } })
    const three = [1, 2, 3].map(() => exchange(busy.upstream))
    assert.strictEqual((await exchange(busy.upstream)).failure?.reason, "overflow")
    for (const { attempt } of three) attempt.abort()

    await using worn = await road(answer, { limits: { maxRequestsPerConnection: 3 } })
    for (let n = 0; n < 7; n++) assert.strictEqual((await exchange(worn.upstream)).body.toString(), "hello")
    assert.strictEqual(worn.origin.accepted, 3)
  })

  it("closes when it has rested, and when its address leaves; one in use goes on", async () => {
    const { script, open, held } = gate()
    await using it = await road(script, { timeouts: { keepAliveIdle: 50 } })
    const one = exchange(it.upstream, { path: "/1" })
    await until(() => held.has("/1"))
    it.upstream.setEndpoints([])
    open("/1")
    assert.strictEqual((await one).body.toString(), "/1")
    await it.origin.until(({ sessions }) => sessions.length === 0)
    it.upstream.setEndpoints([at(it.origin.port)])
    const two = exchange(it.upstream, { path: "/2" })
    await until(() => held.has("/2"))
    open("/2")
    await two
    await it.origin.until(({ sessions }) => sessions.length === 0)
    await until(() => it.upstream.describe().pool.idle === 0)
  })

  it("whose peer takes no request at all is not dialled for ever: each request fails", async () => {
    await using it = await road(answer, {}, { settings: { maxConcurrentStreams: 0 } })
    for (let n = 0; n < 20; n++) {
      const two = [exchange(it.upstream, { method: "POST" }), exchange(it.upstream, { method: "POST" })]
      for (const one of two) assert.strictEqual((await one).failure?.reason, "upstream_refused_stream")
    }
    assert.strictEqual(it.origin.requests, 0)
    // Each request, and the one time that it is sent again.
    assert.isAtMost(it.upstream.describe().pool.dials, 80)
    assert.deepInclude(it.upstream.describe().pool, { dialling: 0, pending: 0, active: 0 })
  })

  it("goes on for the others however many its peer resets", async () => {
    let finish = () => {}
    await using it = await road((stream, headers) => {
      if (headers[":path"] === "/reset") return void stream.close(constants.NGHTTP2_INTERNAL_ERROR)
      finish = () => {
        stream.respond({ ":status": 200 })
        stream.end("held")
      }
    })
    const held = exchange(it.upstream, { method: "POST", path: "/held" })
    await it.origin.until(({ requests }) => requests === 1)
    for (let n = 0; n < 20; n++) {
      const all = Array.from({ length: 20 }, () => exchange(it.upstream, { method: "POST", path: "/reset" }))
      for (const one of all) assert.strictEqual((await one).failure?.reason, "upstream_reset")
    }
    finish()
    assert.strictEqual((await held).body.toString(), "held")
    assert.strictEqual(it.origin.accepted, 1)
  })

  it("ends for us though its peer reads nothing of what we said last", async () => {
    const server = createServer((socket) => {
      socket.on("error", () => {})
      // Windows without an end, and then it reads no more.
      socket.write(Buffer.concat([raw(type.settings, 0, 0, setting([4, 0x7fff_ffff])), raw(type.window, 0, 0, number(0x7000_0000))]))
      socket.once("data", () => socket.pause())
    }).listen(0, "127.0.0.1")
    await once(server, "listening")
    const made: Array<Socket> = []
    const note = (message: unknown) => void made.push((message as { socket: Socket }).socket)
    subscribe("net.client.socket", note)
    try {
      const { port } = server.address() as { readonly port: number }
      await using upstream = await liveUpstream({ endpoints: [at(port)], spec: h2c })
      const body = new PassThrough({ highWaterMark: 65_536 })
      const sent = exchange(upstream, { method: "POST", body })
      await until(() => made.some((socket) => socket.remotePort === port))
      const toward = made.find((socket) => socket.remotePort === port)!
      // Until everybody's buffers are full.
      for (let full = 0; full < 50; full = toward.writableLength > 0 ? full + 1 : 0) {
        if (body.writableLength === 0) body.write(Buffer.alloc(1024 * 1024))
        await new Promise(setImmediate)
      }
      const over = once(toward, "close")
      sent.attempt.abort()
      upstream.setEndpoints([])
      await over
    } finally {
      unsubscribe("net.client.socket", note)
      server.close()
    }
  })

  it("is left by a request that is aborted, and by no other", async () => {
    const { script, open, held } = gate()
    await using it = await road(script)
    const [gone, stays] = ["/gone", "/stays"].map((path) => exchange(it.upstream, { path }))
    await until(() => held.size === 2)
    gone!.attempt.abort()
    open("/stays")
    assert.strictEqual((await stays!).body.toString(), "/stays")
    assert.deepInclude(it.upstream.describe().pool, { active: 0, idle: 1, dials: 1 })
  })
})
