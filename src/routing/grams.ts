// Expressions found by four characters that each must find in the path, so that many on one path are not tried in turn. The four are the rarest among the
// neighbours: of `/team-77/.*` and ten thousand like it not "/tea", but "-77/".
import type { CompiledRule } from "./compile.ts"

const length = 4

/** Rules that want the same four characters, in order of rank. */
interface Bucket {
  readonly rules: Array<CompiledRule>
  /** Of the search that saw it last: a path may hold the four again and again. */
  seen: number
}

export interface Grams {
  /** The lowest rank in it. */
  readonly first: number
  readonly buckets: ReadonlyMap<number, Bucket>
}

// Four units in one word. A character beyond the first 256 may pass for another: one candidate too many, which its expression refuses.
const keysOf = (text: string): ReadonlyArray<number> => {
  const keys: Array<number> = []
  for (let at = 0; at + length <= text.length; at++) {
    let key = 0
    for (let one = at; one < at + length; one++) key = (key << 8) | (text.charCodeAt(one) & 0xff)
    keys.push(key)
  }
  return keys
}

const keysOfRule = (rule: CompiledRule): ReadonlyArray<number> => [...new Set((rule.path?.required ?? []).flatMap(keysOf))]

/** rules: in order of rank. `rest`: those whose expressions want no four characters in a row; they have to be tried in turn. */
export const gramsOf = (
  rules: ReadonlyArray<CompiledRule>
): { readonly grams: Grams | null; readonly rest: ReadonlyArray<CompiledRule> } => {
  const frequency = new Map<number, number>()
  const keys = rules.map(keysOfRule)
  for (const own of keys) for (const key of own) frequency.set(key, (frequency.get(key) ?? 0) + 1)
  const buckets = new Map<number, Bucket>()
  const rest: Array<CompiledRule> = []
  let first = Number.POSITIVE_INFINITY
  rules.forEach((rule, index) => {
    let rarest: number | null = null
    for (const key of keys[index]!) if (rarest === null || frequency.get(key)! <= frequency.get(rarest)!) rarest = key
    if (rarest === null) {
      rest.push(rule)
      return
    }
    first = Math.min(first, rule.rank)
    const bucket = buckets.get(rarest)
    if (bucket === undefined) buckets.set(rarest, { rules: [rule], seen: 0 })
    else bucket.rules.push(rule)
  })
  return { grams: buckets.size === 0 ? null : { first, buckets }, rest }
}

let searches = 0

/** The best of `best` and what `pick` makes of each bucket of the path, once each. */
export const searchGrams = (
  { buckets }: Grams,
  path: string,
  best: CompiledRule | null,
  pick: (rules: ReadonlyArray<CompiledRule>, best: CompiledRule | null) => CompiledRule | null
): CompiledRule | null => {
  const search = ++searches
  let found = best
  let key = 0
  for (let at = 0; at < path.length; at++) {
    key = (key << 8) | (path.charCodeAt(at) & 0xff)
    if (at < length - 1) continue
    const bucket = buckets.get(key)
    if (bucket === undefined || bucket.seen === search) continue
    bucket.seen = search
    found = pick(bucket.rules, found)
  }
  return found
}
