// One rendered object made to stand, or taken away: compared with what stands, applied where that differs, never over or against what was not made here, and
// ever more slowly against somebody who wants it otherwise. Apart from the provisioner, which decides what is to stand.
import { Clock, Effect } from "effect"
import { apply, read, remove, type Stored } from "../kube/apply.ts"
import type { Kube } from "../kube/client.ts"
import type { KubeError } from "../kube/failure.ts"
import type { Leadership } from "../kube/lease.ts"
import { type Owned, type OwnedKey, type OwnedObjects, ownedKey, placeOfOwned } from "./owned.ts"
import { drifted } from "./render/drift.ts"
import { hashOf } from "./render/pod.ts"
import type { Rendered } from "./render/site.ts"
import { type Fields, field, stringAt } from "./status/json.ts"

export interface ApplyingOptions {
  readonly kube: Kube["Service"]
  /** Asked before each write. */
  readonly leading: Pick<Leadership, "isLeader">
  readonly owned: Pick<OwnedObjects, "get">
  readonly onApply?: (kind: string, result: "applied" | "deleted") => void
}

/** Applied: it was written. Standing: it need not be, or may not be now. Later: it is to be brought again, milliseconds since the epoch. Taken: what is in the way. */
export type Brought =
  | { readonly _tag: "Applied" }
  | { readonly _tag: "Standing" }
  | { readonly _tag: "Later"; readonly at: number }
  | { readonly _tag: "Taken"; readonly what: string }

export interface Applying {
  /** hashed: what of it decides that it is to be applied again, unless all does; the rest is written only over the version that was looked at. */
  readonly bring: (object: Rendered, hashed?: Fields) => Effect.Effect<Brought, KubeError>
  readonly discard: (one: Owned) => Effect.Effect<void, KubeError>
  /** It is no longer there. wanted: what it was made for still is. */
  readonly gone: (key: OwnedKey, wanted: boolean) => void
}

/** Milliseconds that our watch may take to show what we applied. */
const unseen = 3_000

/**
 * Milliseconds from one time that we bring back what somebody else changed to the next, of the same object: at first, and at most, doubled as long as it goes on.
 * Two that each want their own would otherwise write as fast as the API server answers (law 18).
 */
export const contest = { least: 1_000, most: 60_000 } as const

/** On everything that is made: the hash of what was applied. What does not have it was not made here, whatever it is called and labelled. */
const renderedAnnotation = "gateway.sluice.dev/rendered"

const madeHere = (object: unknown): boolean => stringAt(field(field(object, "metadata"), "annotations"), renderedAnnotation) !== ""

export const describe = (object: Rendered): string => `${object.kind} ${object.metadata.namespace}/${object.metadata.name}`

/** What was applied last. object: what the API server made of it; null: it has been deleted since. */
interface Applied {
  readonly hash: string
  readonly object: unknown
  readonly at: number
  readonly gap: number
}

const standing: Brought = { _tag: "Standing" }

export const makeApplying = ({ kube, leading, owned, onApply }: ApplyingOptions): Applying => {
  const applied = new Map<OwnedKey, Applied>()

  const bring = Effect.fnUntraced(function* (rendered: Rendered, hashed: Fields = rendered): Effect.fn.Return<Brought, KubeError> {
    const { namespace, name } = rendered.metadata
    const key = ownedKey(rendered.kind, namespace, name)
    const place = placeOfOwned(rendered.kind, namespace, name)!
    const stands = owned.get(key)
    const hash = hashOf(hashed)
    // What was rendered once and is left out now (a port) cannot be seen in what stands; that another was rendered can.
    const object = {
      ...rendered,
      metadata: { ...rendered.metadata, annotations: { ...rendered.metadata.annotations, [renderedAnnotation]: hash } }
    }
    const last = applied.get(key)
    const same = last?.hash === hash ? last : null
    const now = yield* Clock.currentTimeMillis
    // Our own watch has not shown it yet.
    if (stands === undefined && same !== null && same.object !== null && now < same.at + unseen)
      return { _tag: "Later", at: same.at + unseen }
    // It goes, and comes again when it is gone: the watch tells.
    if (stands?.going === true) return standing
    if (stands !== undefined && !drifted(stands.object, object, same?.object ?? null)) return standing
    // Just this was applied, and it stands no longer: somebody else wants it otherwise.
    if (same !== null && now < same.at + same.gap) return { _tag: "Later", at: same.at + same.gap }
    // Without our label the watch does not see it.
    const found = stands?.object ?? (yield* read(kube, place))
    if (found !== null && !madeHere(found)) return { _tag: "Taken", what: describe(object) }
    // Of what somebody else may set at any moment, only over the version that was looked at: a 409 is decided anew.
    const resourceVersion = hashed === rendered ? "" : stringAt(field(stands?.object, "metadata"), "resourceVersion")
    const manifest = resourceVersion === "" ? object : { ...object, metadata: { ...object.metadata, resourceVersion } }
    // The lease may have ended since the turn began.
    if (!leading.isLeader()) return standing
    const answer: Stored = yield* apply(kube, place, manifest)
    const gap = same !== null && now < same.at + 4 * same.gap ? Math.min(2 * same.gap, contest.most) : contest.least
    applied.set(key, { hash, object: answer, at: now, gap })
    onApply?.(object.kind, "applied")
    return { _tag: "Applied" }
  })

  const discard = Effect.fnUntraced(function* (one: Owned): Effect.fn.Return<void, KubeError> {
    if (one.going || !madeHere(one.object) || !leading.isLeader()) return
    const going = yield* remove(kube, placeOfOwned(one.kind.kind, one.namespace, one.name)!, { uid: one.uid }).pipe(
      // Another one by now: the watch tells what it is.
      Effect.catchTag("KubeError", (error) => (error.status === 409 ? Effect.succeed(false) : Effect.fail(error)))
    )
    applied.delete(one.key)
    if (going) onApply?.(one.kind.kind, "deleted")
  })

  return {
    bring,
    discard,
    gone: (key, wanted) => {
      const last = applied.get(key)
      if (last === undefined) return
      // When it was applied counts on, should somebody delete it each time.
      if (wanted) applied.set(key, { ...last, object: null })
      else applied.delete(key)
    }
  }
}
