// The laws of the one place that composes: nothing half-built is published, nothing equal twice, bursts are held off, what was seen decides statuses.

import { assert, describe, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, HashMap, Stream, SubscriptionRef } from "effect"
import { TestClock } from "effect/testing"
import { kinds } from "#schemas/kinds.ts"
import type { ObjectKey } from "#schemas/meta.ts"
import { evaluate, makePipeline } from "#src/pipeline.ts"
import type { Verdict } from "#src/status/verdict.ts"
import { makeTranslate } from "#src/translate/translate.ts"
import {
  edge,
  gateway,
  gatewayClass,
  listed,
  namespace,
  type Rig,
  replaced,
  rig,
  route,
  routeKey,
  sequenceOf,
  settings,
  settle,
  statusOf,
  versionOf
} from "./support/pipeline.ts"

describe("law 2: nothing half-built", () => {
  it.effect("is published before every kind is known", () =>
    Effect.gen(function* () {
      const one = yield* rig()
      const objects = [gatewayClass, namespace, gateway(), route("a", "/a")]
      for (const kind of listed.slice(0, -1)) yield* one.say(...replaced(objects, [kind]))
      yield* TestClock.adjust("10 seconds")
      yield* settle
      assert.strictEqual(one.publishers.size, 0)
      assert.strictEqual(one.translations(), 0)
      yield* one.say(...replaced(objects, listed.slice(-1)))
      yield* TestClock.adjust("1 second")
      assert.isNotNull(versionOf(one))
      yield* one.pipeline.started
    })
  )

  it.effect("is published before every interest is answered, and what was published stands while a new one is open", () =>
    Effect.gen(function* () {
      const one = yield* rig()
      const tls = { protocol: "HTTPS", tls: { certificateRefs: [{ name: "cert" }] } }
      const secret: ObjectKey = "Secret/shop/cert"
      yield* one.say(...replaced([gatewayClass, namespace, gateway("edge", 8443, tls)]))
      yield* TestClock.adjust("1 second")
      assert.deepEqual([...one.interests()], [secret])
      assert.strictEqual(one.publishers.size, 0)
      yield* one.say({ _tag: "Fetched", key: secret, object: null })
      yield* TestClock.adjust("1 second")
      const first = versionOf(one)
      assert.isNotNull(first)
      yield* one.say({
        _tag: "Upserted",
        object: gateway("edge", 8443, { protocol: "HTTPS", tls: { certificateRefs: [{ name: "other" }] } }, 2)
      })
      yield* TestClock.adjust("1 second")
      assert.deepEqual([...one.interests()], ["Secret/shop/other"])
      assert.strictEqual(versionOf(one), first)
      assert.isFalse(HashMap.has(one.pipeline.state().fetched, secret), "what nothing asks for is not kept")
    })
  )
})

describe("law 12: what changes nothing", () => {
  it.effect("publishes nothing", () =>
    Effect.gen(function* () {
      const one = yield* rig()
      const objects = [gatewayClass, namespace, gateway(), route("a", "/a")]
      yield* one.say(...replaced(objects))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(sequenceOf(one), 1)
      const count = one.translations()
      yield* one.say(...replaced([gatewayClass, namespace, gateway(), route("a", "/a")]))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(one.translations(), count, "an equal state is the same state")
      // A new generation of the same content is translated (statuses carry it), and changes no snapshot.
      yield* one.say({ _tag: "Upserted", object: route("a", "/a", 2) })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(one.translations(), count + 1)
      assert.strictEqual(sequenceOf(one), 1)
      yield* one.say({ _tag: "Upserted", object: route("a", "/b", 3) })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(sequenceOf(one), 2)
    })
  )
})

describe("the hold-off", () => {
  const begun = Effect.gen(function* () {
    const one = yield* rig()
    yield* one.say(...replaced([gatewayClass, namespace, gateway()]))
    yield* TestClock.adjust("1 second")
    return one
  })

  it.effect("lets the first change after a pause pass at once", () =>
    Effect.gen(function* () {
      const one = yield* begun
      const count = one.translations()
      yield* one.say({ _tag: "Upserted", object: route("a", "/a") })
      assert.strictEqual(one.translations(), count + 1)
      assert.strictEqual(sequenceOf(one), 2)
    })
  )

  it.effect("holds a burst until 10 ms of quiet, then translates it as one", () =>
    Effect.gen(function* () {
      const one = yield* begun
      const count = one.translations()
      yield* one.say({ _tag: "Upserted", object: route("r0", "/0") })
      for (let i = 1; i <= 5; i++) {
        yield* TestClock.adjust("5 millis")
        yield* one.say({ _tag: "Upserted", object: route(`r${i}`, `/${i}`) })
      }
      assert.strictEqual(one.translations(), count + 1)
      yield* TestClock.adjust("9 millis")
      yield* settle
      assert.strictEqual(one.translations(), count + 1)
      yield* TestClock.adjust("1 millis")
      yield* settle
      assert.strictEqual(one.translations(), count + 2)
      assert.strictEqual(sequenceOf(one), 3)
    })
  )

  it.effect("lets no change wait longer than 100 ms, however steady the burst", () =>
    Effect.gen(function* () {
      const one = yield* begun
      const count = one.translations()
      for (let i = 0; i < 101; i++) {
        yield* one.say({ _tag: "Upserted", object: route(`r${i}`, `/${i}`) })
        yield* TestClock.adjust("5 millis")
        yield* settle
      }
      // 505 ms of changes every 5 ms: one at once, then one every 100 ms.
      const made = one.translations() - count
      assert.isTrue(made >= 5 && made <= 7, `${made} translations`)
    })
  )
})

describe("a Gateway's life", () => {
  it.effect("is a scope of its own: opened with its first snapshot, drained and then closed when it leaves", () =>
    Effect.gen(function* () {
      const one = yield* rig(Effect.sleep("3 seconds"))
      yield* one.say(...replaced([gatewayClass, namespace, gateway(), gateway("second", 9090)]))
      yield* TestClock.adjust("1 second")
      const second: ObjectKey = "Gateway.gateway.networking.k8s.io/shop/second"
      assert.deepEqual([...one.publishers.keys()].sort(), [edge, second])
      yield* one.say({ _tag: "Deleted", key: second })
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.isFalse(one.events.includes(`closed ${second}`))
      assert.deepEqual([...one.pipeline.published().keys()], [edge])
      yield* TestClock.adjust("2 seconds")
      yield* settle
      assert.deepEqual(one.events.slice(-2), [`drained ${second}`, `closed ${second}`])
      assert.isFalse(one.events.includes(`closed ${edge}`))
    })
  )
})

describe("law 4: Programmed", () => {
  const ack = (rig: Rig, version: string, ready = true) =>
    Effect.sync(() => rig.pipeline.onAck(edge, { proxy: "p", version, sequence: 1, ready, refused: [] })).pipe(Effect.andThen(settle))

  it.effect("is what a ready proxy acknowledged of this generation, never of an unknown version or an older one", () =>
    Effect.gen(function* () {
      const one = yield* rig()
      yield* one.say(...replaced([gatewayClass, namespace, gateway()]))
      yield* TestClock.adjust("1 second")
      assert.strictEqual(statusOf(one, edge, "Accepted"), "True Accepted")
      assert.strictEqual(statusOf(one, edge, "Programmed"), "Unknown Pending")
      yield* ack(one, "never published")
      assert.strictEqual(statusOf(one, edge, "Programmed"), "False Pending")
      const first = versionOf(one)!
      yield* ack(one, first, false)
      assert.strictEqual(statusOf(one, edge, "Programmed"), "False Pending")
      yield* ack(one, first)
      assert.strictEqual(statusOf(one, edge, "Programmed"), "True Programmed")
      // A route changes the snapshot, not the Gateway's generation: the old acknowledgement goes on counting.
      yield* one.say({ _tag: "Upserted", object: route("a", "/a") })
      yield* TestClock.adjust("1 second")
      assert.notStrictEqual(versionOf(one), first)
      assert.strictEqual(statusOf(one, edge, "Programmed"), "True Programmed")
      yield* one.say({ _tag: "Upserted", object: gateway("edge", 8081, { protocol: "HTTP" }, 2) })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(statusOf(one, edge, "Programmed"), "False Pending")
      yield* ack(one, versionOf(one)!)
      assert.strictEqual(statusOf(one, edge, "Programmed"), "True Programmed")
    })
  )

  it.effect("keeps (===) the status of every object that did not change", () =>
    Effect.gen(function* () {
      const one = yield* rig()
      yield* one.say(...replaced([gatewayClass, namespace, gateway(), route("a", "/a"), route("b", "/b")]))
      yield* TestClock.adjust("1 second")
      yield* ack(one, versionOf(one)!)
      const before = SubscriptionRef.getUnsafe(one.pipeline.statuses)
      yield* one.say({ _tag: "Upserted", object: route("b", "/c", 2) })
      yield* TestClock.adjust("1 second")
      const after: ReadonlyMap<ObjectKey, Verdict> = SubscriptionRef.getUnsafe(one.pipeline.statuses)
      assert.strictEqual(after.get(routeKey("a")), before.get(routeKey("a")))
      assert.notStrictEqual(after.get(routeKey("b")), before.get(routeKey("b")))
      assert.strictEqual(after.get(routeKey("b"))?.generation, 2)
    })
  )
})

describe("a defect", () => {
  it.effect("of a source ends the pipeline with it", () =>
    Effect.gen(function* () {
      const pipeline = yield* makePipeline({
        source: () => Stream.fromEffect(Effect.die(new Error("the source is broken"))),
        translate: makeTranslate(settings),
        kinds,
        serve: () => Effect.succeed({ run: Effect.never, drain: Effect.void })
      })
      const exit = yield* Effect.exit(pipeline.run)
      assert.isTrue(Exit.isFailure(exit))
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "the source is broken")
    })
  )

  it.effect("of a Gateway's own fibers ends the pipeline with it, and its leaving does not", () =>
    Effect.gen(function* () {
      const broken = yield* Deferred.make<never>()
      const one = yield* rig(Effect.void, Deferred.await(broken))
      yield* one.say(...replaced([gatewayClass, namespace, gateway()]))
      yield* TestClock.adjust("1 second")
      yield* one.say({ _tag: "Deleted", key: edge })
      yield* TestClock.adjust("1 second")
      assert.include(one.events, `closed ${edge}`)
      assert.isUndefined(one.running.pollUnsafe())
      yield* one.say({ _tag: "Upserted", object: gateway() })
      yield* TestClock.adjust("1 second")
      yield* Deferred.die(broken, new Error("the proxy is broken"))
      const exit = yield* Fiber.await(one.running)
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "the proxy is broken")
    })
  )

  it.effect("of a drain ends the pipeline with it", () =>
    Effect.gen(function* () {
      const one = yield* rig(Effect.die(new Error("the drain is broken")))
      yield* one.say(...replaced([gatewayClass, namespace, gateway()]))
      yield* TestClock.adjust("1 second")
      yield* one.say({ _tag: "Deleted", key: edge })
      yield* TestClock.adjust("1 second")
      const exit = yield* Fiber.await(one.running)
      assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "the drain is broken")
    })
  )
})

describe("evaluate", () => {
  it("asks until nothing more is asked, and comes to what the pipeline publishes", () => {
    const asked: Array<ObjectKey> = []
    const tls = { protocol: "HTTPS", tls: { certificateRefs: [{ name: "cert" }] } }
    const { translation } = evaluate(makeTranslate(settings), replaced([gatewayClass, namespace, gateway("edge", 8443, tls)]), (key) => {
      asked.push(key)
      return null
    })
    assert.deepEqual(asked, ["Secret/shop/cert"])
    const listener = translation.verdicts.get(edge)?.entries.find((entry) => entry.listener !== null)
    assert.isTrue(listener?.conditions.some((condition) => condition.type === "ResolvedRefs" && condition.status === "False"))
  })
})
