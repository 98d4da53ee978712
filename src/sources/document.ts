// Text of a manifest → its documents, each with the lines of its fields. Documents are parsed apart, so that one that does not parse costs itself alone (law 1).
import { findJson, readJson } from "./json.ts"
import { readPlain } from "./plain.ts"
import type { Problem } from "./problem.ts"
import { readTree, type Tree } from "./yaml.ts"

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
  /** Of a List in JSON each item is read when its turn comes, and again in another turn. */
  readonly documents: Iterable<Document>
  readonly problems: ReadonlyArray<Problem>
}

/** Kubernetes objects come as at most a few MiB (etcd refuses 1.5 MiB each); a larger file is something else. */
export const maxFileBytes = 64 * 1024 * 1024

/** The text of one document, or of one List. */
export interface Chunk {
  readonly text: string
  /** Line of the file that its first line is, from 1. */
  readonly line: number
}

/** A line that is more than a comment, a directive or a bare marker. */
const substance = /(?:^|\n)(?!%|(?:---|\.\.\.)?[^\S\n]*(?:#[^\n]*)?(?:\n|$))/

/**
 * Splits at document markers. YAML 1.2.2 section 9.1.4 forbids a `---` or `...` at the start of a line inside any scalar, so this is exact
 * even where the YAML between is broken.
 */
export const chunks = (text: string): ReadonlyArray<Chunk> => {
  const found: Array<Chunk> = []
  const whole = text.startsWith("\uFEFF") ? text.slice(1) : text
  let start = 0
  let line = 1
  const close = (end: number, next: number) => {
    const part = whole.slice(start, end)
    // An empty document is no object (kubectl skips it). Directives are not ours to follow, and where they stand not YAML's either.
    if (substance.test(part)) found.push({ text: part.replace(/(^|\n)%[^\n]*/g, "$1"), line })
    for (let at = whole.indexOf("\n", start); at !== -1 && at < next; at = whole.indexOf("\n", at + 1)) line++
    start = next
  }
  for (const marker of whole.matchAll(/(?:^|\n)(---|\.\.\.)(?=\s|$)/g)) {
    const at = marker.index + marker[0].length - 3
    if (marker[1] === "---") close(at, at)
    else {
      const after = whole.indexOf("\n", at)
      close(at, after === -1 ? whole.length : after + 1)
    }
  }
  close(whole.length, whole.length)
  return found
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

/** What else can be guessed of text that does not parse. */
const guessObject = (text: string): string | null => {
  const kind = /^kind:\s*["']?([A-Za-z]+)/m.exec(text)?.[1]
  if (kind === undefined) return null
  const name = /^metadata:[^\n]*\n(?:[ \t]+[^\n]*\n)*?[ \t]+name:\s*["']?([A-Za-z0-9.-]+)/m.exec(text)?.[1]
  return name === undefined ? kind : `${kind} ${name}`
}

/** Only when somebody asks for a line of text that was read without a tree; it parsed before, so it parses. */
const linesOf = (text: string): ((path: string) => number) => {
  let tree: Tree | null = null
  return (path) => {
    if (tree === null) {
      const read = readTree(text)
      if (!("value" in read)) return read.line
      tree = read
    }
    return tree.lineOf(path)
  }
}

const notAnObject = (what: string, value: unknown): Pick<Problem, "message" | "remedy"> => ({
  message: `${what} is ${Array.isArray(value) ? "a list" : "a plain value"}, not an object`,
  remedy: "Start it with apiVersion, kind and metadata"
})

type Say = (line: number, said: Pick<Problem, "message" | "remedy">, object?: string | null) => void

/** null: to be read as YAML. */
const parseJson = (file: string, chunk: Chunk, say: Say): Iterable<Document> | null => {
  const found = findJson(chunk.text)
  if (found === null) return null
  const list = found.envelope === null ? undefined : readJson(found.envelope)
  if (list === "Duplicate" || (found.envelope !== null && (list === undefined || !isRecord(list.value)))) return null
  const inList = list !== undefined && isList(list.value as { readonly [key: string]: unknown })
  // Not a List, but with items: one object like any other.
  const spans = found.envelope === null || inList ? found.spans : null
  if (spans === null) return null
  const said: Array<() => void> = []
  const objects: Array<{ readonly text: () => string; readonly line: number }> = []
  for (const [at, span] of spans.entries()) {
    const text = chunk.text.slice(span.start, span.end)
    const line = chunk.line - 1 + span.line
    const read = readJson(text)
    if (read === undefined) return null
    if (read === "Duplicate") {
      const fault = readTree(text)
      if ("value" in fault) return null
      const value: unknown = JSON.parse(text)
      said.push(() => say(line - 1 + fault.line, fault, isRecord(value) ? sayObject(value) : null))
    } else if (isRecord(read.value)) {
      if (isList(read.value)) return null
      objects.push({ text: () => chunk.text.slice(span.start, span.end), line })
    } else if (read.value !== null) {
      const kind = inList ? String((list.value as { readonly kind?: unknown }).kind) : ""
      said.push(() => say(line, notAnObject(inList ? `item ${at} of this ${kind}` : "this document", read.value)))
    }
  }
  for (const tell of said) tell()
  return {
    *[Symbol.iterator]() {
      for (const { text, line } of objects) {
        const lineOf = linesOf(text())
        yield { file, line, value: JSON.parse(text()) as Document["value"], lineOf: (path) => line - 1 + lineOf(path) }
      }
    }
  }
}

const parseYaml = (file: string, chunk: Chunk, say: Say): ReadonlyArray<Document> => {
  const plain = readPlain(chunk.text)
  // What is read of a tree are parts of its text: of a copy, or each object would keep the whole file.
  const read =
    plain === undefined
      ? readTree(Buffer.from(chunk.text, "utf16le").toString("utf16le"))
      : { value: plain.value, lineOf: linesOf(chunk.text) }
  if (!("value" in read)) {
    say(chunk.line - 1 + read.line, read, guessObject(chunk.text))
    return []
  }
  const documents: Array<Document> = []
  const take = (object: unknown, path: string, what: string) => {
    if (object === null || object === undefined) return
    const within = (field: string) => chunk.line - 1 + read.lineOf(path === "" ? field : field === "" ? path : `${path}.${field}`)
    if (!isRecord(object)) say(within(""), notAnObject(what, object))
    else if (isList(object))
      for (const [at, item] of (object["items"] as ReadonlyArray<unknown>).entries())
        take(item, path === "" ? `items[${at}]` : `${path}.items[${at}]`, `item ${at} of this ${String(object["kind"])}`)
    else {
      const first = plain?.lines.get(object)
      documents.push({ file, line: first === undefined ? within("") : chunk.line - 1 + first, value: object, lineOf: within })
    }
  }
  take(read.value, "", "this document")
  return documents
}

/** Total: whatever is not a document is a problem with its line. */
export const parseChunk = (file: string, chunk: Chunk): Parsed => {
  const problems: Array<Problem> = []
  const say: Say = (line, { message, remedy }, object = null) =>
    problems.push({ severity: "Refused", file, line, object, field: null, message, remedy })
  return { documents: parseJson(file, chunk, say) ?? parseYaml(file, chunk, say), problems }
}

/**
 * All documents of a text: YAML (several, apart by `---`) or JSON, `List`s expanded into their items with their own lines.
 * Total: whatever is not a document is a problem with its line.
 */
export const parseDocuments = (
  file: string,
  text: string
): { readonly documents: ReadonlyArray<Document>; readonly problems: ReadonlyArray<Problem> } => {
  if (text.length > maxFileBytes) {
    const message = `${Math.round(text.length / 1024 / 1024)} MiB are more than a manifest may have (${maxFileBytes / 1024 / 1024} MiB)`
    return {
      documents: [],
      problems: [{ severity: "Refused", file, line: null, object: null, field: null, message, remedy: "Split it into several files" }]
    }
  }
  const parts = chunks(text).map((chunk) => parseChunk(file, chunk))
  return { documents: parts.flatMap((part) => [...part.documents]), problems: parts.flatMap((part) => part.problems) }
}
