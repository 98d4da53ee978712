// What goes on the wire and what comes off it, toward an origin that records bytes.
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { Readable } from "node:stream"
import { assert, describe, it } from "vitest"
import type { UpstreamFailure } from "#src/upstream/attempt.ts"
import { Connection } from "#src/upstream/transport.ts"
import { at, exchange, field, liveUpstream, request } from "../support/live.ts"
import { drip, pattern, type Script, startOrigin, tunnel } from "../support/origin.ts"

const withOrigin = async (script: Script) => {
  const origin = await startOrigin({ script })
  const upstream = await liveUpstream({ endpoints: [at(origin.port)] })
  return {
    origin,
    upstream,
    async [Symbol.asyncDispose]() {
      await upstream.close()
      await origin.close()
    }
  }
}

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

const raw =
  (text: string, end = true): Script =>
  async (incoming) => {
    await incoming.write(text)
    if (end) incoming.end()
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

  it("ends a chunked body with the trailers that may be passed on, and one of a length without", async () => {
    await using origin = await listening((socket) => {
      let text = ""
      socket.on("data", (bytes) => {
        text += bytes
        const end = text.includes("chunked") ? "abc\r\n\r\n" : "\r\n\r\nab"
        if (text.endsWith(end)) socket.end(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${text.length}\r\n\r\n${text}`)
      })
    })
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)] })
    const trailers = () => ["X-Checksum", "abc", "Content-Length", "5", "Host", "evil"]
    const body = () => Readable.from([Buffer.from("ab")], { objectMode: false })
    const chunked = await exchange(upstream, { method: "POST", body: body(), trailers })
    assert.isTrue(chunked.body.toString().endsWith("\r\n\r\n2\r\nab\r\n0\r\nX-Checksum: abc\r\n\r\n"), chunked.body.toString())
    const counted = await exchange(upstream, { method: "POST", body: body(), contentLength: 2, trailers })
    assert.isTrue(counted.body.toString().endsWith("\r\n\r\nab"), counted.body.toString())
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

describe("a response", () => {
  it("keeps the order, case, duplicates and bytes of its fields, without the hop-by-hop ones", async () => {
    await using road = await withOrigin(
      raw(
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nConnection: X-Hop, keep-alive\r\nset-cookie: b=2\r\nX-Hop: no\r\nKeep-Alive: timeout=9\r\n" +
          "X-Latin: caf\u00e9\r\nEmpty:\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nok"
      )
    )
    const outcome = await exchange(road.upstream)
    assert.deepEqual(outcome.headers, [
      "Set-Cookie",
      "a=1",
      "set-cookie",
      "b=2",
      "X-Latin",
      "caf\u00e9",
      "Empty",
      "",
      "Content-Length",
      "2"
    ])
    assert.strictEqual(outcome.body.toString(), "ok")
    assert.deepEqual(outcome.events, ["onHead", "onData", "onEnd"])
  })

  it("to HEAD, and 204 and 304, has no body whatever it claims, and HEAD keeps the connection", async () => {
    await using road = await withOrigin(async (incoming) => {
      const status = incoming.request.method === "HEAD" ? 200 : Number(incoming.request.target.slice(1))
      await incoming.write(`HTTP/1.1 ${status} X\r\n${status === 200 ? "" : "ETag: e\r\n"}Content-Length: 100\r\n\r\n`)
    })
    const head = await exchange(road.upstream, { method: "HEAD" })
    assert.strictEqual(field(head, "content-length"), "100")
    assert.strictEqual(head.body.length, 0)
    await exchange(road.upstream, { method: "HEAD" })
    assert.strictEqual(road.origin.connections, 1)
    for (const status of [204, 304]) {
      const outcome = await exchange(road.upstream, { path: `/${status}` })
      assert.strictEqual(outcome.status, status)
      assert.deepEqual(outcome.events, ["onHead", "onEnd"])
      assert.strictEqual(field(outcome, "content-length"), status === 204 ? null : "100")
    }
  })

  it("may end with its connection when it declares no length", async () => {
    await using road = await withOrigin(raw("HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nuntil the end"))
    const outcome = await exchange(road.upstream)
    assert.strictEqual(outcome.body.toString(), "until the end")
    assert.isNull(outcome.failure)
  })

  it("that came whole is taken whole, however late, though its connection has closed", async () => {
    for (const head of [
      "HTTP/1.1 200 OK\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n"
    ]) {
      const chunked = head.includes("chunked")
      await using road = await withOrigin(raw(`${head}\r\n${chunked ? "3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n" : "abcdef"}`))
      let text = ""
      const running = exchange(
        road.upstream,
        {},
        {
          onHead: () => false,
          onData: (chunk) => {
            text += Buffer.from(chunk).toString()
            setImmediate(() => running.attempt.resume())
            return false
          }
        }
      )
      await running.head
      await road.origin.until(({ open }) => open === 0)
      running.attempt.resume()
      const outcome = await running
      assert.isNull(outcome.failure, head)
      assert.strictEqual(text, "abcdef")
      assert.strictEqual(outcome.events.filter((event) => event === "onEnd").length, 1)
    }
  })

  it("after a 100 that nobody asked for is the answer", async () => {
    await using road = await withOrigin(raw("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
    const outcome = await exchange(road.upstream)
    assert.deepEqual([outcome.status, outcome.interim, outcome.body.toString()], [200, [], "ok"])
  })

  it("keeps its connection exactly when version, fields and framing let it", async () => {
    const answers = [
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
      "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
      "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"
    ]
    await using road = await withOrigin(async (incoming) => {
      await incoming.write(answers[Number(incoming.request.target.slice(1))]!)
    })
    for (const [n, answer] of answers.entries()) {
      const before = road.origin.connections
      assert.strictEqual((await exchange(road.upstream, { path: `/${n}` })).body.toString(), "ok", answer)
      assert.strictEqual((await exchange(road.upstream, { path: "/0" })).body.toString(), "ok", answer)
      assert.strictEqual(road.origin.connections - before, n < 3 ? (n === 0 ? 1 : 0) : 1, answer)
    }
  })

  it("in chunks arrives whole, with the trailers that may be passed on", async () => {
    await using road = await withOrigin((incoming) =>
      incoming.reply({
        chunked: true,
        body: "chunky",
        trailers: [
          ["X-Checksum", "abc"],
          ["Content-Type", "text/evil"],
          ["Host", "evil"]
        ]
      })
    )
    const outcome = await exchange(road.upstream)
    assert.strictEqual(outcome.body.toString(), "chunky")
    assert.isNull(field(outcome, "transfer-encoding"))
    assert.deepEqual(outcome.trailers, ["X-Checksum", "abc"])
  })

  it("is relayed with its 103, in order", async () => {
    await using road = await withOrigin(
      raw(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
      )
    )
    const outcome = await exchange(road.upstream)
    assert.deepEqual(outcome.interim, [
      [103, ["Link", "</a.css>"]],
      [103, ["Link", "</b.css>"]]
    ])
    assert.strictEqual(outcome.status, 200)
    assert.deepEqual(outcome.events, ["onInterim", "onInterim", "onHead", "onData", "onEnd"])
  })

  it("that comes before the upload has ended is relayed, and the upload stops", async () => {
    await using road = await withOrigin((incoming) => incoming.reply({ status: 413, body: "too much" }))
    const body = new Readable({ read() {} })
    body.push(pattern(1000))
    const outcome = await exchange(road.upstream, { method: "POST", body })
    assert.strictEqual(outcome.status, 413)
    assert.strictEqual(outcome.body.toString(), "too much")
    await road.origin.until(({ open }) => open === 0)
    assert.isTrue(body.destroyed)
  })

  it("that is followed by bytes nobody asked for is the last on its connection", async () => {
    await using road = await withOrigin(
      raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", false)
    )
    for (let n = 1; n <= 3; n++) {
      const outcome = await exchange(road.upstream)
      assert.strictEqual(outcome.body.toString(), "ok")
      await road.origin.until(({ open }) => open === 0)
      assert.strictEqual(road.origin.connections, n)
    }
  })

  it("cut short is a failure with its head relayed, never an end", async () => {
    for (const text of [
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
    ]) {
      await using road = await withOrigin(raw(text))
      const outcome = await exchange(road.upstream)
      assert.strictEqual(outcome.failure?.reason, "upstream_truncated", text)
      assert.isTrue(outcome.failure?.headed)
      assert.deepEqual(outcome.events, ["onHead", "onData", "onFailure"])
    }
  })
})

describe("an upgrade", () => {
  const websocket = { upgrade: "websocket", headers: ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version", "13"] }

  it("becomes a tunnel, bytes both ways, its connection counted until it closes", async () => {
    await using road = await withOrigin(tunnel)
    const outcome = await exchange(road.upstream, websocket)
    assert.strictEqual(outcome.status, 101)
    assert.strictEqual(field(outcome, "sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    const seen = road.origin.seen[0]!
    assert.deepEqual([seen.header("connection"), seen.header("upgrade")], ["upgrade", "websocket"])
    const socket = outcome.tunnel!
    const echoed = new Promise<string>((resolve) => socket.once("data", (bytes) => resolve(String(bytes))))
    socket.resume()
    socket.write("hello")
    assert.strictEqual(await echoed, "hello")
    assert.strictEqual(road.upstream.describe().pool.active, 1)
    socket.destroy()
    await road.origin.until(({ open }) => open === 0)
    assert.strictEqual(road.upstream.describe().pool.active, 0)
  })

  it("delivers what came with the 101", async () => {
    await using road = await withOrigin(raw("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\nearly", false))
    const { tunnel: socket } = await exchange(road.upstream, websocket)
    const first = new Promise<string>((resolve) => socket!.once("data", (bytes) => resolve(String(bytes))))
    socket!.resume()
    assert.strictEqual(await first, "early")
    socket!.destroy()
  })

  it("that is refused is an ordinary response", async () => {
    await using road = await withOrigin((incoming) => {
      incoming.socket.write("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
    })
    const outcome = await exchange(road.upstream, websocket)
    assert.strictEqual(outcome.status, 403)
    assert.strictEqual(outcome.body.toString(), "no")
    assert.deepEqual(outcome.events, ["onHead", "onData", "onEnd"])
  })

  it("to another protocol than asked for is malformed", async () => {
    await using road = await withOrigin(raw("HTTP/1.1 101 Go\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", false))
    assert.strictEqual((await exchange(road.upstream, websocket)).failure?.reason, "upstream_malformed")
  })
})

describe("a slow response", () => {
  it("reaches the sink piece by piece", async () => {
    await using road = await withOrigin(drip(3, 30))
    const pieces: Array<string> = []
    await exchange(road.upstream, {}, { onData: (chunk) => pieces.push(Buffer.from(chunk).toString()) > 0 })
    assert.deepEqual(pieces, ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"])
  })
})
