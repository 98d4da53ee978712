// How a Backend passes requests from one tier to the next. Part of our Backend.
import { Schema } from "effect"
import { listOf } from "./absent.ts"
import { rules } from "./crd.ts"
import { Duration } from "./duration.ts"
import { integer } from "./name.ts"
import { backendFields } from "./reference.ts"

/** A backend of any kind; a Service unless group and kind say otherwise. */
const StandbyReference = Schema.Struct(backendFields).check(
  rules({
    at: "port",
    message: "Required for a Service: the Service port to send to",
    cel: "has(self.port) || (has(self.group) && self.group != '') || (has(self.kind) && self.kind != 'Service')",
    broken: ({ group, kind, port }) => group === "" && kind === "Service" && port === undefined
  })
)

/** When requests pass on, whoever stands by. */
const passing = {
  statusCodes: listOf(integer(400, 599), 16).annotateKey({
    description: "Answers with these statuses to requests that may be repeated (GET, HEAD, OPTIONS, PUT, DELETE) pass on to the next tier."
  }),
  spillThreshold: Schema.optionalKey(integer(100, 1_000)).annotateKey({
    description:
      "Percent. A tier takes all requests while the share of its weight that can serve, times this, is 100; below, the rest passes to the next. Absent: 140, so below 72 %."
  }),
  returnAfter: Schema.optionalKey(Duration).annotateKey({
    description: "An endpoint that has failed takes requests again after it could have served them for so long. 0s: at once. Absent: 10s."
  })
}

/** Without those who stand by: a policy's, of which each backend has its own. */
export const Passing = Schema.Struct(passing)
export type Passing = typeof Passing.Type

export const Failover = Schema.Struct({
  backendRefs: listOf(StandbyReference, 8).annotateKey({
    description:
      "Backends of any kind that serve what this one cannot, in order, and after each those that it names itself. Another namespace needs a ReferenceGrant there."
  }),
  ...passing
})
export type Failover = typeof Failover.Type
