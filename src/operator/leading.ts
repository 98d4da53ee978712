// Whether this replica leads, as its writers ask: before each batch of writes, never once and for all.
import type { Effect } from "effect"

export interface Leading {
  /** The lease is ours at this moment, by a clock that does not jump. */
  readonly holds: () => boolean
  /** Completes when it is. */
  readonly awaited: Effect.Effect<void>
}
