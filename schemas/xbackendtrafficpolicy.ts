// XBackendTrafficPolicy (GEP-3388, experimental): how many of the requests to a backend may be repetitions. Its sessions, which Gateway API 1.7 moves to XBackend, are
// read so that a condition can name them.
import { Schema } from "effect"
import { defaulted, requiredList } from "./absent.ts"
import { Duration } from "./duration.ts"
import { integer } from "./name.ts"
import { LocalObjectReference } from "./reference.ts"
import { SessionPersistence } from "./session.ts"

const hour = 3_600_000

const between = (least: number, expected: string) =>
  Duration.check(Schema.makeFilter((ms: number) => (ms >= least && ms <= hour ? undefined : `Expected ${expected}`)))

export const XBackendTrafficPolicy = Schema.Struct({
  spec: Schema.Struct({
    targetRefs: requiredList(LocalObjectReference, 1, 16),
    retryConstraint: Schema.optionalKey(
      Schema.Struct({
        budget: defaulted(
          Schema.Struct({
            percent: defaulted(integer(0, 100), 20),
            interval: defaulted(between(1_000, "a second to an hour"), "10s")
          }),
          {}
        ),
        minRetryRate: defaulted(
          Schema.Struct({
            count: Schema.optionalKey(integer(1, 1_000_000)),
            interval: Schema.optionalKey(between(1, "more than 0s, and an hour at most"))
          }),
          { count: 10, interval: "1s" }
        )
      })
    ),
    sessionPersistence: Schema.optionalKey(SessionPersistence)
  })
})
export type XBackendTrafficPolicy = typeof XBackendTrafficPolicy.Type
