// What keeps requests from an address of a Backend that fails: the names of Envoy Gateway's BackendTrafficPolicy, whose healthCheck.active is `healthCheck` here and
// healthCheck.passive `outlier`.
import { Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { rules } from "./crd.ts"
import { Duration } from "./duration.ts"
import { PreciseHostname } from "./hostname.ts"
import { int32, integer, PortNumber, text } from "./name.ts"
import { Payload } from "./payload.ts"

const percent = Schema.optionalKey(integer(0, 100))

const PanicThreshold = percent.annotateKey({
  description:
    "Percent: when more of a tier's addresses than that are out, or all of them, all take requests again, as the others would not bear the load. 0: never. Absent: 50."
})

/** Without anything that could end the line it is written to. */
export const ProbePath = text(1, 1024).check(
  Schema.isPattern(/^\/[!-~]*$/u, { expected: "a path that begins with /, of printable ASCII without spaces" })
)

export const probeMethods = ["GET", "HEAD", "OPTIONS", "POST", "PUT"] as const

const HTTPProbe = Schema.Struct({
  path: ProbePath.annotateKey({ description: "What is asked for, after the pathPrefix of an endpoint." }),
  method: defaulted(Schema.Literals(probeMethods), "GET"),
  hostname: Schema.optionalKey(PreciseHostname).annotateKey({
    description: "The Host sent. Absent: as requests to the backend have it; of addresses without a name, the address."
  }),
  expectedStatuses: listOf(integer(100, 599), 64).annotateKey({ description: "Statuses of one that is well. Absent: 200." }),
  retriableStatuses: listOf(integer(100, 599), 64).annotateKey({
    description:
      "Statuses of a failed look that count towards unhealthyThreshold, as failures without an answer do; any other takes the address out at once. Absent: each of them counts."
  }),
  expectedResponse: Schema.optionalKey(Payload).annotateKey({
    description: "What the first 64 KiB of the answer's content must hold. It is read as it comes, encoded or not."
  }),
  requestBody: Schema.optionalKey(Payload).annotateKey({ description: "Sent with method POST or PUT." })
}).check(
  rules(
    {
      at: "requestBody",
      message: "Only allowed with method POST or PUT",
      cel: "!has(self.requestBody) || (has(self.method) && self.method in ['POST', 'PUT'])",
      broken: ({ method, requestBody }) => requestBody !== undefined && method !== "POST" && method !== "PUT"
    },
    {
      at: "expectedResponse",
      message: "Not allowed with method HEAD, whose answers have no content",
      cel: "!has(self.expectedResponse) || !has(self.method) || self.method != 'HEAD'",
      broken: ({ method, expectedResponse }) => expectedResponse !== undefined && method === "HEAD"
    }
  )
)

type HTTPProbe = typeof HTTPProbe.Type

const TCPProbe = Schema.Struct({
  send: Schema.optionalKey(Payload).annotateKey({ description: "Sent when the connection is made, over TLS where the endpoint has it." }),
  receive: Schema.optionalKey(Payload).annotateKey({ description: "What the first 64 KiB of what comes then must hold." })
})

export const GRPCProbe = Schema.Struct({
  service: Schema.optionalKey(text(0, 1024)).annotateKey({ description: "Whose health is asked for. Absent: the server's as a whole." })
})

/** Durations in milliseconds. */
export const HealthCheck = Schema.Struct({
  type: Schema.Literals(["HTTP", "TCP", "TLS", "GRPC"]).annotateKey({
    description:
      "HTTP: a request, over TLS where the endpoint has it. TCP: a connection. TLS: a handshake whose certificate holds. GRPC: a call of grpc.health.v1.Health/Check, of backends that are spoken to in HTTP/2."
  }),
  http: Schema.optionalKey(HTTPProbe),
  tcp: Schema.optionalKey(TCPProbe).annotateKey({ description: "What is said on a connection of type TCP. Absent: nothing." }),
  grpc: Schema.optionalKey(GRPCProbe).annotateKey({ description: "What a call of type GRPC asks." }),
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
      at: "tcp",
      message: "Only allowed when type is TCP",
      cel: "self.type == 'TCP' || !has(self.tcp)",
      broken: ({ type, tcp }) => type !== "TCP" && tcp !== undefined
    },
    {
      at: "grpc",
      message: "Only allowed when type is GRPC",
      cel: "self.type == 'GRPC' || !has(self.grpc)",
      broken: ({ type, grpc }) => type !== "GRPC" && grpc !== undefined
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
  failurePercentageThreshold: Schema.optionalKey(integer(1, 100)).annotateKey({
    description:
      "Percent of the requests of an interval that fail, by what consecutive5XxErrors counts; judged where there were ten at least. Absent: not judged."
  }),
  interval: Schema.optionalKey(Duration).annotateKey({ description: "Of failurePercentageThreshold. Absent: 3s." })
}).check(
  rules(
    {
      at: "interval",
      message: "Expected at least 100ms",
      cel: "!has(self.interval) || duration(self.interval) >= duration('100ms')",
      broken: ({ interval }) => interval !== undefined && interval < 100
    },
    {
      at: "interval",
      message: "Only allowed with failurePercentageThreshold",
      cel: "!has(self.interval) || has(self.failurePercentageThreshold)",
      broken: ({ interval, failurePercentageThreshold }) => interval !== undefined && failurePercentageThreshold === undefined
    },
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

/** In whichever dialect. Durations in milliseconds. */
export interface WrittenProbe {
  readonly type: HealthCheck["type"]
  readonly http?: Partial<HTTPProbe> & Pick<HTTPProbe, "path">
  readonly tcp?: HealthCheck["tcp"]
  readonly grpc?: HealthCheck["grpc"]
  readonly interval?: number
  readonly timeout?: number
  readonly unhealthyThreshold?: number
  readonly healthyThreshold?: number
  readonly overrides?: { readonly port?: number }
  readonly panicThreshold?: number
}

/** Likewise. */
export type WrittenOutlier = Omit<Outlier, "splitExternalLocalOriginErrors"> & { readonly splitExternalLocalOriginErrors?: boolean }
