// An Effect Schema as the structural OpenAPI schema of a CRD: what may be written, not what decoding makes of it. Elements that decode on their own at our door
// (law 1) are stated strictly: an API server refuses the object, and says why. What cannot be stated is an error here, never a rule lost.
import type { Schema, SchemaAST } from "effect"
import { writtenDefault } from "#schemas/absent.ts"
import { type CelRule, inCrd } from "#schemas/crd.ts"
import { schemaWithin } from "#schemas/within.ts"

/** A structural schema, keywords in the order they are printed in. */
export interface OpenAPI {
  readonly [keyword: string]: unknown
}

type Keywords = Record<string, unknown>

/** Go's regular expressions have no \u; the rest of what we write is the same in both. */
const goPattern = (source: string): string => {
  if (/\(\?[=!<]|\\[1-9pP]|\\u(?!00)/u.test(source)) throw new Error(`a pattern that Go does not have: ${source}`)
  return source.replaceAll("\\u00", "\\x").replaceAll("\\/", "/")
}

const largestInt32 = 2_147_483_647

interface Payload {
  readonly minimum: number
  readonly maximum: number
  readonly minLength: number
  readonly maxLength: number
  readonly source: string
}

/** Checks of Effect, by their identity, as OpenAPI keywords. */
const known: Readonly<Record<string, (payload: Payload, list: boolean) => Keywords>> = {
  isInt: () => ({ type: "integer" }),
  isBetween: ({ minimum, maximum }) => ({
    format: minimum >= -largestInt32 && maximum <= largestInt32 ? "int32" : "int64",
    minimum,
    ...(maximum >= largestInt32 ? {} : { maximum })
  }),
  isBetweenCodePoints: ({ minimum, maximum }) => ({ ...(minimum === 0 ? {} : { minLength: minimum }), maxLength: maximum }),
  isMinLength: ({ minLength }, list) => (minLength === 0 ? {} : { [list ? "minItems" : "minLength"]: minLength }),
  isMaxLength: ({ maxLength }, list) => ({ [list ? "maxItems" : "maxLength"]: maxLength }),
  isPattern: ({ source }) => ({ pattern: goPattern(source) })
}

interface Said {
  readonly keywords: Keywords
  readonly rules: Array<CelRule>
}

/** `ours`: only checks that say their own meaning; those of Effect speak of the decoded value, which is another. */
const checksOf = (node: SchemaAST.AST, at: string, ours: boolean): Said => {
  const said: Said = { keywords: {}, rules: [] }
  for (const check of node.checks ?? []) {
    const own = inCrd(check as SchemaAST.Check<never>)
    if (own !== undefined) {
      Object.assign(said.keywords, own.keywords)
      said.rules.push(...own.rules)
      continue
    }
    if (ours) continue
    const { id, payload } = (check.annotations?.["representation"] ?? {}) as { readonly id?: string; readonly payload?: Payload }
    const keyword = known[id?.split("/").at(-1) ?? ""]
    if (keyword === undefined)
      throw new Error(`${at}: the CRD cannot say the check ${id ?? String(check.annotations?.["expected"] ?? "of a filter")}`)
    Object.assign(said.keywords, keyword(payload as Payload, node._tag === "Arrays"))
  }
  return said
}

const isEmpty = (value: unknown): boolean => typeof value === "object" && value !== null && Object.keys(value).length === 0

const literalOf = (node: SchemaAST.AST): ReadonlyArray<unknown> | null =>
  node._tag === "Literal"
    ? [node.literal]
    : node._tag === "Union" && node.types.every((one) => one._tag === "Literal")
      ? node.types.map((one) => (one._tag === "Literal" ? one.literal : null))
      : null

/** Nothing but an object: what no other type of JSON can pass. OpenAPI as CRDs have it knows no `type` in an alternative. */
const onlyObject = { minLength: 1, maxLength: 0, minimum: 1, maximum: 0, minItems: 1, maxItems: 0, not: { enum: [true, false] } }

/** A word, or an object: the one form of alternatives that we write. CEL does not see such a field. */
const wordOrObject = (words: ReadonlyArray<unknown>, object: OpenAPI): OpenAPI => ({
  "x-kubernetes-preserve-unknown-fields": true,
  properties: object["properties"],
  anyOf: [{ enum: words }, { ...onlyObject, required: object["required"] ?? [] }]
})

const shapeOf = (node: SchemaAST.AST, at: string): OpenAPI => {
  const words = literalOf(node)
  if (words !== null) return { type: typeof words[0], enum: words }
  switch (node._tag) {
    case "Unknown": {
      const within = schemaWithin(node)
      return within === undefined ? { "x-kubernetes-preserve-unknown-fields": true } : of(within.ast, at)
    }
    case "String":
      return { type: "string" }
    case "Boolean":
      return { type: "boolean" }
    case "Number":
      return { type: "number" }
    case "Arrays": {
      const item = node.rest[0]
      if (node.elements.length > 0 || item === undefined) throw new Error(`${at}: the CRD has no tuples`)
      return { type: "array", "x-kubernetes-list-type": "atomic", items: of(item, `${at}[]`) }
    }
    case "Objects":
      return objectOf(node, at)
    case "Union": {
      const words = node.types.flatMap((one) => literalOf(one) ?? [])
      const objects = node.types.filter((one) => one._tag === "Objects")
      if (words.length > 0 && objects.length === 1 && node.types.every((one) => literalOf(one) !== null || one === objects[0])) {
        return wordOrObject(words, of(objects[0]!, at))
      }
      throw new Error(`${at}: the CRD can say a word or an object, not these alternatives`)
    }
    default:
      throw new Error(`${at}: the CRD cannot say ${node._tag}`)
  }
}

const objectOf = (node: SchemaAST.Objects, at: string): OpenAPI => {
  const open = node.indexSignatures[0]
  if (open !== undefined) return { type: "object", additionalProperties: of(open.type, `${at}.*`) }
  const properties = node.propertySignatures.map(({ name, type }) => {
    const written = type.encoding?.at(-1)?.to ?? type
    const description = type.context?.annotations?.["description"]
    const absent = writtenDefault(written)
    return {
      name: String(name),
      required: written.context?.isOptional !== true,
      schema: {
        ...(description === undefined ? {} : { description }),
        ...of(type, `${at}.${String(name)}`),
        // What is empty either way is not written into people's objects.
        ...(absent === undefined || isEmpty(absent) ? {} : { default: absent })
      }
    }
  })
  const required = properties.filter((field) => field.required).map(({ name }) => name)
  return {
    type: "object",
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(properties.map(({ name, schema }) => [name, schema]))
  }
}

const of = (node: SchemaAST.AST, at: string): OpenAPI => {
  const encoded = node.encoding?.at(-1)?.to
  const shape = encoded === undefined ? shapeOf(node, at) : of(encoded, at)
  const { keywords, rules } = checksOf(node, at, encoded !== undefined)
  const before = (shape["x-kubernetes-validations"] ?? []) as ReadonlyArray<{ readonly rule: string }>
  const more = rules
    .filter((rule) => !before.some((one) => one.rule === rule.cel))
    .map(({ cel, message, path }) => ({
      rule: cel,
      message,
      ...(path.length === 0 ? {} : { fieldPath: path.map((field) => `.${field}`).join("") })
    }))
  return { ...shape, ...keywords, ...(more.length === 0 ? {} : { "x-kubernetes-validations": [...before, ...more] }) }
}

/** Throws on what a CRD cannot say. `at` names the place in errors. */
export const openAPIOf = (schema: Schema.Constraint, at: string): OpenAPI => of(schema.ast, at)
