// What is made anew when something is heard: an acknowledgement costs its Gateway, a report the objects of its Gateway, and nobody is told of what is not published.

import { assert, describe, it } from "@effect/vitest"
import { Effect, SubscriptionRef } from "effect"
import { TestClock } from "effect/testing"
import type { ObjectKey } from "#schemas/meta.ts"
import type { UpstreamFacts } from "#src/report/report.ts"
import { listenerNote } from "#src/status/conditions.ts"
import type { Verdict } from "#src/status/verdict.ts"
import { makeTranslate, type Translate, type Translation } from "#src/translate/translate.ts"
import {
  decoded,
  edge,
  gateway,
  gatewayClass,
  namespace,
  type Rig,
  replaced,
  rig,
  routeKey,
  settings,
  settle,
  statusOf,
  versionOf
} from "./support/pipeline.ts"

const other: ObjectKey = "Gateway.gateway.networking.k8s.io/shop/other"

const backend = (name: string) =>
  decoded({
    apiVersion: "gateway.sluice.dev/v1alpha1",
    kind: "Backend",
    metadata: { name, namespace: "shop" },
    spec: { endpoints: [{ fqdn: { hostname: `${name}.example`, port: 443 } }] }
  })
const route = (name: string, to: string, parents: ReadonlyArray<string> = ["edge"]) =>
  decoded({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name, namespace: "shop", generation: 1 },
    spec: {
      parentRefs: parents.map((parent) => ({ name: parent })),
      rules: [{ backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: to }] }]
    }
  })

/** Sluice's translation, in which a verdict counts how often the statuses are made of it: settling looks at `upstreams` each time. */
const counting = () => {
  const inner = makeTranslate(settings)
  const made = new Map<ObjectKey, number>()
  const verdicts = new WeakMap<Verdict, Verdict>()
  const translations = new WeakMap<Translation, Translation>()
  const counted = (verdict: Verdict): Verdict => {
    const known = verdicts.get(verdict)
    if (known !== undefined) return known
    const copy = Object.defineProperty({ ...verdict }, "upstreams", {
      enumerable: true,
      get: () => {
        made.set(verdict.object, (made.get(verdict.object) ?? 0) + 1)
        return verdict.upstreams
      }
    })
    verdicts.set(verdict, copy)
    return copy
  }
  const translate: Translate = (state, previous) => {
    const plain = inner(state, previous === undefined ? undefined : translations.get(previous))
    const next = { ...plain, verdicts: new Map([...plain.verdicts].map(([key, verdict]) => [key, counted(verdict)])) }
    translations.set(next, plain)
    return next
  }
  return { translate, made }
}

const facts = (over: Partial<UpstreamFacts> = {}): UpstreamFacts => ({
  resolution: "Fresh",
  detail: "",
  addresses: 2,
  healthy: 2,
  tier: 0,
  certificateExpires: null,
  lastFailure: null,
  ...over
})

const upstreamsOf = ({ pipeline }: Rig, name: string) => pipeline.translation()!.verdicts.get(routeKey(name))!.upstreams

const begun = Effect.gen(function* () {
  const { translate, made } = counting()
  const one = yield* rig(Effect.void, Effect.never, translate)
  const objects = [gatewayClass, namespace, gateway(), gateway("other", 9090), backend("pay"), backend("ship")]
  yield* one.say(...replaced([...objects, route("a", "pay"), route("b", "ship", ["other"]), route("both", "pay", ["edge", "other"])]))
  yield* TestClock.adjust("1 second")
  const report = (from: ObjectKey, proxy: string, route: string, seen: Partial<UpstreamFacts> = {}) =>
    Effect.sync(() =>
      one.pipeline.onReport(from, {
        proxy,
        upstreams: new Map(upstreamsOf(one, route).map((id) => [id, facts(seen)])),
        invalidated: new Map()
      })
    ).pipe(Effect.andThen(settle))
  const ack = Effect.sync(() =>
    one.pipeline.onAck(edge, { proxy: "p", version: versionOf(one)!, sequence: 1, ready: true, refused: [] })
  ).pipe(Effect.andThen(settle))
  made.clear()
  return { one, made, report, ack }
})

describe("an acknowledgement", () => {
  it.effect("settles its Gateway, and of no other object is anything made anew", () =>
    Effect.gen(function* () {
      const { one, made, ack } = yield* begun
      const before = SubscriptionRef.getUnsafe(one.pipeline.statuses)
      yield* ack
      assert.strictEqual(statusOf(one, edge, "Programmed"), "True Programmed")
      assert.deepEqual(
        [...made.keys()].filter((key) => !key.startsWith("Gateway.")),
        []
      )
      const after = SubscriptionRef.getUnsafe(one.pipeline.statuses)
      assert.deepEqual([...after.keys()], [...before.keys()])
      for (const [key, status] of before) if (key !== edge) assert.strictEqual(after.get(key), status, key)
    })
  )

  it.effect("that meets a report in one turn takes nothing from it", () =>
    Effect.gen(function* () {
      const { one, report, ack } = yield* begun
      yield* Effect.all([report(edge, "p", "a"), ack], { concurrency: "unbounded" })
      assert.strictEqual(statusOf(one, edge, "Programmed"), "True Programmed")
      assert.strictEqual(statusOf(one, routeKey("a"), "Resolved"), "True Fresh")
    })
  )

  it.effect("does not bring out what is translated and not published yet", () =>
    Effect.gen(function* () {
      const { one, ack } = yield* begun
      const tls = { protocol: "HTTPS", tls: { certificateRefs: [{ name: "cert" }] } }
      const before = versionOf(one)
      yield* one.say({ _tag: "Upserted", object: gateway("other", 9443, tls, 2) })
      yield* TestClock.adjust("1 second")
      assert.deepEqual([...one.interests()], ["Secret/shop/cert"])
      const status = SubscriptionRef.getUnsafe(one.pipeline.statuses).get(other)
      yield* ack
      assert.strictEqual(versionOf(one), before)
      assert.strictEqual(SubscriptionRef.getUnsafe(one.pipeline.statuses).get(other), status, "whether the Secret is there is not known")
    })
  )
})

describe("a report", () => {
  it.effect("settles the objects of its Gateway, and none of another's", () =>
    Effect.gen(function* () {
      const { one, made, report } = yield* begun
      yield* report(edge, "p", "a")
      assert.strictEqual(statusOf(one, routeKey("a"), "Resolved"), "True Fresh")
      assert.strictEqual(statusOf(one, routeKey("both"), "Resolved"), "True Fresh")
      assert.isFalse(made.has(routeKey("b")))
      assert.isNull(statusOf(one, routeKey("b"), "Resolved"))
      yield* report(edge, "p", "a", { resolution: "Failed", detail: "NXDOMAIN" })
      assert.strictEqual(statusOf(one, routeKey("a"), "Resolved"), "False Failed")
    })
  )

  it.effect("counts for what comes later, and no longer when its proxy or its Gateway is gone", () =>
    Effect.gen(function* () {
      const { one, report } = yield* begun
      yield* report(edge, "p", "a", { resolution: "Failed", detail: "NXDOMAIN" })
      yield* report(other, "q", "both")
      yield* one.say({ _tag: "Upserted", object: route("late", "pay") })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(statusOf(one, routeKey("late"), "Resolved"), "False Failed")
      assert.strictEqual(statusOf(one, routeKey("both"), "Resolved"), "False Failed")

      one.pipeline.onGone(edge, "p")
      yield* settle
      assert.isNull(statusOf(one, routeKey("late"), "Resolved"))
      assert.strictEqual(statusOf(one, routeKey("both"), "Resolved"), "True Fresh")

      yield* report(edge, "p", "a", { resolution: "Failed", detail: "NXDOMAIN" })
      yield* one.say({ _tag: "Deleted", key: edge })
      yield* TestClock.adjust("1 second")
      assert.strictEqual(statusOf(one, routeKey("both"), "Resolved"), "True Fresh")
    })
  )
})

describe("a certificate", () => {
  it.effect("is said to be over when its time comes, though nothing is heard", () =>
    Effect.gen(function* () {
      // Longer than one timer of Node can wait.
      const over = 40 * 86_400_000
      const expires = new Date(over).toISOString()
      const { expires: valid } = listenerNote.certificate
      const inner = makeTranslate(settings)
      /** As if each listener served with a pair that is valid for forty days. */
      const translate: Translate = (state, previous) => {
        const plain = inner(state, previous)
        const dated = (verdict: Verdict): Verdict => ({
          ...verdict,
          entries: verdict.entries.map((entry) =>
            entry.listener === null
              ? entry
              : {
                  ...entry,
                  listener: { ...entry.listener, certificates: [{ of: "Secret shop/a", expires }] },
                  conditions: entry.conditions.map((one) => ({ ...one, message: valid("Secret shop/a", expires) }))
                }
          )
        })
        return { ...plain, verdicts: new Map([...plain.verdicts].map(([key, verdict]) => [key, dated(verdict)])) }
      }
      const one = yield* rig(Effect.void, Effect.never, translate)
      yield* one.say(...replaced([gatewayClass, namespace, gateway()]))
      const said = () =>
        SubscriptionRef.getUnsafe(one.pipeline.statuses)
          .get(edge)
          ?.entries.find((entry) => entry.section !== null)?.conditions[0]?.message
      yield* TestClock.setTime(over - 1)
      assert.match(said() ?? "", /is valid until/)
      yield* TestClock.setTime(over)
      yield* settle
      assert.match(said() ?? "", /expired at 1970-02-10T00:00:00.000Z: clients refuse it, renew it/)
    })
  )
})
