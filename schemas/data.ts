// Keys and values of Secrets and ConfigMaps.
import { Schema } from "effect"
import { entriesOf } from "./entries.ts"

/** Base64 -> bytes. The message says no more than that, for Secrets pass through here. */
export const Bytes = Schema.Uint8ArrayFromBase64.annotate({ message: "Expected base64" })

const key = /^[-._a-zA-Z0-9]{1,253}$/u

/** A `data` field: keys are file names. */
export const dataEntriesOf = <A, E>(value: Schema.Codec<A, E>) =>
  entriesOf(value, { isKey: (text) => key.test(text) && text !== "." && !text.startsWith(".."), keys: "letters, digits, -, _ and ." })
