// Any text of one YAML document, read with its whole tree: exact and slow. What is written plainly is read elsewhere (`plain.ts`, `json.ts`); both come here
// for what they do not know, and for the line of a field once there is something to say of it.
import { isMap, isSeq, LineCounter, type Node, parseDocument, type Document as YamlDocument } from "yaml"
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
  uniqueKeys: true,
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

/** Total. */
export const readTree = (text: string): Tree | Fault => {
  const counter = new LineCounter()
  const lineAt = (offset: number | null): number => (offset === null ? 1 : Math.max(1, counter.linePos(offset).line))
  try {
    const parsed: YamlDocument.Parsed = parseDocument(text, { ...options, lineCounter: counter, customTags: options.customTags as never })
    const fault = parsed.errors[0]
    if (fault !== undefined) {
      const line = lineAt(fault.pos[0])
      return fault.code === "DUPLICATE_KEY"
        ? { line, message: "this key is written twice in one object", remedy: "Remove one of the two" }
        : {
            line,
            message: `not YAML: ${fault.message.replace(/\s+/g, " ").trim()}`,
            remedy: "Correct the syntax; the other documents of this file are read"
          }
    }
    return { value: parsed.toJS({ maxAliasCount }), lineOf: (path) => lineAt(offsetOf(parsed.contents, path)) }
  } catch (thrown) {
    // Aliases beyond their bound, and nesting deeper than the stack, are thrown.
    const detail = thrown instanceof RangeError ? "nested too deeply" : thrown instanceof Error ? thrown.message : String(thrown)
    return { line: 1, message: `not a manifest: ${detail}`, remedy: "Write it without deep nesting and with fewer aliases" }
  }
}
