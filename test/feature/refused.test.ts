// What is refused before anything is forwarded, over real sockets: a test a rule, with its clause. The corpus beside it has the combinations.
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { type Conversation, converse, get, request, type Said, valuesOf } from "./conversation.ts"

let world: Conversation
beforeAll(async () => {
  world = await converse()
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
})

const post = (fields: ReadonlyArray<string>, body = ""): string => request("POST / HTTP/1.1", fields, body)
const closes = (said: Said): boolean => valuesOf(said.answers.at(-1)!.fields, "Connection").includes("close")

describe("refused before anything is forwarded", () => {
  const rows: ReadonlyArray<readonly [string, string, number]> = [
    ["Transfer-Encoding beside Content-Length (RFC 9112 6.1)", post(["Content-Length: 5", "Transfer-Encoding: chunked"], "0\r\n\r\n"), 400],
    ["two equal Content-Length (RFC 9112 6.3)", post(["Content-Length: 2", "Content-Length: 2"], "ab"), 400],
    ["a list in Content-Length (RFC 9112 6.3)", post(["Content-Length: 2, 2"], "ab"), 400],
    ["a signed Content-Length (RFC 9110 8.6)", post(["Content-Length: +2"], "ab"), 400],
    ["a hexadecimal Content-Length (RFC 9110 8.6)", post(["Content-Length: 0x2"], "ab"), 400],
    ["a Content-Length above 2^53 (RFC 9110 8.6)", post(["Content-Length: 9007199254740992"]), 400],
    ["Transfer-Encoding that does not end in chunked (RFC 9112 6.3)", post(["Transfer-Encoding: chunked, gzip"], "0\r\n\r\n"), 400],
    ["chunked twice (RFC 9112 7.1)", post(["Transfer-Encoding: chunked, chunked"], "0\r\n\r\n"), 400],
    ["a coding that is not ours under chunked (RFC 9112 6.1)", post(["Transfer-Encoding: gzip, chunked"], "0\r\n\r\n"), 501],
    ["Transfer-Encoding in HTTP/1.0 (RFC 9112 6.1)", request("POST / HTTP/1.0", ["Transfer-Encoding: chunked"], "0\r\n\r\n"), 400],
    ["a chunk size that is not hexadecimal (RFC 9112 7.1)", post(["Transfer-Encoding: chunked"], "5h\r\nhello\r\n0\r\n\r\n"), 400],
    ["a signed chunk size (RFC 9112 7.1)", post(["Transfer-Encoding: chunked"], "+5\r\nhello\r\n0\r\n\r\n"), 400],
    ["chunk data without its CRLF (RFC 9112 7.1)", post(["Transfer-Encoding: chunked"], "5\r\nhelloX\r\n0\r\n\r\n"), 400],
    [
      "chunk extensions above 16 KiB (RFC 9112 7.1.1)",
      post(["Transfer-Encoding: chunked"], `5;${"a".repeat(17_000)}\r\nhello\r\n0\r\n\r\n`),
      400
    ],
    ["a bare CR in a value (RFC 9112 2.2)", get("X-A: a\rb"), 400],
    ["a bare LF as a line end (RFC 9112 2.2)", get("X-A: a\nX-B: b"), 400],
    ["NUL in a value (RFC 9110 5.5)", get("X-A: a\0b"), 400],
    ["a control character in a value (RFC 9110 5.5)", get("X-A: a\x01b"), 400],
    ["white space before the colon (RFC 9112 5.1)", get("X-A : b"), 400],
    ["white space before the first field (RFC 9112 2.2)", "GET / HTTP/1.1\r\n X-A: b\r\nHost: in.test\r\n\r\n", 400],
    ["a folded value (RFC 9112 5.2)", get("X-A: a\r\n b"), 400],
    ["an empty name (RFC 9110 5.1)", get(": b"), 400],
    ["a name that is no token (RFC 9110 5.1)", get("X(A): b"), 400],
    ["no Host in 1.1 (RFC 9112 3.2)", "GET / HTTP/1.1\r\n\r\n", 400],
    ["two Host (RFC 9112 3.2)", get("Host: in.test", "Host: in.test"), 400],
    ["a list in Host (RFC 9112 3.2)", get("Host: in.test, out.test"), 400],
    ["a Host with a path (RFC 9112 3.2)", get("Host: in.test/a"), 400],
    ["a Host with userinfo (RFC 9112 3.2)", get("Host: a@in.test"), 400],
    ["a Host with a bad port (RFC 9112 3.2)", get("Host: in.test:99999"), 400],
    ["an empty Host (RFC 9112 3.2)", get("Host:"), 400],
    ["a target without its slash (RFC 9112 3.2)", request("GET @in.test HTTP/1.1"), 400],
    ["a target in authority form (RFC 9112 3.2.3)", request("GET in.test:80 HTTP/1.1"), 400],
    ["* without OPTIONS (RFC 9112 3.2.4)", request("GET * HTTP/1.1"), 400],
    ["a fragment (RFC 9110 4.2.5, RFC 9112 3.2)", request("GET /a#b HTTP/1.1"), 400],
    ["an escaped NUL (RFC 3986 7.3)", request("GET /a%00b HTTP/1.1"), 400],
    ["a backslash (RFC 3986 3.3)", request("GET /a\\b HTTP/1.1"), 400],
    ["dot segments that escape (RFC 3986 5.2.4)", request("GET /../a HTTP/1.1"), 400],
    ["dot segments in disguise (RFC 3986 6.2.2)", request("GET /a/%2e%2e/b HTTP/1.1"), 400],
    ["HTTP/0.9 (RFC 9112 2.3)", "GET /\r\n\r\n", 400],
    ["HTTP/2.0 on a text line (RFC 9110 15.6.6)", request("GET / HTTP/2.0"), 505],
    ["HTTP/1.2 (RFC 9110 15.6.6)", request("GET / HTTP/1.2"), 505],
    ["CONNECT (RFC 9110 9.3.6)", request("CONNECT in.test:443 HTTP/1.1"), 405],
    ["TRACE (RFC 9110 9.3.8)", request("TRACE / HTTP/1.1"), 405],
    ["a method that is no token (RFC 9110 9.1)", request("GE(T / HTTP/1.1"), 400],
    ["a target above 8 KiB (RFC 9110 15.5.15)", request(`GET /${"a".repeat(9_000)} HTTP/1.1`), 414],
    ["more than 200 fields (RFC 6585 5)", get(...Array<string>(201).fill("X-A: b")), 431],
    ["fields above the listener's bytes (RFC 6585 5)", get(`X-A: ${"b".repeat(33_000)}`), 431],
    ["an expectation that nobody knows (RFC 9110 10.1.1)", get("Expect: tea"), 417],
    ["OPTIONS with a Max-Forwards that is no number (RFC 9110 7.6.2)", request("OPTIONS / HTTP/1.1", ["Max-Forwards: x"]), 400]
  ]
  for (const [rule, text, status] of rows) {
    it(`${rule}: ${status}`, async () => {
      const said = await world.say(text + get("X-After: 1"))
      assert.isFalse(said.hung)
      assert.strictEqual(said.answers[0]?.status, status)
      // 417 leaves the framing clear (the next request is served); after all others nobody can tell what follows.
      assert.lengthOf(
        said.arrived.filter(({ request }) => request.header("x-after") === undefined && request.header("content-length") !== undefined),
        0
      )
      assert.lengthOf(said.answers, status === 417 ? 2 : 1)
      assert.lengthOf(
        said.arrived.filter(({ request }) => request.header("x-after") === "1"),
        status === 417 ? 1 : 0
      )
      assert.strictEqual(closes(said), status !== 417)
    })
  }

  it("405 says what is allowed (RFC 9110 15.5.6)", async () => {
    for (const line of ["TRACE / HTTP/1.1", "CONNECT in.test:443 HTTP/1.1"]) {
      const said = await world.say(request(line))
      assert.include(valuesOf(said.answers[0]!.fields, "Allow")[0], "GET, HEAD")
    }
  })

  it("answers of our own say little: text, length, Date, nosniff, no name of a backend (RFC 9110 15.5)", async () => {
    for (const text of [get("Host:"), get("Host: nobody.test"), request("GET @ HTTP/1.1")]) {
      const [answer] = (await world.say(text)).answers
      assert.isNotEmpty(valuesOf(answer!.fields, "Date"))
      assert.deepEqual(valuesOf(answer!.fields, "X-Content-Type-Options"), ["nosniff"])
      assert.deepEqual(valuesOf(answer!.fields, "Content-Type"), ["text/plain; charset=utf-8"])
      assert.deepEqual(valuesOf(answer!.fields, "Content-Length"), [String(answer!.body.length)])
      assert.notMatch(answer!.body, /127\.0\.0\.1|inside|outside|:\d/)
    }
  })
})
