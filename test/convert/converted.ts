// Manifests converted as `sluice convert` does it, and both worlds translated.
import { type ConvertedManifest, convert } from "#src/convert/convert.ts"
import type { Fields } from "#src/convert/manifest.ts"
import { evaluate } from "#src/pipeline.ts"
import { assemble, changesBetween } from "#src/sources/assembly.ts"
import { parseDocuments } from "#src/sources/document.ts"
import type { Decoded } from "#src/state/change.ts"
import type { ClusterState } from "#src/state/state.ts"
import type { TranslateSettings } from "#src/translate/settings.ts"
import { makeTranslate, type Translation } from "#src/translate/translate.ts"
import { defaults } from "../golden/settings.ts"

export interface World {
  readonly state: ClusterState
  readonly translation: Translation
}

export const world = (text: string, over: Partial<TranslateSettings> = {}): World => {
  const assembly = assemble({ files: new Map([["test.yaml", text]]), faults: [], folders: new Map() }, new Uint8Array(32), null)
  const fetch = (key: never): Decoded | null => assembly.demanded.get(key) ?? null
  return evaluate(makeTranslate({ ...defaults, ...over }), changesBetween(null, assembly, new Set()), fetch as never)
}

export interface Converted {
  readonly values: ReadonlyArray<Fields>
  readonly manifests: ReadonlyArray<ConvertedManifest>
  readonly before: World
  readonly after: World
}

export const converted = (text: string, over: Partial<TranslateSettings> = {}): Converted => {
  const before = world(text, over)
  const given = parseDocuments("test.yaml", text).documents.map(({ value }) => value)
  const { manifests, more } = convert(given, before.state, { ...defaults, ...over })
  const values = [...manifests.flatMap((one) => one.values), ...more]
  const after = world(values.map((value) => JSON.stringify(value)).join("\n---\n"), over)
  return { values, manifests, before, after }
}
