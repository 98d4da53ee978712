// core/v1 ConfigMap: CA bundles live in `ca.crt`.
import { Schema } from "effect"
import { defaulted } from "./absent.ts"
import { Bytes, dataEntriesOf } from "./data.ts"

export const ConfigMap = Schema.Struct({
  data: defaulted(dataEntriesOf(Schema.String), {}),
  binaryData: defaulted(dataEntriesOf(Bytes), {})
}).check(
  Schema.makeFilter(({ data, binaryData }) => {
    const both = [...binaryData.keys()].find((key) => data.has(key))
    return both === undefined ? undefined : { path: ["binaryData", both], issue: "Expected a key that data does not have" }
  })
)
export type ConfigMap = typeof ConfigMap.Type
