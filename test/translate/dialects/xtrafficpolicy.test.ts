// What an XBackendTrafficPolicy says of repetitions, part by part: each as it is written, and where it is not, as GEP-3388 has it.
import { Schema } from "effect"
import { assert, describe, it } from "vitest"
import { XBackendTrafficPolicy } from "#schemas/xbackendtrafficpolicy.ts"
import { xPolicyPart, xPolicyProblems } from "#src/translate/dialects/xtrafficpolicy.ts"

type Written = Omit<(typeof XBackendTrafficPolicy.Encoded)["spec"], "targetRefs">
const specOf = (more: Written) =>
  Schema.decodeSync(XBackendTrafficPolicy)({ spec: { targetRefs: [{ group: "", kind: "Service", name: "a" }], ...more } }).spec
const rateOf = (retryConstraint: NonNullable<Written["retryConstraint"]>) => xPolicyPart(specOf({ retryConstraint })).retryRate
const usual = { percent: 20, interval: 10_000, count: 10, per: 1_000 }

describe("a constraint of retries", () => {
  it("is a fifth of ten seconds' requests, and ten a second, where nothing is said", () => {
    for (const none of [{}, { budget: {} }, { minRetryRate: {} }, { budget: {}, minRetryRate: {} }]) assert.deepEqual(rateOf(none), usual)
  })

  it("has each part as it is written, and the others as ever", () => {
    assert.deepEqual(rateOf({ budget: { percent: 5 } }), { ...usual, percent: 5 })
    assert.deepEqual(rateOf({ budget: { percent: 0 } }), { ...usual, percent: 0 })
    assert.deepEqual(rateOf({ budget: { interval: "30s" } }), { ...usual, interval: 30_000 })
    assert.deepEqual(rateOf({ minRetryRate: { count: 3 } }), { ...usual, count: 3 })
    assert.deepEqual(rateOf({ minRetryRate: { interval: "5s" } }), { ...usual, per: 5_000 })
    assert.deepEqual(rateOf({ budget: { percent: 1, interval: "2s" }, minRetryRate: { count: 4, interval: "3m" } }), {
      ...{ percent: 1, interval: 2_000, count: 4, per: 180_000 }
    })
  })

  it("that is not there says nothing, so that others may", () => assert.deepEqual(xPolicyPart(specOf({})), {}))
})

it("sessions are a problem of the whole, whatever stands beside them; repetitions are none", () => {
  const sessionPersistence = { sessionName: "place" }
  for (const more of [{ sessionPersistence }, { sessionPersistence, retryConstraint: {} }])
    assert.deepEqual(
      xPolicyProblems(specOf(more)).map((problem) => problem.split(":")[0]),
      ["spec.sessionPersistence"]
    )
  for (const more of [{}, { retryConstraint: {} }]) assert.deepEqual(xPolicyProblems(specOf(more)), [])
})
