// Schema issues as `{ path, message }` with paths that people can find in their manifest. Values never appear: Secrets pass through here.
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

/** Every leaf of a decode failure, with paths below `base`. */
export const issuesOf = (issue: SchemaIssue.Issue, base = ""): ReadonlyArray<Issue> =>
  format(issue).issues.map((leaf) => ({
    path: joinPath(
      base,
      (leaf.path ?? []).map((segment) => (typeof segment === "object" ? segment.key : segment))
    ),
    message: leaf.message === "Missing key" ? "Required, but missing" : leaf.message
  }))
