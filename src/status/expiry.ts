// What time alone makes of a verdict: a listener's certificate that was valid is over. Apart from settle, which knows no clock.
import { listenerNote } from "./conditions.ts"
import type { Verdict, VerdictEntry } from "./verdict.ts"

const { expires: valid, expired } = listenerNote.certificate

const at = (entry: VerdictEntry, now: number): VerdictEntry => {
  const over = entry.listener?.certificates.filter(({ expires }) => Date.parse(expires) <= now) ?? []
  if (over.length === 0) return entry
  const said = (message: string): string =>
    over.reduce((text, { of, expires }) => text.replace(valid(of, expires), () => expired(of, expires)), message)
  return { ...entry, conditions: entry.conditions.map((one) => ({ ...one, message: said(one.message) })) }
}

/** The verdict as it is to be said at a time (milliseconds since the epoch); the same (===) while nothing is over. */
export const verdictAt = (verdict: Verdict, now: number): Verdict => {
  const entries = verdict.entries.map((entry) => at(entry, now))
  return entries.every((entry, index) => entry === verdict.entries[index]) ? verdict : { ...verdict, entries }
}

/** When it will have to be said otherwise; Infinity: never. */
export const nextExpiry = (verdict: Verdict, now: number): number =>
  Math.min(
    Number.POSITIVE_INFINITY,
    ...verdict.entries
      .flatMap((entry) => (entry.listener?.certificates ?? []).map(({ expires }) => Date.parse(expires)))
      .filter((time) => time > now)
  )
