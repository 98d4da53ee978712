// Content hashes. Canonical: key order does not matter, so equal content has an equal digest on every replica (law 12).
import { hash } from "node:crypto"
import { protocol, type Snapshot, type Tables, tables } from "./snapshot.ts"

/** Names of an object's fields as they were written, and in order, each with its `"name":`. */
interface Shape {
  readonly names: ReadonlyArray<string>
  readonly order: ReadonlyArray<readonly [name: string, label: string]>
}

// Objects of a kind have the same fields, so their order is found once. By the first name, as a name made of all of them would cost more than the sorting.
// Bounded: open keys (labels) come from outside.
const shapes = new Map<string, Array<Shape>>()
let known = 0

const sameNames = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

const orderOf = (fields: object): Shape["order"] => {
  const names = Object.keys(fields)
  const first = names[0]
  if (first === undefined) return []
  const siblings = shapes.get(first)
  if (siblings !== undefined) for (const shape of siblings) if (sameNames(shape.names, names)) return shape.order
  // The default order of sort is by UTF-16 units, as `<` compares.
  const order = [...names].sort().map((name) => [name, `${JSON.stringify(name)}:`] as const)
  if (++known > 512) {
    shapes.clear()
    known = 1
  }
  shapes.set(first, [...(shapes.get(first) ?? []), { names, order }])
  return order
}

// Resources of a kind share what nobody set (limits, the DNS contract): the object last seen in a field is often the next one's too.
const recent = new Map<string, { readonly value: object; readonly text: string }>()
const sharedField = (name: string, value: object): string => {
  const last = recent.get(name)
  if (last?.value === value) return last.text
  const text = write(value, true)
  if (recent.size >= 1024) recent.clear()
  recent.set(name, { value, text })
  return text
}

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

const leaf = (value: unknown): string => (typeof value === "string" && plain.test(value) ? `"${value}"` : (JSON.stringify(value) ?? "null"))

/** sharing: of resources, which hold no secret: parts of them are remembered. */
const write = (value: unknown, sharing: boolean): string => {
  if (value === null || typeof value !== "object") return leaf(value)
  let text = ""
  if (Array.isArray(value)) {
    for (const item of value) text += text === "" ? write(item, sharing) : `,${write(item, sharing)}`
    return `[${text}]`
  }
  if (value instanceof Map) {
    for (const key of [...value.keys()].sort()) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${write(value.get(key), sharing)}`
    return `{${text}}`
  }
  const fields = value as Readonly<Record<string, unknown>>
  for (const [name, label] of orderOf(fields)) {
    const field = fields[name]
    if (field === undefined) continue
    if (text !== "") text += ","
    text += label
    text += typeof field === "object" && field !== null ? (sharing ? sharedField(name, field) : write(field, false)) : leaf(field)
  }
  return `{${text}}`
}

/** JSON with sorted keys; Maps as sorted pairs; a field that is undefined is absent. Plain data. Nothing is remembered: manifests of Secrets pass through here. */
export const canonical = (value: unknown): string => write(value, false)

const sha256 = (text: string): string => hash("sha256", text, "hex").slice(0, 32)

/** The first 128 bits of SHA-256 over the canonical form, hex. Of settings and resources: no secrets, and nothing that is altered later. */
export const digest = (value: unknown): string => sha256(write(value, true))

// A resource is immutable, so its digest is computed once in its life: a change costs what changed.
const digests = new WeakMap<object, bigint>()

// A host may hold thousands of rules, of which one has changed: its digest is made of theirs.
const contentOf = (resource: object): string =>
  "rules" in resource && Array.isArray(resource.rules)
    ? write({ ...resource, rules: resource.rules.map((rule: object) => resourceDigest(rule).toString(16)) }, true)
    : write(resource, true)

const resourceDigest = (resource: object): bigint => {
  const known = digests.get(resource)
  if (known !== undefined) return known
  const made = BigInt(`0x${sha256(contentOf(resource))}`)
  digests.set(resource, made)
  return made
}

const mask = (1n << 128n) - 1n
const mix = 0x9e3779b97f4a7c15f39cc0605cedc835n

/** Order-free sum of (table, id, resource) digests, so it can be kept current by what was set and dropped instead of being computed anew. */
const entryDigest = (table: keyof Tables, id: string, resource: object): bigint =>
  ((salts[table] ^ idDigest(id) ^ (resourceDigest(resource) * mix)) * mix) & mask

const salts: Readonly<Record<keyof Tables, bigint>> = Object.fromEntries(
  tables.map((table) => [table, BigInt(`0x${sha256(table)}`)])
) as Record<keyof Tables, bigint>

const isDigest = /^[0-9a-f]{32}$/

const ids = new Map<string, bigint>()
const idDigest = (id: string): bigint => {
  // Ids of upstreams are digests already.
  if (isDigest.test(id)) return BigInt(`0x${id}`)
  const before = ids.get(id)
  if (before !== undefined) return before
  // Bounded: ids of retired resources must not stay for ever.
  if (ids.size > 100_000) ids.clear()
  const made = BigInt(`0x${sha256(id)}`)
  ids.set(id, made)
  return made
}

/** The sum over all entries of the tables. */
export const sumOf = (content: Tables): bigint => {
  let sum = 0n
  for (const table of tables) for (const [id, resource] of content[table]) sum = (sum + entryDigest(table, id, resource)) & mask
  return sum
}

/** The sum of `to`, from the sum of `from`: costs the tables that are not `===` a walk, and a digest for each entry that is not. */
export const sumSince = (sum: bigint, from: Tables, to: Tables): bigint => {
  let next = sum
  for (const table of tables) {
    const before: ReadonlyMap<string, object> = from[table]
    const after: ReadonlyMap<string, object> = to[table]
    if (before === after) continue
    for (const [id, resource] of after) {
      const old = before.get(id)
      if (old === resource) continue
      if (old !== undefined) next -= entryDigest(table, id, old)
      next += entryDigest(table, id, resource)
    }
    for (const [id, old] of before) if (!after.has(id)) next -= entryDigest(table, id, old)
  }
  return next & mask
}

/** The version that belongs to a sum of `sumOf`. */
export const versionOfSum = (gateway: Snapshot["gateway"], sum: bigint): string =>
  sha256(`${protocol}\u0000${gateway.namespace}\u0000${gateway.name}\u0000${sum.toString(16)}`)

/** The version of a snapshot's content: hash over the digests of its resources. */
export const versionOf = (content: Tables & Pick<Snapshot, "gateway">): string => versionOfSum(content.gateway, sumOf(content))
