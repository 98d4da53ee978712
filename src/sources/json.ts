// JSON text → where its objects stand. A `List` is not read whole but item by item, so that ten thousand routes cost the memory of one at a time.

/** A part of the text. line: of its first character, from 1. */
export interface Span {
  readonly start: number
  readonly end: number
  readonly line: number
}

export interface JsonText {
  /** The objects, in order; what is no List is one. */
  readonly spans: ReadonlyArray<Span>
  /** The text of the List with no items in it; null: it is no List. */
  readonly envelope: string | null
}

/** Deeper than any manifest; the YAML reader says so. */
const deepest = 200

const space = /[\t\n\r ]*/y

const skipSpace = (text: string, at: number): number => {
  space.lastIndex = at
  space.test(text)
  return space.lastIndex
}

/** Behind the closing quote; -1: there is none. */
const skipString = (text: string, at: number): number => {
  for (let close = text.indexOf('"', at + 1); close !== -1; close = text.indexOf('"', close + 1)) {
    let escapes = 0
    while (text.charCodeAt(close - 1 - escapes) === 92) escapes++
    if (escapes % 2 === 0) return close + 1
  }
  return -1
}

/** Behind the value that begins at `at`; -1: it has no end. Brackets are counted; whether it is JSON is for the parser to say. */
const skipValue = (text: string, at: number): number => {
  let depth = 0
  for (let n = at; n < text.length; ) {
    const code = text.charCodeAt(n)
    if (code === 34) {
      n = skipString(text, n)
      if (n === -1) return -1
      if (depth === 0) return n
      continue
    }
    if (code === 123 || code === 91) depth++
    else if (code === 125 || code === 93) {
      // The bracket that closes what a bare value stands in is not part of it.
      if (depth === 0) return n
      if (--depth === 0) return n + 1
    } else if (depth === 0 && (code === 44 || code <= 32)) return n
    n++
  }
  return depth === 0 ? text.length : -1
}

/** How many fields are written: colons outside of strings. */
const written = (text: string): number => {
  let fields = 0
  for (let n = 0; n < text.length; ) {
    const code = text.charCodeAt(n)
    if (code === 34) n = skipString(text, n)
    else {
      if (code === 58) fields++
      n++
    }
  }
  return fields
}

class TooDeep extends Error {}

const kept = (value: unknown, depth = 0): number => {
  if (typeof value !== "object" || value === null) return 0
  if (depth > deepest) throw new TooDeep()
  let fields = 0
  if (Array.isArray(value)) {
    for (const item of value) fields += kept(item, depth + 1)
    return fields
  }
  for (const item of Object.values(value)) fields += 1 + kept(item, depth + 1)
  return fields
}

/** The value; undefined: no JSON, or nested too deeply; `"Duplicate"`: a key is written twice in one object, of which `JSON.parse` would keep the last. */
export const readJson = (text: string): { readonly value: unknown } | "Duplicate" | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return kept(value) === written(text) ? { value } : "Duplicate"
  } catch {
    return undefined
  }
}

/** From the opening bracket of a list: its items, and where it ends. */
const items = (text: string, open: number): { readonly spans: ReadonlyArray<Span>; readonly end: number } | null => {
  const spans: Array<Span> = []
  let line = 1
  let next = text.indexOf("\n")
  let at = skipSpace(text, open + 1)
  if (text[at] === "]") return { spans, end: at + 1 }
  while (true) {
    const end = skipValue(text, at)
    if (end === -1 || end === at) return null
    for (; next !== -1 && next < at; next = text.indexOf("\n", next + 1)) line++
    spans.push({ start: at, end, line })
    at = skipSpace(text, end)
    if (text[at] === "]") return { spans, end: at + 1 }
    if (text[at] !== ",") return null
    at = skipSpace(text, at + 1)
  }
}

const lineAt = (text: string, offset: number): number => {
  let line = 1
  for (let next = text.indexOf("\n"); next !== -1 && next < offset; next = text.indexOf("\n", next + 1)) line++
  return line
}

/** null: not one JSON object, which YAML may still be able to read. */
export const findJson = (text: string): JsonText | null => {
  const first = skipSpace(text, 0)
  if (text[first] !== "{") return null
  let found: { readonly spans: ReadonlyArray<Span>; readonly from: number; readonly end: number } | null = null
  let at = skipSpace(text, first + 1)
  while (text[at] !== "}") {
    if (text[at] !== '"') return null
    const key = skipString(text, at)
    if (key === -1) return null
    const name = text.slice(at, key)
    at = skipSpace(text, key)
    if (text[at] !== ":") return null
    at = skipSpace(text, at + 1)
    if (name === '"items"' && text[at] === "[" && found === null) {
      const list = items(text, at)
      if (list === null) return null
      found = { spans: list.spans, from: at, end: list.end }
      at = list.end
    } else {
      const end = skipValue(text, at)
      if (end === -1 || end === at) return null
      at = end
    }
    at = skipSpace(text, at)
    if (text[at] === ",") at = skipSpace(text, at + 1)
    else if (text[at] !== "}") return null
  }
  if (skipSpace(text, at + 1) !== text.length) return null
  const whole = { start: first, end: at + 1, line: lineAt(text, first) }
  if (found === null) return { spans: [whole], envelope: null }
  return { spans: found.spans, envelope: `${text.slice(first, found.from)}[]${text.slice(found.end, at + 1)}` }
}
