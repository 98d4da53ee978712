// Frames come out as they went in, however the stream is cut; what is too large or no JSON is refused before it costs anything.
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { FrameError, FrameReader, frame } from "#src/link/frame.ts"

describe("frames", () => {
  it("are read whole from any chunks", () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue(), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 20 }),
        (values, cuts) => {
          const stream = Buffer.concat(values.map((value) => frame(JSON.stringify(value))))
          const read: Array<unknown> = []
          const reader = new FrameReader(1 << 20, (value) => read.push(value))
          for (let at = 0, n = 0; at < stream.length; n++) {
            const size = cuts[n % cuts.length]!
            reader.push(stream.subarray(at, at + size))
            at += size
          }
          assert.deepEqual(
            read,
            values.map((value) => JSON.parse(JSON.stringify(value)) as unknown)
          )
        }
      )
    )
  })

  it("tell how large they are, and take a limit that changes between two", () => {
    const sizes: Array<number> = []
    const reader = new FrameReader(4, (_value, size) => {
      sizes.push(size)
      reader.limit = 100
    })
    reader.push(Buffer.concat([frame("1234"), frame('"12345678"')]))
    assert.deepEqual(sizes, [4, 10])
  })

  it("that are larger than the limit are refused by their length alone", () => {
    const reader = new FrameReader(16, () => assert.fail("read"))
    reader.push(Buffer.from([0, 0]))
    assert.throws(() => reader.push(Buffer.from([0, 17])), FrameError, /17 bytes: at most 16/)
  })

  it("that are no JSON are refused without being quoted", () => {
    const reader = new FrameReader(1_000, () => assert.fail("read"))
    assert.throws(() => reader.push(frame("secret secret")), FrameError, /^a frame that is not JSON$/)
  })
})
