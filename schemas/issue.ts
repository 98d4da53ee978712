// Schema issues as `{ path, message }` with paths that people can find in their manifest. No value of a Secret, a ConfigMap
// or a header field ever appears.
import { SchemaIssue } from "effect"
import type { Issue } from "./meta.ts"

const format = SchemaIssue.makeFormatterStandardSchemaV1()

const plain = /^[A-Za-z_][A-Za-z0-9_-]*$/u

/** `spec`, `rules`, 2, `a/b` -> `spec.rules[2]["a/b"]`. */
export const joinPath = (base: string, path: ReadonlyArray<PropertyKey>): string => {
  let joined = base
  for (const key of path) {
    if (typeof key === "number") joined += `[${key}]`
    else if (plain.test(String(key))) joined += joined === "" ? String(key) : `.${String(key)}`
    else joined += `[${JSON.stringify(String(key))}]`
  }
  return joined
}

/** What Effect calls the types of JSON, and what people do who write YAML. */
const types: Readonly<Record<string, string>> = {
  string: "a string",
  number: "a number",
  boolean: "true or false",
  array: "a list",
  object: "a map"
}

/** Of a type or of literals, where nothing was said beyond them. */
const bare = /^Expected (string|number|boolean|array|object|"[^"]*"(?: \| "[^"]*")*)$/u

const shortest = /^[\x20-\x7e]{0,40}$/u

/** `the number 80`, `a list`; `quote`: the value may be shown where it is short. */
const written = (value: unknown, quote: boolean): string => {
  if (Array.isArray(value)) return "a list"
  switch (typeof value) {
    case "string":
      return quote && shortest.test(value) ? `the string ${JSON.stringify(value)}` : "a string"
    case "number":
      return quote ? `the number ${value}` : "a number"
    case "boolean":
      return quote ? `the boolean ${value}` : "a boolean"
    default:
      return "a map"
  }
}

/** `Expected string` says what is there instead; messages with more to say are as their schema wrote them. */
const withWritten = (message: string, value: unknown, quote: boolean): string => {
  const expected = bare.exec(message)?.[1]
  if (expected === undefined || value === undefined) return message
  return `Expected ${types[expected] ?? expected}, got ${written(value, quote)}`
}

const at = (raw: unknown, path: ReadonlyArray<PropertyKey>): unknown => {
  let value = raw
  for (const key of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Readonly<Record<PropertyKey, unknown>>)[key]
  }
  return value
}

/** Header fields are written as `value`, and carry credentials. */
const mayQuote = (path: ReadonlyArray<PropertyKey>): boolean => path.at(-1) !== "value" || path.at(-2) === "path"

/**
 * Every leaf of a decode failure of `raw`, with paths below `base`. A message that only names a type tells what was written; `quote` false keeps
 * values out of it altogether.
 */
export const issuesOf = (issue: SchemaIssue.Issue, raw: unknown, base = "", quote = true): ReadonlyArray<Issue> =>
  format(issue).issues.map((leaf) => {
    const path = (leaf.path ?? []).map((segment) => (typeof segment === "object" ? segment.key : segment))
    return {
      path: joinPath(base, path),
      message: leaf.message === "Missing key" ? "Required, but missing" : withWritten(leaf.message, at(raw, path), quote && mayQuote(path))
    }
  })

/** Of `value`, which stands where a string of any form belongs. */
export const expectedString = (value: unknown, quote: boolean): string => {
  const told = withWritten("Expected string", value, quote)
  return typeof value === "number" || typeof value === "boolean" ? `${told}: put it in quotes` : told
}
