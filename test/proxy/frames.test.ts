// Where frames of a WebSocket end is found however a network cuts their bytes.
import fc from "fast-check"
import { assert, it } from "vitest"
import { Frames, goingAway } from "#src/proxy/frames.ts"

const frame = (opcode: number, length: number, masked: boolean): Buffer => {
  const head =
    length < 126
      ? [length]
      : length < 65_536
        ? [126, length >> 8, length & 255]
        : [127, 0, 0, 0, 0, 0, length >> 16, (length >> 8) & 255, length & 255]
  if (masked) head[0]! |= 0x80
  // Payloads that look like heads of frames.
  return Buffer.concat([Buffer.of(0x80 | opcode, ...head), Buffer.alloc(masked ? 4 : 0, 0x88), Buffer.alloc(length, 0x88)])
}

const frames = fc.array(
  fc.record({
    opcode: fc.constantFrom(0, 1, 2, 9, 10),
    length: fc.oneof(fc.nat(130), fc.constantFrom(125, 126, 65_535, 65_536, 70_000)),
    masked: fc.boolean()
  }),
  { minLength: 1, maxLength: 6 }
)

it("between two frames is where one has ended, and nowhere else", () => {
  fc.assert(
    fc.property(frames, fc.array(fc.nat(), { maxLength: 8 }), (all, cuts) => {
      const pieces = all.map(({ opcode, length, masked }) => frame(opcode, length, masked))
      const bytes = Buffer.concat(pieces)
      const ends = new Set([0])
      for (const n of pieces.keys()) ends.add(Buffer.concat(pieces.slice(0, n + 1)).length)
      const places = [...new Set([...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length])].sort((a, b) => a - b)
      const read = new Frames()
      for (const [n, place] of places.slice(1).entries()) {
        const from = places[n]!
        assert.strictEqual(read.between, ends.has(from))
        // To the next end from here, as one that was at this place would find it.
        const next = new Frames()
        next.read(bytes.subarray(0, from))
        const end = [...ends].sort((a, b) => a - b).find((one) => one >= from)!
        assert.strictEqual(next.readOn(bytes.subarray(from, place)), end <= place && place > from ? end - from : null)
        read.read(bytes.subarray(from, place))
      }
      assert.isTrue(read.between)
      assert.isFalse(read.closed)
    })
  )
})

it("after a Close nothing may follow", () => {
  for (const masked of [false, true]) {
    const read = new Frames()
    const bytes = goingAway(masked)
    read.read(bytes)
    assert.isTrue(read.closed && read.between)
    assert.strictEqual(bytes.length, masked ? 8 : 4)
  }
})
