// The rules of one path. Many rules on a path differ by an exact header or query value (tenants on `/`): those are found by value, not tried in turn; and
// many expressions by what each wants in the path.
import { isCall } from "./call.ts"
import type { CompiledRule, Condition } from "./compile.ts"
import { type Grams, gramsOf, searchGrams } from "./grams.ts"
import type { RequestView } from "./match.ts"
import { queryValue } from "./query.ts"

export interface Shelf {
  /** The lowest rank on it. */
  readonly first: number
  /** In order of rank, tried in turn. */
  readonly plain: ReadonlyArray<CompiledRule>
  readonly headers: ReadonlyArray<ByValue>
  readonly query: ReadonlyArray<ByValue>
  readonly grams: Grams | null
}

/** Rules that want an exact value of one header or parameter. */
interface ByValue {
  readonly name: string
  readonly first: number
  readonly rules: ReadonlyMap<string, ReadonlyArray<CompiledRule>>
}

const none: ReadonlyArray<ByValue> = []

/** Fewer rules than this are tried in turn. */
const enough = 8

/** Rules in order of rank, at least one. */
export const shelve = (rules: ReadonlyArray<CompiledRule>): Shelf => {
  const first = rules[0]!.rank
  if (rules.length < enough) return { first, plain: rules.slice(), headers: none, query: none, grams: null }
  const plain: Array<CompiledRule> = []
  const headers = new Map<string, Map<string, Array<CompiledRule>>>()
  const query = new Map<string, Map<string, Array<CompiledRule>>>()
  const put = (index: Map<string, Map<string, Array<CompiledRule>>>, condition: Condition, rule: CompiledRule) => {
    const byValue = index.get(condition.name) ?? new Map<string, Array<CompiledRule>>()
    index.set(condition.name, byValue)
    const same = byValue.get(condition.value!)
    if (same === undefined) byValue.set(condition.value!, [rule])
    else same.push(rule)
  }
  for (const rule of rules) {
    const header = rule.headers.find((condition) => condition.value !== null)
    const parameter = rule.query.find((condition) => condition.value !== null)
    if (header !== undefined) put(headers, header, rule)
    else if (parameter !== undefined) put(query, parameter, rule)
    else plain.push(rule)
  }
  const list = (index: Map<string, Map<string, Array<CompiledRule>>>): ReadonlyArray<ByValue> =>
    [...index].map(([name, rules]) => ({ name, rules, first: Math.min(...[...rules.values()].map((same) => same[0]!.rank)) }))
  const { grams, rest } = plain.length < enough || plain[0]!.path === null ? { grams: null, rest: plain } : gramsOf(plain)
  return { first, plain: rest, headers: list(headers), query: list(query), grams }
}

const holds = (conditions: ReadonlyArray<Condition>, request: RequestView, of: "header" | "query"): boolean => {
  for (const condition of conditions) {
    const value = of === "header" ? request.header(condition.name) : queryValue(request.query, condition.name)
    if (value === null) return false
    if (condition.pattern === null ? value !== condition.value : !condition.pattern.test(value)) return false
  }
  return true
}

const firstOf = (rules: ReadonlyArray<CompiledRule>, request: RequestView, best: CompiledRule | null): CompiledRule | null => {
  for (const rule of rules) {
    if (best !== null && rule.rank >= best.rank) return best
    if (rule.method !== null && rule.method !== request.method) continue
    if (rule.calls && !isCall(request.header("content-type"))) continue
    if (rule.headers.length > 0 && !holds(rule.headers, request, "header")) continue
    if (rule.query.length > 0 && !holds(rule.query, request, "query")) continue
    // Last: an expression costs more than all the rest.
    if (rule.path !== null && !rule.path.test(request.path)) continue
    return rule
  }
  return best
}

/** The best of `best` and the first rule of the shelf that matches; the path is the shelf's, except that expressions are tried here. */
export const searchShelf = (shelf: Shelf, request: RequestView, best: CompiledRule | null): CompiledRule | null => {
  if (best !== null && shelf.first >= best.rank) return best
  let found = firstOf(shelf.plain, request, best)
  for (const index of shelf.headers) {
    if (found !== null && index.first >= found.rank) continue
    const value = request.header(index.name)
    const rules = value === null ? undefined : index.rules.get(value)
    if (rules !== undefined) found = firstOf(rules, request, found)
  }
  for (const index of shelf.query) {
    if (found !== null && index.first >= found.rank) continue
    const value = queryValue(request.query, index.name)
    const rules = value === null ? undefined : index.rules.get(value)
    if (rules !== undefined) found = firstOf(rules, request, found)
  }
  if (shelf.grams !== null && (found === null || shelf.grams.first < found.rank))
    found = searchGrams(shelf.grams, request.path, found, (rules, best) => firstOf(rules, request, best))
  return found
}
