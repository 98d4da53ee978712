// A request as it goes on the wire, toward an origin that records bytes.
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { Readable } from "node:stream"
import { assert, describe, it } from "vitest"
import type { UpstreamFailure } from "#src/upstream/attempt.ts"
import { Connection } from "#src/upstream/transport.ts"
import { at, exchange, liveUpstream, request } from "../support/live.ts"
import { pattern, startOrigin } from "../support/origin.ts"
import { withOrigin } from "./road.ts"

/** A bare server, for what must be seen as bytes. */
const listening = async (serve: (socket: Socket) => void | Promise<void>) => {
  const server = createServer((socket) => {
    socket.on("error", () => {})
    void serve(socket)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.close()
      await once(server, "close")
    }
  }
}

describe("a request on the wire", () => {
  it("keeps the order, case and duplicates of its fields, with one Host, and adds nothing of its own but framing", async () => {
    await using road = await withOrigin((incoming) => incoming.reply({ body: "ok" }))
    const headers = ["X-One", "1", "Cookie", "a=b", "cookie", "c=d", "X-ONE", "2", "Accept", "text/plain"]
    await exchange(road.upstream, { path: "/a//b%2fc?q=1&q=2", headers })
    const seen = road.origin.seen[0]!
    assert.strictEqual(seen.target, "/a//b%2fc?q=1&q=2")
    assert.deepEqual(seen.headers, [
      ["host", `127.0.0.1:${road.origin.port}`],
      ["connection", "keep-alive"],
      ["X-One", "1"],
      ["Cookie", "a=b"],
      ["cookie", "c=d"],
      ["X-ONE", "2"],
      ["Accept", "text/plain"]
    ])
  })

  it("carries Host by the upstream's identity, and a rewrite beats it", async () => {
    const origin = await startOrigin({ script: (incoming) => incoming.reply({}) })
    const own = await liveUpstream({
      endpoints: [at(origin.port)],
      spec: { identity: { host: "Request", sni: null, certificateName: null } }
    })
    const named = await liveUpstream({
      endpoints: [at(origin.port)],
      spec: { identity: { host: { name: "api.example" }, sni: null, certificateName: null } }
    })
    await exchange(own)
    await exchange(named)
    await exchange(named, { hostOverride: "rewritten.example" })
    assert.deepEqual(
      origin.seen.map((seen) => seen.header("host")),
      ["client.example", "api.example", "rewritten.example"]
    )
    await own.close()
    await named.close()
    await origin.close()
  })

  it("declares the length it was told, or sends chunks when there is none", async () => {
    await using road = await withOrigin(async (incoming) => incoming.reply({ body: String((await incoming.read()).length) }))
    const body = () => Readable.from([pattern(1000), pattern(500)], { objectMode: false })
    const known = await exchange(road.upstream, { method: "POST", body: body(), contentLength: 1500 })
    const unknown = await exchange(road.upstream, { method: "POST", body: body() })
    const none = await exchange(road.upstream, { method: "POST" })
    assert.deepEqual(
      [known, unknown, none].map((outcome) => outcome.body.toString()),
      ["1500", "1500", "0"]
    )
    assert.strictEqual(road.origin.seen[0]!.header("content-length"), "1500")
    assert.strictEqual(road.origin.seen[1]!.header("transfer-encoding"), "chunked")
    assert.strictEqual(road.origin.seen[1]!.header("content-length"), undefined)
    assert.strictEqual(road.origin.seen[2]!.header("content-length"), "0")
  })

  it("leaves in one piece with a small body that is there", async () => {
    const pieces: Array<string> = []
    await using origin = await listening((socket) => {
      socket.once("data", (bytes) => {
        pieces.push(String(bytes))
        socket.end("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
      })
    })
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)] })
    for (const contentLength of [4, null]) {
      const body = Readable.from([Buffer.from("body")], { objectMode: false })
      assert.isNull((await exchange(upstream, { method: "POST", body, contentLength })).failure)
    }
    assert.deepEqual(
      pieces.map((piece) => piece.slice(piece.indexOf("\r\n\r\n") + 4)),
      ["body", "4\r\nbody\r\n0\r\n\r\n"]
    )
  })

  it("streams a body of GET and DELETE too, and goes on using the connection", async () => {
    await using road = await withOrigin(async (incoming) => incoming.reply({ body: String((await incoming.read()).length) }))
    for (const method of ["GET", "DELETE", "PATCH", "PURGE"]) {
      const outcome = await exchange(road.upstream, { method, body: Readable.from([pattern(100)], { objectMode: false }) })
      assert.strictEqual(outcome.body.toString(), "100", method)
    }
    assert.strictEqual(road.origin.connections, 1)
  })

  it("was not sent when its connection was lost in the turn it waited for a close, the very last moment included", async () => {
    await using origin = await listening((socket) => {
      socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    })
    const never = () => true
    const sink = { onInterim: never, onHead: never, onData: never, onEnd: never, onUpgrade: never, onFailure: never, onFree: never }
    const peer = { address: "", endpoint: "", reused: true }
    // Turns of the event loop from the sending to the loss.
    for (const turns of [1, 2]) {
      const socket = connect(origin.port, "127.0.0.1")
      await once(socket, "connect")
      const connection = new Connection(socket, { keepAliveIdle: 5_000, firstByte: null, idle: null }, () => {})
      await new Promise<void>((onFree) => connection.send(request(), "a", peer, false, { ...sink, onFree: () => onFree() }))
      const failure = await new Promise<UpstreamFailure>((onFailure) => {
        const lose = (left: number) => setImmediate(() => (left === 1 ? socket.destroy() : lose(left - 1)))
        lose(turns)
        connection.send(request({ method: "POST" }), "a", peer, false, { ...sink, onFailure })
      })
      assert.deepEqual([turns, failure.sent, failure.reason], [turns, "None", "upstream_unsent"])
    }
  })

  it("is never sent when a field could not be written as one line", async () => {
    await using road = await withOrigin((incoming) => incoming.reply({}))
    for (const headers of [
      ["x-a", "1\r\nx-b: 2"],
      ["x a", "1"],
      ["x-a", "\u0000"],
      ["expect", "100-continue"],
      ["host", "other"]
    ]) {
      const outcome = await exchange(road.upstream, { headers })
      assert.strictEqual(outcome.failure?.reason, "internal", headers.join(" "))
      assert.strictEqual(outcome.failure?.sent, "None")
    }
    for (const path of ["/a b", "/a\r\nx: y", "/\u0007"])
      assert.strictEqual((await exchange(road.upstream, { path })).failure?.reason, "internal")
    assert.strictEqual(road.origin.requests, 0)
  })

  it("ends as the client's failure when its body breaks off, and the upstream never sees a whole request", async () => {
    await using road = await withOrigin(async (incoming) => {
      await incoming.read()
      await incoming.reply({})
    })
    const body = new Readable({ read() {} })
    const outcome = exchange(road.upstream, { method: "POST", body, contentLength: 100 })
    body.push("half")
    await road.origin.until(({ received }) => received >= 4)
    body.destroy(Object.assign(new Error("aborted"), { code: "ECONNRESET" }))
    assert.strictEqual((await outcome).failure?.reason, "client_abort")
    await road.origin.until(({ open }) => open === 0)
    assert.strictEqual(road.origin.aborted, 1)
  })

  it("is cut off rather than sent short of its declared length, or beyond it", async () => {
    await using road = await withOrigin(async (incoming) => {
      await incoming.read()
      await incoming.reply({})
    })
    for (const size of [5, 15]) {
      const body = Readable.from([pattern(3), pattern(size - 3)], { objectMode: false })
      const outcome = await exchange(road.upstream, { method: "POST", body, contentLength: 10 })
      assert.strictEqual(outcome.failure?.reason, "client_abort", `${size} of 10 bytes`)
    }
    await road.origin.until(({ open }) => open === 0)
  })
})
