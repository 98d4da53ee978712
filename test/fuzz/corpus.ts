// The smuggling corpus: every family with an id a payload. Generated, so that a rule is one line and its combinations are not written by hand.
import { chunks } from "./corpus/chunks.ts"
import { fields } from "./corpus/fields.ts"
import { framing } from "./corpus/framing.ts"
import { requestLines } from "./corpus/lines.ts"
import { mutations } from "./corpus/mutations.ts"
import { placeholder, type Sketch } from "./corpus/sketch.ts"

export interface Payload {
  /** Five digits; in every target of the payload. */
  readonly id: string
  readonly family: string
  readonly note: string
  /** latin1. */
  readonly bytes: string
  /** Plainly valid: refusing it is wrong too. */
  readonly served: boolean
}

export const corpus = (): ReadonlyArray<Payload> => {
  const families: Readonly<Record<string, Iterable<Sketch>>> = {
    framing: framing(),
    chunks: chunks(),
    lines: requestLines(),
    fields: fields(),
    mutations: mutations(800, 1)
  }
  const seen = new Set<string>()
  const payloads: Array<Payload> = []
  for (const [family, sketches] of Object.entries(families)) {
    for (const { note, bytes, served = false } of sketches) {
      if (seen.has(bytes)) continue
      seen.add(bytes)
      const id = String(10_000 + payloads.length)
      payloads.push({ id, family, note: `${family}: ${note}`, bytes: bytes.replaceAll(placeholder, id), served })
    }
  }
  return payloads
}
