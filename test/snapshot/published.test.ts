// A publisher says each version once, and a slow follower sees the newest one.
import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Stream } from "effect"
import { versionOf } from "#src/snapshot/digest.ts"
import { makePublisher } from "#src/snapshot/published.ts"
import type { Snapshot } from "#src/snapshot/snapshot.ts"
import { protocol } from "#src/snapshot/snapshot.ts"

const snapshot = (hostname: string): Snapshot => {
  const content = {
    gateway: { namespace: "web", name: "gateway" },
    listeners: new Map(),
    virtualHosts: new Map([["host", { hostname, rules: [] }]]),
    upstreams: new Map(),
    endpoints: new Map(),
    secrets: new Map(),
    invalidations: new Map()
  }
  return { protocol, version: versionOf(content), ...content }
}

const noMaterial = (id: string): never => {
  throw new Error(`no material ${id}`)
}

it.effect("publishes nothing when the content is the same", () =>
  Effect.gen(function* () {
    const publisher = yield* makePublisher
    const first = yield* publisher.publish(snapshot("a.example"), noMaterial)
    const again = yield* publisher.publish(snapshot("a.example"), noMaterial)
    assert.strictEqual(again, first)
    assert.strictEqual(publisher.current(), first)
    const next = yield* publisher.publish(snapshot("b.example"), noMaterial)
    assert.strictEqual(next.sequence, first.sequence + 1)
  })
)

it.effect("gives a follower the current snapshot, and a slow one the newest", () =>
  Effect.gen(function* () {
    const publisher = yield* makePublisher
    yield* publisher.publish(snapshot("first.example"), noMaterial)
    const seen: Array<number> = []
    const started = yield* Latch.make()
    const go = yield* Latch.make()
    const follower = yield* publisher.follow.pipe(
      Stream.runForEach((published) =>
        Effect.sync(() => seen.push(published.sequence)).pipe(Effect.andThen(started.open), Effect.andThen(go.await))
      ),
      Effect.forkChild
    )
    yield* started.await
    for (let n = 0; n < 100; n++) yield* publisher.publish(snapshot(`host-${n}.example`), noMaterial)
    yield* go.open
    while (seen.at(-1) !== 101) yield* Effect.yieldNow
    assert.isBelow(seen.length, 10)
    assert.strictEqual(seen[0], 1)
    yield* Fiber.interrupt(follower)
  })
)
