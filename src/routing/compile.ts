// A virtual host made ready for lookup: exact paths in a map, prefixes and regular expressions in tries of path elements, so that a lookup costs the
// depth of the request's path and not the number of rules. Built when tables change, never per request.
import * as Result from "effect/Result"
import type { Match, Rule, Share, ValueMatch, VirtualHost } from "../snapshot/route.ts"
import { type CompiledFilters, compileFilters } from "./filters.ts"
import { literalElements } from "./literal.ts"
import { compilePattern, type Pattern } from "./pattern.ts"
import { redirectProblem } from "./rewrite.ts"
import { compileWeights, type Weighted } from "./share.ts"
import { type Shelf, shelve } from "./shelf.ts"

/** A condition on a header or query parameter: equal to `value`, or matching `pattern`. */
export interface Condition {
  readonly name: string
  readonly value: string | null
  readonly pattern: Pattern | null
}

export interface CompiledShare {
  readonly share: Share
  /** The rule's filters, then the share's. */
  readonly filters: CompiledFilters
  readonly standbys: ReadonlyArray<CompiledShare>
}

export interface CompiledRule {
  readonly rule: Rule
  /** Index in the host's rules, which are in precedence order: the lowest rank that matches wins. */
  readonly rank: number
  readonly method: string | null
  /** Calls of gRPC alone. */
  readonly calls: boolean
  readonly headers: ReadonlyArray<Condition>
  readonly query: ReadonlyArray<Condition>
  /** Regex path matches only. */
  readonly path: Pattern | null
  /** The rule's own filters: for its redirect, and for answers that no share gives. */
  readonly filters: CompiledFilters
  /** Not null: this proxy cannot do what the rule says, and why: it answers 500 (`invalid_filter`), nothing of it is skipped (law 15). */
  readonly unknown: string | null
  /** It, or one of its shares, says who may read its answers from another origin: questions of browsers are answered here. */
  readonly cors: boolean
  /** Empty when the action is not Forward. */
  readonly shares: Weighted<CompiledShare>
}

export interface PathNode {
  readonly parent: PathNode | null
  children: Map<string, PathNode> | null
  shelf: Shelf | null
}

export interface CompiledHost {
  readonly hostname: string
  readonly host: VirtualHost
  readonly rules: ReadonlyArray<CompiledRule>
  readonly exact: ReadonlyMap<string, Shelf>
  readonly prefixes: PathNode
  /** Regex paths, each at the node of the whole elements that it begins with. */
  readonly patterns: PathNode
  /** Rules whose match cannot be evaluated (a newer operator's, since translate refuses the same): they match nothing, and the acknowledgement says so. */
  readonly problems: ReadonlyArray<string>
}

// One for all: most matches have none.
const noConditions: Result.Result<ReadonlyArray<Condition>, string> = Result.succeed([])

const compileConditions = (matches: ReadonlyArray<ValueMatch>): Result.Result<ReadonlyArray<Condition>, string> => {
  if (matches.length === 0) return noConditions
  const conditions: Array<Condition> = []
  for (const match of matches) {
    // A second entry of a name is ignored (Gateway API v1.6, HTTPRouteRule.matches).
    if (conditions.some((condition) => condition.name === match.name)) continue
    if (match.type === "Exact") conditions.push({ name: match.name, value: match.value, pattern: null })
    else if (match.type === "Regex") {
      const compiled = compilePattern(match.value)
      if (Result.isFailure(compiled)) return Result.fail(compiled.failure)
      conditions.push({ name: match.name, value: null, pattern: compiled.success })
    } else return Result.fail(`the match type ${String(match.type)} is not known to this proxy`)
  }
  return Result.succeed(conditions)
}

const makeNode = (parent: PathNode | null): PathNode => ({ parent, children: null, shelf: null })

const nodeAt = (root: PathNode, elements: ReadonlyArray<string>): PathNode => {
  let node = root
  for (const element of elements) {
    node.children ??= new Map()
    let child = node.children.get(element)
    if (child === undefined) {
      child = makeNode(node)
      node.children.set(element, child)
    }
    node = child
  }
  return node
}

/** `/a/b` as its elements; `/` has none. A trailing slash is ignored, an empty element inside counts. */
const prefixElements = (value: string): ReadonlyArray<string> => {
  const trimmed = value.endsWith("/") ? value.slice(0, -1) : value
  return trimmed === "" ? [] : trimmed.slice(1).split("/")
}

const noStandbys: ReadonlyArray<CompiledShare> = []

const compileShares = (rule: Rule, own: CompiledFilters): Weighted<CompiledShare> => {
  const compile = (share: Share): CompiledShare => ({
    share,
    filters: share.filters.length === 0 ? own : compileFilters([...rule.filters, ...share.filters], rule.match.path),
    standbys: share.standbys?.map(compile) ?? noStandbys
  })
  return compileWeights(rule.action._tag !== "Forward" ? [] : rule.action.to.map(compile), (compiled) => compiled.share.weight)
}

const actionProblem = (rule: Rule): string | null => {
  switch (rule.action._tag) {
    case "Redirect":
      return redirectProblem(rule.action.to, rule.match.path)
    case "Forward":
    case "Refuse":
      return null
    default:
      return `the action ${(rule.action as { readonly _tag: string })._tag} is not known to this proxy`
  }
}

const compileRule = (rule: Rule, rank: number): Result.Result<CompiledRule, string> => {
  const match: Match = rule.match
  const path = match.path.type === "Regex" ? compilePattern(match.path.value) : null
  if (path !== null && Result.isFailure(path)) return Result.fail(path.failure)
  const headers = compileConditions(match.headers)
  if (Result.isFailure(headers)) return Result.fail(headers.failure)
  const query = compileConditions(match.query)
  if (Result.isFailure(query)) return Result.fail(query.failure)
  const filters = compileFilters(rule.filters, match.path)
  const shares = compileShares(rule, filters)
  return Result.succeed({
    rule,
    rank,
    method: match.method,
    calls: match.grpc !== undefined,
    headers: headers.success,
    query: query.success,
    path: path === null ? null : path.success,
    filters,
    unknown: filters.unknown ?? actionProblem(rule),
    cors: filters.cors !== null || shares.items.some((share) => share.filters.cors !== null),
    shares
  })
}

/** Total: what cannot be compiled is in `problems`, the other rules serve (law 1). */
export const compileHost = (host: VirtualHost): CompiledHost => {
  const rules: Array<CompiledRule> = []
  const problems: Array<string> = []
  const exact = new Map<string, Array<CompiledRule>>()
  const byNode = new Map<PathNode, Array<CompiledRule>>()
  const prefixRoot = makeNode(null)
  const patternRoot = makeNode(null)
  const put = <K>(lists: Map<K, Array<CompiledRule>>, key: K, rule: CompiledRule) => {
    const list = lists.get(key)
    if (list === undefined) lists.set(key, [rule])
    else list.push(rule)
  }
  host.rules.forEach((rule, rank) => {
    const { path } = rule.match
    const known = path.type === "Exact" || path.type === "Prefix" || path.type === "Regex"
    const compiled = known ? compileRule(rule, rank) : Result.fail("the type of its path match is not known to this proxy")
    if (Result.isFailure(compiled)) {
      problems.push(`rule ${rank} of ${host.hostname}: ${compiled.failure}`)
      return
    }
    rules.push(compiled.success)
    if (path.type === "Exact") put(exact, path.value, compiled.success)
    else if (path.type === "Prefix") put(byNode, nodeAt(prefixRoot, prefixElements(path.value)), compiled.success)
    else put(byNode, nodeAt(patternRoot, literalElements(path.value)), compiled.success)
  })
  for (const [node, list] of byNode) node.shelf = shelve(list)
  const shelves = new Map<string, Shelf>()
  for (const [path, list] of exact) shelves.set(path, shelve(list))
  return { hostname: host.hostname, host, rules, exact: shelves, prefixes: prefixRoot, patterns: patternRoot, problems }
}
