// What crosses the gateway and what does not, both ways (http-semantics: fields; RFC 9110 7.6, 11.7, 5.3, 5.5).
import { gzipSync } from "node:zlib"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type Conversation, converse, get, request, type Said, statusesOf, valuesOf } from "./conversation.ts"

let world: Conversation
beforeAll(async () => {
  world = await converse()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const arrivedFields = (said: Said) => {
  assert.deepEqual(statusesOf(said), [200])
  return said.arrived[0]!.request.headers
}
/** The answer's fields when the origin sends these lines. */
const answeredWith = async (lines: ReadonlyArray<string>, ask = get(), body = "ok") => {
  const said = await world.say(ask, async ({ write }) => {
    await write(`HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join("")}Content-Length: ${body.length}\r\n\r\n${body}`)
  })
  assert.deepEqual(statusesOf(said), [200])
  assert.strictEqual(said.answers[0]!.body, body)
  return said.answers[0]!.fields
}

describe("hop-by-hop fields", () => {
  it.each([
    ["Keep-Alive", "timeout=5"],
    ["Proxy-Connection", "keep-alive"],
    ["TE", "trailers"],
    ["Trailer", "X-T"],
    ["Upgrade", "h2c"],
    ["HTTP2-Settings", "AAMAAABk"],
    ["Proxy-Authorization", "Basic eDp5"],
    ["Proxy-Authenticate", "Basic"],
    ["Proxy-Authentication-Info", "x"]
  ])("%s of a request stays here (RFC 9110 7.6.1, 11.7)", async (name, value) => {
    const fields = arrivedFields(await world.say(get(`${name}: ${value}`, "X-A: b")))
    assert.deepEqual(valuesOf(fields, name), [])
    assert.deepEqual(valuesOf(fields, "X-A"), ["b"])
  })

  it.each([
    ["Keep-Alive", "timeout=77"],
    ["Proxy-Connection", "keep-alive"],
    ["TE", "trailers"],
    ["Trailer", "X-T"],
    ["Upgrade", "h2c"],
    ["Proxy-Authenticate", "Basic"],
    ["Proxy-Authentication-Info", "x"],
    ["Proxy-Authorization", "x"]
  ])("%s of a response stays here (RFC 9110 7.6.1, 11.7)", async (name, value) => {
    const fields = await answeredWith([`${name}: ${value}`, "X-A: b"])
    assert.notInclude(valuesOf(fields, name), value)
    assert.deepEqual(valuesOf(fields, "X-A"), ["b"])
  })

  it("Connection of a request is ours: what it names does not go on, over several lines and with odd spaces (RFC 9110 7.6.1)", async () => {
    const fields = arrivedFields(
      await world.say(get("Connection: keep-alive, x-one", "X-One: 1", "Connection:,\tX-Two\t,,", "x-two: 2", "X-Three: 3"))
    )
    assert.deepEqual(valuesOf(fields, "x-one"), [])
    assert.deepEqual(valuesOf(fields, "x-two"), [])
    assert.deepEqual(valuesOf(fields, "x-three"), ["3"])
    assert.deepEqual(valuesOf(fields, "connection"), ["keep-alive"])
  })

  it("Connection of a response is not the client's: what it names does not go on (RFC 9110 7.6.1)", async () => {
    const fields = await answeredWith(["Connection: close, X-One", "X-One: 1", "X-Two: 2"])
    assert.deepEqual(valuesOf(fields, "x-one"), [])
    assert.deepEqual(valuesOf(fields, "x-two"), ["2"])
    assert.notInclude(valuesOf(fields, "connection"), "close")
  })

  it.each([
    ["Cookie", "a=b", "a=b"],
    ["Authorization", "Bearer t", "Bearer t"],
    ["Host", null, "in.test"],
    ["Via", null, "1.1 sluice"],
    ["X-Forwarded-For", null, "127.0.0.1"]
  ])("Connection cannot take %s away (RFC 9110 7.6.1: only fields of the connection may be named)", async (name, sent, expected) => {
    const fields = arrivedFields(await world.say(get(`Connection: ${name}`, ...(sent === null ? [] : [`${name}: ${sent}`]))))
    assert.deepEqual(valuesOf(fields, name), [expected])
  })

  it("Connection cannot take the framing away (RFC 9110 7.6.1)", async () => {
    for (const framing of ["Content-Length: 4", "Transfer-Encoding: chunked"]) {
      const body = framing.startsWith("C") ? "abcd" : "4\r\nabcd\r\n0\r\n\r\n"
      const said = await world.say(request("POST / HTTP/1.1", [`Connection: ${framing.split(":")[0]}`, framing], body))
      assert.deepEqual(statusesOf(said), [200])
      assert.strictEqual(said.arrived[0]!.body, "abcd")
    }
  })

  it("Connection cannot take away what a filter sets, and a filter's removal holds", async () => {
    const fields = arrivedFields(await world.say(get("Host: edited.test", "Connection: X-Set", "X-Set: client", "x-gone: 1")))
    assert.deepEqual(valuesOf(fields, "X-Set"), ["gateway"])
    assert.deepEqual(valuesOf(fields, "X-Gone"), [])
    const answer = await answeredWith(["X-Added: origin", "Connection: X-Added"], get("Host: edited.test"))
    assert.deepEqual(valuesOf(answer, "X-Added"), ["gateway"])
  })
})

describe("about the client", () => {
  it("Via is signed toward the cluster with the version that came (RFC 9110 7.6.3)", async () => {
    assert.deepEqual(valuesOf(arrivedFields(await world.say(get())), "Via"), ["1.1 sluice"])
    const old = await world.say(request("GET / HTTP/1.0"))
    assert.deepEqual(valuesOf(arrivedFields(old), "Via"), ["1.0 sluice"])
  })

  it("a request that has passed ten gateways of this kind is 508, and goes no further (RFC 9110 7.6.3)", async () => {
    const nine = await world.say(get(`Via: ${Array(9).fill("1.1 sluice").join(", ")}`))
    assert.deepEqual(statusesOf(nine), [200])
    assert.strictEqual(valuesOf(nine.arrived[0]!.request.headers, "Via").join().split("sluice").length - 1, 10)
    for (const fields of [[`Via: ${Array(10).fill("1.1 sluice").join(", ")}`], Array<string>(10).fill("via: 1.1 sluice")]) {
      const said = await world.say(get(...fields))
      assert.deepEqual(statusesOf(said), [508])
      assert.lengthOf(said.arrived, 0)
    }
  })

  it("the cluster is told who asked, whatever the client says of itself (RFC 7239 8.1)", async () => {
    const lies = [
      "X-Forwarded-For: 6.6.6.6",
      "x-forwarded-host: evil.test",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Port: 1",
      "Forwarded: for=6.6.6.6"
    ]
    const fields = arrivedFields(await world.say(get(...lies)))
    assert.deepEqual(valuesOf(fields, "X-Forwarded-For"), ["127.0.0.1"])
    assert.deepEqual(valuesOf(fields, "X-Forwarded-Host"), ["in.test"])
    assert.deepEqual(valuesOf(fields, "X-Forwarded-Proto"), ["http"])
    assert.deepEqual(valuesOf(fields, "X-Forwarded-Port"), ["80"])
    assert.deepEqual(valuesOf(fields, "Forwarded"), [])
  })

  it("a third party is told nothing (RFC 7239 8.3)", async () => {
    const fields = arrivedFields(await world.say(get("Host: out.test", "X-Forwarded-For: 6.6.6.6", "Forwarded: for=x", "Via: 1.1 mine")))
    for (const [name] of fields) assert.notMatch(name, /^(x-forwarded-.*|forwarded|via)$/i)
  })

  it("a trusted proxy's word is kept and added to (RFC 7239 7.4)", async () => {
    await using trusting = await converse({ trust: (address) => address === "127.0.0.1" })
    const said = await trusting.say(get("X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: https", "Via: 1.1 edge"))
    const fields = arrivedFields(said)
    assert.deepEqual(valuesOf(fields, "X-Forwarded-For"), ["6.6.6.6, 127.0.0.1"])
    assert.deepEqual(valuesOf(fields, "X-Forwarded-Proto"), ["https"])
    assert.deepEqual(valuesOf(fields, "Via"), ["1.1 edge, 1.1 sluice"])
  })
})

describe("everything else goes on as it came", () => {
  it("repeated lines keep their order and their values (RFC 9110 5.3)", async () => {
    const fields = arrivedFields(await world.say(get("X-A: 1", "Accept: a/b", "x-a: 2, 3", "X-A: ", "Cookie: a=1", "Cookie: b=2")))
    assert.deepEqual(valuesOf(fields, "X-A"), ["1", "2, 3", ""])
    assert.strictEqual(valuesOf(fields, "Cookie").join("; "), "a=1; b=2")
    const answer = await answeredWith(["X-A: 1", "Vary: b", "x-a: 2, 3"])
    assert.strictEqual(valuesOf(answer, "X-A").join(", "), "1, 2, 3")
  })

  it("Set-Cookie is never joined (RFC 9110 5.3, RFC 6265 3)", async () => {
    const cookies = ["a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT", "b=2; Path=/", "a=3"]
    const answer = await answeredWith(cookies.map((cookie) => `Set-Cookie: ${cookie}`))
    assert.deepEqual(valuesOf(answer, "Set-Cookie"), cookies)
  })

  it("no name is special to the list (RFC 9110 5.1)", async () => {
    for (const name of ["constructor", "toString", "hasOwnProperty", "valueOf"]) {
      assert.deepEqual(valuesOf(arrivedFields(await world.say(get(`${name}: x`))), name), ["x"])
      assert.deepEqual(valuesOf(await answeredWith([`${name}: x`]), name), ["x"])
    }
    assert.deepEqual(valuesOf(await answeredWith(["__proto__: x"]), "__proto__"), ["x"])
  })

  it("values are bytes: tabs and all above ASCII survive both ways (RFC 9110 5.5)", async () => {
    const value = `a\tb${Array.from({ length: 128 }, (_, at) => String.fromCharCode(128 + at)).join("")}c`
    const said = await world.say(get(`X-A: ${value}`))
    assert.include(said.arrived[0]!.request.head, `X-A: ${value}`)
    assert.include(
      (await answeredWith([`X-A: ${value}`])).map(([, text]) => text),
      value
    )
  })

  it("the case of names survives (RFC 9110 5.1: only comparison ignores it)", async () => {
    const said = await world.say(get("x-LOWER-Upper: 1"))
    assert.include(said.arrived[0]!.request.head, "x-LOWER-Upper: 1")
  })

  it("names with an underscore do not go on (RFC 9110 5.1; CGI reads them as hyphens)", async () => {
    const fields = arrivedFields(await world.say(get("X_A: 1", "transfer_encoding: chunked", "CONTENT_LENGTH: 9", "__proto__: x")))
    assert.notInclude(fields.map(([name]) => name).join(), "_")
  })

  it("nothing is added that the client did not say (RFC 9110 7.7)", async () => {
    const names = (fields: ReadonlyArray<readonly [string, string]>) => fields.map(([name]) => name.toLowerCase()).sort()
    assert.deepEqual(names(arrivedFields(await world.say(get("Host: out.test")))), ["connection", "host"])
    const answer = await answeredWith(["Date: Wed, 21 Oct 2026 07:28:00 GMT"], get("Host: out.test"))
    assert.deepEqual(
      names(answer).filter((name) => name !== "keep-alive"),
      ["connection", "content-length", "date"]
    )
  })

  it("content is not decoded, whatever the client accepts (RFC 9110 7.7)", async () => {
    const zipped = gzipSync("hello").toString("latin1")
    for (const accept of [[], ["Accept-Encoding: br"], ["Accept-Encoding: identity"]]) {
      const answer = await answeredWith(["Content-Encoding: gzip"], get(...accept), zipped)
      assert.deepEqual(valuesOf(answer, "Content-Encoding"), ["gzip"])
    }
  })

  it("conditions, ranges and negotiation pass untouched (RFC 9110 13, 14)", async () => {
    const lines = [
      'If-None-Match: "a", W/"b"',
      "If-Modified-Since: Wed, 21 Oct 2026 07:28:00 GMT",
      "Range: bytes=0-1,5-",
      'If-Range: "x"',
      "Accept: a/b;q=0.1"
    ]
    const { head } = (await world.say(get(...lines))).arrived[0]!.request
    for (const line of lines) assert.include(head, line)
  })

  it("a response without Date gets one, another keeps its own (RFC 9110 6.6.1)", async () => {
    const [added] = valuesOf(await answeredWith([]), "Date")
    assert.isBelow(Math.abs(Date.parse(added!) - Date.now()), 5_000)
    assert.deepEqual(valuesOf(await answeredWith(["Date: Wed, 21 Oct 2015 07:28:00 GMT"]), "Date"), ["Wed, 21 Oct 2015 07:28:00 GMT"])
  })
})

describe("Host", () => {
  it("exactly one, the client's toward the cluster, with its port (RFC 9110 7.2)", async () => {
    assert.deepEqual(valuesOf(arrivedFields(await world.say(get("Host: In.Test:8080"))), "Host"), ["In.Test:8080"])
  })

  it("exactly one, the third party's own outside (RFC 9110 7.2)", async () => {
    assert.deepEqual(valuesOf(arrivedFields(await world.say(get("Host: out.test"))), "Host"), [`127.0.0.1:${world.origin.port}`])
  })

  it("an absolute-form target replaces it (RFC 9112 3.2.2)", async () => {
    const said = await world.say(request("GET http://in.test/a?b HTTP/1.1", ["Host: out.test"]))
    assert.deepEqual(valuesOf(arrivedFields(said), "Host"), ["in.test"])
    assert.strictEqual(said.arrived[0]!.request.target, "/a?b")
  })
})
