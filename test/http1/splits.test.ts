// A message means the same however its bytes arrive: cut at any places, the same is told, errors included. And what the writer writes, the reader reads.
import { assert, describe, it } from "@effect/vitest"
import * as fc from "fast-check"
import { chunkEnd, chunkStart, fieldLines, lastChunkWith, requestLine, statusLine } from "#src/http1/writer.ts"
import { read, type Told } from "./record.ts"

const token = fc.string({ unit: fc.constantFrom(..."!#$%&'*+-.^_`|~09AZaz"), minLength: 1, maxLength: 12 })
const value = fc
  .string({ unit: fc.constantFrom(..." \t!~azAZ09:;,=\x80\xff"), maxLength: 20 })
  .map((text) => text.replace(/^[ \t]+|[ \t]+$/g, ""))
const special = new Set(["transfer-encoding", "content-length"])
const fields = fc
  .array(
    fc.tuple(
      token.filter((name) => !special.has(name.toLowerCase())),
      value
    ),
    { maxLength: 6 }
  )
  .map((pairs) => pairs.flat())
const target = fc.string({ unit: fc.constantFrom(...'/?#%&=+\\"<>^`{|}~az09'), minLength: 1, maxLength: 20 })
const data = fc.string({ unit: fc.constantFrom("\0", "\r", "\n", "a", "0", ":", " ", "\xff"), maxLength: 40 })
const extension = fc.constantFrom("", ";a", ";a=b", ';a="b;\\"c d"', ";a;b=c")

interface Written {
  readonly text: string
  readonly told: ReadonlyArray<Told>
}

const written = (part: string | null): string => {
  if (part === null) throw new Error("the writer refused what is valid")
  return part
}

const body = fc.oneof(
  fc.constant({ framing: [] as ReadonlyArray<string>, text: "", data: "", trailers: [] as ReadonlyArray<string> }),
  data.map((text) => ({ framing: ["Content-Length", String(text.length)], text, data: text, trailers: [] })),
  fc.tuple(fc.array(fc.tuple(data, extension), { maxLength: 4 }), fields).map(([chunks, trailers]) => {
    const full = chunks.filter(([chunk]) => chunk !== "")
    return {
      framing: ["Transfer-Encoding", "chunked"],
      text:
        full.map(([chunk, more]) => chunkStart(chunk.length).replace("\r\n", `${more}\r\n`) + chunk + chunkEnd).join("") +
        written(lastChunkWith(trailers)),
      data: full.map(([chunk]) => chunk).join(""),
      trailers
    }
  })
)

const events = (head: Extract<Told, { head: unknown }>["head"], parts: { data: string; trailers: ReadonlyArray<string> }): Array<Told> => [
  { head },
  ...(parts.data === "" ? [] : [{ data: parts.data }]),
  { end: parts.trailers }
]

const request = fc.tuple(token, target, fields, body).map(([method, path, pairs, parts]): Written => {
  const all = [...pairs, ...parts.framing]
  const head = `${written(requestLine(method, path))}${written(fieldLines(all))}\r\n`
  return { text: head + parts.text, told: events({ method, target: path, version: "1.1", fields: all, bytes: head.length }, parts) }
})

const response = fc.tuple(fc.integer({ min: 200, max: 599 }), value, fields, body).map(([status, reason, pairs, parts]): Written => {
  const all = parts.framing.length === 0 ? [...pairs, "Content-Length", "0"] : [...pairs, ...parts.framing]
  const head = `${written(statusLine(status, reason))}${written(fieldLines(all))}\r\n`
  return { text: head + parts.text, told: events({ version: "1.1", status, reason, fields: all, bytes: head.length }, parts) }
})

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

describe("what is damaged", () => {
  const damage = fc.tuple(fc.constantFrom("\0", "\r", "\n", " ", "\t", ":", ";", "\x7f", "a", "9", "\r\n"), fc.nat(), fc.nat({ max: 2 }))
  for (const [kind, message] of [
    ["Request", request],
    ["Response", response]
  ] as const) {
    it(`is told the same in any pieces, down to the error: ${kind}`, () => {
      const limits = { headBytes: 160, lineBytes: 50, fields: 6, trailerBytes: 60, extensionBytes: 12 }
      fc.assert(
        fc.property(
          fc.tuple(message, fc.array(damage, { maxLength: 2 })).chain(([one, wounds]) => {
            let { text } = one
            for (const [what, where, gone] of wounds) {
              const at = where % (text.length + 1)
              text = text.slice(0, at) + what + text.slice(at + gone)
            }
            return fc.tuple(fc.constant(text), cutsOf(text.length))
          }),
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
