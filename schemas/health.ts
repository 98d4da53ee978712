// What keeps requests from an address of a Backend that fails: the names of Envoy Gateway's BackendTrafficPolicy, whose healthCheck.active is `healthCheck` here and
// healthCheck.passive `outlier`.
import { Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { rules } from "./crd.ts"
import { Duration } from "./duration.ts"
import { PreciseHostname } from "./hostname.ts"
import { int32, integer, PortNumber, text } from "./name.ts"

const Later = Schema.optionalKey(Schema.Unknown).annotateKey({ description: "For a later release: refused by condition." })

const percent = Schema.optionalKey(integer(0, 100))

const PanicThreshold = percent.annotateKey({
  description:
    "Percent: when more of a tier's addresses than that are out, or all of them, all take requests again, as the others would not bear the load. 0: never. Absent: 50."
})

const HTTPProbe = Schema.Struct({
  path: text(1, 1024)
    .check(Schema.isPattern(/^\/[!-~]*$/u, { expected: "a path that begins with /, of printable ASCII without spaces" }))
    .annotateKey({ description: "What is asked for, after the pathPrefix of an endpoint." }),
  method: defaulted(Schema.Literals(["GET", "HEAD", "OPTIONS"]), "GET"),
  hostname: Schema.optionalKey(PreciseHostname).annotateKey({
    description: "The Host sent. Absent: as requests to the backend have it; of addresses without a name, the address."
  }),
  expectedStatuses: listOf(integer(100, 599), 64).annotateKey({ description: "Statuses of one that is well. Absent: 200." }),
  retriableStatuses: Later,
  expectedResponse: Later,
  requestBody: Later
})

/** Durations in milliseconds. */
export const HealthCheck = Schema.Struct({
  type: Schema.Literals(["HTTP", "TCP", "TLS"]).annotateKey({
    description: "HTTP: a request, over TLS where the endpoint has it. TCP: a connection. TLS: a handshake whose certificate holds."
  }),
  http: Schema.optionalKey(HTTPProbe),
  tcp: Later,
  interval: Schema.optionalKey(Duration).annotateKey({
    description: "Between two looks at one address, give or take a tenth. Absent: 3s."
  }),
  timeout: Schema.optionalKey(Duration).annotateKey({ description: "Of a look, from the first packet to the answer. Absent: 1s." }),
  unhealthyThreshold: Schema.optionalKey(int32(1)).annotateKey({
    description: "Failed looks in a row that take an address out; the first look decides alone. Absent: 3."
  }),
  healthyThreshold: Schema.optionalKey(int32(1)).annotateKey({
    description: "Good looks in a row that bring it back. Absent: 1."
  }),
  overrides: Schema.optionalKey(
    Schema.Struct({ port: Schema.optionalKey(PortNumber).annotateKey({ description: "Looked at in place of the endpoint's own port." }) })
  ),
  panicThreshold: PanicThreshold
}).check(
  rules(
    {
      at: "http",
      message: "Required when type is HTTP",
      cel: "self.type != 'HTTP' || has(self.http)",
      broken: ({ type, http }) => type === "HTTP" && http === undefined
    },
    {
      at: "http",
      message: "Only allowed when type is HTTP",
      cel: "self.type == 'HTTP' || !has(self.http)",
      broken: ({ type, http }) => type !== "HTTP" && http !== undefined
    },
    {
      at: "interval",
      message: "Expected at least 100ms",
      cel: "!has(self.interval) || duration(self.interval) >= duration('100ms')",
      broken: ({ interval }) => interval !== undefined && interval < 100
    },
    {
      at: "timeout",
      message: "Expected more than 0s",
      cel: "!has(self.timeout) || duration(self.timeout) > duration('0s')",
      broken: ({ timeout }) => timeout === 0
    }
  )
)
export type HealthCheck = typeof HealthCheck.Type

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

/** Fields that are read and not served yet, of a probe and of an outlier. */
export const laterProbeFields = ["retriableStatuses", "expectedResponse", "requestBody"] as const
export const laterOutlierFields = ["interval", "failurePercentageThreshold"] as const
