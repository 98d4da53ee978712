// Which fields a schema reads. Fields that it does not read are told to the user: the API server would drop them, a file would hide them.
import { type Schema, SchemaAST } from "effect"
import { coreFields } from "./corefields.ts"
import { joinPath } from "./issue.ts"
import type { KindEntry } from "./kinds.ts"
import { schemaWithin } from "./within.ts"

/** The nodes that may read a value: alternatives apart, marked values looked through. */
const expanded = (node: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> => {
  if (node._tag === "Union") return node.types.flatMap(expanded)
  const within = node._tag === "Unknown" ? schemaWithin(node) : undefined
  return within === undefined ? [node] : expanded(SchemaAST.toEncoded(within.ast))
}

/** What is read of a value: made of the schema once, level by level as values ask for it. */
class Read {
  /** Every value, whatever is in it. */
  readonly anything: boolean
  /** A field that is not among these is unread. */
  readonly closed: boolean
  readonly #nodes: ReadonlyArray<SchemaAST.AST>
  readonly #fields = new Map<string, Read | null>()
  #items: Read | null | undefined
  #open: Read | null | undefined

  constructor(nodes: ReadonlyArray<SchemaAST.AST>) {
    this.#nodes = nodes.flatMap(expanded)
    this.anything = this.#nodes.some((node) => node._tag === "Unknown")
    this.closed = nodes.some((node) => node._tag === "Union") || this.#nodes.some((node) => node._tag === "Objects")
    for (const node of this.#nodes)
      if (node._tag === "Objects") for (const { name } of node.propertySignatures) this.#fields.set(String(name), null)
  }

  /** null: it is not read. */
  field(name: string): Read | null {
    const known = this.#fields.get(name)
    if (known === undefined) return this.#anyField()
    if (known !== null) return known
    // Alternatives may have the field, or any field.
    const nodes = this.#nodes.flatMap((node) => {
      const field = node._tag === "Objects" ? node.propertySignatures.find((one) => one.name === name) : undefined
      return field === undefined ? openOf(node) : [field.type]
    })
    const read = new Read(nodes)
    this.#fields.set(name, read)
    return read
  }

  /** Of the fields that it has by name. */
  get names(): ReadonlyArray<string> {
    return [...this.#fields.keys()]
  }

  #anyField(): Read | null {
    if (this.#open === undefined) this.#open = made(this.#nodes.flatMap(openOf))
    return this.#open
  }

  /** null: no list is read here. */
  item(): Read | null {
    if (this.#items === undefined)
      this.#items = made(this.#nodes.flatMap((node) => (node._tag === "Arrays" ? [...node.elements, ...node.rest] : [])))
    return this.#items
  }
}

const openOf = (node: SchemaAST.AST): ReadonlyArray<SchemaAST.AST> =>
  node._tag === "Objects" && node.indexSignatures[0] !== undefined ? [node.indexSignatures[0].type] : []

const made = (nodes: ReadonlyArray<SchemaAST.AST>): Read | null => (nodes.length === 0 ? null : new Read(nodes))

const roots = new WeakMap<Schema.Constraint, Read>()

const rootOf = (schema: Schema.Constraint): Read => {
  const known = roots.get(schema)
  if (known !== undefined) return known
  const root = new Read([SchemaAST.toEncoded(schema.ast)])
  roots.set(schema, root)
  return root
}

/** Does the schema read the field at `path`? Numbers are list indices. */
export const readsField = (schema: Schema.Constraint, path: ReadonlyArray<string | number>): boolean => {
  let read = rootOf(schema)
  for (const key of path) {
    if (read.anything) return true
    const next = typeof key === "number" ? read.item() : read.field(key)
    if (next === null) return false
    read = next
  }
  return true
}

type Place = { readonly parent: Place; readonly key: string | number } | null

// Most values have no unread field: their paths are put together only when there is one.
const pathOf = (place: Place): string => (place === null ? "" : joinPath(pathOf(place.parent), [place.key]))

/** A field that a kind does not have. */
export interface UnreadField {
  readonly path: string
  readonly name: string
  /** What the kind has at that place. */
  readonly known: ReadonlyArray<string>
}

const walk = (read: Read, value: unknown, place: Place, unread: Array<UnreadField>): void => {
  if (typeof value !== "object" || value === null || read.anything) return
  if (Array.isArray(value)) {
    const item = read.item()
    // A value of another type than the schema's is the decoder's to refuse.
    if (item !== null) for (const [key, one] of value.entries()) walk(item, one, { parent: place, key }, unread)
    return
  }
  for (const key of Object.keys(value)) {
    if (place === null && ofEveryObject.has(key)) continue
    const next = read.field(key)
    if (next !== null) walk(next, (value as Readonly<Record<string, unknown>>)[key], { parent: place, key }, unread)
    else if (read.closed) unread.push({ path: pathOf({ parent: place, key }), name: key, known: read.names })
  }
}

const ofEveryObject = new Set(["apiVersion", "kind", "metadata", "status"])

/**
 * The fields of `raw` that its kind does not have (`spec.rulez`): a misspelling, or a newer CRD. Of Kubernetes' own kinds our schema reads
 * a part by choice: there it is the API that says what a field is.
 */
export const unreadFields = (kind: KindEntry, raw: unknown): ReadonlyArray<UnreadField> => {
  const unread: Array<UnreadField> = []
  walk(rootOf(coreFields.get(kind.groupKind) ?? kind.schema), raw, null, unread)
  return unread
}
