// The pause between two tries of what an operator cannot do without: long where the server refuses, over as soon as a server that was gone is back.
import { Effect, Random } from "effect"
import type { Kube } from "./client.ts"

/** Milliseconds, before jitter, while a server that came back gets its rights and kinds together. */
const settlingPause = 1_000

/** wait: milliseconds, jittered by half of it both ways. */
export const rest = (kube: Kube["Service"], wait: number): Effect.Effect<void> =>
  Effect.flatMap(Random.next, (chance) =>
    Effect.asVoid(Effect.timeoutOption(kube.back, (kube.settling() ? Math.min(wait, settlingPause) : wait) * (0.5 + chance)))
  )
