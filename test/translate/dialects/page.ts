// What the tests of fields share: the fields that a schema reads, and the tables of the pages that have what became of them, which GOLDEN=write writes anew.
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Schema, SchemaAST } from "effect"
import { assert, it } from "vitest"
import { schemaWithin } from "#schemas/within.ts"

const docs = join(import.meta.dirname, "../../../docs")

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
      // A map of any keys ends there.
      if (node.propertySignatures.length === 0) return [path]
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
  /** Says what holds without it; or nothing that means anything here. */
  readonly same?: true | "no effect"
  /** By what it is refused, where that is not the last of the field's names. */
  readonly named?: string
}

export interface Outcome {
  readonly text: string
  readonly refused: boolean
  readonly message: string
}

export interface Tried {
  /** Of `docs`. */
  readonly page: string
  /** As the page calls the table. */
  readonly kind: string
  /** What there is to try: paths without `spec.`. */
  readonly fields: ReadonlyArray<string>
  /** What the first column is called. */
  readonly column?: string
  readonly rows: ReadonlyArray<Row>
  readonly plain: object
  /** A field as the page writes it: lists with `[]`. */
  readonly written: (field: string) => string
  /** What is made of a spec. */
  readonly made: (spec: object) => unknown
  readonly outcome: (spec: object) => Outcome
}

/** Paths of all that the schema of a kind reads of its `spec`. */
export const fieldsOf = (schema: Schema.Codec<unknown, unknown>): ReadonlyArray<string> =>
  leaves(SchemaAST.toEncoded(Schema.toEncoded(schema).ast)).map((path) => path.replace(/^spec\./, ""))

/** Each row is a test, every field has one, and the page has what became of them. */
export const tryRows = ({ page, kind, fields, column = "field of `spec`", rows, plain, written, made, outcome }: Tried): void => {
  it("each have a row", () => {
    const all = new Set(fields)
    assert.isAbove(all.size, 5)
    const tried = new Set(rows.flatMap(({ fields }) => fields))
    assert.deepEqual(
      [...all].filter((path) => !tried.has(path)),
      []
    )
    assert.deepEqual(
      [...tried].filter((path) => ![...all].some((one) => one === path || one.startsWith(`${path}.`))),
      [],
      "a row of a field that there is not"
    )
  })

  it.each(rows.map((row) => [`${row.fields.join(", ")}: ${row.value}`, row] as const))("%s", (_, row) => {
    const { refused, message } = outcome(row.spec)
    const without = made(row.without ?? plain)
    if (refused) assert.include(message, row.named ?? row.fields[0]!.split(".").at(-1)!, "it is refused by its name")
    else if (row.same !== undefined) assert.deepEqual(made(row.spec), without)
    else assert.notDeepEqual(made(row.spec), without, "it is served, and changes nothing?")
  })

  it(`stand in docs/${page} as they were tried`, () => {
    const table = [
      `| ${column} | value | what becomes of it | |`,
      "| --- | --- | --- | --- |",
      ...rows.map(({ fields, value, spec, meaning, same }) => {
        const names = fields.map((field) => `\`${written(field)}\``).join(", ")
        const { text, refused } = outcome(spec)
        return `| ${names} | ${value} | ${same === "no effect" && !refused ? same : text} | ${meaning} |`
      })
    ].join("\n")
    const section = new RegExp(`<!-- tried: ${kind} -->\\n[\\s\\S]*?<!-- end -->`)
    const file = join(docs, page)
    const before = readFileSync(file, "utf8")
    const after = before.replace(section, () => `<!-- tried: ${kind} -->\n${table}\n<!-- end -->`)
    if (process.env["GOLDEN"] === "write") writeFileSync(file, after)
    else assert.strictEqual(after, before, "GOLDEN=write writes the table anew")
    assert.match(before, section)
  })
}
