// Which fields a schema reads. Fields that it does not read are told to the user: the API server would drop them, a file would hide them.
import { type Schema, SchemaAST } from "effect"
import { elementSchema } from "./element.ts"
import { joinPath } from "./issue.ts"
import type { KindEntry } from "./kinds.ts"

/** Below a key: the nodes that may read the value, `"Anything"` where every value is read, null where the key is not read. */
const below = (node: SchemaAST.AST, key: string | number): ReadonlyArray<SchemaAST.AST> | "Anything" | null => {
  switch (node._tag) {
    case "Objects": {
      const field = node.propertySignatures.find((signature) => signature.name === key)
      if (field !== undefined) return [field.type]
      const open = node.indexSignatures[0]
      return open === undefined ? null : [open.type]
    }
    case "Arrays": {
      if (typeof key !== "number") return null
      const item = node.elements[key] ?? node.rest[0]
      if (item === undefined) return null
      const element = elementSchema(item)
      return [element === undefined ? item : SchemaAST.toEncoded(element.ast)]
    }
    case "Union": {
      const found = node.types.map((type) => below(type, key))
      if (found.includes("Anything")) return "Anything"
      const nodes = found.flatMap((each) => (each === null || each === "Anything" ? [] : each))
      return nodes.length === 0 ? null : nodes
    }
    case "Unknown":
      return "Anything"
    default:
      return null
  }
}

/** Does the schema read the field at `path`? Numbers are list indices. */
export const readsField = (schema: Schema.Constraint, path: ReadonlyArray<string | number>): boolean => {
  let nodes: ReadonlyArray<SchemaAST.AST> = [SchemaAST.toEncoded(schema.ast)]
  for (const key of path) {
    const found = nodes.map((node) => below(node, key))
    if (found.includes("Anything")) return true
    nodes = found.flatMap((each) => (each === null || each === "Anything" ? [] : each))
    if (nodes.length === 0) return false
  }
  return true
}

const walk = (nodes: ReadonlyArray<SchemaAST.AST>, value: unknown, path: string, unread: Array<string>): void => {
  if (typeof value !== "object" || value === null) return
  const entries: Iterable<readonly [string | number, unknown]> = Array.isArray(value) ? value.entries() : Object.entries(value)
  for (const [key, item] of entries) {
    const found = nodes.map((node) => below(node, key))
    if (found.includes("Anything")) continue
    const next = found.flatMap((each) => (each === null || each === "Anything" ? [] : each))
    const at = joinPath(path, [key])
    // A value of another type than the schema's is the decoder's to refuse.
    if (next.length > 0) walk(next, item, at, unread)
    else if (nodes.some((node) => node._tag === "Objects" || node._tag === "Union") && !Array.isArray(value)) unread.push(at)
  }
}

const ofEveryObject = new Set(["apiVersion", "kind", "metadata", "status"])

/**
 * Paths of the fields of `raw` that its kind does not have (`spec.rulez`): a misspelling, or a newer CRD. Of Kubernetes' own kinds we read
 * a part by choice, so nothing is reported there.
 */
export const unreadFields = (kind: KindEntry, raw: unknown): ReadonlyArray<string> => {
  if (!kind.group.startsWith("gateway.") || typeof raw !== "object" || raw === null) return []
  const unread: Array<string> = []
  const own = Object.fromEntries(Object.entries(raw).filter(([key]) => !ofEveryObject.has(key)))
  walk([SchemaAST.toEncoded(kind.schema.ast)], own, "", unread)
  return unread
}
