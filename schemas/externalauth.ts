// The ExternalAuth filter (experimental channel): on HTTPRoute rules and, since v1.7, on listeners. Read so that it can be refused by name.
import { Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { int32, text } from "./name.ts"
import { BackendObjectReference } from "./reference.ts"
import { uniqueValues } from "./unique.ts"

const Path = text(0, 1024).check(
  Schema.isPattern(/^(?:[-A-Za-z0-9/._~!$&'()*+,;=:@]|[%][0-9a-fA-F]{2})+$/u, { expected: "a URL path without query" })
)

export const ExternalAuth = Schema.Struct({
  protocol: Schema.Literals(["HTTP", "GRPC"]),
  backendRef: BackendObjectReference,
  grpc: Schema.optionalKey(Schema.Struct({ allowedHeaders: listOf(Schema.String, 64).check(uniqueValues) })),
  http: Schema.optionalKey(
    Schema.Struct({
      path: Schema.optionalKey(Path),
      allowedHeaders: listOf(Schema.String, 64).check(uniqueValues),
      allowedResponseHeaders: listOf(Schema.String, 64).check(uniqueValues)
    })
  ),
  forwardBody: Schema.optionalKey(Schema.Struct({ maxSize: defaulted(int32(0), 0) }))
}).check(
  Schema.makeFilter((auth) => {
    for (const [protocol, field] of [
      ["GRPC", "grpc"],
      ["HTTP", "http"]
    ] as const) {
      if (auth.protocol === protocol && auth[field] === undefined) return { path: [field], issue: `Required when protocol is ${protocol}` }
      if (auth.protocol !== protocol && auth[field] !== undefined) {
        return { path: [field], issue: `Only allowed when protocol is ${protocol}` }
      }
    }
    return undefined
  })
)
export type ExternalAuth = typeof ExternalAuth.Type
