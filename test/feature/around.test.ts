// What stands around a message in HTTP/1.1: the expectation before its body, the trailers behind it, the upgrade out of it. A test a rule, with its clause.
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { raw } from "../proxy/harness.ts"
import { agree, bytes, type Conversation, converse, get, request, type Said, statusesOf, valuesOf } from "./conversation.ts"

let world: Conversation
beforeAll(async () => {
  world = await converse()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const post = (fields: ReadonlyArray<string>, body = ""): string => request("POST / HTTP/1.1", fields, body)
/** Pipelined requests may arrive in any order. */
const posted = (said: Said) => said.arrived.find(({ request: got }) => got.method === "POST")!
const closes = (said: Said): boolean => valuesOf(said.answers.at(-1)!.fields, "Connection").includes("close")

describe("Expect: 100-continue (RFC 9110 10.1.1)", () => {
  it("is answered with 100, and the body follows", async () => {
    const arrived = world.play(agree)
    using client = await raw(world.port)
    client.send(post(["Expect: 100-continue", "Content-Length: 4", "Connection: close"]))
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
    client.send("abcd")
    await client.until(/HTTP\/1\.1 200 /)
    assert.strictEqual(arrived[0]!.body, "abcd")
    assert.isUndefined(arrived[0]!.request.header("expect"))
  })

  it("is not answered with 100 when the answer is final already, and the connection closes", async () => {
    const said = await world.say(post(["Host: nobody.test", "Expect: 100-continue", "Content-Length: 4"]))
    assert.lengthOf(said.interim, 0)
    assert.deepEqual(statusesOf(said), [404])
    assert.isTrue(closes(said))
  })

  it("matters to nobody when the body is there already", async () => {
    const said = await world.say(post(["Expect: 100-continue", "Content-Length: 4"], "abcd") + get())
    assert.deepEqual(statusesOf(said), [200, 200])
    assert.strictEqual(posted(said).body, "abcd")
  })
})

describe("trailers (RFC 9110 6.5)", () => {
  const trailing = bytes(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\nHost: x\r\nX_Y: z\r\n\r\n"
  )
  const spoken = async (text: string) => {
    world.play(trailing)
    using client = await raw(world.port)
    client.send(text)
    return (await client.closed).text
  }

  it("of a response reach a client that says it reads them, without those that may not come late", async () => {
    const text = await spoken(get("TE: trailers", "Connection: close, TE"))
    assert.match(text, /\r\n0\r\nX-Sum: 1\r\n\r\n$/)
  })

  it("are left out for all others", async () => {
    assert.match(await spoken(get("Connection: close")), /\r\n0\r\n\r\n$/)
  })

  it("of a request are read and left out, whatever they claim (RFC 9110 6.5.1)", async () => {
    const said = await world.say(
      post(["Transfer-Encoding: chunked"], "2\r\nab\r\n0\r\nX-T: 1\r\nAuthorization: x\r\nHost: out.test\r\n\r\n") + get()
    )
    assert.deepEqual(statusesOf(said), [200, 200])
    assert.strictEqual(posted(said).body, "ab")
    assert.deepEqual(valuesOf(posted(said).request.headers, "Host"), ["in.test"])
    assert.notInclude(posted(said).request.head, "X-T")
  })

  it("with framing among them are refused: 400 for a request, no clean end for a response (RFC 9110 6.5.1)", async () => {
    for (const field of ["Content-Length: 9", "Transfer-Encoding: chunked"]) {
      const said = await world.say(post(["Transfer-Encoding: chunked"], `2\r\nab\r\n0\r\n${field}\r\n\r\n`) + get("X-After: 1"))
      assert.deepEqual(statusesOf(said), [400], field)
      assert.lengthOf(
        said.arrived.filter(({ request }) => request.header("x-after") === "1"),
        0
      )
    }
    world.play(bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nContent-Length: 9\r\n\r\n"))
    using client = await raw(world.port)
    client.send(get())
    assert.notMatch((await client.closed).text, /\r\n0\r\n/)
  })
})

describe("upgrades (RFC 9110 7.8, RFC 6455)", () => {
  const websocket = [
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
  ]
  const accepted =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

  it("a WebSocket handshake is made on both sides, then bytes go as they are (RFC 6455 4.1)", async () => {
    const arrived = world.play(async (exchange) => {
      await exchange.write(`${accepted}hello`)
      exchange.socket.on("data", (chunk) => exchange.socket.write(chunk))
    })
    using client = await raw(world.port)
    client.send(`${get(...websocket)}early`)
    const text = await client.until(/early/)
    assert.match(text, /^HTTP\/1\.1 101 /)
    assert.match(text, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/)
    assert.match(text, /\r\n\r\nhello/)
    client.send("\0\xff later")
    await client.until(/later/)
    const { request: got } = arrived[0]!
    assert.strictEqual(got.header("upgrade"), "websocket")
    assert.strictEqual(got.header("connection")?.toLowerCase(), "upgrade")
    assert.strictEqual(got.header("sec-websocket-key"), "dGhlIHNhbXBsZSBub25jZQ==")
  })

  it("a refusal is relayed as it is, and nothing after it is looked at (RFC 6455 4.2.2)", async () => {
    const said = await world.say(get(...websocket) + get("X-After: 1"), async (exchange) => {
      await exchange.reply({ status: 426, headers: [["Sec-WebSocket-Version", "13"]], body: "no" })
    })
    assert.deepEqual(statusesOf(said), [426])
    assert.deepEqual(valuesOf(said.answers[0]!.fields, "Sec-WebSocket-Version"), ["13"])
    assert.lengthOf(said.arrived, 1)
  })

  it("h2c is never offered to anybody: an ordinary answer comes (RFC 9113 3.1)", async () => {
    const said = await world.say(get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"))
    assert.deepEqual(statusesOf(said), [200])
    assert.isUndefined(said.arrived[0]!.request.header("upgrade"))
    assert.isUndefined(said.arrived[0]!.request.header("http2-settings"))
  })

  it("without Connection: Upgrade there is none (RFC 9110 7.8)", async () => {
    const said = await world.say(get("Upgrade: websocket") + get())
    assert.deepEqual(statusesOf(said), [200, 200])
    assert.isUndefined(said.arrived[0]!.request.header("upgrade"))
  })

  it("an upgrade behind another request is an upgrade when its turn comes (RFC 9112 9.3.2)", async () => {
    world.play(async (exchange) => {
      if (exchange.request.header("upgrade") === undefined) return exchange.reply({ body: "first" })
      await exchange.write(`${accepted}hello`)
      exchange.socket.on("data", (chunk) => exchange.socket.write(chunk))
    })
    using client = await raw(world.port)
    client.send(`${get() + get(...websocket)}early`)
    assert.match(await client.until(/early/), /\r\n\r\nfirstHTTP\/1\.1 101 .*hello/s)
  })

  it("CONNECT behind another request is refused after that one's answer (RFC 9112 9.3.2)", async () => {
    const said = await world.say(get() + request("CONNECT in.test:443 HTTP/1.1"))
    assert.deepEqual(statusesOf(said), [200, 405])
    assert.lengthOf(said.arrived, 1)
  })

  it("after an upgrade that was never offered the connection goes on, body and all (RFC 9110 7.8)", async () => {
    const hidden = get("X-Hidden: 1")
    const said = await world.say(get("Connection: Upgrade", "Upgrade: h2c") + post([`Content-Length: ${hidden.length}`], hidden) + get())
    assert.deepEqual(statusesOf(said), [200, 200, 200])
    assert.strictEqual(posted(said).body, hidden)
  })
})
