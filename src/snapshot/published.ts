// Where the newest snapshot of a Gateway stands: hot to read, conflated to follow.
import { Effect, Stream, SubscriptionRef } from "effect"
import type { MaterialLookup } from "./secret.ts"
import type { Snapshot } from "./snapshot.ts"

/** version names content; sequence orders one publisher's stream and finds gaps. */
export interface Published {
  readonly snapshot: Snapshot
  readonly sequence: number
  /** The bytes that snapshot.secrets refers to. */
  readonly material: MaterialLookup
}

export interface Publisher {
  /** The hot read: one field. */
  readonly current: () => Published | null
  /** The same version as the current one: nothing happens, and nothing is followed (law 12). */
  readonly publish: (snapshot: Snapshot, material: MaterialLookup) => Effect.Effect<Published>
  /** The current one, then each newer one; a slow follower sees only the latest. */
  readonly follow: Stream.Stream<Published>
}

export const makePublisher: Effect.Effect<Publisher> = Effect.gen(function* () {
  const ref = yield* SubscriptionRef.make<Published | null>(null)
  const current = () => SubscriptionRef.getUnsafe(ref)
  return {
    current,
    publish: Effect.fnUntraced(function* (snapshot: Snapshot, material: MaterialLookup) {
      const before = current()
      if (before !== null && before.snapshot.version === snapshot.version) return before
      const next: Published = { snapshot, sequence: (before?.sequence ?? 0) + 1, material }
      yield* SubscriptionRef.set(ref, next)
      return next
    }),
    follow: SubscriptionRef.changes(ref).pipe(
      Stream.filter((published) => published !== null),
      // Inside, so that no follower can forget it: `changes` alone queues every version for a slow one.
      Stream.buffer({ capacity: 1, strategy: "sliding" })
    )
  }
})
