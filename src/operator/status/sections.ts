// Lists that several controllers share (a route's parents, a policy's ancestors): ours are entries with our controllerName, all others are not touched.

import { parseKey } from "#schemas/meta.ts"
import type { VerdictEntry } from "../../status/verdict.ts"
import { mergeConditions } from "./conditions.ts"
import { field, isFields, listAt, numberAt, stringAt } from "./json.ts"

/** A reference to a parent as a status holds it. */
export interface ParentReference {
  readonly group: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly sectionName?: string
  readonly port?: number
}

export interface SectionedList {
  /** `parents` or `ancestors`. */
  readonly list: string
  /** `parentRef` or `ancestorRef`. */
  readonly ref: string
  /** How many entries the CRD admits, other controllers' included. */
  readonly most: number
}

const gatewayGroup = "gateway.networking.k8s.io"

/** Group, kind, namespace and name always (a reader that compares need know no defaults), section and port as the object wrote them. */
const referenceOf = (entry: VerdictEntry): ParentReference | null => {
  if (entry.parent === null) return null
  const { kind, namespace, name } = parseKey(entry.parent)
  const dot = kind.indexOf(".")
  return {
    group: dot === -1 ? "" : kind.slice(dot + 1),
    kind: dot === -1 ? kind : kind.slice(0, dot),
    namespace,
    name,
    ...(entry.section === null ? {} : { sectionName: entry.section }),
    ...(entry.port === null ? {} : { port: entry.port })
  }
}

/** What a reference means, however much of it is left to defaults. */
const meaning = (ref: unknown, own: string): string =>
  [
    field(ref, "group") === undefined ? gatewayGroup : stringAt(ref, "group"),
    stringAt(ref, "kind") || "Gateway",
    stringAt(ref, "namespace") || own,
    stringAt(ref, "name"),
    stringAt(ref, "sectionName"),
    numberAt(ref, "port") ?? ""
  ].join("/")

/**
 * The whole list to write: others' entries in their places, ours in theirs, new ones at the end as far as the bound allows, ours that nothing stands for any
 * more gone. own: the namespace of the object.
 */
export const mergeSections = (
  shape: SectionedList,
  status: unknown,
  own: string,
  entries: ReadonlyArray<VerdictEntry>,
  controller: string,
  now: string
): ReadonlyArray<unknown> => {
  const wanted = new Map<string, { readonly ref: ParentReference; readonly entry: VerdictEntry }>()
  for (const entry of entries) {
    const ref = referenceOf(entry)
    if (ref !== null) wanted.set(meaning(ref, own), { ref, entry })
  }
  const merged: Array<unknown> = []
  for (const old of listAt(status, shape.list)) {
    if (!isFields(old) || stringAt(old, "controllerName") !== controller) {
      merged.push(old)
      continue
    }
    const id = meaning(field(old, shape.ref), own)
    const found = wanted.get(id)
    if (found === undefined) continue
    wanted.delete(id)
    merged.push({
      [shape.ref]: found.ref,
      controllerName: controller,
      conditions: mergeConditions(field(old, "conditions"), found.entry.conditions, now)
    })
  }
  for (const { ref, entry } of wanted.values()) {
    if (merged.length >= shape.most) break
    merged.push({ [shape.ref]: ref, controllerName: controller, conditions: mergeConditions([], entry.conditions, now) })
  }
  return merged
}

/** Something of ours stands in the list. */
export const hasOwnSections = (shape: SectionedList, status: unknown, controller: string): boolean =>
  listAt(status, shape.list).some((one) => stringAt(one, "controllerName") === controller)
