// Changes on their way to the fold, coalesced by object: however far the fold is behind, no more waits than there are objects (law 19).
import { Effect, Queue, Stream } from "effect"
import { type GroupKind, type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { Change } from "../state/change.ts"

export interface Outbox {
  readonly put: (change: Change) => void
  /** Each array is all that waited. For one reader. */
  readonly stream: Stream.Stream<Change>
}

/** Of one kind, in the order that the fold has to see them: its standing, then the edits since. */
interface Waiting {
  whole: Change | null
  readonly edits: Map<ObjectKey, Change>
  readonly denied: Map<string, Change>
}

export const makeOutbox: Effect.Effect<Outbox> = Effect.gen(function* () {
  const ready = yield* Queue.sliding<void>(1)
  let kinds = new Map<GroupKind, Waiting>()
  let fetched = new Map<ObjectKey, Change>()

  const of = (kind: GroupKind): Waiting => {
    const known = kinds.get(kind)
    if (known !== undefined) return known
    const made: Waiting = { whole: null, edits: new Map(), denied: new Map() }
    kinds.set(kind, made)
    return made
  }

  const note = (change: Change): void => {
    switch (change._tag) {
      case "Replaced":
      case "Unserved": {
        const waiting = of(change.kind)
        // A list that nobody has seen yet is not taken back by the CRD's removal: what was once served stays.
        if (change._tag === "Unserved" && waiting.whole?._tag === "Replaced") return
        waiting.whole = change
        waiting.edits.clear()
        return
      }
      case "Upserted":
        of(parseKey(change.object.meta.key).kind).edits.set(change.object.meta.key, change)
        return
      case "Deleted":
        of(parseKey(change.key).kind).edits.set(change.key, change)
        return
      case "Denied":
        of(change.kind).denied.set(change.namespace ?? "", change)
        return
      case "Fetched":
        fetched.set(change.key, change)
        return
    }
  }

  const drain = (): ReadonlyArray<Change> => {
    const changes: Array<Change> = []
    for (const { whole, edits, denied } of kinds.values()) {
      if (whole !== null) changes.push(whole)
      changes.push(...denied.values())
      for (const edit of edits.values()) changes.push(edit)
    }
    for (const answer of fetched.values()) changes.push(answer)
    kinds = new Map()
    fetched = new Map()
    return changes
  }

  return {
    put: (change) => {
      note(change)
      Queue.offerUnsafe(ready, undefined)
    },
    stream: Stream.fromQueue(ready).pipe(Stream.map(drain), Stream.flattenIterable)
  }
})
