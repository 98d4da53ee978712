// Objects with open keys (labels, options, data) as Maps: a key such as `__proto__` is data like any other.
import { Schema, SchemaGetter } from "effect"
import { defaulted } from "./absent.ts"
import { keywords } from "./crd.ts"

type Entries<A> = ReadonlyMap<string, A>

/** `{ key: value }` -> Map. `max`: how many entries the CRD admits; `isKey`: what a key must be. */
export const entriesOf = <A, E>(
  value: Schema.Codec<A, E>,
  options: { readonly max?: number; readonly isKey?: (key: string) => boolean; readonly keys?: string } = {}
) =>
  Schema.Record(Schema.String, value)
    .check(
      Schema.makeFilter(
        (record: Readonly<Record<string, A>>) => {
          const keys = Object.keys(record)
          if (options.max !== undefined && keys.length > options.max) return `Expected at most ${options.max} entries`
          const bad = options.isKey === undefined ? undefined : keys.find((key) => !options.isKey?.(key))
          return bad === undefined ? undefined : { path: [bad], issue: `Expected the key to be ${options.keys ?? "valid"}` }
        },
        // Keys with a form are in upstream kinds alone, whose CRDs are upstream's.
        options.isKey === undefined ? keywords(options.max === undefined ? {} : { maxProperties: options.max }) : {}
      )
    )
    .pipe(
      Schema.decodeTo(
        Schema.declare((u: unknown): u is Entries<A> => u instanceof Map),
        {
          decode: SchemaGetter.transform((record: Readonly<Record<string, A>>): Entries<A> => new Map(Object.entries(record))),
          encode: SchemaGetter.transform((map: Entries<A>) => Object.fromEntries(map))
        }
      )
    )

/** As `entriesOf`; absent is empty. */
export const optionalEntriesOf = <A, E>(value: Schema.Codec<A, E>, options: Parameters<typeof entriesOf>[1] = {}) =>
  defaulted(entriesOf(value, options), {})
