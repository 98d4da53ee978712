// What an absent field means. One place, because every default of the upstream CRDs is applied on decode and nowhere else.
import { Option, Schema, type SchemaAST, SchemaGetter } from "effect"
import { readBy } from "./within.ts"

const annotation = "sluice/default"

/** What the CRD writes where the user wrote nothing; undefined: nothing. */
export const writtenDefault = (node: SchemaAST.AST): unknown => node.annotations?.[annotation]

/** A field with a CRD default: optional outside, always there inside. `value` is as one would write it in a manifest. */
export const defaulted = <S extends Schema.Constraint>(schema: S, value: S["Encoded"]): Schema.withDecodingDefaultKey<S> => {
  const absent = Option.some(value)
  const field = Schema.optionalKey(readBy(schema).annotate({ [annotation]: value })).pipe(
    Schema.decodeTo(schema as unknown as Schema.Codec<unknown>, {
      decode: SchemaGetter.transformOptional((written: Option.Option<unknown>) => (Option.isSome(written) ? written : absent)),
      encode: SchemaGetter.passthrough()
    })
  )
  // Outside it is not `unknown` but what the schema reads, as with Effect's own defaults.
  return field as unknown as Schema.withDecodingDefaultKey<S>
}

/** A list whose absence and emptiness mean the same: always a list inside, at most `max` long. */
export const listOf = <S extends Schema.Constraint>(item: S, max: number): Schema.withDecodingDefaultKey<Schema.$Array<S>> =>
  defaulted(Schema.Array(item).check(Schema.isMaxLength(max, { expected: `at most ${max} items` })), [])

/** A list that the CRD requires, `min` to `max` long. */
export const requiredList = <S extends Schema.Constraint>(item: S, min: number, max: number): Schema.$Array<S> =>
  Schema.Array(item).check(
    Schema.isMinLength(min, { expected: `at least ${min} ${min === 1 ? "item" : "items"}` }),
    Schema.isMaxLength(max, { expected: `at most ${max} items` })
  )
