// Events as they are due, said one after another: a bounded queue, because an Event is never worth a delay, and never worth memory.
import { Effect, Queue } from "effect"
import type { EventSaid, Events } from "../kube/event.ts"

export interface Teller {
  readonly tell: (said: EventSaid) => void
  /** Never ends of itself. */
  readonly run: Effect.Effect<never>
}

/** Waiting to be said; the oldest go first (law 19). */
const waiting = 1_024

/** Milliseconds between two: an API server has better things to do. */
const pause = 50

export const makeTeller = Effect.fnUntraced(function* (
  events: Events,
  onSaid: (result: "ok" | "failed") => void
): Effect.fn.Return<Teller> {
  const queue = yield* Queue.sliding<EventSaid>(waiting)
  return {
    tell: (said) => {
      Queue.offerUnsafe(queue, said)
    },
    run: Queue.take(queue).pipe(
      Effect.flatMap((said) => Effect.result(events.say(said))),
      Effect.map((result) => onSaid(result._tag === "Success" ? "ok" : "failed")),
      Effect.andThen(Effect.sleep(pause)),
      Effect.forever
    )
  }
})
