import { Readable } from "node:stream"
import { assert, describe, it } from "vitest"
import { exchange, field } from "../support/live.ts"
import { drip, pattern, type Script, tunnel } from "../support/origin.ts"
import { withOrigin } from "./road.ts"

const raw =
  (text: string, end = true): Script =>
  async (incoming) => {
    await incoming.write(text)
    if (end) incoming.end()
  }

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
      // The next is sent at once: it must not find the connection, nor what was left on it.
      assert.strictEqual(outcome.body.toString(), "ok")
      assert.strictEqual(road.origin.connections, n)
    }
    await road.origin.until(({ open }) => open === 0)
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
