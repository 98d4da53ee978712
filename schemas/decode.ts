// The door: any JSON value to a decoded object. Pure and total; the Kubernetes watch and the manifest reader both come through here.
import { Result, Schema } from "effect"
import { compact, noEntries } from "./compact.ts"
import { expectedString, issuesOf, joinPath } from "./issue.ts"
import { type KindEntry, kindOf, kinds } from "./kinds.ts"
import { type GroupKind, groupKind, type Issue, type Meta, objectKey } from "./meta.ts"
import { TooDeep, withoutNulls } from "./nulls.ts"
import { owners } from "./owner.ts"

/** Metadata is readable; the value may not be. */
export interface DecodedObject {
  readonly _tag: "Decoded"
  readonly kind: KindEntry
  readonly meta: Meta
  readonly value: Result.Result<unknown, ReadonlyArray<Issue>>
  /** Of a value that did not decode, and whose owner can be read (schemas/owner.ts). */
  readonly owner?: unknown
}

/** Not an object we could write a condition on: no kind, no name, or not an object at all. */
export interface Unreadable {
  readonly _tag: "Unreadable"
  readonly issues: ReadonlyArray<Issue>
}

/** A Kubernetes object of a kind that Sluice does not read. name: "" when it has none. */
export interface UnknownKind {
  readonly _tag: "UnknownKind"
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
}

type Fields = Readonly<Record<string, unknown>>

const decoders = new Map(
  kinds.map((kind) => [kind.groupKind, Schema.decodeUnknownResult(kind.schema as Schema.Codec<unknown>, { errors: "all" })])
)

const ownerDecoders = new Map(Object.entries(owners).map(([kind, schema]) => [kind, Schema.decodeUnknownResult(schema)]))

const ownerOf = (kind: KindEntry, object: unknown): unknown => {
  const decoded = ownerDecoders.get(kind.groupKind)?.(object)
  return decoded !== undefined && Result.isSuccess(decoded) ? compact(decoded.success) : undefined
}

/** Kinds of which no message shows more than field names of their own and keys of data (law 11). */
export const unquoted: ReadonlySet<GroupKind> = new Set(["Secret", "ConfigMap"])

const isObject = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value)

const own = (value: Fields, key: string): unknown => (Object.hasOwn(value, key) ? value[key] : undefined)

const stringOf = (value: unknown): string => (typeof value === "string" ? value : "")

const objectName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/u
const namespaceName = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/u

/** String entries of a map of strings; the others become issues. */
const strings = (value: unknown, path: string, quote: boolean, issues: Array<Issue>): ReadonlyMap<string, string> => {
  if (value === undefined) return noEntries
  const map = new Map<string, string>()
  if (!isObject(value)) {
    issues.push({ path, message: "Expected a map" })
    return map
  }
  for (const [key, item] of Object.entries(value)) {
    if (typeof item === "string") map.set(key, item)
    else issues.push({ path: joinPath(path, [key]), message: expectedString(item, quote) })
  }
  return map
}

const unreadable = (path: string, message: string): Unreadable => ({ _tag: "Unreadable", issues: [{ path, message }] })

const decode = (raw: unknown): DecodedObject | Unreadable | UnknownKind => {
  const object = withoutNulls(raw)
  if (!isObject(object)) return unreadable("", "Expected a Kubernetes object: a map with apiVersion, kind and metadata")
  const apiVersion = own(object, "apiVersion")
  const kindName = own(object, "kind")
  if (typeof apiVersion !== "string" || apiVersion === "") {
    return unreadable("apiVersion", "Required: the API group and version, such as gateway.networking.k8s.io/v1")
  }
  if (typeof kindName !== "string" || kindName === "") return unreadable("kind", "Required: the kind of the object, such as HTTPRoute")
  const metadata = own(object, "metadata")
  const fields: Fields = isObject(metadata) ? metadata : {}
  const slash = apiVersion.indexOf("/")
  const group = slash === -1 ? "" : apiVersion.slice(0, slash)
  const version = apiVersion.slice(slash + 1)
  const kind = kindOf(groupKind(group, kindName))
  if (kind === undefined) {
    return {
      _tag: "UnknownKind",
      apiVersion,
      kind: kindName,
      namespace: stringOf(own(fields, "namespace")),
      name: stringOf(own(fields, "name"))
    }
  }
  const prefix = group === "" ? "" : `${group}/`
  if (!kind.versions.includes(version)) {
    return unreadable("apiVersion", `Expected ${kind.versions.map((v) => prefix + v).join(" or ")} for kind ${kindName}`)
  }
  if (!isObject(metadata)) return unreadable("metadata", "Required: at least metadata.name")
  const name = own(fields, "name")
  if (typeof name !== "string" || name.length > 253 || !objectName.test(name)) {
    return unreadable("metadata.name", "Expected a name of a-z, 0-9, - and ., at most 253 characters")
  }
  const written = own(fields, "namespace") ?? "default"
  const namespace = kind.scope === "Cluster" ? "" : written
  if (namespace !== "" && (typeof namespace !== "string" || !namespaceName.test(namespace))) {
    return unreadable("metadata.namespace", "Expected a namespace name of a-z, 0-9 and -, at most 63 characters")
  }
  const issues: Array<Issue> = []
  const quote = !unquoted.has(kind.groupKind)
  const generation = own(fields, "generation")
  const meta: Meta = {
    key: objectKey(kind.groupKind, namespace === "" && kind.scope === "Namespaced" ? "default" : namespace, name),
    uid: stringOf(own(fields, "uid")),
    resourceVersion: stringOf(own(fields, "resourceVersion")),
    generation: typeof generation === "number" && Number.isSafeInteger(generation) && generation > 0 ? generation : 1,
    created: stringOf(own(fields, "creationTimestamp")),
    labels: strings(own(fields, "labels"), "metadata.labels", quote, issues),
    annotations: strings(own(fields, "annotations"), "metadata.annotations", quote, issues)
  }
  const decoded = Result.mapError(decoders.get(kind.groupKind)!(object), (error) => [
    ...issues,
    ...issuesOf(error.issue, object, "", quote)
  ])
  const value = issues.length > 0 && Result.isSuccess(decoded) ? Result.fail(issues) : Result.map(decoded, compact)
  const owner = Result.isSuccess(value) ? undefined : ownerOf(kind, object)
  return { _tag: "Decoded", kind, meta, value, ...(owner === undefined ? {} : { owner }) }
}

/**
 * Decodes a Kubernetes object, as the API server sends it or as a manifest holds it (namespace absent: `default`).
 * Never throws; issue paths are absolute, and no message quotes a value of a Secret, a ConfigMap or a header field.
 */
export const decodeObject = (raw: unknown): DecodedObject | Unreadable | UnknownKind => {
  try {
    return decode(raw)
  } catch (error) {
    if (error instanceof TooDeep) return unreadable("", `Expected a Kubernetes object; this value is ${error.message}`)
    throw error
  }
}
