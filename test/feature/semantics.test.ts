// What HTTP/1.1 asks of the one in the middle, over real sockets: a test a rule, with its clause.
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { readAnswers } from "../fuzz/attack.ts"
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
const closes = (said: Said): boolean => valuesOf(said.answers.at(-1)!.fields, "Connection").includes("close")

describe("targets and methods", () => {
  it("an absolute-form target is routed by its own authority and goes on in origin form (RFC 9112 3.2.2)", async () => {
    const said = await world.say(request("GET HTTP://Out.Test:80/a/b?c HTTP/1.1", ["Host: nobody.test"]))
    assert.deepEqual(statusesOf(said), [200])
    assert.strictEqual(said.arrived[0]!.request.target, "/a/b?c")
    assert.deepEqual(statusesOf(await world.say(request("GET http://nobody.test/ HTTP/1.1"))), [404])
  })

  it.each(["OPTIONS * HTTP/1.1", "OPTIONS http://in.test HTTP/1.1"])(
    "%s is answered here with Allow (RFC 9110 9.3.7, RFC 9112 3.2.4)",
    async (line) => {
      const said = await world.say(request(line) + get())
      assert.deepEqual(statusesOf(said), [204, 200])
      assert.lengthOf(said.arrived, 1)
      assert.include(valuesOf(said.answers[0]!.fields, "Allow")[0], "OPTIONS")
      assert.deepEqual(valuesOf(said.answers[0]!.fields, "Content-Length"), [])
    }
  )

  it("Max-Forwards counts down for OPTIONS, ends here at 0, and means nothing elsewhere (RFC 9110 7.6.2)", async () => {
    const on = await world.say(request("OPTIONS / HTTP/1.1", ["Max-Forwards: 2"]))
    assert.strictEqual(on.arrived[0]!.request.header("max-forwards"), "1")
    const here = await world.say(request("OPTIONS / HTTP/1.1", ["Max-Forwards: 0"]))
    assert.deepEqual(statusesOf(here), [204])
    assert.lengthOf(here.arrived, 0)
    const other = await world.say(get("Max-Forwards: 0"))
    assert.strictEqual(other.arrived[0]!.request.header("max-forwards"), "0")
  })

  it("empty segments, escapes and queries go on as they are (RFC 3986 6.2.2, RFC 9110 4.2.3)", async () => {
    for (const target of ["//a//b", "/a%2Fb", "/a%20b?c=%00#".slice(0, -1), "/a?", "/?a=b?c&d", "/~a;b=c/,d"]) {
      const said = await world.say(request(`GET ${target} HTTP/1.1`))
      assert.strictEqual(said.arrived[0]!.request.target, target)
    }
  })

  it("plain dot segments are taken out before matching and forwarding alike (RFC 3986 5.2.4)", async () => {
    assert.strictEqual((await world.say(request("GET /a/../b/./c HTTP/1.1"))).arrived[0]!.request.target, "/b/c")
  })

  it.each(["PUT", "PATCH", "DELETE", "PROPFIND", "REPORT", "QUERY"])("%s goes on with its body (RFC 9110 9.1)", async (method) => {
    const said = await world.say(request(`${method} / HTTP/1.1`, ["Content-Length: 4"], "abcd"))
    assert.deepEqual(statusesOf(said), [200])
    assert.strictEqual(said.arrived[0]!.request.method, method)
    assert.strictEqual(said.arrived[0]!.body, "abcd")
  })

  it("any token is a method and goes on (RFC 9110 9.1)", async () => {
    for (const method of ["BREW", "get", "M-SEARCH", "!#$%&'*+-.^_`|~"]) {
      const said = await world.say(request(`${method} / HTTP/1.1`))
      assert.deepEqual(statusesOf(said), [200])
      assert.strictEqual(said.arrived[0]!.request.method, method)
    }
  })

  it("a host that nothing is served under is 404, and the connection goes on (RFC 9110 15.5.5)", async () => {
    assert.deepEqual(statusesOf(await world.say(get("Host: nobody.test") + get())), [404, 200])
  })
})

describe("messages", () => {
  it("a body is framed anew, as long as it says (RFC 9112 6.1)", async () => {
    const counted = await world.say(post(["Content-Length: 0000004"], "abcd"))
    assert.deepEqual(valuesOf(counted.arrived[0]!.request.headers, "Content-Length"), ["4"])
    const chunked = await world.say(post(["Transfer-Encoding: CHUNKED"], "2;a=b\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"))
    assert.deepEqual(valuesOf(chunked.arrived[0]!.request.headers, "Transfer-Encoding"), ["chunked"])
    assert.strictEqual(chunked.arrived[0]!.body, "abcd")
  })

  it("no body is none: a GET has no framing, a POST may say 0 (RFC 9110 8.6)", async () => {
    const none = (await world.say(get())).arrived[0]!.request
    assert.isUndefined(none.header("content-length"))
    assert.isUndefined(none.header("transfer-encoding"))
    const zero = await world.say(post(["Content-Length: 0"]))
    assert.deepEqual(valuesOf(zero.arrived[0]!.request.headers, "Content-Length"), ["0"])
  })

  it("a GET may have a body (RFC 9110 9.3.1)", async () => {
    assert.strictEqual((await world.say(request("GET / HTTP/1.1", ["Content-Length: 4"], "abcd"))).arrived[0]!.body, "abcd")
  })

  it("a request in a body is a body (RFC 9112 6.3)", async () => {
    const hidden = get("X-Hidden: 1")
    const said = await world.say(post([`Content-Length: ${hidden.length}`], hidden))
    assert.lengthOf(said.arrived, 1)
    assert.strictEqual(said.arrived[0]!.body, hidden)
  })

  it("an empty line before a request is nothing (RFC 9112 2.2)", async () => {
    assert.deepEqual(statusesOf(await world.say(`\r\n${get()}\r\n\r\n${get()}`)), [200, 200])
  })

  it("pipelined requests are served one after the other: the next goes on when the answer before is out (RFC 9112 9.3.2)", async () => {
    let open = 0
    let most = 0
    const count = 500
    const arrived = world.play(async (exchange) => {
      most = Math.max(most, ++open)
      await exchange.delay(exchange.request.target === "/0" ? 30 : 0)
      open--
      await exchange.reply({ body: exchange.request.target })
    })
    using client = await raw(world.port)
    const last = request(`GET /${count} HTTP/1.1`, ["Connection: close"])
    client.send(Array.from({ length: count }, (_, n) => request(`GET /${n} HTTP/1.1`)).join("") + last)
    const { text } = await client.closed
    const { answers, garbage } = readAnswers(text, [])
    assert.deepEqual(
      answers.map(({ body }) => body),
      Array.from({ length: count + 1 }, (_, n) => `/${n}`)
    )
    assert.strictEqual(garbage, "")
    assert.lengthOf(arrived, count + 1)
    assert.strictEqual(most, 1)
  })

  it("what follows a request that closes the connection is not looked at (RFC 9112 9.6)", async () => {
    for (const first of [get("Connection: close"), request("GET / HTTP/1.0"), get("Connection: x, CLOSE")]) {
      const said = await world.say(first + get("X-After: 1"))
      assert.deepEqual(statusesOf(said), [200])
      assert.isTrue(closes(said))
      assert.lengthOf(said.arrived, 1)
    }
  })

  it("what follows a refused request on its connection is not looked at (RFC 9112 9.6, 11.2)", async () => {
    const said = await world.say(request("POST / HTTP/1.0", ["Transfer-Encoding: chunked", "Connection: keep-alive"], `0\r\n\r\n${get()}`))
    assert.deepEqual(statusesOf(said), [400])
    assert.lengthOf(said.arrived, 0)
  })

  it("the connection goes on after answers of ours that leave the framing clear (RFC 9112 9.3)", async () => {
    const said = await world.say(get("Host: nobody.test") + request("OPTIONS * HTTP/1.1") + get("Expect: tea") + get())
    assert.deepEqual(statusesOf(said), [404, 204, 417, 200])
  })
})

describe("HTTP/1.0 clients (RFC 9112 9.3, RFC 9110 2.5)", () => {
  const old = (...fields: ReadonlyArray<string>) => request("GET / HTTP/1.0", fields)
  const chunks = bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n")

  it("get no chunks: the body ends with the connection", async () => {
    const said = await world.say(old(), chunks)
    assert.deepEqual(valuesOf(said.answers[0]!.fields, "Transfer-Encoding"), [])
    assert.strictEqual(said.answers[0]!.body, "abcd")
  })

  it("keep the connection when they ask for it and the length is known", async () => {
    const said = await world.say(old("Connection: keep-alive") + old("Connection: keep-alive"))
    assert.deepEqual(statusesOf(said), [200, 200])
    assert.include(valuesOf(said.answers[0]!.fields, "Connection").join().toLowerCase(), "keep-alive")
  })

  it("are sent onward as 1.1 (RFC 9110 2.5: a gateway speaks its own version)", async () => {
    assert.strictEqual((await world.say(old())).arrived[0]!.request.version, "HTTP/1.1")
  })

  it("may name no host, and are served by whoever serves every host (RFC 9112 3.2)", async () => {
    assert.deepEqual(statusesOf(await world.say("GET / HTTP/1.0\r\n\r\n")), [404])
  })

  it("see no interim response (RFC 9110 15.2)", async () => {
    const said = await world.say(old(), bytes("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
    assert.lengthOf(said.interim, 0)
    assert.deepEqual(statusesOf(said), [200])
  })

  it("cannot expect 100 (RFC 9110 10.1.1)", async () => {
    const said = await world.say(request("POST / HTTP/1.0", ["Expect: 100-continue", "Content-Length: 4"], "abcd"))
    assert.lengthOf(said.interim, 0)
    assert.strictEqual(said.arrived[0]!.body, "abcd")
  })
})

describe("responses", () => {
  it("to HEAD have no body, whatever length they declare, and the connection goes on (RFC 9110 9.3.2)", async () => {
    const said = await world.say(request("HEAD / HTTP/1.1") + get(), async (exchange) => {
      if (exchange.request.method === "HEAD") await exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
      else await exchange.reply({ body: "next" })
    })
    assert.deepEqual(valuesOf(said.answers[0]!.fields, "Content-Length"), ["1234"])
    assert.strictEqual(said.answers[1]!.body, "next")
  })

  it("to HEAD may be framed in chunks that never come (RFC 9112 6.3)", async () => {
    const said = await world.say(request("HEAD / HTTP/1.1") + get(), async (exchange) => {
      if (exchange.request.method === "HEAD") await exchange.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
      else await exchange.reply({ body: "next" })
    })
    assert.deepEqual(statusesOf(said), [200, 200])
    assert.strictEqual(said.answers[1]!.body, "next")
  })

  it.each([204, 304])("%s has no body (RFC 9112 6.3)", async (status) => {
    const said = await world.say(get() + get("X-Next: 1"), async (exchange) => {
      if (exchange.request.header("x-next") === undefined) await exchange.write(`HTTP/1.1 ${status} X\r\nETag: "a"\r\n\r\n`)
      else await exchange.reply({ body: "next" })
    })
    assert.deepEqual(statusesOf(said), [status, 200])
    assert.deepEqual(valuesOf(said.answers[0]!.fields, "Transfer-Encoding"), [])
    assert.deepEqual(valuesOf(said.answers[0]!.fields, "ETag"), ['"a"'])
    assert.strictEqual(said.answers[1]!.body, "next")
  })

  it("204 says no Content-Length, even when the upstream does (RFC 9110 8.6)", async () => {
    const said = await world.say(get(), bytes("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"))
    assert.deepEqual(valuesOf(said.answers[0]!.fields, "Content-Length"), [])
  })

  it("304 keeps the length of what it stands for (RFC 9110 8.6, 15.4.5)", async () => {
    const said = await world.say(get(), bytes("HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n"))
    assert.deepEqual(valuesOf(said.answers[0]!.fields, "Content-Length"), ["99"])
  })

  it("of a length keep it, of chunks are chunked anew (RFC 9112 6)", async () => {
    const counted = await world.say(get(), bytes("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd"))
    assert.deepEqual(valuesOf(counted.answers[0]!.fields, "Content-Length"), ["4"])
    const chunked = await world.say(get(), bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;x\r\nabcd\r\n0\r\n\r\n"))
    assert.deepEqual(valuesOf(chunked.answers[0]!.fields, "Transfer-Encoding"), ["chunked"])
    assert.strictEqual(chunked.answers[0]!.body, "abcd")
  })

  it("that end with their connection are relayed in chunks, and ours goes on (RFC 9112 6.3)", async () => {
    const said = await world.say(get() + get("X-Next: 1"), async (exchange, arrived) => {
      if (exchange.request.header("x-next") !== undefined) return agree(exchange, arrived)
      await exchange.write("HTTP/1.0 200 OK\r\n\r\nuntil the end")
      exchange.end()
    })
    assert.deepEqual(valuesOf(said.answers[0]!.fields, "Transfer-Encoding"), ["chunked"])
    assert.strictEqual(said.answers[0]!.body, "until the end")
    assert.deepEqual(statusesOf(said), [200, 200])
  })

  it("keep their status, even one nobody knows (RFC 9110 15)", async () => {
    for (const status of [201, 206, 299, 300, 308, 404, 418, 451, 499, 500, 503, 599]) {
      const said = await world.say(get(), bytes(`HTTP/1.1 ${status} Own Words\r\nContent-Length: 0\r\n\r\n`))
      assert.deepEqual(statusesOf(said), [status])
    }
  })

  it("have one Date: the upstream's where it has one, else ours (RFC 9110 6.6.1)", async () => {
    const date = "Sun, 06 Nov 1994 08:49:37 GMT"
    const theirs = await world.say(get(), bytes(`HTTP/1.1 200 OK\r\ndate: ${date}\r\nContent-Length: 0\r\n\r\n`))
    assert.deepEqual(valuesOf(theirs.answers[0]!.fields, "Date"), [date])
    const ours = await world.say(get())
    assert.lengthOf(valuesOf(ours.answers[0]!.fields, "Date"), 1)
  })

  it("206, Content-Range and Retry-After pass untouched (RFC 9110 14.4, 10.2.3)", async () => {
    const said = await world.say(
      get("Range: bytes=0-1"),
      bytes("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/9\r\nRetry-After: 3\r\nContent-Length: 2\r\n\r\nab")
    )
    assert.deepEqual(valuesOf(said.answers[0]!.fields, "Content-Range"), ["bytes 0-1/9"])
    assert.deepEqual(valuesOf(said.answers[0]!.fields, "Retry-After"), ["3"])
  })

  it("103 comes before the final one, with its fields (RFC 8297 2)", async () => {
    const said = await world.say(
      get(),
      bytes("HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    )
    assert.deepEqual(
      said.interim.map(({ status, fields }) => [status, ...valuesOf(fields, "Link")]),
      [[103, "</a.css>; rel=preload"]]
    )
    assert.strictEqual(said.answers[0]!.body, "ok")
  })

  it("shorter than declared never end cleanly (RFC 9112 8)", async () => {
    world.play(bytes("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", true))
    using client = await raw(world.port)
    client.send(get())
    const { text } = await client.closed
    assert.match(text, /^HTTP\/1\.1 200 /)
    assert.notStrictEqual(readAnswers(text, ["GET"]).garbage, "")
  })

  it("cut in the middle of their chunks never end cleanly (RFC 9112 8)", async () => {
    world.play(bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true))
    using client = await raw(world.port)
    client.send(get())
    assert.notInclude((await client.closed).text, "\r\n0\r\n")
  })

  it("that come while the upload runs are relayed at once (RFC 9112 9.3, 9.5)", async () => {
    world.play(async (exchange) => {
      await exchange.reply({ status: 403, body: "enough" })
    })
    using client = await raw(world.port)
    client.send(post(["Content-Length: 100000"], "x".repeat(1_000)))
    assert.match(await client.until(/enough$/), /^HTTP\/1\.1 403 /)
  })
})
