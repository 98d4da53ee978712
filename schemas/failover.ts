// How a Backend passes requests from one tier to the next. Part of our Backend.
import { Schema } from "effect"
import { Duration } from "./duration.ts"
import { integer } from "./name.ts"

export const Failover = Schema.Struct({
  spillThreshold: Schema.optionalKey(integer(100, 1_000)).annotateKey({
    description:
      "Percent. A tier takes all requests while the share of its weight that can serve, times this, is 100; below, the rest passes to the next. Absent: 140, so below 72 %."
  }),
  returnAfter: Schema.optionalKey(Duration).annotateKey({
    description: "An endpoint that has failed takes requests again after it could have served them for so long. 0s: at once. Absent: 10s."
  })
})
export type Failover = typeof Failover.Type
