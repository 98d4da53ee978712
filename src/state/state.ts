// The world as decoded so far: persistent maps by kind, folded from Changes. Pure: an edit that says nothing new is the same state (===).
import { HashMap, Option } from "effect"
import type { Need } from "#schemas/kinds.ts"
import { type GroupKind, type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { Change, Decoded } from "./change.ts"
import { sameContent } from "./content.ts"

export interface Objects {
  readonly sync: "Waiting" | "Synced" | "Unserved" | "Denied"
  readonly byKey: HashMap.HashMap<ObjectKey, Decoded>
  /** The keys edited lately, newest first: what has changed since an older state is read from it instead of comparing whole maps. */
  readonly edits: Edits
  /** Namespaces of a synced kind whose objects could never be read: what there is, nobody knows. */
  readonly unread: ReadonlyArray<string>
}

/** A bounded list of edited keys. It holds keys only, so it pins no old state. */
export interface Edits {
  readonly length: number
  readonly key: ObjectKey | null
  readonly older: Edits | null
}

export interface ClusterState {
  readonly kinds: HashMap.HashMap<GroupKind, Objects>
  /** Answers to interest: Secrets and ConfigMaps by key; null: asked for and absent. Of selections of pods null, once they are among the objects. */
  readonly fetched: HashMap.HashMap<ObjectKey, Decoded | null>
}

export const empty: ClusterState = { kinds: HashMap.empty(), fetched: HashMap.empty() }

/** Longer lists begin anew: the reader then compares whole maps once. */
const longestEdits = 4096

const noEdits = (): Edits => ({ length: 0, key: null, older: null })

const edited = (edits: Edits, key: ObjectKey): Edits =>
  edits.length >= longestEdits ? noEdits() : { length: edits.length + 1, key, older: edits }

const nothing: Objects = { sync: "Waiting", byKey: HashMap.empty(), edits: { length: 0, key: null, older: null }, unread: [] }

/** The objects of a kind; of a kind never heard of, none and Waiting. */
export const objectsOf = (state: ClusterState, kind: GroupKind): Objects => Option.getOrElse(HashMap.get(state.kinds, kind), () => nothing)

const withObjects = (state: ClusterState, kind: GroupKind, objects: Objects): ClusterState => ({
  ...state,
  kinds: HashMap.set(state.kinds, kind, objects)
})

/** What was decoded before stands when the new reading says the same: Services, for one, are edited without a new generation, and re-read manifests say mostly the same. */
const settled = (before: Decoded | null | undefined, after: Decoded): Decoded =>
  before !== null && before !== undefined && sameContent(before, after) ? before : after

const replaced = (
  state: ClusterState,
  kind: GroupKind,
  objects: ReadonlyArray<Decoded>,
  unseen: ReadonlyArray<string> = nothing.unread
): ClusterState => {
  const before = objectsOf(state, kind)
  const unread = before.unread.join() === unseen.join() ? before.unread : unseen
  let changed = HashMap.size(before.byKey) !== objects.length
  const entries: Array<readonly [ObjectKey, Decoded]> = []
  for (const object of objects) {
    const old = Option.getOrUndefined(HashMap.get(before.byKey, object.meta.key))
    const kept = settled(old, object)
    if (kept !== old) changed = true
    entries.push([object.meta.key, kept])
  }
  if (!changed)
    return before.sync === "Synced" && before.unread === unread ? state : withObjects(state, kind, { ...before, sync: "Synced", unread })
  const byKey = HashMap.fromIterable(entries)
  // A list may name a key twice (the last one stands), so what is gone is looked for by key and not by count.
  let edits = before.edits
  let edit = 0
  const note = (key: ObjectKey): void => {
    edits = ++edit > longestEdits ? noEdits() : edited(edits, key)
  }
  for (const [key, kept] of entries) if (Option.getOrUndefined(HashMap.get(before.byKey, key)) !== kept) note(key)
  for (const key of HashMap.keys(before.byKey)) if (!HashMap.has(byKey, key)) note(key)
  return withObjects(state, kind, { sync: "Synced", byKey, edits, unread })
}

const upserted = (state: ClusterState, object: Decoded): ClusterState => {
  const key = object.meta.key
  const { kind } = parseKey(key)
  const before = objectsOf(state, kind)
  const old = Option.getOrUndefined(HashMap.get(before.byKey, key))
  const kept = settled(old, object)
  if (kept === old) return state
  return withObjects(state, kind, { ...before, byKey: HashMap.set(before.byKey, key, kept), edits: edited(before.edits, key) })
}

const deleted = (state: ClusterState, key: ObjectKey): ClusterState => {
  const { kind } = parseKey(key)
  const before = objectsOf(state, kind)
  if (!HashMap.has(before.byKey, key)) return state
  return withObjects(state, kind, { ...before, byKey: HashMap.remove(before.byKey, key), edits: edited(before.edits, key) })
}

/** A kind once served that becomes unreadable keeps its objects: routes must not vanish because a role lost a permission. */
const unreadable = (state: ClusterState, kind: GroupKind, sync: "Unserved" | "Denied"): ClusterState => {
  const before = objectsOf(state, kind)
  return before.sync === "Synced" || before.sync === sync ? state : withObjects(state, kind, { ...before, sync })
}

const fetched = (state: ClusterState, key: ObjectKey, object: Decoded | null): ClusterState => {
  const old = Option.getOrUndefined(HashMap.get(state.fetched, key))
  const kept = object === null ? null : settled(old, object)
  return kept === old ? state : { ...state, fetched: HashMap.set(state.fetched, key, kept) }
}

/** The state after one change; the same state (===) when nothing that translate reads has changed. Total. */
export const apply = (state: ClusterState, change: Change): ClusterState => {
  switch (change._tag) {
    case "Replaced":
      return replaced(state, change.kind, change.objects, change.unread)
    case "Upserted":
      return upserted(state, change.object)
    case "Deleted":
      return deleted(state, change.key)
    case "Unserved":
      return unreadable(state, change.kind, "Unserved")
    case "Denied":
      return unreadable(state, change.kind, "Denied")
    case "Fetched":
      return fetched(state, change.key, change.object)
  }
}

/** A kind as the table of kinds lists it. Demanded kinds are only ever fetched, and of Selected ones what there is counts once it was asked for. */
export interface NeededKind {
  readonly groupKind: GroupKind
  readonly need: Need
}

/** Law 2: every Required kind has been listed; every Governing kind has been listed or is not served; every Optional kind likewise, or is denied. */
export const synced = (state: ClusterState, kinds: Iterable<NeededKind>): boolean => {
  for (const { groupKind, need } of kinds) {
    if (need === "Demanded" || need === "Selected") continue
    const { sync } = objectsOf(state, groupKind)
    if (sync === "Waiting" || (need === "Required" && sync !== "Synced") || (need === "Governing" && sync === "Denied")) return false
  }
  return true
}

/** Law 2, its other half: every object that translate asked for has been answered (found or absent). */
export const answered = (state: ClusterState, interest: Iterable<ObjectKey>): boolean => {
  for (const key of interest) if (!HashMap.has(state.fetched, key)) return false
  return true
}

/** The keys of a kind that may differ between two states; null: too far apart to say, compare the maps. */
export const editedSince = (before: Objects, after: Objects): ReadonlySet<ObjectKey> | null => {
  const keys = new Set<ObjectKey>()
  for (let edit: Edits | null = after.edits; edit !== null; edit = edit.older) {
    if (edit === before.edits) return keys
    if (edit.key !== null) keys.add(edit.key)
  }
  return null
}
