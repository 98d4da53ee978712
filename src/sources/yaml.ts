// Any text of one YAML document, read with its whole tree: exact and slow. What is written plainly is read elsewhere (`plain.ts`, `json.ts`); both come here
// for what they do not know, and for the line of a field once there is something to say of it.
import { type ErrorCode, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type Document as YamlDocument } from "yaml"
import { numberOf } from "./scalar.ts"

/** Expansions of aliases in one document: more is a "billion laughs". */
const maxAliasCount = 1_000

const numberTag = (tag: "int" | "float") => ({
  tag: `tag:yaml.org,2002:${tag}`,
  default: true,
  test: /^[-+.0-9]/,
  resolve: (source: string) => numberOf(source)
})

const options = {
  // The API server's own reader (sigs.k8s.io/yaml) speaks YAML 1.1: `yes` and `on` are booleans, `<<` merges (law 21). Its interface{} form has no dates, no
  // base 60, no sets, and its numbers are Go's.
  version: "1.1",
  customTags: (tags: Array<unknown>) => [
    ...tags.filter((tag) => !/(int|float|timestamp|omap|pairs|set|binary)$/.test((tag as { readonly tag?: string }).tag ?? "")),
    numberTag("int"),
    numberTag("float")
  ],
  // The library compares each key with all before it: 20,000 keys would hold the process for 14 s. `keyTwice` looks instead.
  uniqueKeys: false,
  strict: true,
  prettyErrors: false,
  stringKeys: false,
  logLevel: "silent"
} as const

const steps = (path: string): ReadonlyArray<string | number> =>
  [...path.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g)].map((m) => (m[1] !== undefined ? Number(m[1]) : (m[2] ?? m[3]!)))

const startOf = (node: unknown): number | null => {
  const range = (node as Node | null | undefined)?.range
  return range === null || range === undefined ? null : range[0]
}

/** Offset of the key (or element) a path ends in, or of the nearest enclosing one. */
const offsetOf = (from: unknown, path: string): number | null => {
  let node: unknown = from
  let at = startOf(from)
  let walked: ReadonlyArray<string | number> = steps(path)
  while (walked.length > 0) {
    if (isMap(node)) {
      const pairs: ReadonlyArray<{ readonly key: unknown; readonly value: unknown }> = node.items
      // A key may hold dots (an annotation): the longest run of steps that is a key.
      let taken = 0
      for (let n = walked.length; n > 0 && taken === 0; n--) {
        const name = walked.slice(0, n).join(".")
        const pair = pairs.find((item) => String((item.key as { value?: unknown } | null)?.value) === name)
        if (pair === undefined) continue
        at = startOf(pair.key) ?? at
        node = pair.value
        taken = n
      }
      if (taken === 0) return at
      walked = walked.slice(taken)
    } else if (isSeq(node)) {
      const item = typeof walked[0] === "number" ? node.items[walked[0]] : undefined
      if (item === undefined) return at
      at = startOf(item) ?? at
      node = item
      walked = walked.slice(1)
    } else return at
  }
  return at
}

/** Lines count from 1. */
export interface Fault {
  readonly line: number
  readonly message: string
  readonly remedy: string
}

export interface Tree {
  readonly value: unknown
  /** Line of the field that a path (`items[3].spec.rules[0]`) ends in, or of the nearest enclosing one. */
  readonly lineOf: (path: string) => number
}

/** What is wrong, in words of our own: the library's quote the text, which may be a password (law 11: `password: *secret` is an alias to YAML). */
const sentences: Readonly<Record<ErrorCode, string>> = {
  ALIAS_PROPS: "an alias (*) takes neither anchor nor tag; put text that begins with * in quotes",
  BAD_ALIAS: "an anchor or alias (& or *) without a name of its own; put text that begins so in quotes",
  BAD_COLLECTION_TYPE: "a tag (!) that does not fit its value; put text that begins with ! in quotes",
  BAD_DIRECTIVE: "a directive (%) that is not known",
  BAD_DQ_ESCAPE: "an escape that YAML does not know; write \\\\ for a backslash, or use single quotes",
  BAD_INDENT: "indentation that does not fit the lines above",
  BAD_PROP_ORDER: "an anchor or tag (& or !) before the - or : that it belongs behind",
  BAD_SCALAR_START: "text that begins with an indicator of YAML; put it in quotes",
  BLOCK_AS_IMPLICIT_KEY: "a mapping or list where a value on one line was expected; put text that holds `: ` in quotes",
  BLOCK_IN_FLOW: "indented lines inside braces or brackets; close them first",
  DUPLICATE_KEY: "this key is written twice in one object",
  IMPOSSIBLE: "a form that cannot be read",
  KEY_OVER_1024_CHARS: "a key longer than 1024 characters; is a quote or a brace not closed?",
  MISSING_CHAR: "a quote, brace, bracket, comma or space is missing",
  MULTILINE_IMPLICIT_KEY: "a key that goes over several lines; is its `:` missing, or a quote not closed?",
  MULTIPLE_ANCHORS: "two anchors (&) for one value",
  MULTIPLE_DOCS: "several documents where one was expected",
  MULTIPLE_TAGS: "two tags (!) for one value",
  NON_STRING_KEY: "a key that is not text; put it in quotes",
  RESOURCE_EXHAUSTION: "nested too deeply",
  TAB_AS_INDENT: "a tab in the indentation; use spaces",
  TAG_RESOLVE_FAILED: "a tag (!) that is not known, or a value that does not fit it; put text that begins with ! in quotes",
  UNEXPECTED_TOKEN: "something that does not belong here; is the line above complete, and text with indicators (| > ` @ % & *) in quotes?"
}

/** Aliases are resolved after the syntax has been accepted, and nesting deeper than the stack is found then. */
const thrownSentence = (thrown: unknown): string => {
  if (thrown instanceof RangeError) return "nested too deeply"
  const said = thrown instanceof Error ? thrown.message : ""
  if (said.startsWith("Unresolved alias"))
    return "an alias (*) whose anchor (&) is not written before it; put text that begins with * in quotes"
  return said.startsWith("Excessive alias count") ? "its aliases multiply beyond 1000 expansions" : "a form that cannot be read"
}

/** Offset of the first key that its map has already, by the value it is read as; null: none. */
const keyTwice = (tree: unknown): number | null => {
  let first: number | null = null
  const open: Array<unknown> = [tree]
  while (open.length > 0) {
    const node = open.pop()
    if (isSeq(node)) for (const item of node.items) open.push(item)
    if (!isMap(node)) continue
    const seen = new Set<unknown>()
    for (const { key, value } of node.items) {
      open.push(key, value)
      if (!isScalar(key)) continue
      const at = startOf(key)
      if (seen.has(key.value) && at !== null && (first === null || at < first)) first = at
      seen.add(key.value)
    }
  }
  return first
}

/** Total. */
export const readTree = (text: string): Tree | Fault => {
  const counter = new LineCounter()
  const lineAt = (offset: number | null): number => (offset === null ? 1 : Math.max(1, counter.linePos(offset).line))
  try {
    const parsed: YamlDocument.Parsed = parseDocument(text, { ...options, lineCounter: counter, customTags: options.customTags as never })
    const fault = parsed.errors[0]
    if (fault !== undefined) {
      return {
        line: lineAt(fault.pos[0]),
        message: `not YAML: ${sentences[fault.code]}`,
        remedy: "Correct the syntax; the other documents of this file are read"
      }
    }
    const twice = keyTwice(parsed.contents)
    if (twice !== null) return { line: lineAt(twice), message: sentences.DUPLICATE_KEY, remedy: "Remove one of the two" }
    return { value: parsed.toJS({ maxAliasCount }), lineOf: (path) => lineAt(offsetOf(parsed.contents, path)) }
  } catch (thrown) {
    return {
      line: 1,
      message: `not a manifest: ${thrownSentence(thrown)}`,
      remedy: "Correct it; the other documents of this file are read"
    }
  }
}
