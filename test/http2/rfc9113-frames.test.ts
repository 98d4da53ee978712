// RFC 9113 sections 3 to 6: connection preface, form of frames, states of streams, and what each frame may be.
import { assert, describe, it } from "vitest"
import { judge, resets } from "./judged.ts"
import { block, flag, greeting, headers, number, plain, preface, raw, serve, setting, type } from "./wire.ts"

const request = (stream: number, end = true) => headers(stream, end, ...plain)
const data = (stream: number, bytes: string | Uint8Array, end = false) => raw(type.data, end ? flag.end : 0, stream, bytes)

describe("3 the beginning", () => {
  it("3.4 a preface that is another is PROTOCOL_ERROR", () => {
    const served = serve()
    served.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"))
    assert.strictEqual(served.problem()?.code, 1)
  })
  it("3.4 the first frame has to be SETTINGS", () => {
    for (const first of [request(1), raw(type.ping, 0, 0, "12345678"), raw(type.settings, flag.ack, 0)]) {
      const served = serve()
      served.send(preface, first)
      assert.strictEqual(served.problem()?.code, 1)
      assert.isEmpty(served.told)
    }
  })
  it("3.4, 6.5.3 SETTINGS of ours go first, and theirs are acknowledged", () => {
    const served = serve()
    assert.isTrue(served.session.unfinished)
    served.send(greeting)
    assert.deepInclude(served.sink.frames[0], { type: type.settings, flags: 0, stream: 0 })
    assert.isFalse(served.session.unfinished)
    assert.deepInclude(served.sink.frames.at(-1), { type: type.settings, flags: flag.ack, stream: 0 })
  })
})

describe("4 frames", () => {
  judge([
    { name: "4.1 frames of types that nobody knows are ignored", bytes: [raw(0x16, 0xff, 0, "abc"), raw(0x16, 0, 7, "")] },
    { name: "4.1 flags that mean nothing are ignored", bytes: [raw(type.ping, 0xfe, 0, "12345678")] },
    {
      name: "4.1 the reserved bit of a stream's number is ignored",
      bytes: [raw(type.headers, 5, 0x8000_0001, block(...plain))],
      after: ({ told }) => assert.strictEqual(told[0]?.stream.id, 1)
    },
    { name: "4.2 a payload larger than 16,384 bytes", bytes: [data(1, Buffer.alloc(16_385))], connection: "FRAME_SIZE_ERROR" },
    {
      name: "4.2 a payload of 16,384 bytes",
      bytes: [request(1, false), data(1, Buffer.alloc(16_384))],
      after: ({ told }) => assert.strictEqual(told[0]?.body.length, 16_384)
    },
    {
      name: "4.3 a block that cannot be decompressed",
      bytes: [raw(type.headers, 5, 1, Buffer.from([0x80]))],
      connection: "COMPRESSION_ERROR"
    },
    {
      name: "4.3 a block that is interrupted by another frame",
      bytes: [raw(type.headers, flag.end, 1, block(...plain)), raw(type.ping, 0, 0, "12345678")],
      connection: "PROTOCOL_ERROR"
    },
    {
      name: "4.3 a block that is interrupted by a frame of no known type",
      bytes: [raw(type.headers, flag.end, 1, block(...plain)), raw(0x16, 0, 1, "")],
      connection: "PROTOCOL_ERROR"
    },
    {
      name: "4.3 a block that goes on in another stream",
      bytes: [raw(type.headers, flag.end, 1, block(...plain)), raw(type.continuation, flag.endHeaders, 3, "")],
      connection: "PROTOCOL_ERROR"
    }
  ])
})

describe("5 streams", () => {
  judge([
    { name: "5.1 idle: DATA", bytes: [data(1, "a")], connection: "PROTOCOL_ERROR" },
    { name: "5.1 idle: RST_STREAM", bytes: [raw(type.rst, 0, 1, number(8))], connection: "PROTOCOL_ERROR" },
    { name: "5.1 idle: WINDOW_UPDATE", bytes: [raw(type.window, 0, 1, number(8))], connection: "PROTOCOL_ERROR" },
    { name: "5.1 idle: PRIORITY", bytes: [raw(type.priority, 0, 9, Buffer.alloc(5))] },
    { name: "5.1 half-closed (remote): DATA", bytes: [request(1), data(1, "a")], stream: [1, "STREAM_CLOSED"] },
    { name: "5.1 half-closed (remote): HEADERS", bytes: [request(1), headers(1, true, "a", "b")], stream: [1, "STREAM_CLOSED"] },
    {
      name: "5.1 half-closed (remote): WINDOW_UPDATE and PRIORITY",
      bytes: [request(1), raw(type.window, 0, 1, number(8)), raw(2, 0, 1, Buffer.alloc(5))]
    },
    {
      name: "5.1 closed by the client's reset: DATA",
      bytes: [request(1, false), raw(type.rst, 0, 1, number(8)), data(1, "a")],
      connection: "STREAM_CLOSED"
    },
    {
      name: "5.1 closed by the client's reset: HEADERS",
      bytes: [request(1, false), raw(type.rst, 0, 1, number(8)), headers(1, true, "a", "b")],
      connection: "STREAM_CLOSED"
    },
    {
      name: "5.1 closed: RST_STREAM and WINDOW_UPDATE, which may have been on their way",
      bytes: [request(1, false), raw(type.rst, 0, 1, number(8)), raw(type.rst, 0, 1, number(8)), raw(type.window, 0, 1, number(8))]
    },
    {
      name: "5.1 closed by our reset: DATA and HEADERS that were on their way",
      bytes: [headers(1, false, ":method", "GET"), data(1, "a"), headers(1, true, "a", "b"), request(3)],
      stream: [1, "PROTOCOL_ERROR"],
      after: ({ told }) => assert.strictEqual(told[0]?.stream.id, 3)
    },
    { name: "5.1.1 a stream with an even number", bytes: [request(2)], connection: "PROTOCOL_ERROR" },
    { name: "5.1.1 a number below the last", bytes: [request(5), request(3)], connection: "STREAM_CLOSED" },
    {
      name: "5.1.2 one stream more than was allowed",
      limits: { streams: 2 },
      bytes: [request(1), request(3), request(5)],
      stream: [5, "REFUSED_STREAM"],
      after: ({ told, refused }) => assert.deepEqual([told.length, refused.length], [2, 1])
    }
  ])
})

describe("6 what each frame may be", () => {
  judge([
    { name: "6.1 DATA of no stream", bytes: [data(0, "a")], connection: "PROTOCOL_ERROR" },
    {
      name: "6.1 DATA with padding",
      bytes: [request(1, false), raw(type.data, flag.padded | flag.end, 1, Buffer.from("\x03abc\0\0\0"))],
      after: ({ told }) => assert.deepEqual([told[0]?.body.toString(), told[0]?.trailers], ["abc", []])
    },
    {
      name: "6.1 DATA with padding of all of it",
      bytes: [request(1, false), raw(type.data, flag.padded, 1, Buffer.from("\x04abc"))],
      connection: "PROTOCOL_ERROR"
    },
    {
      name: "6.1 DATA with padding and no length of it",
      bytes: [request(1, false), raw(type.data, flag.padded, 1)],
      connection: "PROTOCOL_ERROR"
    },
    { name: "6.2 HEADERS of no stream", bytes: [raw(type.headers, 5, 0, block(...plain))], connection: "PROTOCOL_ERROR" },
    {
      name: "6.2 HEADERS with padding and priority",
      bytes: [
        raw(
          type.headers,
          5 | flag.padded | flag.priority,
          1,
          Buffer.concat([Buffer.from([2, 0, 0, 0, 3, 7]), block(...plain), Buffer.alloc(2)])
        )
      ],
      after: ({ told }) => assert.strictEqual(told[0]?.head.path, "/")
    },
    {
      name: "6.2 HEADERS with padding of all of it",
      bytes: [raw(type.headers, 5 | flag.padded, 1, Buffer.concat([Buffer.from([200]), block(...plain)]))],
      connection: "PROTOCOL_ERROR"
    },
    {
      name: "6.2 HEADERS too short for the priority",
      bytes: [raw(type.headers, 5 | flag.priority, 1, "abc")],
      connection: "FRAME_SIZE_ERROR"
    },
    { name: "6.3 PRIORITY of no stream", bytes: [raw(type.priority, 0, 0, Buffer.alloc(5))], connection: "PROTOCOL_ERROR" },
    { name: "6.3 PRIORITY of another length", bytes: [raw(type.priority, 0, 1, Buffer.alloc(4))], connection: "FRAME_SIZE_ERROR" },
    { name: "6.4 RST_STREAM of no stream", bytes: [raw(type.rst, 0, 0, number(8))], connection: "PROTOCOL_ERROR" },
    { name: "6.4 RST_STREAM of another length", bytes: [request(1), raw(type.rst, 0, 1, Buffer.alloc(3))], connection: "FRAME_SIZE_ERROR" },
    {
      name: "6.4 RST_STREAM ends the stream",
      bytes: [request(1, false), raw(type.rst, 0, 1, number(8))],
      after: ({ told, session }) => {
        assert.deepInclude(told[0]?.reset, { by: "Peer", code: 8, unprocessed: false })
        assert.strictEqual(session.streams, 0)
      }
    },
    { name: "6.5 SETTINGS of a stream", bytes: [raw(type.settings, 0, 1)], connection: "PROTOCOL_ERROR" },
    { name: "6.5 SETTINGS of a length that is no multiple of 6", bytes: [raw(type.settings, 0, 0, "abc")], connection: "FRAME_SIZE_ERROR" },
    {
      name: "6.5 an acknowledgement with a payload",
      bytes: [raw(type.settings, flag.ack, 0, setting([4, 1]))],
      connection: "FRAME_SIZE_ERROR"
    },
    { name: "6.5.2 ENABLE_PUSH of neither 0 nor 1", bytes: [raw(type.settings, 0, 0, setting([2, 2]))], connection: "PROTOCOL_ERROR" },
    {
      name: "6.5.2 INITIAL_WINDOW_SIZE too large",
      bytes: [raw(type.settings, 0, 0, setting([4, 0x8000_0000]))],
      connection: "FLOW_CONTROL_ERROR"
    },
    { name: "6.5.2 MAX_FRAME_SIZE too small", bytes: [raw(type.settings, 0, 0, setting([5, 16_383]))], connection: "PROTOCOL_ERROR" },
    { name: "6.5.2 MAX_FRAME_SIZE too large", bytes: [raw(type.settings, 0, 0, setting([5, 0x100_0000]))], connection: "PROTOCOL_ERROR" },
    {
      name: "RFC 8441 section 3: ENABLE_CONNECT_PROTOCOL of neither",
      bytes: [raw(type.settings, 0, 0, setting([8, 2]))],
      connection: "PROTOCOL_ERROR"
    },
    { name: "6.5.2 settings that nobody knows are ignored", bytes: [raw(type.settings, 0, 0, setting([0xff, 1]))] },
    { name: "6.6 PUSH_PROMISE of a client", bytes: [request(1), raw(type.push, 4, 1, Buffer.alloc(8))], connection: "PROTOCOL_ERROR" },
    {
      name: "6.7 PING is answered with what it holds",
      bytes: [raw(type.ping, 0, 0, "abcdefgh")],
      after: ({ sink }) => {
        const [answer] = sink.of(type.ping)
        assert.deepEqual([answer?.flags, answer?.payload.toString()], [flag.ack, "abcdefgh"])
      }
    },
    {
      name: "6.7 an answer to PING is not answered",
      bytes: [raw(type.ping, flag.ack, 0, "abcdefgh")],
      after: ({ sink }) => assert.isEmpty(sink.of(type.ping))
    },
    { name: "6.7 PING of a stream", bytes: [raw(type.ping, 0, 1, "abcdefgh")], connection: "PROTOCOL_ERROR" },
    { name: "6.7 PING of another length", bytes: [raw(type.ping, 0, 0, "abcdefg")], connection: "FRAME_SIZE_ERROR" },
    { name: "6.8 GOAWAY of a stream", bytes: [raw(type.goaway, 0, 1, number(0, 0))], connection: "PROTOCOL_ERROR" },
    { name: "6.8 GOAWAY that is too short", bytes: [raw(type.goaway, 0, 0, number(0))], connection: "FRAME_SIZE_ERROR" },
    {
      name: "6.8 what was begun before a GOAWAY goes on",
      bytes: [request(1, false), raw(type.goaway, 0, 0, number(0, 0)), data(1, "a", true)],
      after: ({ told }) => assert.deepEqual(told[0]?.trailers, [])
    },
    { name: "6.9 WINDOW_UPDATE of another length", bytes: [raw(type.window, 0, 0, Buffer.alloc(5))], connection: "FRAME_SIZE_ERROR" },
    { name: "6.9 WINDOW_UPDATE of the connection by 0", bytes: [raw(type.window, 0, 0, number(0))], connection: "PROTOCOL_ERROR" },
    {
      name: "6.9 WINDOW_UPDATE of a stream by 0",
      bytes: [request(1, false), raw(type.window, 0, 1, number(0))],
      stream: [1, "PROTOCOL_ERROR"]
    },
    {
      name: "6.9.1 a window of the connection too large",
      bytes: [raw(type.window, 0, 0, number(0x7fff_ffff))],
      connection: "FLOW_CONTROL_ERROR"
    },
    {
      name: "6.9.1 a window of a stream too large",
      bytes: [request(1, false), raw(type.window, 0, 1, number(0x7fff_ffff))],
      stream: [1, "FLOW_CONTROL_ERROR"]
    },
    {
      name: "6.9.2 INITIAL_WINDOW_SIZE that makes a window too large",
      bytes: [request(1, false), raw(type.window, 0, 1, number(1000)), raw(type.settings, 0, 0, setting([4, 0x7fff_ffff]))],
      connection: "FLOW_CONTROL_ERROR"
    },
    {
      name: "6.9.1 more DATA than the stream's window",
      limits: { window: 100 },
      consume: false,
      bytes: [request(1, false), data(1, Buffer.alloc(101))],
      stream: [1, "FLOW_CONTROL_ERROR"]
    },
    {
      name: "6.9.1 padding counts",
      limits: { window: 100 },
      consume: false,
      bytes: [
        request(1, false),
        data(1, Buffer.alloc(95)),
        raw(type.data, flag.padded, 1, Buffer.concat([Buffer.from([5]), Buffer.alloc(5)]))
      ],
      stream: [1, "FLOW_CONTROL_ERROR"]
    },
    {
      name: "6.9.1 more DATA than the connection's window",
      limits: { connectionWindow: 65_535, window: 1_000_000 },
      consume: false,
      bytes: [request(1, false), ...Array.from({ length: 4 }, () => data(1, Buffer.alloc(16_384)))],
      connection: "FLOW_CONTROL_ERROR"
    },
    { name: "6.10 CONTINUATION of nothing", bytes: [raw(type.continuation, flag.endHeaders, 1, "")], connection: "PROTOCOL_ERROR" },
    {
      name: "6.10 CONTINUATION behind a whole block",
      bytes: [request(1, false), raw(type.continuation, flag.endHeaders, 1, "")],
      connection: "PROTOCOL_ERROR"
    }
  ])

  it("5.1.2, 5.4.2 a stream that was refused leaves the table of the compression in step", () => {
    const served = serve({ limits: { streams: 1 } })
    // Indexed for the next: a literal that is remembered.
    const remembered = Buffer.concat([block(...plain), Buffer.from("\x40\x03x-k\x05value", "latin1")])
    served.send(greeting, request(1), raw(type.headers, 5, 3, remembered))
    served.told[0]!.stream.head(204, [], true)
    served.send(raw(type.headers, 5, 5, Buffer.concat([block(...plain), Buffer.from([0xbe])])))
    assert.deepEqual(resets(served.sink.frames), [[3, "REFUSED_STREAM"]])
    assert.deepEqual(served.told[1]?.head.fields, ["x-k", "value"])
  })
})

describe("6.9 windows", () => {
  const answering = (initial: number, consume = true) => {
    const served = serve({ consume })
    served.send(preface, raw(type.settings, 0, 0, setting([4, initial])), request(1))
    const { stream } = served.told[0]!
    stream.head(200, [], false)
    return { served, stream }
  }
  const sent = (served: ReturnType<typeof serve>) => {
    served.send(raw(type.ping, 0, 0, "flush___"))
    return served.sink.of(type.data).reduce((sum, { payload }) => sum + payload.length, 0)
  }

  it("6.9.1 no more goes than the peer's window, and the rest once it opens", () => {
    const { served, stream } = answering(10)
    assert.isFalse(stream.data(Buffer.from("0123456789abcdef")))
    stream.end()
    assert.strictEqual(sent(served), 10)
    served.send(raw(type.window, 0, 1, number(3)))
    assert.strictEqual(sent(served), 13)
    served.send(raw(type.window, 0, 1, number(3)))
    assert.strictEqual(sent(served), 16)
    assert.strictEqual(served.sink.of(type.data).at(-1)?.flags, flag.end)
    assert.strictEqual(served.session.streams, 0)
  })

  it("6.9.2 a window may become less than nothing, and has to become more than that first", () => {
    const { served, stream } = answering(10)
    stream.data(Buffer.alloc(20))
    assert.strictEqual(sent(served), 10)
    served.send(raw(type.settings, 0, 0, setting([4, 0])))
    served.send(raw(type.window, 0, 1, number(10)))
    assert.strictEqual(sent(served), 10)
    served.send(raw(type.window, 0, 1, number(4)))
    assert.strictEqual(sent(served), 14)
    served.send(raw(type.settings, 0, 0, setting([4, 100])))
    assert.strictEqual(sent(served), 20)
  })

  it("6.9 the connection's window holds for all streams together, and those that wait take turns", () => {
    const served = serve()
    served.send(preface, raw(type.settings, 0, 0, setting([4, 1_000_000])), request(1), request(3))
    for (const { stream } of served.told) {
      stream.head(200, [], false)
      stream.data(Buffer.alloc(100_000))
    }
    assert.strictEqual(sent(served), 65_535)
    served.send(raw(type.window, 0, 0, number(65_536)))
    const late = served.sink.of(type.data).filter(({ payload }) => payload.length === 16_384)
    assert.isTrue(late.some(({ stream }) => stream === 1) && late.some(({ stream }) => stream === 3))
    assert.strictEqual(sent(served), 131_071)
  })

  it("6.9 what was consumed is given back, to the stream and to the connection; what was not is not", () => {
    for (const consume of [true, false]) {
      const served = serve({ consume, limits: { connectionWindow: 65_535 } })
      served.send(greeting, request(1, false), data(1, Buffer.alloc(16_000)), data(1, Buffer.alloc(16_000)), data(1, Buffer.alloc(16_000)))
      const given = served.sink.of(type.window).map(({ stream, payload }) => [stream, payload.readUInt32BE(0)])
      // Of what both sides began with nothing more is said.
      if (!consume) assert.deepEqual(given, [])
      else {
        assert.deepEqual(
          given.map(([stream]) => stream),
          [0, 1]
        )
      }
    }
  })

  it("6.9 what a stream that ends has not consumed is the connection's again", () => {
    const served = serve({ consume: false, limits: { connectionWindow: 65_535 } })
    for (let id = 1; id < 40; id += 2) {
      served.send(...(id === 1 ? [greeting] : []), request(id, false), data(id, Buffer.alloc(16_000)), raw(type.rst, 0, id, number(8)))
    }
    assert.isNull(served.problem())
  })
})
