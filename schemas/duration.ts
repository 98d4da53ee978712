// Gateway API durations (GEP-2257), read into milliseconds. `0s` stays 0: what zero means (disabled) is the reader's to say.
import { Schema, SchemaGetter } from "effect"

const written = /^([0-9]{1,5}(h|m|s|ms)){1,4}$/u
const units = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const

/** Milliseconds of a duration that has the GEP-2257 form, else null. */
export const parseDuration = (text: string): number | null => {
  if (!written.test(text)) return null
  let sum = 0
  for (const [, digits, unit] of text.matchAll(/([0-9]+)(ms|h|m|s)/gu)) sum += Number(digits) * units[unit as keyof typeof units]
  return sum
}

/** The shortest GEP-2257 spelling: 90_000 is `1m30s`. Beyond 99999h it saturates, as the form has no more digits. */
export const formatDuration = (milliseconds: number): string => {
  let rest = Math.max(0, Math.min(Math.round(milliseconds), 99_999 * units.h))
  let text = ""
  for (const unit of ["h", "m", "s", "ms"] as const) {
    const count = Math.floor(rest / units[unit])
    rest -= count * units[unit]
    if (count > 0) text += `${count}${unit}`
  }
  return text === "" ? "0s" : text
}

/** `10s`, `1m30s`, `500ms` <-> milliseconds. May exceed what one timer of Node can hold (2^31-1 ms). */
export const Duration = Schema.String.check(
  Schema.isPattern(written, { expected: "a duration such as 10s, 1m30s or 500ms (units h, m, s, ms; no fractions, at most 5 digits each)" })
).pipe(
  Schema.decodeTo(Schema.Finite, {
    decode: SchemaGetter.transform((text: string) => parseDuration(text) ?? 0),
    encode: SchemaGetter.transform(formatDuration)
  })
)
