// Objects as manifests have them, before and after: plain values, which the rest of this folder reads and makes.
import { decodeObject } from "#schemas/decode.ts"
import type { ObjectKey } from "#schemas/meta.ts"
import { foreignAnnotation } from "../translate/ingress.ts"

export type Fields = Readonly<Record<string, unknown>>

export const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null && !Array.isArray(value)

/** The items of a list; [] where there is none. */
export const itemsOf = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

/** An object as it is given. */
export interface Manifest {
  readonly value: Fields
  /** null: of a kind that is not read, or it cannot be read at all. */
  readonly key: ObjectKey | null
}

export const manifestOf = (value: Fields): Manifest => {
  const decoded = decodeObject(value)
  return { value, key: decoded._tag === "Decoded" ? decoded.meta.key : null }
}

export const metadataOf = ({ metadata }: Fields): Fields => (isFields(metadata) ? metadata : {})
export const specOf = ({ spec }: Fields): Fields => (isFields(spec) ? spec : {})
export const namespaceOf = (value: Fields): string => {
  const { namespace } = metadataOf(value)
  return typeof namespace === "string" ? namespace : "default"
}

/** Of the object that was: written by tools about it, or what its kind alone has. */
const ofTools = /^(kubectl\.kubernetes\.io\/|gateway\.sluice\.dev\/gateway$)/

/** Metadata of what is made of an object: its place, labels and annotations, under another name. */
export const metadataAs = (value: Fields, name: string): Fields => {
  const { namespace, labels, annotations } = metadataOf(value)
  const kept = Object.entries(isFields(annotations) ? annotations : {}).filter(
    ([key]) => !ofTools.test(key) && !foreignAnnotation.test(key)
  )
  return {
    name,
    ...(namespace === undefined || namespace === null ? {} : { namespace }),
    ...(isFields(labels) && Object.keys(labels).length > 0 ? { labels } : {}),
    ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) })
  }
}

const isEmpty = (value: unknown): boolean => value === undefined || (Array.isArray(value) && value.length === 0)

/** A decoded value as it would be written: Maps as objects, and nothing of what is not there. */
export const written = (value: unknown): unknown => {
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, item]) => [key, written(item)]))
  if (Array.isArray(value)) return value.map(written)
  if (!isFields(value)) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => !isEmpty(item) && !(item instanceof Map && item.size === 0))
      .map(([key, item]) => [key, written(item)])
  )
}
