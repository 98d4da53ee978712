// What the tests of Envoy Gateway's kinds share: the fields that a schema reads, and the tables of docs/envoy-gateway.md, which GOLDEN=write writes anew.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Schema, SchemaAST } from "effect"
import { assert } from "vitest"
import { schemaWithin } from "#schemas/within.ts"

const page = join(import.meta.dirname, "../../../docs/envoy-gateway.md")

/** The ends of all paths that the schema reads. */
const leaves = (node: SchemaAST.AST, path = ""): ReadonlyArray<string> => {
  const within = node._tag === "Unknown" ? schemaWithin(node) : undefined
  if (within !== undefined) return leaves(SchemaAST.toEncoded(within.ast), path)
  switch (node._tag) {
    case "Union":
      return node.types.flatMap((one) => leaves(one, path))
    case "Arrays":
      return node.rest.flatMap((one) => leaves(one, path))
    case "Objects":
      return node.propertySignatures.flatMap(({ name, type }) => leaves(type, path === "" ? String(name) : `${path}.${String(name)}`))
    default:
      return [path]
  }
}

/** Paths below `spec`. */
export const fieldsOf = (schema: Schema.Codec<unknown, unknown>): ReadonlySet<string> =>
  new Set(leaves(SchemaAST.toEncoded(Schema.toEncoded(schema).ast)).map((path) => path.replace(/^spec\./, "")))

/** Between `<!-- tried: kind -->` and `<!-- end -->`. */
export const standsInPage = (kind: string, table: string): void => {
  const section = new RegExp(`<!-- tried: ${kind} -->\\n[\\s\\S]*?<!-- end -->`)
  const before = readFileSync(page, "utf8")
  const after = before.replace(section, () => `<!-- tried: ${kind} -->\n${table}\n<!-- end -->`)
  if (process.env["GOLDEN"] === "write") writeFileSync(page, after)
  else assert.strictEqual(after, before, "GOLDEN=write writes the table anew")
  assert.match(before, section)
}
