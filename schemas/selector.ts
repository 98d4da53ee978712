// Label selectors. The CRDs admit any operator string, so it stays readable and the reader refuses what it does not know.
import { Schema } from "effect"
import { defaulted } from "./absent.ts"
import { optionalEntriesOf } from "./entries.ts"

export const Requirement = Schema.Struct({
  key: Schema.String,
  /** In, NotIn, Exists, DoesNotExist; anything else selects nothing and is told. */
  operator: Schema.String,
  values: defaulted(Schema.Array(Schema.String), [])
})

/** Empty: selects everything. Absent, where optional: selects nothing. */
export const LabelSelector = Schema.Struct({
  matchLabels: optionalEntriesOf(Schema.String),
  matchExpressions: defaulted(Schema.Array(Requirement), [])
})
export type LabelSelector = typeof LabelSelector.Type
