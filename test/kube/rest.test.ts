// The pause between two tries: how long it is where nothing comes back, and that a server that is back ends it.
import { assert, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Random } from "effect"
import { TestClock } from "effect/testing"
import type { Kube } from "#src/kube/client.ts"
import { rest } from "#src/kube/rest.ts"

/** A pause in flight, without jitter. */
const resting = (wait: number, { settling = false, back = Effect.never as Effect.Effect<void> } = {}) =>
  rest({ settling: () => settling, back } as Kube["Service"], wait).pipe(
    Effect.provideService(Random.Random, { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => 0.5 }),
    Effect.forkChild({ startImmediately: true })
  )

const overAt = Effect.fnUntraced(function* (fiber: Fiber.Fiber<void>, milliseconds: number) {
  yield* TestClock.adjust(milliseconds - 1)
  assert.isUndefined(fiber.pollUnsafe())
  yield* TestClock.adjust(1)
  yield* Fiber.join(fiber)
})

it.effect("lasts as long as it was asked to while the server is away", () =>
  Effect.andThen(resting(45_000), (fiber) => overAt(fiber, 45_000))
)

it.effect("lasts a second at most with a server that is settling", () =>
  Effect.gen(function* () {
    yield* overAt(yield* resting(45_000, { settling: true }), 1_000)
    yield* overAt(yield* resting(300, { settling: true }), 300)
  })
)

it.effect("is over when the server is back", () =>
  Effect.gen(function* () {
    const back = yield* Deferred.make<void>()
    const fiber = yield* resting(45_000, { back: Deferred.await(back) })
    yield* TestClock.adjust(1_000)
    assert.isUndefined(fiber.pollUnsafe())
    yield* Deferred.succeed(back, undefined)
    yield* Fiber.join(fiber)
  })
)
