// Law 19 for the body of a request: a client decides neither how many bytes of it wait here nor in how many pieces, and loses none of them.
import { assert, it } from "@effect/vitest"
import fc from "fast-check"
import { piecesApart } from "#src/http1/waiting.ts"
import { Upload, type UploadFailure } from "#src/proxy/upload.ts"

const owned = () => {
  const seen = { held: false, failures: [] as Array<UploadFailure> }
  const upload = new Upload(
    {
      onHeld: () => {
        seen.held = true
      },
      onWanted: () => {
        seen.held = false
      },
      onUploadFailure: (reason) => seen.failures.push(reason)
    },
    { bytes: null, window: 10_000, rate: 1 },
    0
  )
  const pieces: Array<Buffer> = []
  const ended = new Promise<void>((resolve) => upload.on("end", resolve))
  return { seen, upload, pieces, ended, take: () => upload.on("data", (piece: Buffer) => pieces.push(piece)) }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

it("one byte at a time: the client is held, and what has come anyway is few pieces", async () => {
  const { seen, upload, pieces, ended, take } = owned()
  let heldAfter = 0
  for (let at = 0; at < 10_000; at++) {
    upload.give(Buffer.of(at & 255))
    if (seen.held && heldAfter === 0) heldAfter = at + 1
    // As packets come: the stream may ask for more in between.
    if (at < 200) await turn()
  }
  assert.strictEqual(heldAfter, piecesApart)
  assert.isTrue(seen.held)
  take()
  await turn()
  assert.isFalse(seen.held)
  upload.give(Buffer.of(7))
  upload.finish()
  await ended
  assert.isAtMost(pieces.length, piecesApart + 2)
  assert.isTrue(Buffer.concat(pieces).equals(Buffer.from([...Array.from({ length: 10_000 }, (_, at) => at & 255), 7])))
})

it("a body that ends while many pieces of it wait is whole", async () => {
  const { upload, pieces, ended, take } = owned()
  for (let at = 0; at < 200; at++) upload.give(Buffer.of(at))
  upload.finish()
  take()
  await ended
  assert.isTrue(Buffer.concat(pieces).equals(Buffer.from(Array.from({ length: 200 }, (_, at) => at))))
})

it("a client held for its many pieces goes on when the last of them was taken, though nothing more had come", async () => {
  const { seen, upload, take } = owned()
  for (let at = 0; at < piecesApart; at++) {
    upload.give(Buffer.of(at))
    await turn()
  }
  assert.isTrue(seen.held)
  take()
  await turn()
  assert.isFalse(seen.held)
})

it("whatever comes, in whatever pieces, however it is taken: every byte once, in order, and nobody is held for nothing", async () => {
  const step = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        do: fc.constant("give" as const),
        size: fc.integer({ min: 1, max: 90 }),
        times: fc.integer({ min: 1, max: 150 })
      })
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant("give" as const), size: fc.constant(50_000), times: fc.integer({ min: 1, max: 3 }) })
    },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom("take" as const, "pause" as const, "resume" as const, "turn" as const) }) }
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const { seen, upload, pieces, ended, take } = owned()
      const given: Array<Buffer> = []
      let taking = false
      let next = 0
      for (const one of steps) {
        if (one.do === "give") {
          for (let time = 0; time < one.times; time++) {
            const piece = Buffer.alloc(one.size, next++ & 255)
            given.push(piece)
            upload.give(piece)
          }
        } else if (one.do === "turn") await turn()
        else if (one.do === "take" && !taking) {
          taking = true
          take()
        } else if (one.do === "pause") upload.pause()
        else if (taking) upload.resume()
      }
      if (!taking) take()
      upload.resume()
      await turn()
      assert.isFalse(seen.held)
      upload.finish()
      await ended
      assert.isTrue(Buffer.concat(pieces).equals(Buffer.concat(given)))
      assert.deepEqual(seen.failures, [])
    }),
    { numRuns: 200 }
  )
})
