// How requests to a backend are tried once more: the names and units of Envoy Gateway's BackendTrafficPolicy.
import { Schema } from "effect"
import { defaulted } from "./absent.ts"
import { rules } from "./crd.ts"
import { Duration } from "./duration.ts"
import { int32, integer } from "./name.ts"

/** What of HTTP can be named. Safe repetitions (a request of which the backend has seen nothing, or that may be repeated) need no trigger. */
export const httpTriggers = [
  "5xx",
  "gateway-error",
  "reset",
  "connect-failure",
  "retriable-4xx",
  "refused-stream",
  "retriable-status-codes"
] as const

/** Of gRPC: statuses of calls that are answered without content. */
export const grpcTriggers = ["cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable"] as const

const few = (max: number) => Schema.isMaxLength(max, { expected: `at most ${max} items` })

export const StatusCodes = Schema.Array(integer(100, 599)).check(few(64))

export const PerRetry = Schema.Struct({
  timeout: Schema.optionalKey(Duration).annotateKey({ description: "One try may take so long; timeouts.backendRequest of a rule wins." }),
  backOff: Schema.optionalKey(
    Schema.Struct({
      baseInterval: Schema.optionalKey(Duration).annotateKey({
        description: "Before the first further try; doubled with each one. Absent: 25ms."
      }),
      maxInterval: Schema.optionalKey(Duration).annotateKey({ description: "No wait grows beyond. Absent: ten times baseInterval." })
    }).check(
      rules({
        at: "maxInterval",
        message: "Expected at least baseInterval",
        cel: "!has(self.baseInterval) || !has(self.maxInterval) || duration(self.baseInterval) <= duration(self.maxInterval)",
        broken: ({ baseInterval, maxInterval }) => baseInterval !== undefined && maxInterval !== undefined && baseInterval > maxInterval
      })
    )
  ).annotateKey({ description: "The waits between tries." })
})

export const RetryBudget = Schema.Struct({
  percent: Schema.optionalKey(
    Schema.Struct({ numerator: int32(0), denominator: defaulted(int32(1), 100) }).check(
      rules({
        at: "numerator",
        message: "Expected at most the denominator",
        cel: "self.numerator <= (has(self.denominator) ? self.denominator : 100)",
        broken: ({ numerator, denominator }) => numerator > denominator
      })
    )
  ).annotateKey({ description: "Of the requests under way and waiting. Absent: 20 of 100." }),
  minRetryConcurrency: Schema.optionalKey(int32(0)).annotateKey({
    description: "So many may be tried once more whatever that is. Absent: 3."
  })
})
export type RetryBudget = typeof RetryBudget.Type

const RetryOn = Schema.Struct({
  triggers: Schema.optionalKey(Schema.Array(Schema.Literals([...httpTriggers, ...grpcTriggers])).check(few(12))).annotateKey({
    description:
      "Responses that are tried again, for any method. Absent: retriable-status-codes. Connections that fail are tried again without. The last five are statuses of gRPC, of calls that are answered without content."
  }),
  httpStatusCodes: Schema.optionalKey(StatusCodes).annotateKey({ description: "Of the trigger retriable-status-codes. Absent: 503." })
}).check(
  rules({
    at: "httpStatusCodes",
    message: "Needs the trigger retriable-status-codes",
    cel: "!has(self.httpStatusCodes) || !has(self.triggers) || 'retriable-status-codes' in self.triggers",
    broken: ({ triggers, httpStatusCodes }) =>
      httpStatusCodes !== undefined && triggers !== undefined && !triggers.includes("retriable-status-codes")
  })
)

export const Retry = Schema.Struct({
  numRetries: Schema.optionalKey(int32(0)).annotateKey({
    description: "Further tries of one request. Absent: 2. 0: none, not even the safe one."
  }),
  retryOn: Schema.optionalKey(RetryOn).annotateKey({ description: "What is tried again." }),
  perRetry: Schema.optionalKey(PerRetry).annotateKey({ description: "Times of each try." })
})

/** In whichever dialect: triggers are words, of which some may mean nothing here. */
export interface Retry {
  readonly numRetries?: number
  readonly retryOn?: { readonly triggers?: ReadonlyArray<string>; readonly httpStatusCodes?: ReadonlyArray<number> }
  readonly perRetry?: typeof PerRetry.Type
}
