// Manifests as plain data, for tests that look into many kinds.
import { parseAllDocuments } from "yaml"

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, looked into field by field.
export type Manifest = any

export const manifestsIn = (text: string): ReadonlyArray<Manifest> => parseAllDocuments(text).map((document) => document.toJS())

export const named = (object: Manifest): string => `${object.kind} ${object.metadata.name}`
