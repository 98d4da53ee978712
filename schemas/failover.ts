// How a Backend passes requests from one tier to the next. Part of our Backend.
import { Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { rules } from "./crd.ts"
import { Duration } from "./duration.ts"
import { integer, text } from "./name.ts"
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

const bodiless: ReadonlyArray<number> = [204, 205, 304]

/** In the words of the directResponse of Envoy Gateway's HTTPRouteFilter, as far as it goes. */
const StandbyResponse = Schema.Struct({
  statusCode: integer(200, 599).annotateKey({ description: "The status of the answer." }),
  contentType: Schema.optionalKey(
    text(1, 256).check(Schema.isPattern(/^[!-~]([ -~]*[!-~])?$/u, { expected: "a media type in printable ASCII: application/json" }))
  ).annotateKey({ description: "The Content-Type of its body. Absent: text/plain; charset=utf-8." }),
  body: Schema.optionalKey(
    Schema.Struct({
      type: defaulted(Schema.Literals(["Inline"]), "Inline").annotateKey({ description: "Where it is written: here." }),
      inline: text(0, 4096).annotateKey({ description: "The text of the body, at most 4,096 characters." })
    })
  ).annotateKey({ description: "Absent: the answer has no body." })
}).check(
  rules({
    at: "body",
    message: "Not allowed with status 204, 205 or 304: they have none",
    cel: `!has(self.body) || !(self.statusCode in [${bodiless.join(", ")}])`,
    broken: ({ statusCode, body }) => body !== undefined && bodiless.includes(statusCode)
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

export const Failover = Schema.Struct({
  backendRefs: listOf(StandbyReference, 8).annotateKey({
    description:
      "Backends of any kind that serve what this one cannot, in order, and after each those that it names itself. Another namespace needs a ReferenceGrant there."
  }),
  response: Schema.optionalKey(StandbyResponse).annotateKey({
    description:
      "What is answered once nobody is left who can serve: not this backend, not those behind it. Of the Backend that a route names; those of the backends behind it are theirs."
  }),
  ...passing
})
export type Failover = typeof Failover.Type
