// YAML as people and kubectl write it (block maps and lists, scalars of one line) → its value, without a tree: a tenth of the time and of the memory.
// Whatever is not surely of that form is left to the whole reader (`yaml.ts`); a test holds both to the same answers.
import { scalarOf } from "./scalar.ts"

export interface Plain {
  readonly value: unknown
  /** Line of the first field of a map of the value, from 1. */
  readonly lines: ReadonlyMap<object, number>
}

class NotPlain extends Error {}

const notPlain = new NotPlain()

/** Deeper than any manifest; the whole reader says so. */
const deepest = 200

const printable = /^(?:[\x20-\x7e\n]|\r\n)*$/
const keyed = /^([A-Za-z_][A-Za-z0-9_./-]*|"[^"\\]*"|'[^']*'):(?: +(.*))?$/
const doubleQuoted = /^"([^"\\]*)"(?: +#.*)?$/
const singleQuoted = /^'((?:[^']|'')*)'(?: +#.*)?$/
/** Begins with no indicator, and holds nothing that ends a plain scalar. */
const bare = /^(?!- |-$)[A-Za-z0-9_./+~(^$\\-](?!.*(?:: |:$))/

const isDash = (content: string): boolean => content === "-" || content.startsWith("- ")

const scalar = (text: string): unknown => {
  if (text === "{}" || text.startsWith("{} #")) return {}
  if (text === "[]" || text.startsWith("[] #")) return []
  const quoted = doubleQuoted.exec(text)
  if (quoted !== null) return quoted[1]
  const single = singleQuoted.exec(text)
  if (single !== null) return single[1]!.replaceAll("''", "'")
  const comment = text.indexOf(" #")
  const content = comment === -1 ? text : text.slice(0, comment).trimEnd()
  if (!bare.test(content)) throw notPlain
  return scalarOf(content)
}

/** A part of a text keeps all of the text alive, and this one is to live as long as its object; short ones the engine copies anyway. */
const own = (value: unknown): unknown =>
  typeof value === "string" && value.length >= 13 ? (JSON.parse(JSON.stringify(value)) as string) : value

/** undefined: to be read by the whole reader. */
export const readPlain = (text: string): Plain | undefined => {
  if (!printable.test(text)) return undefined
  const indents: Array<number> = []
  const contents: Array<string> = []
  const numbers: Array<number> = []
  let number = 0
  for (let from = 0; from <= text.length; ) {
    const found = text.indexOf("\n", from)
    const to = found === -1 ? text.length : found
    number++
    const raw = text.slice(from, to)
    const content = raw.trim()
    from = to + 1
    if (content === "" || content.startsWith("#") || (raw.trimEnd() === "---" && contents.length === 0)) continue
    indents.push(raw.indexOf(content))
    contents.push(content)
    numbers.push(number)
  }
  if (contents.length === 0) return undefined
  const lines = new Map<object, number>()
  let at = 0

  const node = (depth: number): unknown => {
    if (depth > deepest) throw notPlain
    return isDash(contents[at]!) ? list(indents[at]!, depth) : map(indents[at]!, depth)
  }
  /** Behind a key or a dash with nothing after it. */
  const below = (indent: number, depth: number, dashes: boolean): unknown => {
    const next = indents[at]
    if (next === undefined || next < indent) return null
    if (next > indent) return node(depth)
    return dashes && isDash(contents[at]!) ? list(indent, depth) : null
  }
  const map = (indent: number, depth: number): unknown => {
    const fields: Record<string, unknown> = {}
    lines.set(fields, numbers[at]!)
    while (indents[at] === indent && !isDash(contents[at]!)) {
      const entry = keyed.exec(contents[at]!)
      if (entry === null) throw notPlain
      const written = entry[1]!
      const quoted = written.startsWith('"') || written.startsWith("'")
      const key = quoted ? written.slice(1, -1) : written
      // `on: x` has a boolean for a key; `__proto__` is no field of a literal; a key twice is told with its line.
      if ((!quoted && scalarOf(key) !== key) || key === "__proto__" || Object.hasOwn(fields, key)) throw notPlain
      const rest = entry[2]
      at++
      fields[key] = rest === undefined || rest.startsWith("#") ? below(indent, depth + 1, true) : own(scalar(rest))
      if (at < indents.length && indents[at]! > indent) throw notPlain
    }
    return fields
  }
  const list = (indent: number, depth: number): unknown => {
    const found: Array<unknown> = []
    while (indents[at] === indent && isDash(contents[at]!)) {
      const content = contents[at]!
      const rest = content.slice(1).trimStart()
      if (rest === "" || rest.startsWith("#")) {
        at++
        found.push(below(indent, depth + 1, false))
      } else if (isDash(rest)) throw notPlain
      else if (keyed.test(rest)) {
        // A map that begins behind the dash: its fields stand in the column of the first.
        indents[at] = indent + content.length - rest.length
        contents[at] = rest
        found.push(map(indents[at]!, depth + 1))
      } else {
        at++
        found.push(own(scalar(rest)))
      }
      if (at < indents.length && indents[at]! > indent) throw notPlain
    }
    return found
  }

  try {
    const value = node(0)
    return at === contents.length ? { value, lines } : undefined
  } catch (thrown) {
    if (thrown === notPlain) return undefined
    throw thrown
  }
}
