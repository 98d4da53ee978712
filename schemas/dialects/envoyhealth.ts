// healthCheck of Envoy Gateway's BackendTrafficPolicy. Apart from the policy because it is two kinds of judgement in itself; nothing has a default, as there.
import { Schema } from "effect"
import { Duration } from "../duration.ts"
import { GRPCProbe, ProbePath } from "../health.ts"
import { PreciseHostname } from "../hostname.ts"
import { int32, integer, PortNumber } from "../name.ts"
import { Payload } from "../payload.ts"
import { StatusCodes } from "../retry.ts"

const Active = Schema.Struct({
  type: Schema.Literals(["HTTP", "TCP", "GRPC"]),
  http: Schema.optionalKey(
    Schema.Struct({
      path: ProbePath,
      method: Schema.optionalKey(Schema.String),
      hostname: Schema.optionalKey(PreciseHostname),
      expectedStatuses: Schema.optionalKey(StatusCodes),
      retriableStatuses: Schema.optionalKey(StatusCodes),
      expectedResponse: Schema.optionalKey(Payload),
      requestBody: Schema.optionalKey(Payload)
    })
  ),
  tcp: Schema.optionalKey(Schema.Struct({ send: Schema.optionalKey(Payload), receive: Schema.optionalKey(Payload) })),
  grpc: Schema.optionalKey(GRPCProbe),
  timeout: Schema.optionalKey(Duration),
  interval: Schema.optionalKey(Duration),
  initialJitter: Schema.optionalKey(Duration),
  unhealthyThreshold: Schema.optionalKey(int32(1)),
  healthyThreshold: Schema.optionalKey(int32(1)),
  overrides: Schema.optionalKey(Schema.Struct({ port: Schema.optionalKey(PortNumber) }))
}).check(
  Schema.makeFilter((active) => {
    const needed = { HTTP: "http", TCP: "tcp", GRPC: null }[active.type]
    if (needed !== null && active[needed as "http" | "tcp"] === undefined)
      return { path: [needed], issue: `Required when type is ${active.type}` }
    const wrong = (["HTTP", "TCP", "GRPC"] as const).find(
      (type) => type !== active.type && active[type.toLowerCase() as "http" | "tcp" | "grpc"] !== undefined
    )
    return wrong === undefined ? undefined : { path: [wrong.toLowerCase()], issue: `Only allowed when type is ${wrong}` }
  })
)

const Passive = Schema.Struct({
  splitExternalLocalOriginErrors: Schema.optionalKey(Schema.Boolean),
  interval: Schema.optionalKey(Duration),
  consecutiveLocalOriginFailures: Schema.optionalKey(int32(1)),
  consecutiveGatewayErrors: Schema.optionalKey(int32(0)),
  consecutive5XxErrors: Schema.optionalKey(int32(0)),
  baseEjectionTime: Schema.optionalKey(Duration),
  maxEjectionPercent: Schema.optionalKey(integer(0, 100)),
  failurePercentageThreshold: Schema.optionalKey(integer(1, 100)),
  alwaysEjectOneEndpoint: Schema.optionalKey(Schema.Boolean)
})

/** Durations in milliseconds. */
export const EnvoyHealthCheck = Schema.Struct({
  active: Schema.optionalKey(Active),
  passive: Schema.optionalKey(Passive),
  panicThreshold: Schema.optionalKey(integer(0, 100))
})
export type EnvoyHealthCheck = typeof EnvoyHealthCheck.Type
