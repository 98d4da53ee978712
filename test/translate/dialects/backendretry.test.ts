// Triggers as the codes they stand for, and times as a timer can wait them.
import { assert, describe, it } from "vitest"
import type { Retry } from "#src/snapshot/retry.ts"
import { retryOf } from "#src/translate/dialects/backendretry.ts"

const made = (written: Parameters<typeof retryOf>[0]): Retry => {
  const retry = retryOf(written)
  if (typeof retry === "string") throw new Error(`it is ${retry}`)
  return retry
}

describe("retries of a Backend", () => {
  it("are two, after 503, where nothing is said", () => {
    assert.deepEqual(retryOf({}), { codes: [503], attempts: 2, backoff: 25, longest: 250, perTry: "Default" })
    assert.deepEqual(made({ retryOn: {} }).codes, [503])
  })
  it("are none with numRetries 0", () => assert.strictEqual(retryOf({ numRetries: 0, retryOn: { triggers: ["5xx"] } }), "Disabled"))
  it("name codes by triggers, each once and in order", () => {
    assert.deepEqual(made({ retryOn: { triggers: ["gateway-error", "retriable-4xx"] } }).codes, [409, 502, 503, 504])
    assert.deepEqual(
      made({ retryOn: { triggers: ["retriable-status-codes", "gateway-error"], httpStatusCodes: [504, 429] } }).codes,
      [429, 502, 503, 504]
    )
    assert.deepEqual(made({ retryOn: { httpStatusCodes: [404] } }).codes, [404])
    const all = made({ retryOn: { triggers: ["5xx"] } }).codes
    assert.deepEqual([all.length, all[0], all.at(-1)], [100, 500, 599])
  })
  it("name none by triggers that speak of connections: those are tried again anyway", () =>
    assert.deepEqual(made({ retryOn: { triggers: ["reset", "connect-failure", "refused-stream"] } }).codes, []))
  it("name statuses of gRPC by the triggers that are called so, each once and in order", () => {
    const all = ["unavailable", "internal", "cancelled", "resource-exhausted", "deadline-exceeded", "unavailable"]
    assert.deepInclude(made({ retryOn: { triggers: all } }), { codes: [], grpc: [1, 4, 8, 13, 14] })
    assert.deepInclude(made({ retryOn: { triggers: ["unavailable", "5xx"] } }), { grpc: [14] })
    assert.notProperty(made({ retryOn: { triggers: ["5xx"] } }), "grpc")
  })
  it("codes without their trigger name nothing", () =>
    assert.deepEqual(made({ retryOn: { triggers: ["reset"], httpStatusCodes: [500] } }).codes, []))
  it("wait as is written; a first wait is never longer than the longest", () => {
    assert.deepInclude(made({ perRetry: { backOff: { baseInterval: 100 } } }), { backoff: 100, longest: 1000 })
    assert.deepInclude(made({ perRetry: { backOff: { baseInterval: 100, maxInterval: 150 } } }), { backoff: 100, longest: 150 })
    assert.deepInclude(made({ perRetry: { backOff: { maxInterval: 10 } } }), { backoff: 10, longest: 10 })
    assert.deepInclude(made({ perRetry: { backOff: { baseInterval: 1e12 } } }), { backoff: 2_147_483_647, longest: 2_147_483_647 })
  })
  it("give a try its time, or none", () => {
    assert.strictEqual(made({ perRetry: { timeout: 1500 } }).perTry, 1500)
    assert.strictEqual(made({ perRetry: { timeout: 0 } }).perTry, "Disabled")
  })
})
