// Text of a manifest → its documents, each with the lines of its fields. Documents are parsed apart, so that one that does not parse costs itself alone (law 1).
import { isMap, isSeq, LineCounter, type Node, parseDocument, type Document as YamlDocument } from "yaml"
import type { Problem } from "./problem.ts"

/** One object as written, not yet decoded. */
export interface Document {
  readonly file: string
  /** Line of its first field, from 1. */
  readonly line: number
  readonly value: { readonly [key: string]: unknown }
  /** Line of a field by path (`spec.rules[2].name`); the nearest enclosing one that is written. Lines count from the document's own `line`. */
  readonly lineOf: (path: string) => number
}

export interface Parsed {
  readonly documents: ReadonlyArray<Document>
  readonly problems: ReadonlyArray<Problem>
}

/** Kubernetes objects come as at most a few MiB (etcd refuses 1.5 MiB each); a larger file is something else. */
export const maxFileBytes = 64 * 1024 * 1024

/** Expansions of aliases in one document: more is a "billion laughs". */
const maxAliasCount = 1_000

/** The text of one document, or of one List. */
export interface Chunk {
  readonly text: string
  /** Line of the file that its first line is, from 1. */
  readonly line: number
}

/**
 * Splits at document markers. YAML 1.2.2 section 9.1.4 forbids a `---` or `...` at the start of a line inside any scalar, so this is exact
 * even where the YAML between is broken.
 */
export const chunks = (text: string): ReadonlyArray<Chunk> => {
  const found: Array<Chunk> = []
  const lines = text.replace(/^\uFEFF/, "").split("\n")
  let start = 0
  const close = (end: number) => {
    const part = lines.slice(start, end)
    // Comments, directives and bare markers are not a document; an empty document is no object either (kubectl skips it).
    if (part.some((line) => !/^(\s*(#.*)?|%.*|(---|\.\.\.)\s*(#.*)?)\r?$/.test(line)))
      found.push({ text: part.map((line) => (line.startsWith("%") ? "" : line)).join("\n"), line: start + 1 })
  }
  lines.forEach((line, at) => {
    if (/^---(\s|$)/.test(line)) {
      close(at)
      start = at
    } else if (/^\.\.\.(\s|$)/.test(line)) {
      close(at)
      start = at + 1
    }
  })
  close(lines.length)
  return found
}

const options = {
  // The API server's own reader (sigs.k8s.io/yaml) speaks YAML 1.1: `yes` and `on` are booleans, 0644 is octal, `<<` merges (law 21). Its
  // interface{} form has no dates, no base 60, no sets.
  version: "1.1",
  customTags: (tags: Array<unknown>) =>
    tags.filter((tag) => {
      const known = tag as { readonly tag?: string; readonly format?: string }
      return known.format !== "TIME" && !/(timestamp|omap|pairs|set|binary)$/.test(known.tag ?? "")
    }),
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

const isRecord = (value: unknown): value is { readonly [key: string]: unknown } =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** `v1 List` and every typed list (`HTTPRouteList`), as `kubectl get -o yaml` writes them. */
const isList = (value: { readonly [key: string]: unknown }): boolean =>
  typeof value["kind"] === "string" && value["kind"].endsWith("List") && Array.isArray(value["items"])

const sayObject = (value: { readonly [key: string]: unknown }): string | null => {
  const meta = isRecord(value["metadata"]) ? value["metadata"] : {}
  if (typeof value["kind"] !== "string") return null
  const name = typeof meta["name"] === "string" ? meta["name"] : null
  const namespace = typeof meta["namespace"] === "string" ? `${meta["namespace"]}/` : ""
  return name === null ? value["kind"] : `${value["kind"]} ${namespace}${name}`
}

/** An object as its writer would call it, before it is decoded: `HTTPRoute shop/cart`; null when it has no kind. */
export const describeDocument = (document: Document): string | null => sayObject(document.value)

/** Total: whatever is not a document is a problem with its line. */
export const parseChunk = (file: string, chunk: Chunk): Parsed => {
  const problems: Array<Problem> = []
  const say = (line: number, message: string, remedy: string, object: string | null = null) =>
    problems.push({ severity: "Refused", file, line, object, field: null, message, remedy })
  const counter = new LineCounter()
  const lineAt = (offset: number | null): number =>
    offset === null ? chunk.line : chunk.line - 1 + Math.max(1, counter.linePos(offset).line)
  let parsed: YamlDocument.Parsed
  let value: unknown
  try {
    parsed = parseDocument(chunk.text, { ...options, lineCounter: counter, customTags: options.customTags as never })
    const fault = parsed.errors[0]
    if (fault !== undefined) {
      const guess = /^kind:\s*["']?([A-Za-z]+)/m.exec(chunk.text)?.[1] ?? null
      const name = /^metadata:[^\n]*\n(?:[ \t]+[^\n]*\n)*?[ \t]+name:\s*["']?([A-Za-z0-9.-]+)/m.exec(chunk.text)?.[1]
      const duplicate = fault.code === "DUPLICATE_KEY"
      say(
        lineAt(fault.pos[0]),
        duplicate ? "this key is written twice in one object" : `not YAML: ${fault.message.replace(/\s+/g, " ").trim()}`,
        duplicate ? "Remove one of the two" : "Correct the syntax; the other documents of this file are read",
        guess === null ? null : name === undefined ? guess : `${guess} ${name}`
      )
      return { documents: [], problems }
    }
    value = parsed.toJS({ maxAliasCount })
  } catch (thrown) {
    // Aliases beyond their bound, and nesting deeper than the stack, are thrown.
    const detail = thrown instanceof RangeError ? "nested too deeply" : thrown instanceof Error ? thrown.message : String(thrown)
    say(chunk.line, `not a manifest: ${detail}`, "Write it without deep nesting and with fewer aliases")
    return { documents: [], problems }
  }
  const documents: Array<Document> = []
  const take = (object: unknown, node: unknown, what: string) => {
    const line = lineAt(startOf(node))
    if (object === null || object === undefined) return
    if (!isRecord(object)) {
      say(
        line,
        `${what} is ${Array.isArray(object) ? "a list" : "a plain value"}, not an object`,
        "Start it with apiVersion, kind and metadata"
      )
    } else if (isList(object)) {
      const items = isMap(node) ? node.get("items", true) : undefined
      ;(object["items"] as ReadonlyArray<unknown>).forEach((item, at) =>
        take(item, isSeq(items) ? items.items[at] : node, `item ${at} of this ${String(object["kind"])}`)
      )
    } else documents.push({ file, line, value: object, lineOf: (path) => lineAt(offsetOf(node, path)) })
  }
  take(value, parsed.contents, "this document")
  return { documents, problems }
}

/**
 * All documents of a text: YAML (several, apart by `---`) or JSON, `List`s expanded into their items with their own lines.
 * Total: whatever is not a document is a problem with its line.
 */
export const parseDocuments = (file: string, text: string): Parsed => {
  if (text.length > maxFileBytes) {
    const message = `${Math.round(text.length / 1024 / 1024)} MiB are more than a manifest may have (${maxFileBytes / 1024 / 1024} MiB)`
    return {
      documents: [],
      problems: [{ severity: "Refused", file, line: null, object: null, field: null, message, remedy: "Split it into several files" }]
    }
  }
  const parts = chunks(text).map((chunk) => parseChunk(file, chunk))
  return { documents: parts.flatMap((part) => part.documents), problems: parts.flatMap((part) => part.problems) }
}
