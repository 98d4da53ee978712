// A reading of the paths → the objects of a cluster that holds just these manifests (law 21), and what is wrong with them. Pure: the same reading after the
// same history is the same assembly.
import { Result } from "effect"
import { kinds } from "#schemas/kinds.ts"
import { describeKey, type GroupKind, type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { Change, Decoded } from "../state/change.ts"
import { chunks } from "./document.ts"
import { implied, nameLabel, uidOf } from "./implied.ts"
import { makePiece, type Piece, type PieceObject, textDigest } from "./piece.ts"
import type { Problem } from "./problem.ts"
import { type Reading, under } from "./reading.ts"

/** What is remembered of an object between readings. */
interface Kept {
  readonly decoded: Decoded
  readonly content: string
  readonly whole: string
  readonly demanded: boolean
}

export interface Assembly {
  /** Every kind that is listed (not only fetched), in the order read; the same array (===) as before when nothing of the kind changed. */
  readonly listed: ReadonlyMap<GroupKind, ReadonlyArray<Decoded>>
  /** Secrets and ConfigMaps: told only when interest names them. */
  readonly demanded: ReadonlyMap<ObjectKey, Decoded>
  readonly problems: ReadonlyArray<Problem>
  readonly memory: {
    /** By file and digest of the text. */
    readonly pieces: ReadonlyMap<string, ReadonlyMap<string, Piece>>
    readonly objects: ReadonlyMap<ObjectKey, Kept>
  }
}

/** The object as the API server would have stored it: ids, generation and labels that a manifest does not (or must not) say. */
const admit = (
  object: PieceObject,
  origin: { readonly file: string; readonly line: number },
  before: Kept | undefined
): { readonly kept: Kept; readonly refused: boolean } => {
  // What does not decode at all would have been refused by the API server, which then goes on with what it has.
  if (Result.isFailure(object.value) && before !== undefined && Result.isSuccess(before.decoded.value))
    return { kept: before, refused: true }
  const { key } = object.meta
  if (
    before !== undefined &&
    before.whole === object.whole &&
    before.decoded.origin?.file === origin.file &&
    before.decoded.origin.line === origin.line
  )
    return { kept: before, refused: false }
  const { kind, name } = parseKey(key)
  const old = before?.decoded.meta
  const meta = {
    ...object.meta,
    uid: uidOf(key),
    generation: old === undefined ? 1 : before!.content === object.content ? old.generation : old.generation + 1,
    resourceVersion:
      old === undefined ? "1" : before!.whole === object.whole ? old.resourceVersion : String(Number(old.resourceVersion) + 1),
    // Whatever the manifest says of its past (`kubectl get -o yaml` writes it), the API server would not have taken it.
    created: "",
    labels: kind === "Namespace" ? new Map([...object.meta.labels, [nameLabel, name] as const]) : object.meta.labels
  }
  const owned = object.owner === undefined ? {} : { owner: object.owner }
  return {
    kept: {
      decoded: { meta, value: object.value, ...owned, origin },
      content: object.content,
      whole: object.whole,
      demanded: object.demanded
    },
    refused: false
  }
}

const sameItems = <A>(a: ReadonlyArray<A> | undefined, b: ReadonlyArray<A>): boolean =>
  a !== undefined && a.length === b.length && a.every((item, at) => item === b[at])

/** key: what Secrets are sealed with, always the same within one history. */
export const assemble = (reading: Reading, key: Uint8Array, previous: Assembly | null): Assembly => {
  const problems: Array<Problem> = []
  const pieces = new Map<string, ReadonlyMap<string, Piece>>()
  const objects = new Map<ObjectKey, Kept>()
  const broken = new Set<string>()

  for (const fault of reading.faults)
    problems.push({
      severity: "Refused",
      file: fault.path,
      line: null,
      object: null,
      field: null,
      message: fault.message,
      remedy: fault.remedy
    })

  for (const [file, text] of reading.files) {
    const before = previous?.memory.pieces.get(file)
    // `helm template … > routes.yaml` empties the file seconds before it fills it: that is an edit in progress, not the wish to serve nothing.
    if (text === "" && before !== undefined && before.size > 0) {
      pieces.set(file, before)
      broken.add(file)
      problems.push({
        severity: "Warning",
        file,
        line: null,
        object: null,
        field: null,
        message: "the file is empty now",
        remedy: "Delete it if its objects are to go; they stay until it has content again"
      })
      continue
    }
    const now = new Map<string, Piece>()
    pieces.set(file, now)
    for (const chunk of chunks(text)) {
      const id = textDigest(key, chunk.text)
      const piece = now.get(id) ?? before?.get(id) ?? makePiece(key, file, chunk.text)
      now.set(id, piece)
      if (piece.broken) broken.add(file)
      for (const problem of piece.problems)
        problems.push({ ...problem, line: problem.line === null ? null : problem.line + chunk.line - 1 })
      for (const object of piece.objects) {
        const origin = { file, line: object.line + chunk.line - 1 }
        const first = objects.get(object.meta.key)
        if (first !== undefined) {
          const at = first.decoded.origin
          problems.push({
            severity: "Refused",
            file,
            line: origin.line,
            object: describeKey(object.meta.key),
            field: null,
            message: `written twice: first at ${at?.file}:${at?.line}, which is the one that counts`,
            remedy: "Remove one of the two, or give one another name"
          })
          continue
        }
        const { kept, refused } = admit(object, origin, previous?.memory.objects.get(object.meta.key))
        objects.set(object.meta.key, kept)
        if (refused)
          problems.push({
            severity: "Warning",
            file,
            line: origin.line,
            object: describeKey(object.meta.key),
            field: null,
            message: "the version last read goes on serving",
            remedy: "Correct the fields named above"
          })
      }
    }
  }

  // A typo or an unreadable folder deletes nothing: what was read from there before, and is not found elsewhere, stays until it can be read again.
  for (const [object, kept] of previous?.memory.objects ?? []) {
    const file = kept.decoded.origin?.file
    if (file === undefined || objects.has(object)) continue
    if (!broken.has(file) && !reading.faults.some((fault) => under(file, fault.path))) continue
    objects.set(object, kept)
    problems.push({
      severity: "Warning",
      file,
      line: null,
      object: describeKey(object),
      field: null,
      message: "not found while this file cannot be read whole: the version last read goes on serving",
      remedy: "Correct the file; an object that is to go is removed with the first reading that succeeds"
    })
  }

  const listed = new Map<GroupKind, Array<Decoded>>(kinds.filter((kind) => kind.need !== "Demanded").map((kind) => [kind.groupKind, []]))
  const demanded = new Map<ObjectKey, Decoded>()
  const namespaces = new Set<string>()
  for (const [object, kept] of objects) {
    const { kind, namespace } = parseKey(object)
    if (namespace !== "") namespaces.add(namespace)
    if (kept.demanded) demanded.set(object, kept.decoded)
    else listed.get(kind)!.push(kept.decoded)
  }
  for (const one of implied(listed, namespaces)) if (!objects.has(one.meta.key)) listed.get(parseKey(one.meta.key).kind)!.push(one)

  return {
    listed: new Map(
      [...listed].map(([kind, items]) => {
        const before = previous?.listed.get(kind)
        return [kind, sameItems(before, items) ? before! : items]
      })
    ),
    demanded,
    problems,
    memory: { pieces, objects }
  }
}

/** What an assembly says that the one before it did not. interest: which Secrets and ConfigMaps are asked for. */
export const changesBetween = (before: Assembly | null, after: Assembly, interest: ReadonlySet<ObjectKey>): ReadonlyArray<Change> => {
  const changes: Array<Change> = []
  for (const [kind, objects] of after.listed) if (before?.listed.get(kind) !== objects) changes.push({ _tag: "Replaced", kind, objects })
  for (const key of interest) {
    const object = after.demanded.get(key) ?? null
    if (before !== null && (before.demanded.get(key) ?? null) === object) continue
    changes.push({ _tag: "Fetched", key, object })
  }
  return changes
}
