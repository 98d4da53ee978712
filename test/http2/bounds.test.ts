// What a peer may cause on one connection has a bound (law 19): each flood ends its connection, each hoard stays small, and honest peers notice nothing.
import { assert, describe, it } from "vitest"
import { codes } from "../../src/http2/code.ts"
import { goaway, resets } from "./judged.ts"
import { block, flag, greeting, headers, number, plain, raw, type Served, serve, setting, type } from "./wire.ts"

const request = (stream: number, end = true) => headers(stream, end, ...plain)

/** Sends until the connection ends. → how often. */
const flood = (served: Served, piece: (at: number) => Uint8Array, most = 5_000): number => {
  served.send(greeting)
  for (let at = 0; at < most; at++) {
    if (served.problem() !== null) return at
    served.send(piece(at))
  }
  return most
}

const idle: ReadonlyArray<readonly [name: string, piece: (at: number) => Uint8Array]> = [
  ["PING", () => raw(type.ping, 0, 0, "12345678")],
  ["answers to PING", () => raw(type.ping, flag.ack, 0, "12345678")],
  ["SETTINGS", () => raw(type.settings, 0, 0, setting([4, 65_535]))],
  ["PRIORITY", () => raw(type.priority, 0, 1, Buffer.alloc(5))],
  ["frames of no known type", () => raw(0x77, 0, 0)],
  ["WINDOW_UPDATE", () => raw(type.window, 0, 0, number(1))],
  ["GOAWAY", () => raw(type.goaway, 0, 0, number(0, 0))],
  ["empty DATA", (at) => (at === 0 ? request(1, false) : raw(type.data, 0, 1))],
  ["RST_STREAM of a stream that is over", (at) => (at === 0 ? request(1, false) : raw(type.rst, 0, 1, number(8)))]
]

describe("floods", () => {
  for (const [name, piece] of idle) {
    it(`of ${name} end the connection: ENHANCE_YOUR_CALM`, () => {
      const served = serve()
      const sent = flood(served, piece)
      assert.isBelow(sent, 1_500)
      assert.isAbove(sent, 500)
      assert.strictEqual(goaway(served.sink.frames), "ENHANCE_YOUR_CALM")
    })
  }

  it("of streams that are reset at once (rapid reset): ENHANCE_YOUR_CALM, and few requests were told of", () => {
    const served = serve()
    const sent = flood(served, (at) => Buffer.concat([request(at * 2 + 1), raw(type.rst, 0, at * 2 + 1, number(8))]))
    assert.isBelow(sent, 150)
    assert.isBelow(served.told.length, 150)
    assert.strictEqual(served.session.streams, 0)
    assert.strictEqual(served.problem()?.code, codes.ENHANCE_YOUR_CALM)
  })

  for (const [name, spoil] of [
    ["WINDOW_UPDATE by 0", (id: number) => raw(type.window, 0, id, number(0))],
    ["a window that is too large", (id: number) => raw(type.window, 0, id, number(0x7fff_ffff))],
    ["DATA behind the end", (id: number) => raw(type.data, 0, id, "a")],
    ["a malformed request", () => Buffer.alloc(0)]
  ] as const) {
    it(`of streams that we are made to reset (${name}): ENHANCE_YOUR_CALM`, () => {
      const served = serve()
      const sent = flood(served, (at) => {
        const id = at * 2 + 1
        return name === "a malformed request" ? headers(id, true, ":method", "GET") : Buffer.concat([request(id), spoil(id)])
      })
      assert.isBelow(sent, 150)
      assert.strictEqual(served.problem()?.code, codes.ENHANCE_YOUR_CALM)
    })
  }

  it("of more streams than are allowed: ENHANCE_YOUR_CALM, and no more were told of", () => {
    const served = serve({ limits: { streams: 10 } })
    const sent = flood(served, (at) => request(at * 2 + 1, false))
    assert.isBelow(sent, 150)
    assert.strictEqual(served.told.length, 10)
  })

  it("of CONTINUATION: by their number, empty or not, and by the bytes of the block", () => {
    const begun = raw(type.headers, flag.end, 1, block(...plain))
    for (const [piece, most] of [
      [raw(type.continuation, 0, 1), 17],
      [raw(type.continuation, 0, 1, Buffer.alloc(16_000, block("a", "b"))), 8]
    ] as const) {
      const served = serve()
      assert.isAtMost(
        flood(served, (at) => (at === 0 ? begun : piece)),
        most + 1
      )
      assert.strictEqual(served.problem()?.code, codes.ENHANCE_YOUR_CALM)
      assert.isEmpty(served.told)
    }
  })
})

describe("hoards", () => {
  it("a block that names a large entry of the table again and again is counted, not kept", () => {
    const served = serve()
    const long = "v".repeat(3_900)
    // 0x40: remembered; 0xbe: named again, a byte for 3.9 KiB.
    const bomb = Buffer.concat([
      block(...plain),
      Buffer.from([0x40, 1, 0x61, 0x7f]),
      Buffer.from([0xbd, 0x1d]),
      Buffer.from(long),
      Buffer.alloc(12_000, 0xbe)
    ])
    served.send(greeting, raw(type.headers, flag.end | flag.endHeaders, 1, bomb))
    const [told] = served.told
    assert.isFalse(told!.whole)
    assert.isBelow(told!.head.fields.length, 40)
    // The table is in step all the same.
    served.send(raw(type.headers, flag.end | flag.endHeaders, 3, Buffer.concat([block(...plain), Buffer.from([0xbe])])))
    assert.deepEqual(served.told[1]!.head.fields, ["a", long])
  })

  it("no more of bodies that nobody takes comes in than the windows", () => {
    const served = serve({ consume: false, limits: { connectionWindow: 200_000, streams: 100 } })
    served.send(greeting)
    let sent = 0
    for (let id = 1; id < 200 && served.problem() === null; id += 2) {
      served.send(request(id, false))
      for (let part = 0; part < 3 && served.problem() === null; part++) {
        served.send(raw(type.data, 0, id, Buffer.alloc(16_000)))
        sent += 16_000
      }
    }
    assert.strictEqual(goaway(served.sink.frames), "FLOW_CONTROL_ERROR")
    assert.isAtMost(
      served.told.reduce((sum, { body }) => sum + body.length, 0),
      200_000
    )
    assert.isAbove(sent, 150_000)
  })

  it("a peer that does not read is not read from, once too much waits for it; what it has asked goes on when it reads", () => {
    const served = serve({ limits: { unsent: 10_000, idleFrames: { burst: 100_000, rate: 1 } } })
    served.send(greeting)
    served.sink.full = true
    let pings = 0
    while (!served.sink.paused && pings < 10_000) {
      served.send(raw(type.ping, 0, 0, "12345678"))
      pings++
    }
    assert.isBelow(pings, 1_000)
    served.sink.full = false
    served.sink.writableLength = 0
    served.session.drained()
    assert.isFalse(served.sink.paused)
  })

  it("an answer that cannot go is not asked for more", () => {
    const served = serve()
    served.send(greeting, request(1))
    const { stream } = served.told[0]!
    stream.head(200, [], false)
    let given = 0
    while (stream.data(Buffer.alloc(10_000))) given++
    assert.isBelow(given, 8)
    assert.isAtMost(stream.unsent, 20_000)
  })
})

describe("honest peers", () => {
  it("may reset one in three of their streams for ever", () => {
    const served = serve({ answer: ({ stream }) => void stream.head(204, [], true) })
    served.send(greeting)
    for (let id = 1; id < 6_000; id += 6) {
      served.send(request(id), request(id + 2), request(id + 4, false), raw(type.rst, 0, id + 4, number(8)))
    }
    assert.isNull(served.problem())
    assert.deepEqual(resets(served.sink.frames), [])
  })

  it("may give windows twice for each 4 KiB that they read", () => {
    const served = serve({ answer: ({ stream }) => void stream.head(200, [], false) })
    served.send(greeting, raw(type.settings, 0, 0, setting([4, 0x7fff_ffff])), raw(type.window, 0, 0, number(0x7000_0000)), request(1))
    const { stream } = served.told[0]!
    const piece = Buffer.alloc(16_384)
    for (let sent = 0; sent < 8 * 1024 * 1024; sent += piece.length) {
      stream.data(piece)
      for (let read = 0; read < piece.length; read += 4096)
        served.send(raw(type.window, 0, 0, number(4096)), raw(type.window, 0, 1, number(4096)))
    }
    assert.isNull(served.problem())
  })

  it("may ping and give windows as often as bytes move", () => {
    const served = serve()
    served.send(greeting, request(1, false))
    for (let at = 0; at < 5_000; at++) served.send(raw(type.data, 0, 1, "abc"), raw(type.ping, 0, 0, "12345678"))
    assert.isNull(served.problem())
  })
})
