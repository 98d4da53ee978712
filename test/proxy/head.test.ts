import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { checkHead, defaultHeadLimits, type HeadLimits, type ReceivedHead, type RefusedHead, type RequestHead } from "#src/proxy/head.ts"

const received = (headers: ReadonlyArray<string> = [], more: Partial<ReceivedHead> = {}): ReceivedHead => ({
  method: "GET",
  target: "/",
  version: "1.1",
  fields: headers.includes("Host") ? headers : ["Host", "example.com", ...headers],
  ...more
})
const check = (headers?: ReadonlyArray<string>, more?: Partial<ReceivedHead>, limits: Partial<HeadLimits> = {}) =>
  checkHead(received(headers, more), { ...defaultHeadLimits, ...limits })

const accepted = (...of: Parameters<typeof check>): RequestHead => {
  const head = check(...of)
  if (head._tag === "Refused") assert.fail(`refused: ${head.reason}: ${head.detail}`)
  return head as RequestHead
}
const refusal = (...of: Parameters<typeof check>): RefusedHead["reason"] | "accepted" => {
  const head = check(...of)
  return head._tag === "Refused" ? head.reason : "accepted"
}
const at = (url: string, method = "GET") => accepted([], { target: url, method })

describe("framing", () => {
  it.each([
    ["Transfer-Encoding beside Content-Length (RFC 9112 6.1)", ["Transfer-Encoding", "chunked", "Content-Length", "5"], "bad_request"],
    ["Content-Length twice, even equal (RFC 9112 6.3)", ["Content-Length", "5", "content-length", "5"], "bad_request"],
    ["Content-Length as a list (RFC 9112 6.3)", ["Content-Length", "5, 5"], "bad_request"],
    ["Content-Length with a sign", ["Content-Length", "+5"], "bad_request"],
    ["Content-Length below zero", ["Content-Length", "-1"], "bad_request"],
    ["Content-Length in hex", ["Content-Length", "0x5"], "bad_request"],
    ["Content-Length with a space", ["Content-Length", "5 5"], "bad_request"],
    ["Content-Length empty", ["Content-Length", ""], "bad_request"],
    ["Content-Length above 2^53 - 1", ["Content-Length", "9007199254740992"], "bad_request"],
    ["Content-Length of 30 digits", ["Content-Length", "1".repeat(30)], "bad_request"],
    ["chunked twice in one line (RFC 9112 6.1)", ["Transfer-Encoding", "chunked, chunked"], "bad_request"],
    ["chunked twice in two lines", ["Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"], "bad_request"],
    ["chunked not last", ["Transfer-Encoding", "chunked, gzip"], "bad_request"],
    ["no chunked", ["Transfer-Encoding", "gzip"], "bad_request"],
    ["identity", ["Transfer-Encoding", "identity"], "bad_request"],
    ["empty coding", ["Transfer-Encoding", ""], "bad_request"],
    ["chunked with a parameter", ["Transfer-Encoding", "chunked;a=b"], "bad_request"],
    ["gzip under chunked (501)", ["Transfer-Encoding", "gzip, chunked"], "bad_coding"],
    ["an unknown coding under chunked (501)", ["Transfer-Encoding", "x", "Transfer-Encoding", "chunked"], "bad_coding"]
  ] as const)("%s", (_, headers, reason) => {
    assert.strictEqual(refusal(headers), reason)
  })

  it("Transfer-Encoding in HTTP/1.0 (RFC 9112 6.1)", () => {
    assert.strictEqual(refusal(["Transfer-Encoding", "chunked"], { version: "1.0" }), "bad_request")
  })

  it("a doubtful message is refused as such whatever its method", () => {
    assert.strictEqual(refusal(["Transfer-Encoding", "chunked", "Content-Length", "5"], { method: "TRACE" }), "bad_request")
  })

  it("what is plainly framed goes on", () => {
    assert.strictEqual(accepted(["Content-Length", "9007199254740991"]).contentLength, 9_007_199_254_740_991)
    assert.strictEqual(accepted(["Content-Length", "0"]).contentLength, 0)
    assert.isTrue(accepted(["Transfer-Encoding", "Chunked"]).chunked)
    assert.isNull(accepted().contentLength)
    assert.deepEqual(accepted(["Content-Length", "5", "A", "1"]).headers, ["A", "1"])
  })
})

describe("version (RFC 9110 15.6.6)", () => {
  it.each([
    ["0.9", "bad_request"],
    ["1.0", "accepted"],
    ["1.1", "accepted"],
    ["1.2", "bad_version"],
    ["2.0", "bad_version"]
  ] as const)("HTTP/%s: %s", (httpVersion, reason) => {
    assert.strictEqual(refusal([], { version: httpVersion }), reason)
  })
})

describe("Host (RFC 9112 3.2)", () => {
  it("HTTP/1.1 needs one, HTTP/1.0 does not", () => {
    assert.strictEqual(refusal([], { fields: [] }), "bad_request")
    assert.strictEqual(accepted([], { fields: [], version: "1.0" }).host, "")
  })

  it.each(["", "a, b", "a/b", "user@a", "a:b", "a:0", "a:99999", "a b", "a%00", "[::1"])("%j is refused, in either version", (host) => {
    assert.strictEqual(refusal(["Host", host]), "bad_request")
    assert.strictEqual(refusal(["Host", host], { version: "1.0" }), "bad_request")
  })

  it("two are refused, even equal, even under an absolute-form target", () => {
    assert.strictEqual(refusal(["Host", "a", "host", "a"]), "bad_request")
    assert.strictEqual(refusal(["Host", "a", "host", "a"], { target: "http://a/" }), "bad_request")
  })

  it("is matched without port and case, and kept as written", () => {
    const head = accepted(["Host", "Example.COM:8080"])
    assert.strictEqual(head.host, "example.com")
    assert.strictEqual(head.authority, "Example.COM:8080")
    assert.deepEqual(head.headers, [])
  })
})

describe("absolute-form targets (RFC 9112 3.2.2)", () => {
  it("route on their own authority and go on in origin form", () => {
    const head = accepted(["Host", "other.example"], { target: "HTTP://Example.com:81/a?b=c" })
    assert.strictEqual(head.host, "example.com")
    assert.strictEqual(head.authority, "Example.com:81")
    assert.strictEqual(head.target, "/a?b=c")
    assert.strictEqual(at("http://example.com").target, "/")
    assert.strictEqual(at("https://example.com?x").target, "/?x")
  })

  it("still need a valid Host", () => {
    assert.strictEqual(refusal([], { target: "http://a/", fields: [] }), "bad_request")
    assert.strictEqual(refusal(["Host", "a, b"], { target: "http://a/" }), "bad_request")
  })

  it.each(["http:///a", "http://user@a/", "http://a:x/", "ftp://a/", "http:/a", "http://a\\b/"])("%s names no plain host", (url) => {
    assert.strictEqual(refusal([], { target: url }), "bad_request")
  })
})

describe("targets (RFC 9112 3.2)", () => {
  it.each(["@host", "host/path", "example.com:443", "", "?a", "*", "*/a", ".."])("%j does not start with /", (url) => {
    assert.strictEqual(refusal([], { target: url }), "bad_request")
  })

  it.each([
    "/a\\b",
    "/a#b",
    "/a?b#c",
    "/a b",
    "/a\u0000",
    "/a\u007f",
    "/a\u00e9",
    "/%00",
    "/a%00b",
    "/%",
    "/%4",
    "/%zz",
    "/%2e%2e/a",
    "/a/%2e%2E/b",
    "/a/.%2e/b",
    "/a/%2e./b",
    "/a/%2e/b",
    "/a/..%2fb",
    "/a%2f../b",
    "/a/..%5cb",
    "/a/..;x=1/b",
    "/a/.;/b",
    "/..",
    "/../a",
    "/a/../../b",
    "/./.."
  ])("%j has what a path may not have (RFC 9110 4.2.3)", (url) => {
    assert.strictEqual(refusal([], { target: url }), "bad_request")
  })

  it.each([
    ["/", "/", ""],
    ["/a?", "/a", ""],
    ["/a?b?c", "/a", "b?c"],
    ["//a//b", "//a//b", ""],
    ["/a%2fb", "/a%2fb", ""],
    ["/a%2Fb/%41", "/a%2Fb/%41", ""],
    ["/a;x=1/b", "/a;x=1/b", ""],
    ["/...", "/...", ""],
    ["/.well-known/acme", "/.well-known/acme", ""],
    ["/a..b/c.", "/a..b/c.", ""],
    ["/file%2etxt", "/file%2etxt", ""],
    ["/a?b=..%2f%00\\&100%", "/a", "b=..%2f%00\\&100%"],
    ['/a|b{c}^`"<>', '/a|b{c}^`"<>', ""]
  ])("%s goes on as it is", (url, path, query) => {
    const head = at(url)
    assert.strictEqual(head.target, url)
    assert.strictEqual(head.path, path)
    assert.strictEqual(head.query, query)
  })

  it.each([
    ["/a/./b", "/a/b"],
    ["/a/../b", "/b"],
    ["/a/..", "/"],
    ["/a/.", "/a/"],
    ["/a/b/..", "/a/"],
    ["/./a", "/a"],
    ["/a//../b", "/a/b"],
    ["/public/../admin?x=/../", "/admin?x=/../"]
  ])("plain dot segments leave the path matched and the path forwarded alike: %s is %s (RFC 3986 5.2.4)", (url, target) => {
    const head = at(url)
    assert.strictEqual(head.target, target)
    assert.strictEqual(head.path, target.replace(/\?.*/, ""))
  })

  it("property: dot segments are removed as the URL standard does, or the target is refused", () => {
    const segment = fc.constantFrom("a", "b", ".", "..", "...", "", "a%2fb", ".a")
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 6 }), (segments) => {
        const url = `/${segments.join("/")}`
        const head = check([], { target: url })
        // A host of its own in front, or `//` would read as one.
        if (head._tag === "Head") assert.strictEqual(head.path, new URL(`http://h${url}`).pathname)
        else assert.isTrue(segments.includes(".") || segments.includes(".."))
      })
    )
  })

  it("a target over the limit is 414", () => {
    assert.strictEqual(refusal([], { target: `/${"a".repeat(8192)}` }), "uri_too_long")
    assert.strictEqual(refusal([], { target: `/${"a".repeat(8191)}` }), "accepted")
  })
})

describe("methods", () => {
  it("CONNECT and TRACE are 405 (RFC 9110 9.3.6, 9.3.8)", () => {
    assert.strictEqual(refusal([], { method: "CONNECT", target: "example.com:443" }), "method_not_allowed")
    assert.strictEqual(refusal([], { method: "TRACE" }), "method_not_allowed")
  })

  it("unknown methods go on (RFC 9110 9.1)", () => {
    assert.strictEqual(accepted([], { method: "BREW" }).method, "BREW")
  })

  it("OPTIONS * is answered by us, also in absolute form (RFC 9112 3.2.4)", () => {
    assert.isTrue(at("*", "OPTIONS").answered)
    assert.isTrue(at("http://example.com", "OPTIONS").answered)
    assert.isFalse(at("http://example.com/", "OPTIONS").answered)
    assert.isFalse(at("/", "OPTIONS").answered)
  })

  it("Max-Forwards counts down for OPTIONS, and 0 is answered by us (RFC 9110 7.6.2)", () => {
    assert.deepEqual(accepted(["Max-Forwards", "3"], { method: "OPTIONS" }).headers, ["Max-Forwards", "2"])
    assert.isTrue(accepted(["Max-Forwards", "0"], { method: "OPTIONS" }).answered)
    assert.strictEqual(refusal(["Max-Forwards", "x"], { method: "OPTIONS" }), "bad_request")
    assert.deepEqual(accepted(["Max-Forwards", "0"]).headers, ["Max-Forwards", "0"])
  })
})

describe("Expect (RFC 9110 10.1.1)", () => {
  it("100-continue is ours to answer, anything else is 417", () => {
    const head = accepted(["Expect", "100-Continue"])
    assert.isTrue(head.expectContinue)
    assert.deepEqual(head.headers, [])
    assert.strictEqual(refusal(["Expect", "200-ok"]), "bad_expect")
    assert.strictEqual(refusal(["Expect", "100-continue", "Expect", "100-continue"]), "bad_expect")
  })

  it("from HTTP/1.0 it is ignored", () => {
    const head = accepted(["Expect", "100-continue"], { version: "1.0" })
    assert.isFalse(head.expectContinue)
    assert.deepEqual(head.headers, [])
  })
})

describe("upgrade (RFC 9110 7.8)", () => {
  it.each([
    ["websocket", "Upgrade", "websocket"],
    ["WebSocket", "keep-alive, Upgrade", "websocket"],
    ["websocket", "keep-alive", null],
    ["h2c", "Upgrade, HTTP2-Settings", null],
    ["h2c, websocket", "upgrade", "websocket"],
    ["", "upgrade", null]
  ])("Upgrade: %s with Connection: %s asks for %s", (upgrade, connection, expected) => {
    const head = accepted(["Upgrade", upgrade, "Connection", connection, "HTTP2-Settings", "AAMAAABk", "A", "1"])
    assert.strictEqual(head.upgrade, expected)
    assert.deepEqual(head.headers, ["A", "1"])
  })

  it("HTTP/1.0 cannot ask for one", () => {
    assert.isNull(accepted(["Upgrade", "websocket", "Connection", "upgrade"], { version: "1.0" }).upgrade)
  })
})

describe("persistence (RFC 9112 9.3)", () => {
  it.each([
    ["1.1", [], true],
    ["1.1", ["Connection", "close"], false],
    ["1.1", ["Connection", "keep-alive, close"], false],
    ["1.0", [], false],
    ["1.0", ["Connection", "keep-alive"], true],
    ["1.0", ["Connection", "keep-alive, close"], false]
  ] as const)("HTTP/%s with %j: %s", (httpVersion, headers, expected) => {
    assert.strictEqual(accepted(headers, { version: httpVersion }).keepAlive, expected)
  })
})

describe("limits", () => {
  const fields = (count: number) => Array.from({ length: count }, (_, at) => [`x-${at}`, "1"]).flat()
  it("too many fields, or too many bytes of them, are 431", () => {
    assert.strictEqual(refusal(fields(199)), "accepted")
    assert.strictEqual(refusal(fields(200)), "head_too_large")
    assert.strictEqual(refusal(["A", "x".repeat(900)], {}, { bytes: 1000 }), "accepted")
    assert.strictEqual(refusal(["A", "x".repeat(1000)], {}, { bytes: 1000 }), "head_too_large")
  })

  it("a name with an underscore is refused where the policy says so", () => {
    assert.strictEqual(refusal(["api_key", "1"], {}, { underscores: "Refuse" }), "bad_request")
    assert.deepEqual(accepted(["api_key", "1"], {}, { underscores: "Allow" }).headers, ["api_key", "1"])
  })
})

describe("what matches see", () => {
  it("the fields that go on, joined, and those that are ours", () => {
    const head = accepted([
      "Host",
      "Example.com",
      "A",
      "1",
      "a",
      "2",
      "Upgrade",
      "websocket",
      "Connection",
      "Upgrade, X-Gone",
      "X-Gone",
      "1",
      "api_key",
      "k"
    ])
    assert.strictEqual(head.header("a"), "1, 2")
    assert.strictEqual(head.header("host"), "Example.com")
    assert.strictEqual(head.header("upgrade"), "websocket")
    assert.isNull(head.header("x-gone"))
    assert.isNull(head.header("api_key"))
    assert.isNull(head.header("constructor"))
    assert.isNull(head.header("te"))
  })

  it("trailers are read by a client that says so", () => {
    assert.isTrue(accepted(["TE", "deflate, Trailers"]).trailers)
    assert.isFalse(accepted(["TE", "deflate"]).trailers)
  })
})
