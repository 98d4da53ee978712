// What keeps requests from an address of a Backend that fails: the names of Envoy Gateway's BackendTrafficPolicy (healthCheck.passive is `outlier` here).
import { Schema } from "effect"
import { defaulted } from "./absent.ts"
import { rules } from "./crd.ts"
import { Duration } from "./duration.ts"
import { int32, integer } from "./name.ts"

const Later = Schema.optionalKey(Schema.Unknown).annotateKey({ description: "For a later release: refused by condition." })

const percent = Schema.optionalKey(integer(0, 100))

const PanicThreshold = percent.annotateKey({
  description:
    "Percent of a tier's addresses that must be out before all of them take requests again, as the others would not bear the load. 0: never. Absent: 50."
})

/** Durations in milliseconds. */
export const Outlier = Schema.Struct({
  consecutive5XxErrors: Schema.optionalKey(int32(0)).annotateKey({
    description: "Answers of 500 and above, and failures without an answer, in a row. 0: not counted. Absent: 5."
  }),
  consecutiveGatewayErrors: Schema.optionalKey(int32(0)).annotateKey({
    description: "502, 503, 504 and failures without an answer, in a row. 0 or absent: not counted."
  }),
  splitExternalLocalOriginErrors: defaulted(Schema.Boolean, false).annotateKey({
    description:
      "Failures without an answer (no connection, no TLS, a reset, too late) are counted apart, by consecutiveLocalOriginFailures."
  }),
  consecutiveLocalOriginFailures: Schema.optionalKey(int32(1)).annotateKey({
    description: "Failures without an answer, in a row, where they are counted apart. Absent: 5."
  }),
  baseEjectionTime: Schema.optionalKey(Duration).annotateKey({
    description: "How long an address is out; the second time in short succession twice as long, and so on up to five minutes. Absent: 30s."
  }),
  maxEjectionPercent: percent.annotateKey({
    description:
      "Of the addresses of a tier, rounded up: one of a few can always go, and the whole of a tier with another behind it. 0: none. Absent: 50."
  }),
  panicThreshold: PanicThreshold,
  interval: Later,
  failurePercentageThreshold: Later
}).check(
  rules(
    {
      at: "baseEjectionTime",
      message: "Expected more than 0s",
      cel: "!has(self.baseEjectionTime) || duration(self.baseEjectionTime) > duration('0s')",
      broken: ({ baseEjectionTime }) => baseEjectionTime === 0
    },
    {
      at: "consecutiveLocalOriginFailures",
      message: "Only allowed with splitExternalLocalOriginErrors",
      cel: "!has(self.consecutiveLocalOriginFailures) || (has(self.splitExternalLocalOriginErrors) && self.splitExternalLocalOriginErrors)",
      broken: (outlier) => outlier.consecutiveLocalOriginFailures !== undefined && !outlier.splitExternalLocalOriginErrors
    }
  )
)
export type Outlier = typeof Outlier.Type

/** Fields that are read and not served yet. */
export const laterOutlierFields = ["interval", "failurePercentageThreshold"] as const
