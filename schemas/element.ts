// Parts that decode on their own (law 1): a bad rule costs itself and not its route, a bad field leaves readable whom its object is about.
import { Option, Result, Schema, SchemaGetter } from "effect"
import { issuesOf } from "./issue.ts"
import type { Element, Issue } from "./meta.ts"
import { readBy } from "./within.ts"

const nameOf = (raw: unknown): string | undefined => {
  if (typeof raw !== "object" || raw === null || !("name" in raw)) return undefined
  return typeof raw.name === "string" && raw.name !== "" ? raw.name : undefined
}

/**
 * A list at `at` (`spec.rules`) of `min` to `max` elements, each a Result of its own. Issue paths are absolute.
 * `judge` looks at the elements together, where a rule between them is to cost those that break it.
 * `placeOf` reads of an element that does not decode where it belongs.
 */
export const elementsOf = <A, E>(
  item: Schema.Codec<A, E>,
  at: string,
  min: number,
  max: number,
  judge: (elements: ReadonlyArray<Element<A>>) => ReadonlyArray<Element<A>> = (elements) => elements,
  placeOf: (raw: unknown) => Issue["place"] = () => undefined
) => {
  const decode = Schema.decodeUnknownResult(item, { errors: "all" })
  const list = Schema.declare((u: unknown): u is ReadonlyArray<Element<A>> => Array.isArray(u))
  return Schema.Array(readBy(item))
    .check(
      Schema.isMinLength(min, { expected: `at least ${min} ${min === 1 ? "item" : "items"}` }),
      Schema.isMaxLength(max, { expected: `at most ${max} items` })
    )
    .pipe(
      Schema.decodeTo(list, {
        decode: SchemaGetter.transform(
          (raws: ReadonlyArray<unknown>): ReadonlyArray<Element<A>> =>
            judge(
              raws.map((raw, index) =>
                Result.mapError(decode(raw), (error) => {
                  const [element, place] = [nameOf(raw), placeOf(raw)]
                  const about = { ...(element === undefined ? {} : { element }), ...(place === undefined ? {} : { place }) }
                  return issuesOf(error.issue, raw, `${at}[${index}]`).map((issue) => ({ ...issue, ...about }))
                })
              )
            )
        ),
        encode: SchemaGetter.forbidden(() => "decoded objects are never written back")
      })
    )
}

/** A required field at `at` (`spec.validation`) whose value is a Result of its own. Issue paths are absolute. */
export const elementOf = <A, E>(item: Schema.Codec<A, E>, at: string) => {
  const decode = Schema.decodeUnknownResult(item, { errors: "all" })
  const one = Schema.declare((u: unknown): u is Element<A> => Result.isResult(u))
  const missing: Element<A> = Result.fail([{ path: at, message: "Required, but missing" }])
  return Schema.optionalKey(readBy(item)).pipe(
    Schema.decodeTo(one, {
      decode: SchemaGetter.transformOptional((raw: Option.Option<unknown>) =>
        Option.some(Option.isNone(raw) ? missing : Result.mapError(decode(raw.value), (error) => issuesOf(error.issue, raw.value, at)))
      ),
      encode: SchemaGetter.forbidden(() => "decoded objects are never written back")
    })
  )
}
