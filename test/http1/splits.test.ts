// A message means the same however its bytes arrive: cut at any places, the same is told, errors included. And what the writer writes, the reader reads.
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { damaged, request, response } from "./messages.ts"
import { bytes, read, recorder } from "./record.ts"

const cutsOf = (length: number) => fc.array(fc.nat({ max: length }), { maxLength: 8 }).map((cuts) => cuts.sort((a, b) => a - b))

describe("what the writer writes", () => {
  for (const [kind, message] of [
    ["Request", request],
    ["Response", response]
  ] as const) {
    it(`the reader reads, several in a row, in any pieces: ${kind}`, () => {
      fc.assert(
        fc.property(
          fc.array(message, { minLength: 1, maxLength: 3 }).chain((messages) => {
            const text = messages.map((one) => one.text).join("")
            return fc.tuple(fc.constant(messages), fc.constant(text), cutsOf(text.length))
          }),
          ([messages, text, cuts]) => {
            const expected = messages.flatMap((one) => one.told)
            assert.deepEqual(read(kind, text, { cuts }), expected)
            assert.deepEqual(read(kind, text, { cuts: Array.from({ length: text.length }, (_, at) => at) }), expected)
          }
        ),
        { numRuns: 150 }
      )
    })
  }
})

describe("a reader that pauses after every message", () => {
  for (const [kind, message] of [
    ["Request", request],
    ["Response", response]
  ] as const) {
    it(`tells the same in the end, however many pieces came meanwhile: ${kind}`, () => {
      fc.assert(
        fc.property(
          fc.array(message, { minLength: 1, maxLength: 5 }).chain((messages) => {
            const text = messages.map((one) => one.text).join("")
            return fc.tuple(fc.constant(messages), fc.constant(text), cutsOf(text.length))
          }),
          ([messages, text, cuts]) => {
            const { told, reader } = recorder(kind, { after: (paused, event) => "end" in event && paused.pause() })
            let from = 0
            for (const cut of [...cuts, text.length]) {
              reader.execute(bytes(text.slice(from, cut)))
              from = cut
            }
            reader.finish()
            while (reader.waiting > 0) {
              const { waiting } = reader
              reader.resume()
              assert.isBelow(reader.waiting, waiting)
            }
            reader.resume()
            assert.deepEqual(
              told,
              messages.flatMap((one) => one.told)
            )
          }
        ),
        { numRuns: 200 }
      )
    })
  }
})

describe("what is damaged", () => {
  for (const [kind, message] of [
    ["Request", request],
    ["Response", response]
  ] as const) {
    it(`is told the same in any pieces, down to the error: ${kind}`, () => {
      const limits = { headBytes: 160, lineBytes: 50, fields: 6, trailerBytes: 60, extensionBytes: 12 }
      fc.assert(
        fc.property(
          damaged(message).chain((text) => fc.tuple(fc.constant(text), cutsOf(text.length))),
          ([text, cuts]) => {
            const whole = read(kind, text, { limits })
            assert.deepEqual(read(kind, text, { cuts, limits }), whole)
            assert.deepEqual(read(kind, text, { cuts: Array.from({ length: text.length }, (_, at) => at), limits }), whole)
          }
        ),
        { numRuns: 400 }
      )
    })
  }
})
