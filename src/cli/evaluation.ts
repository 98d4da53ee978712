// Manifests as the pipeline would see them first, for the commands that serve nothing.

import { HashMap, Option } from "effect"
import { objectKey, parseKey } from "#schemas/meta.ts"
import type { Settings } from "../config/settings.ts"
import { type Evaluation, evaluate } from "../pipeline.ts"
import type { Source } from "../snapshot/id.ts"
import { changesBetween } from "../sources/assembly.ts"
import { ephemeralKey } from "../sources/digestkey.ts"
import { readOnce, readStandardInput } from "../sources/manifests.ts"
import type { Problem } from "../sources/problem.ts"
import type { Fault } from "../sources/reading.ts"
import { type ClusterState, objectsOf } from "../state/state.ts"
import { makeTranslate } from "../translate/translate.ts"
import { UsageError } from "./session.ts"
import { translateSettings } from "./translation.ts"

export interface Evaluated extends Evaluation {
  readonly problems: ReadonlyArray<Problem>
  /** The texts by the names to tell people. */
  readonly files: ReadonlyMap<string, string>
  /** What could not be read, problems among others. */
  readonly faults: ReadonlyArray<Fault>
}

/** Reads and translates. A path that is not there, or nothing to read at all, is a UsageError. */
export const evaluatePaths = async (paths: ReadonlyArray<string>, settings: Settings): Promise<Evaluated> => {
  const stdin = paths.includes("-") ? await readStandardInput() : null
  const { assembly, reading } = await readOnce(paths, stdin, ephemeralKey())
  const missing = reading.faults.filter((fault) => fault.missing)
  if (missing.length > 0) throw new UsageError(missing.map((fault) => `${fault.path}: ${fault.message}. ${fault.remedy}`).join("\n"))
  if (reading.files.size === 0 && reading.faults.length === 0)
    throw new UsageError(`no manifests in ${paths.join(", ")}: files are taken by the endings .yaml, .yml and .json`)
  const changes = changesBetween(null, assembly, new Set())
  const evaluation = evaluate(makeTranslate(translateSettings(settings)), changes, (key) => assembly.demanded.get(key) ?? null)
  return { ...evaluation, problems: assembly.problems, files: reading.files, faults: reading.faults }
}

/** Where each object of a state is written: `gateway.yaml:12`. */
export const locator = (state: ClusterState) => {
  const place = (origin: { readonly file: string; readonly line: number } | undefined): string | null =>
    origin === undefined ? null : `${origin.file}:${origin.line}`
  const kinds = [...HashMap.keys(state.kinds)]
  return {
    ofKey: (key: string): string | null => {
      const { kind } = parseKey(key as `${string}/${string}/${string}`)
      const listed = Option.getOrUndefined(HashMap.get(objectsOf(state, kind).byKey, key as never))
      const object = listed ?? Option.getOrNull(HashMap.get(state.fetched, key as never))
      return place(object?.origin)
    },
    /** A Source says no group: the kind of that name which has the object. */
    ofSource: (source: Source): string | null => {
      for (const kind of kinds) {
        if (kind !== source.kind && !kind.startsWith(`${source.kind}.`)) continue
        const found = Option.getOrUndefined(HashMap.get(objectsOf(state, kind).byKey, objectKey(kind, source.namespace, source.name)))
        if (found?.origin !== undefined) return place(found.origin)
      }
      return null
    }
  }
}
