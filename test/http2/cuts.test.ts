// However a network cuts the bytes of a connection, a session says and writes the same.
import fc from "fast-check"
import { assert, it } from "vitest"
import { flag, greeting, headers, number, plain, raw, type Served, serve, setting, type } from "./wire.ts"

const body = (stream: number, end: boolean, bytes: string): Buffer => raw(type.data, end ? flag.end : 0, stream, bytes)

const padded = (stream: number, bytes: string, padding: number): Buffer =>
  raw(type.data, flag.padded, stream, Buffer.concat([Buffer.from([padding]), Buffer.from(bytes), Buffer.alloc(padding)]))

const inPieces = (stream: number, end: boolean, ...pairs: ReadonlyArray<string>): Buffer => {
  const whole = headers(stream, end, ...pairs).subarray(9)
  return Buffer.concat([
    raw(type.headers, end ? flag.end : 0, stream, whole.subarray(0, 5)),
    raw(type.continuation, 0, stream, whole.subarray(5, 6)),
    raw(type.continuation, flag.endHeaders, stream, whole.subarray(6))
  ])
}

const parts: ReadonlyArray<Buffer> = [
  headers(1, true, ...plain),
  inPieces(3, false, ...plain, "x-long", "y".repeat(300)),
  body(3, false, "abc"),
  padded(3, "padded", 7),
  raw(type.ping, 0, 0, "12345678"),
  raw(0x77, 0, 0, "of no known type"),
  raw(type.window, 0, 3, number(1000)),
  raw(type.priority, 0, 5, Buffer.alloc(5)),
  inPieces(3, true, "x-trailer", "1"),
  raw(type.settings, 0, 0, setting([4, 10], [1, 0])),
  headers(7, false, ...plain, "content-length", "4"),
  body(7, false, ""),
  body(7, true, "abcd"),
  headers(9, false, ...plain),
  raw(type.rst, 0, 9, number(8)),
  headers(11, false, ...plain, "content-length", "2"),
  body(11, true, "abc"),
  raw(type.goaway, 0, 0, Buffer.concat([number(0, 0), Buffer.from("debug data")]))
]

/** What ends the connection. */
const ends: ReadonlyArray<Buffer> = [
  Buffer.alloc(0),
  raw(type.data, 0, 0, "a"),
  raw(type.headers, 4, 13, Buffer.from([0x80])),
  body(99, true, "idle")
]

const answer = (served: Served) => ({
  told: served.told.map(({ head, ended, body: bytes, trailers, reset }) => ({ head, ended, body: bytes.toString(), trailers, reset })),
  refused: served.refused,
  problem: served.problem(),
  written: Buffer.concat(served.sink.written).toString("hex")
})

const serving = () =>
  serve({
    answer: ({ stream }) => {
      stream.head(200, ["Content-Type", "text/plain"], false)
      stream.data(Buffer.from("an answer of some length"))
      stream.end()
    }
  })

it("tells the same, byte by byte and in any pieces", () => {
  for (const end of ends) {
    const bytes = Buffer.concat([greeting, ...parts, end])
    const whole = serving()
    whole.send(bytes)
    const expected = answer(whole)
    assert.strictEqual(expected.told.length, 5)
    assert.strictEqual(expected.problem === null, end.length === 0)
    const single = serving()
    for (let at = 0; at < bytes.length; at++) single.send(bytes.subarray(at, at + 1))
    assert.deepEqual(answer(single), expected)
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 30 }), (cuts) => {
        const served = serving()
        let from = 0
        for (const cut of [...cuts.sort((a, b) => a - b), bytes.length]) {
          served.send(bytes.subarray(from, cut))
          from = cut
        }
        assert.deepEqual(answer(served), expected)
      }),
      { numRuns: 50 }
    )
  }
})
