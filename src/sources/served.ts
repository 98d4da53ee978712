// An object of the API server → Decoded, by the same decoder that manifests go through (law 21). What is never read of it is dropped here.
import { noEntries } from "#schemas/compact.ts"
import { decodeObject } from "#schemas/decode.ts"
import type { KindEntry } from "#schemas/kinds.ts"
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import type { Decoded } from "../state/change.ts"
import { sealed } from "./sealed.ts"

/** What kubectl keeps of itself in an object: as long as the object, and nobody's wish. A manifest does not have it. */
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

const withoutLastApplied = (annotations: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
  annotations.has(lastApplied) ? new Map([...annotations].filter(([name]) => name !== lastApplied)) : annotations

/** key: what Secrets are sealed with. version: of the collection it was read from; items of a list do not say it. null: no object with a name. */
export const decodeServed = (entry: KindEntry, version: string, key: Uint8Array, raw: unknown): Decoded | null => {
  if (typeof raw !== "object" || raw === null) return null
  const apiVersion = entry.group === "" ? version : `${entry.group}/${version}`
  const decoded = decodeObject({ ...raw, apiVersion, kind: entry.kind })
  if (decoded._tag !== "Decoded") return null
  const { meta } = decoded
  return {
    // There are thousands of pods, and networks and admission write much on each.
    meta: { ...meta, annotations: entry.need === "Selected" ? noEntries : withoutLastApplied(meta.annotations) },
    value: entry.groupKind === "Secret" ? sealed(key, decoded.value) : decoded.value,
    ...(decoded.owner === undefined ? {} : { owner: decoded.owner })
  }
}

/** What a watch of metadata says of an object. */
export interface Sighted {
  readonly key: ObjectKey
  readonly version: string
}

export const sightedOf = (entry: KindEntry, raw: unknown): Sighted | null => {
  const metadata = (raw as { readonly metadata?: { readonly [field: string]: unknown } } | null)?.metadata
  const { name, namespace = "", resourceVersion } = metadata ?? {}
  if (typeof name !== "string" || typeof namespace !== "string" || typeof resourceVersion !== "string") return null
  return { key: objectKey(entry.groupKind, namespace, name), version: resourceVersion }
}
