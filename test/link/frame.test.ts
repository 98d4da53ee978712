// Frames come out as they went in, however the stream is cut; what is too large or no JSON is refused before it costs anything.
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { FrameError, FrameReader, frame } from "#src/link/frame.ts"

/** The garbage collector, which a process is not given unless it asks. */
const collector = (): (() => void) => {
  setFlagsFromString("--expose-gc")
  return runInNewContext("gc") as () => void
}

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

  it("that come a byte at a time cost their bytes, not an object for each", () => {
    const collect = collector()
    const reader = new FrameReader(1 << 20, () => assert.fail("read"))
    const whole = frame(`"${"x".repeat(400_000)}"`)
    collect()
    const before = process.memoryUsage()
    for (let at = 0; at < whole.length - 1; at++) reader.push(Buffer.from(whole.subarray(at, at + 1)))
    collect()
    const after = process.memoryUsage()
    assert.isBelow(after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers, 4_000_000)
    assert.throws(() => reader.push(Buffer.from("x")), FrameError)
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
