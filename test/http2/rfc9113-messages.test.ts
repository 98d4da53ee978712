// RFC 9113 section 8: what a request and a response may be, for a server and for a client; and how a connection is left (6.8).
import { assert, describe, it } from "vitest"
import { openClient } from "../../src/http2/client.ts"
import { codes } from "../../src/http2/code.ts"
import { Decoder } from "../../src/http2/decoder.ts"
import type { ResponseHead } from "../../src/http2/head.ts"
import { defaultSessionLimits } from "../../src/http2/limits.ts"
import type { SessionProblem } from "../../src/http2/session.ts"
import type { Reset, Stream } from "../../src/http2/stream.ts"
import { type Case, judge } from "./judged.ts"
import { flag, greeting, headers, number, plain, raw, Sink, serve, setting, type } from "./wire.ts"

const data = (stream: number, bytes: string | Uint8Array, end = false) => raw(type.data, end ? flag.end : 0, stream, bytes)

const without = (name: string): ReadonlyArray<string> =>
  plain.flatMap((text, at) => (at % 2 === 0 && text !== name ? [text, plain[at + 1]!] : []))

/** Nothing of it reaches anybody. */
const malformed = (name: string, ...pairs: ReadonlyArray<string>): Case => ({
  name,
  bytes: [headers(1, true, ...pairs)],
  stream: [1, "PROTOCOL_ERROR"],
  after: ({ told, refused }) => assert.deepEqual([told.length, refused.length], [0, 1])
})

const fine = (name: string, ...pairs: ReadonlyArray<string>): Case => ({
  name,
  bytes: [headers(1, true, ...pairs)],
  after: ({ told }) => assert.strictEqual(told.length, 1)
})

describe("8 requests", () => {
  judge([
    malformed("8.2.1 a name in upper case", ...plain, "X-A", "1"),
    malformed("8.2.1 a name with a space", ...plain, "x a", "1"),
    malformed("8.2.1 a name with a colon", ...plain, "x:a", "1"),
    malformed("8.2.1 an empty name", ...plain, "", "1"),
    malformed("8.2.1 a value with NUL", ...plain, "x-a", "a\0b"),
    malformed("8.2.1 a value with LF", ...plain, "x-a", "a\nb: c"),
    malformed("8.2.1 a value with CR", ...plain, "x-a", "a\rb"),
    malformed("8.2.1 a value that begins with a space", ...plain, "x-a", " a"),
    malformed("8.2.1 a value that ends with a tab", ...plain, "x-a", "a\t"),
    ...["connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade"].map((name) =>
      malformed(`8.2.2 ${name}`, ...plain, name, "a")
    ),
    malformed("8.2.2 te with more than trailers", ...plain, "te", "trailers, deflate"),
    fine("8.2.2 te: trailers", ...plain, "te", "trailers"),
    malformed("8.3 a pseudo field that nobody knows", ...plain, ":foo", "a"),
    malformed("8.3 a pseudo field of responses", ...plain, ":status", "200"),
    malformed("8.3 a pseudo field behind others", ...without(":path"), "a", "b", ":path", "/"),
    ...[":method", ":scheme", ":path"].map((name) => malformed(`8.3.1 no ${name}`, ...without(name))),
    ...[":method", ":scheme", ":path", ":authority"].map((name) =>
      malformed(`8.3.1 ${name} twice`, ...plain, name, plain[plain.indexOf(name as ":path") + 1]!)
    ),
    malformed("8.3.1 an empty :path", ...without(":path"), ":path", ""),
    malformed("8.3.1 a :path that does not begin with a slash", ...without(":path"), ":path", "a"),
    malformed("8.3.1 a :path with a space", ...without(":path"), ":path", "/a b"),
    malformed("8.3.1 an asterisk of another method", ...without(":path"), ":path", "*"),
    fine("8.3.1 an asterisk of OPTIONS", ":method", "OPTIONS", ":scheme", "http", ":path", "*", ":authority", "a"),
    malformed("8.3.1 an :authority with userinfo", ...without(":authority"), ":authority", "user@a.test"),
    malformed("8.3.1 an :authority with a path", ...without(":authority"), ":authority", "a.test/b"),
    malformed("8.3.1 an empty :authority", ...without(":authority"), ":authority", ""),
    malformed("8.3.1 a Host that is not the :authority", ...plain, "host", "b.test"),
    malformed("8.3.1 Host twice", ...without(":authority"), "host", "a.test", "host", "a.test"),
    fine("8.3.1 a Host that is the :authority", ...plain, "host", "A.test"),
    fine("8.3.1 a Host and no :authority", ...without(":authority"), "host", "a.test"),
    malformed("8.3.1 a :method that is no token", ...without(":method"), ":method", "GE T"),
    malformed("8.3.1 a :scheme that is none", ...without(":scheme"), ":scheme", "ht tp"),
    fine("8.5 CONNECT", ":method", "CONNECT", ":authority", "a.test:443"),
    malformed("8.5 CONNECT with :path", ":method", "CONNECT", ":authority", "a.test:443", ":path", "/"),
    malformed("8.5 CONNECT with :scheme", ":method", "CONNECT", ":authority", "a.test:443", ":scheme", "http"),
    malformed("8.5 CONNECT without :authority", ":method", "CONNECT"),
    malformed("RFC 8441 section 4: :protocol that was not offered", ...without(":method"), ":method", "CONNECT", ":protocol", "websocket"),
    {
      ...fine("RFC 8441 section 4: :protocol that was offered", ...without(":method"), ":method", "CONNECT", ":protocol", "websocket"),
      limits: { connectProtocol: true },
      after: ({ told }) => assert.strictEqual(told[0]?.head.protocol, "websocket")
    },
    {
      ...malformed("RFC 8441 section 4: :protocol of another method", ...plain, ":protocol", "websocket"),
      limits: { connectProtocol: true }
    },
    malformed("8.1.1 a Content-Length that is no number", ...plain, "content-length", "1a"),
    malformed("8.1.1 Content-Length twice", ...plain, "content-length", "0", "content-length", "0"),
    malformed("8.1.1 a Content-Length without a body", ...plain, "content-length", "1"),
    {
      name: "8.1.1 less DATA than Content-Length",
      bytes: [headers(1, false, ...plain, "content-length", "3"), data(1, "ab", true)],
      stream: [1, "PROTOCOL_ERROR"],
      after: ({ told }) => assert.deepEqual([told[0]?.trailers, told[0]?.reset?.by], [null, "Us"])
    },
    {
      name: "8.1.1 more DATA than Content-Length, of which none is told",
      bytes: [headers(1, false, ...plain, "content-length", "1"), data(1, "ab")],
      stream: [1, "PROTOCOL_ERROR"],
      after: ({ told }) => assert.strictEqual(told[0]?.body.length, 0)
    },
    {
      name: "8.1 trailers",
      bytes: [headers(1, false, ...plain), data(1, "ab"), headers(1, true, "x-a", "1")],
      after: ({ told }) => assert.deepEqual(told[0]?.trailers, ["x-a", "1"])
    },
    {
      name: "8.1 trailers that do not end the stream",
      bytes: [headers(1, false, ...plain), headers(1, false, "x-a", "1")],
      stream: [1, "PROTOCOL_ERROR"]
    },
    {
      name: "8.1 trailers with a pseudo field",
      bytes: [headers(1, false, ...plain), headers(1, true, ":path", "/")],
      stream: [1, "PROTOCOL_ERROR"]
    },
    {
      name: "8.1 trailers with a field of a connection",
      bytes: [headers(1, false, ...plain), headers(1, true, "connection", "close")],
      stream: [1, "PROTOCOL_ERROR"]
    },
    {
      name: "10.5.1 fields beyond the limit: told as not whole",
      limits: { fields: 2 },
      bytes: [headers(1, true, ...plain, "a", "1", "b", "2", "c", "3")],
      after: ({ told }) => assert.deepEqual([told[0]?.whole, told[0]?.head.path], [false, "/"])
    }
  ])
})

it("5.1 what both sides have ended is not reset, whenever its owner lets go of it", () => {
  const sink = new Sink()
  const session = openClient(sink.socket, { onGoaway: () => {}, onFinished: () => {}, onProblem: () => {} }, defaultSessionLimits)
  const open = (end: boolean) => {
    const stream = session.request({ method: "POST", scheme: "http", authority: "a.test", path: "/", protocol: null, fields: [] }, end, {
      ...{ onHead: () => {}, onData: () => {}, onDrain: () => {}, onReset: () => {} },
      onEnd: () => (stream as Stream).reset(codes.CANCEL)
    })
    return stream as Stream
  }
  const [whole, half] = [open(true), open(false)]
  session.execute(
    Buffer.concat([raw(type.settings, 0, 0), headers(whole.id, true, ":status", "200"), headers(half.id, true, ":status", "200")])
  )
  assert.deepEqual(
    sink.frames.filter((frame) => frame.type === type.rst).map(({ stream }) => stream),
    [half.id]
  )
})

describe("8 responses", () => {
  /** A request, and what comes back. */
  const reach = (...bytes: ReadonlyArray<Uint8Array>) => asking("GET", true, ...bytes)
  const asking = (method: string, end: boolean, ...bytes: ReadonlyArray<Uint8Array>) => {
    const sink = new Sink()
    const heads: Array<ResponseHead> = []
    let reset: Reset | null = null
    let ended: ReadonlyArray<string> | null = null
    let problem: SessionProblem | null = null
    let body = ""
    const session = openClient(
      sink.socket,
      {
        onGoaway: () => {},
        onFinished: () => {},
        onProblem: (why) => {
          problem = why
        }
      },
      defaultSessionLimits
    )
    const request = () =>
      session.request({ method, scheme: "http", authority: "a.test", path: "/", protocol: null, fields: [] }, end, {
        onHead: (head) => void heads.push(head),
        onData: (chunk) => {
          body += chunk.toString()
        },
        onEnd: (trailers) => {
          ended = trailers
        },
        onDrain: () => {},
        onReset: (why) => {
          reset = why
        }
      }) as Stream
    const stream = request()
    session.execute(Buffer.concat([raw(type.settings, 0, 0), ...bytes]))
    return {
      session,
      sink,
      heads,
      stream,
      body,
      request,
      reset: reset as Reset | null,
      ended: ended as ReadonlyArray<string> | null,
      problem: problem as SessionProblem | null
    }
  }

  const broken: ReadonlyArray<readonly [name: string, bytes: ReadonlyArray<Uint8Array>]> = [
    ["8.3.2 no :status", [headers(1, true, "a", "b")]],
    ["8.3.2 :status twice", [headers(1, true, ":status", "200", ":status", "200")]],
    ["8.3.2 a :status of two digits", [headers(1, true, ":status", "20")]],
    ["8.3.2 a :status beyond 599", [headers(1, true, ":status", "600")]],
    ["8.3 a pseudo field of requests", [headers(1, true, ":status", "200", ":path", "/")]],
    ["8.6 101", [headers(1, false, ":status", "101")]],
    ["8.1 an interim response that ends the stream", [headers(1, true, ":status", "103")]],
    ["8.1 DATA before a head", [data(1, "a")]],
    ["8.2.2 a field of a connection", [headers(1, true, ":status", "200", "connection", "close")]],
    ["8.2.1 a name in upper case", [headers(1, true, ":status", "200", "X-A", "1")]],
    ["8.1.1 less DATA than Content-Length", [headers(1, false, ":status", "200", "content-length", "2"), data(1, "a", true)]],
    ["8.1.1 more DATA than Content-Length", [headers(1, false, ":status", "200", "content-length", "2"), data(1, "abc", true)]],
    ["8.1.1 a Content-Length and no body", [headers(1, true, ":status", "200", "content-length", "2")]],
    ["8.1.1 a body of 204", [headers(1, false, ":status", "204"), data(1, "a", true)]]
  ]
  for (const [name, bytes] of broken) {
    it(name, () => {
      const { reset, ended, sink } = reach(...bytes)
      assert.deepInclude(reset, { by: "Us", code: codes.PROTOCOL_ERROR })
      assert.isNull(ended)
      assert.strictEqual(sink.of(type.rst).length, 1)
    })
  }

  it("8.1.1 the Content-Length of an answer to HEAD, and of 304, says nothing of DATA", () => {
    for (const [method, status] of [
      ["HEAD", "200"],
      ["GET", "304"]
    ] as const) {
      const { ended, reset } = asking(method, true, headers(1, true, ":status", status, "content-length", "5"))
      assert.deepEqual([ended, reset], [[], null])
    }
  })

  it("8.1 interim heads, a head, a body and trailers", () => {
    const { heads, body, ended, session } = reach(
      headers(1, false, ":status", "103", "link", "a"),
      headers(1, false, ":status", "200"),
      data(1, "abc"),
      headers(1, true, "x-a", "1")
    )
    assert.deepEqual(
      heads.map(({ status }) => status),
      [103, 200]
    )
    assert.deepEqual([body, ended, session.streams], ["abc", ["x-a", "1"], 0])
  })

  it("8.1 a server that has answered may refuse the rest of the body: NO_ERROR, behind the end", () => {
    const { ended, reset } = asking("POST", false, headers(1, true, ":status", "413"), raw(type.rst, 0, 1, number(0)))
    assert.deepEqual(ended, [])
    assert.deepInclude(reset, { by: "Peer", code: codes.NO_ERROR })
  })

  it("8.7 REFUSED_STREAM, and streams above the last of GOAWAY, were not processed; the others go on", () => {
    const refused = reach(raw(type.rst, 0, 1, number(codes.REFUSED_STREAM)))
    assert.isTrue(refused.reset?.unprocessed)
    const gone = reach(raw(type.goaway, 0, 0, number(0, 0)))
    assert.deepInclude(gone.reset, { by: "Session", unprocessed: true })
    assert.deepEqual([gone.session.room, gone.session.leaving], [0, true])
    const kept = reach(raw(type.goaway, 0, 0, number(1, 0)), headers(1, true, ":status", "204"))
    assert.deepEqual([kept.ended, kept.reset], [[], null])
    assert.isNull(kept.request())
  })

  it("5.1.2 no more streams than the server allows, and 0 of them is none", () => {
    const { session, request } = reach(raw(type.settings, 0, 0, setting([3, 2])))
    assert.strictEqual(session.room, 1)
    request()
    assert.strictEqual(session.room, 0)
    assert.isNull(request())
    session.execute(headers(1, true, ":status", "204"))
    assert.strictEqual(session.room, 1)
    session.execute(raw(type.settings, 0, 0, setting([3, 0])))
    assert.isNull(request())
  })

  const fatal: ReadonlyArray<readonly [name: string, bytes: Uint8Array, code: number]> = [
    ["8.4 PUSH_PROMISE, which was not offered", raw(type.push, 4, 1, Buffer.alloc(8)), codes.PROTOCOL_ERROR],
    ["6.5.2 ENABLE_PUSH of a server", raw(type.settings, 0, 0, setting([2, 1])), codes.PROTOCOL_ERROR],
    ["5.1 HEADERS of a stream that nobody has opened", headers(3, true, ":status", "200"), codes.PROTOCOL_ERROR],
    ["5.1.1 HEADERS of a stream of the server's", headers(2, true, ":status", "200"), codes.PROTOCOL_ERROR],
    ["5.1 DATA of a stream that nobody has opened", data(5, "a"), codes.PROTOCOL_ERROR]
  ]
  for (const [name, bytes, code] of fatal) {
    it(name, () => {
      const { problem, reset } = reach(bytes)
      assert.strictEqual(problem?.code, code)
      assert.deepInclude(reset, { by: "Session", code, unprocessed: false })
    })
  }
})

describe("what is written", () => {
  it("8.2 names in lower case; nothing of a head that cannot be one", () => {
    const served = serve()
    served.send(greeting, headers(1, true, ...plain))
    const { stream } = served.told[0]!
    for (const bad of [
      ["X A", "1"],
      ["X-A", "a\nb"],
      ["", "1"],
      ["X-A", " a"],
      ["X-\u0100", "1"],
      ["X-A", "\u0100"]
    ]) {
      assert.isFalse(stream.head(200, bad, false), JSON.stringify(bad))
    }
    assert.isTrue(stream.head(200, ["X-Mixed", "Case"], false))
    served.send(raw(type.ping, 0, 0, "flush___"))
    const pairs: Array<string> = []
    const [head, ...others] = served.sink.of(type.headers)
    new Decoder().decode(head!.payload, 0, head!.payload.length, { field: (name, value) => pairs.push(name, value) })
    assert.deepEqual(pairs, [":status", "200", "x-mixed", "Case"])
    assert.isEmpty(others)
  })

  it("4.2, 6.10 a head larger than a frame goes in several, without others between", () => {
    const served = serve()
    served.send(greeting, headers(1, true, ...plain))
    const { stream } = served.told[0]!
    stream.head(200, ["x-long", "\u00e9".repeat(40_000)], true)
    served.send(raw(type.ping, 0, 0, "flush___"))
    const written = served.sink.frames.filter((frame) => frame.stream === 1)
    const [first, ...rest] = written
    assert.strictEqual(first?.type, type.headers)
    assert.isAbove(rest.length, 0)
    assert.isTrue(rest.every((frame) => frame.type === type.continuation))
    assert.deepEqual(
      written.map((frame) => frame.flags & flag.endHeaders),
      written.map((_, at) => (at === written.length - 1 ? flag.endHeaders : 0))
    )
    assert.strictEqual(written[0]!.flags & flag.end, flag.end)
    assert.isTrue(written.every(({ payload }) => payload.length <= 16_384))
  })
})

describe("6.8 leaving", () => {
  it("says first that nothing new should come, then which was the last; what comes in between is served, what comes after is not", () => {
    const served = serve()
    served.send(greeting, headers(1, false, ...plain))
    served.session.leave()
    served.send(headers(3, true, ...plain))
    const ping = served.sink.of(type.ping)[0]!
    assert.strictEqual(served.sink.of(type.goaway)[0]?.payload.readUInt32BE(0), 0x7fff_ffff)
    served.send(raw(type.ping, flag.ack, 0, ping.payload))
    assert.strictEqual(served.sink.of(type.goaway)[1]?.payload.readUInt32BE(0), 3)
    // What still comes of it neither.
    served.send(headers(5, false, ...plain), data(5, "a"), headers(5, true, "x-a", "1"))
    assert.deepEqual(
      served.told.map(({ stream }) => stream.id),
      [1, 3]
    )
    served.told[1]!.stream.head(204, [], true)
    assert.isFalse(served.finished)
    served.send(data(1, "a", true))
    served.told[0]!.stream.head(204, [], true)
    assert.isTrue(served.finished)
    assert.isNull(served.problem())
  })

  it("6.5.3 a peer that does not acknowledge SETTINGS in time is SETTINGS_TIMEOUT", () => {
    const before = performance.now()
    const served = serve({ limits: { settingsTime: 1000 } })
    served.send(greeting)
    const now = performance.now()
    served.session.look(before + 900)
    assert.isNull(served.problem())
    served.session.look(now + 2000)
    assert.strictEqual(served.problem()?.code, codes.SETTINGS_TIMEOUT)
    const acknowledged = serve({ limits: { settingsTime: 1000 } })
    acknowledged.send(greeting, raw(type.settings, flag.ack, 0))
    acknowledged.session.look(now + 100_000)
    assert.isNull(acknowledged.problem())
  })
})
