// What an API server does with a structural OpenAPI v3 schema before CEL: drops null, fills defaults, judges. Independent of Effect's decoders.
import { isIPv4, isIPv6 } from "node:net"
import { isDeepStrictEqual } from "node:util"

export interface Structural {
  readonly type?: string
  readonly properties?: Readonly<Record<string, Structural>>
  readonly required?: ReadonlyArray<string>
  readonly items?: Structural
  readonly additionalProperties?: Structural | boolean
  readonly default?: unknown
  readonly enum?: ReadonlyArray<unknown>
  readonly oneOf?: ReadonlyArray<Structural>
  readonly anyOf?: ReadonlyArray<Structural>
  readonly not?: Structural
  readonly [keyword: string]: unknown
}

type Fields = Record<string, unknown>

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value)

const additional = (schema: Structural): Structural | undefined =>
  typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined

/** With the defaults of the schema, as the API server stores it. */
export const withDefaults = (schema: Structural, value: unknown): unknown => {
  if (Array.isArray(value)) return schema.items === undefined ? value : value.map((item) => withDefaults(schema.items!, item))
  if (!isObject(value)) return value
  const filled: Fields = {}
  for (const [key, item] of Object.entries(value)) {
    const property = schema.properties?.[key] ?? additional(schema)
    filled[key] = property === undefined ? item : withDefaults(property, item)
  }
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    if (!(key in filled) && property.default !== undefined) filled[key] = withDefaults(property, structuredClone(property.default))
  }
  return filled
}

/** Without the fields that the schema does not have. */
export const pruned = (schema: Structural, value: unknown): unknown => {
  if (schema["x-kubernetes-preserve-unknown-fields"] === true) return value
  if (Array.isArray(value)) return schema.items === undefined ? value : value.map((item) => pruned(schema.items!, item))
  if (!isObject(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => {
      const property = schema.properties?.[key] ?? additional(schema)
      return property === undefined ? [] : [[key, pruned(property, item)]]
    })
  )
}

const types: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
  number: (value) => typeof value === "number",
  boolean: (value) => typeof value === "boolean"
}

const formats: Readonly<Record<string, (value: unknown) => boolean>> = {
  ipv4: (value) => typeof value !== "string" || isIPv4(value),
  ipv6: (value) => typeof value !== "string" || isIPv6(value),
  int32: (value) => typeof value !== "number" || (value >= -2_147_483_648 && value <= 2_147_483_647),
  int64: () => true
}

const size = (value: unknown): number => (Array.isArray(value) ? value.length : isObject(value) ? Object.keys(value).length : 0)

/** true: the keyword has nothing against the value. */
const keywords: Readonly<Record<string, (operand: never, value: unknown, schema: Structural) => boolean>> = {
  type: (name: string, value) => types[name]!(value),
  enum: (values: ReadonlyArray<unknown>, value) => values.includes(value),
  pattern: (source: string, value) => typeof value !== "string" || new RegExp(source, "u").test(value),
  format: (name: string, value) => formats[name]!(value),
  minLength: (bound: number, value) => typeof value !== "string" || [...value].length >= bound,
  maxLength: (bound: number, value) => typeof value !== "string" || [...value].length <= bound,
  minimum: (bound: number, value) => typeof value !== "number" || value >= bound,
  maximum: (bound: number, value) => typeof value !== "number" || value <= bound,
  minItems: (bound: number, value) => !Array.isArray(value) || value.length >= bound,
  maxItems: (bound: number, value) => !Array.isArray(value) || value.length <= bound,
  minProperties: (bound: number, value) => !isObject(value) || size(value) >= bound,
  maxProperties: (bound: number, value) => !isObject(value) || size(value) <= bound,
  required: (names: ReadonlyArray<string>, value) => !isObject(value) || names.every((name) => Object.hasOwn(value, name)),
  properties: (properties: Readonly<Record<string, Structural>>, value) =>
    !isObject(value) || Object.entries(properties).every(([key, property]) => !Object.hasOwn(value, key) || accepts(property, value[key])),
  additionalProperties: (schema: Structural, value, { properties }) =>
    !isObject(value) || Object.entries(value).every(([key, item]) => properties?.[key] !== undefined || accepts(schema, item)),
  items: (schema: Structural, value) => !Array.isArray(value) || value.every((item) => accepts(schema, item)),
  oneOf: (schemas: ReadonlyArray<Structural>, value) => schemas.filter((schema) => accepts(schema, value)).length === 1,
  anyOf: (schemas: ReadonlyArray<Structural>, value) => schemas.some((schema) => accepts(schema, value)),
  not: (schema: Structural, value) => !accepts(schema, value),
  "x-kubernetes-list-type": (kind: string, value, schema) => {
    if (!Array.isArray(value) || kind === "atomic") return true
    const keys = schema["x-kubernetes-list-map-keys"] as ReadonlyArray<string> | undefined
    const identity = (item: unknown) => (keys === undefined || !isObject(item) ? item : keys.map((key) => item[key]))
    return value.every((item, index) => !value.slice(0, index).some((other) => isDeepStrictEqual(identity(other), identity(item))))
  }
}

/** Keywords that judge nothing by themselves. CEL rules (x-kubernetes-validations) are the API server's. */
const silent = new Set([
  "description",
  "default",
  "x-kubernetes-list-map-keys",
  "x-kubernetes-map-type",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-validations"
])

/** Does the schema take the value? Throws on a keyword that it does not know: a newer CRD must not be judged by halves. */
export const accepts = (schema: Structural, value: unknown): boolean =>
  Object.entries(schema).every(([keyword, operand]) => {
    if (silent.has(keyword)) return true
    const judge = keywords[keyword]
    if (judge === undefined) throw new Error(`unknown OpenAPI keyword ${keyword}`)
    return judge(operand as never, value, schema)
  })

/** Every field of the schema as a path; list items are the index 0. */
export const fieldsOf = (schema: Structural, path: ReadonlyArray<string | number> = []): ReadonlyArray<ReadonlyArray<string | number>> => [
  ...Object.entries(schema.properties ?? {}).flatMap(([key, property]) => [[...path, key], ...fieldsOf(property, [...path, key])]),
  ...(schema.items === undefined ? [] : fieldsOf(schema.items, [...path, 0]))
]
