// The world as decoded so far: persistent maps by kind.

import type { HashMap } from "effect"
import type { GroupKind, ObjectKey } from "#schemas/meta.ts"
import type { Change, Decoded } from "./change.ts"

export interface Objects {
  readonly sync: "Waiting" | "Synced" | "Unserved" | "Denied"
  readonly byKey: HashMap.HashMap<ObjectKey, Decoded>
}
export interface ClusterState {
  readonly kinds: HashMap.HashMap<GroupKind, Objects>
  /** Answers to interest: Secrets and ConfigMaps by key; null: asked for and absent. */
  readonly fetched: HashMap.HashMap<ObjectKey, Decoded | null>
}
export type { Change }
