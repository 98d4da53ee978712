// What a source says: the only way anything enters Sluice. The Kubernetes watch and the manifest reader both speak it.

import type { Result, Stream } from "effect"
import type { GroupKind, Issue, Meta, ObjectKey } from "#schemas/meta.ts"

/** Where a manifest said it; absent for the API server. */
export interface Origin {
  readonly file: string
  readonly line: number
}

/**
 * A decoded object. Its metadata is always readable, so that a condition can be written on it even when the value did not decode.
 * Lists inside a value are `Element`s, so one bad rule is not a lost route.
 */
export interface Decoded<A = unknown> {
  readonly meta: Meta
  readonly value: Result.Result<A, ReadonlyArray<Issue>>
  /** Of a value that did not decode, and whose owner can be read (schemas/owner.ts): a condition is written on it. */
  readonly owner?: unknown
  readonly origin?: Origin
}

export type Change =
  /** A whole list (start, relist after 410, manifests re-read): what it lacks is gone. unread: namespaces of it that could never be read, sorted; absent: none. */
  | {
      readonly _tag: "Replaced"
      readonly kind: GroupKind
      readonly objects: ReadonlyArray<Decoded>
      readonly unread?: ReadonlyArray<string>
    }
  | { readonly _tag: "Upserted"; readonly object: Decoded }
  | { readonly _tag: "Deleted"; readonly key: ObjectKey }
  /** The CRD is absent. Never sent for a kind that was served before. */
  | { readonly _tag: "Unserved"; readonly kind: GroupKind }
  /** 403 is a fact, not a retry loop. namespace null: the whole kind. */
  | { readonly _tag: "Denied"; readonly kind: GroupKind; readonly namespace: string | null; readonly detail: string }
  /** The answer to an `interest`: the object, or null when it does not exist. Of a selection of pods null: those that there are have been told. */
  | { readonly _tag: "Fetched"; readonly key: ObjectKey; readonly object: Decoded | null }

/** How translate's interest (the Secrets and ConfigMaps it names, and the pods it selects) reaches a source. */
export type ChangeSource = (interest: Stream.Stream<ReadonlySet<ObjectKey>>) => Stream.Stream<Change>
