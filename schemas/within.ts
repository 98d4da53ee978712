// A value that is handed on undecoded to a schema of its own: what Effect would else walk twice, once for its encoded form and once to decode it.
import { Schema, type SchemaAST } from "effect"

const annotation = "sluice/within"

/** Any value, marked with the schema that will read it. Field walks look through it. */
export const readBy = (schema: Schema.Constraint): Schema.Unknown => Schema.Unknown.annotate({ [annotation]: schema })

/** The schema that will read the value of this node. */
export const schemaWithin = (node: SchemaAST.AST): Schema.Constraint | undefined => {
  const found = node.annotations?.[annotation]
  return Schema.isSchema(found) ? found : undefined
}
