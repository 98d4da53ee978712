// What the tests of Envoy Gateway's kinds share: the fields that a schema reads, and the tables of docs/envoy-gateway.md, which GOLDEN=write writes anew.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Schema, SchemaAST } from "effect"
import { assert, it } from "vitest"
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

export interface Row {
  /** Paths of the schema that this row tries. */
  readonly fields: ReadonlyArray<string>
  readonly value: string
  readonly spec: object
  /** What it means when it is served, or why it is not. */
  readonly meaning: string
  /** What the value is compared with; absent: the plain object. */
  readonly without?: object
  /** Says what holds without it. */
  readonly same?: true
  /** By what it is refused, where that is not the last of the field's names. */
  readonly named?: string
}

export interface Tried {
  /** As the page calls the table. */
  readonly kind: string
  readonly schema: Schema.Codec<unknown, unknown>
  readonly rows: ReadonlyArray<Row>
  readonly plain: object
  /** A field as the page writes it: lists with `[]`. */
  readonly written: (field: string) => string
  /** What is made of a spec. */
  readonly made: (spec: object) => unknown
  readonly outcome: (spec: object) => { readonly text: string; readonly refused: boolean; readonly message: string }
}

/** Each row is a test, every field of the schema has one, and the page has what became of them. */
export const tryRows = ({ kind, schema, rows, plain, written, made, outcome }: Tried): void => {
  it("each have a row", () => {
    const all = new Set(leaves(SchemaAST.toEncoded(Schema.toEncoded(schema).ast)).map((path) => path.replace(/^spec\./, "")))
    assert.isAbove(all.size, 25)
    const tried = new Set(rows.flatMap(({ fields }) => fields))
    assert.deepEqual(
      [...all].filter((path) => !tried.has(path)),
      []
    )
  })

  it.each(rows.map((row) => [`${row.fields.join(", ")}: ${row.value}`, row] as const))("%s", (_, row) => {
    const { refused, message } = outcome(row.spec)
    const without = made(row.without ?? plain)
    if (refused) assert.include(message, row.named ?? row.fields[0]!.split(".").at(-1)!, "it is refused by its name")
    else if (row.same === true) assert.deepEqual(made(row.spec), without)
    else assert.notDeepEqual(made(row.spec), without, "it is served, and changes nothing?")
  })

  it("stand in docs/envoy-gateway.md as they were tried", () => {
    const table = [
      "| field of `spec` | value | what becomes of it | |",
      "| --- | --- | --- | --- |",
      ...rows.map(({ fields, value, spec, meaning }) => {
        const names = fields.map((field) => `\`${written(field)}\``).join(", ")
        return `| ${names} | ${value} | ${outcome(spec).text} | ${meaning} |`
      })
    ].join("\n")
    const section = new RegExp(`<!-- tried: ${kind} -->\\n[\\s\\S]*?<!-- end -->`)
    const before = readFileSync(page, "utf8")
    const after = before.replace(section, () => `<!-- tried: ${kind} -->\n${table}\n<!-- end -->`)
    if (process.env["GOLDEN"] === "write") writeFileSync(page, after)
    else assert.strictEqual(after, before, "GOLDEN=write writes the table anew")
    assert.match(before, section)
  })
}
