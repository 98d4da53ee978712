// Keys and values of Secrets and ConfigMaps.
import { Schema, SchemaGetter } from "effect"
import { entriesOf } from "./entries.ts"

/** Base64 -> bytes. Line breaks inside are skipped, as the API server's decoder does: YAML blocks have them. */
export const Bytes = Schema.String.pipe(
  Schema.decodeTo(Schema.Uint8ArrayFromBase64, {
    decode: SchemaGetter.transform((text: string) => text.replaceAll(/[\r\n]/gu, "")),
    encode: SchemaGetter.passthrough()
  })
)

const key = /^[-._a-zA-Z0-9]{1,253}$/u

/** A `data` field: keys are file names. */
export const dataEntriesOf = <A, E>(value: Schema.Codec<A, E>) =>
  entriesOf(value, { isKey: (text) => key.test(text) && text !== "." && !text.startsWith(".."), keys: "letters, digits, -, _ and ." })
