// Messages to read: valid ones, written by the writer and with what has to be told of them; and the same with wounds.
import * as fc from "fast-check"
import { chunkEnd, chunkStart, fieldLines, lastChunkWith, requestLine, statusLine } from "#src/http1/writer.ts"
import type { Told } from "./record.ts"

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

export interface Written {
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

export const request: fc.Arbitrary<Written> = fc.tuple(token, target, fields, body).map(([method, path, pairs, parts]): Written => {
  const all = [...pairs, ...parts.framing]
  const head = `${written(requestLine(method, path))}${written(fieldLines(all))}\r\n`
  return { text: head + parts.text, told: events({ method, target: path, version: "1.1", fields: all, bytes: head.length }, parts) }
})

export const response: fc.Arbitrary<Written> = fc
  .tuple(fc.integer({ min: 200, max: 599 }), value, fields, body)
  .map(([status, reason, pairs, parts]): Written => {
    const all = parts.framing.length === 0 ? [...pairs, "Content-Length", "0"] : [...pairs, ...parts.framing]
    const head = `${written(statusLine(status, reason))}${written(fieldLines(all))}\r\n`
    return { text: head + parts.text, told: events({ version: "1.1", status, reason, fields: all, bytes: head.length }, parts) }
  })

const wound = fc.tuple(fc.constantFrom("\0", "\r", "\n", " ", "\t", ":", ";", "\x7f", "a", "9", "\r\n"), fc.nat(), fc.nat({ max: 2 }))

/** The text of a message in which up to two places were written over. */
export const damaged = (message: fc.Arbitrary<Written>): fc.Arbitrary<string> =>
  fc.tuple(message, fc.array(wound, { maxLength: 2 })).map(([{ text }, wounds]) =>
    wounds.reduce((whole, [what, where, gone]) => {
      const at = where % (whole.length + 1)
      return whole.slice(0, at) + what + whole.slice(at + gone)
    }, text)
  )
