// Bytes that a look at an address sends or waits for: the form of Envoy Gateway's health checks.
import { Schema } from "effect"
import { rules } from "./crd.ts"
import { text } from "./name.ts"

/** Of the bytes, and of the text. */
const most = 1024
const base64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/u

export const Payload = Schema.Struct({
  type: Schema.Literals(["Text", "Binary"]).annotateKey({ description: "Which of the two says it." }),
  text: Schema.optionalKey(text(1, most)).annotateKey({ description: "As it is, in UTF-8." }),
  binary: Schema.optionalKey(
    text(4, 4 * Math.ceil(most / 3)).check(Schema.isPattern(base64, { expected: "base64 with its padding" }))
  ).annotateKey({
    description: "In base64."
  })
}).check(
  rules(
    {
      at: "text",
      message: "Required when type is Text, and only then",
      cel: "(self.type == 'Text') == has(self.text)",
      broken: (payload) => (payload.type === "Text") !== (payload.text !== undefined)
    },
    {
      at: "binary",
      message: "Required when type is Binary, and only then",
      cel: "(self.type == 'Binary') == has(self.binary)",
      broken: (payload) => (payload.type === "Binary") !== (payload.binary !== undefined)
    }
  )
)
export type Payload = typeof Payload.Type
