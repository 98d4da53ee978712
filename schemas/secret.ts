// core/v1 Secret. Issues never quote a value (law 11): only the key is named.
import { Schema, SchemaGetter } from "effect"
import { defaulted } from "./absent.ts"
import { Bytes, dataEntriesOf } from "./data.ts"

/** A source replaces the bytes by sealed ones before anything else sees them. */
export interface Secret<B = Uint8Array> {
  readonly type: string
  readonly data: ReadonlyMap<string, B>
}

const written = Schema.Struct({
  type: defaulted(Schema.String, "Opaque"),
  data: defaulted(dataEntriesOf(Bytes), {}),
  /** Plain text in manifests; wins over data, as on the API server. */
  stringData: defaulted(dataEntriesOf(Schema.String), {})
})

const isSecret = (u: unknown): u is Secret => typeof u === "object" && u !== null && "data" in u && u.data instanceof Map

export const Secret = written.pipe(
  Schema.decodeTo(Schema.declare(isSecret), {
    decode: SchemaGetter.transform(({ type, data, stringData }: typeof written.Type): Secret => {
      const utf8 = new TextEncoder()
      return { type, data: new Map([...data, ...[...stringData].map(([key, value]) => [key, utf8.encode(value)] as const)]) }
    }),
    encode: SchemaGetter.forbidden(() => "Secrets are never written")
  })
)
