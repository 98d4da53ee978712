// Health checks and outliers of any dialect in the vocabulary of the snapshot, and what of our Backend's is refused because nobody serves it.
import type { Backend } from "#schemas/backend.ts"
import type { WrittenOutlier, WrittenProbe } from "#schemas/health.ts"
import type { Payload } from "#schemas/payload.ts"
import { type Base64, defaultOutlier, defaultPanic, type HealthCheck, type Outlier, type Probe } from "../../snapshot/health.ts"

/** A number of failures: absent is the default, 0 is not to be counted. */
const many = (written: number | undefined, absent: number | null): number | null =>
  written === undefined ? absent : written === 0 ? null : written

/** The longest that one timer of Node waits. */
const longest = 2_147_483_647

export const outlierOf = (spec: WrittenOutlier): Outlier => ({
  serverErrors: many(spec.consecutive5XxErrors, defaultOutlier.serverErrors),
  gatewayErrors: many(spec.consecutiveGatewayErrors, null),
  localFailures: spec.splitExternalLocalOriginErrors === true ? (spec.consecutiveLocalOriginFailures ?? 5) : null,
  ...(spec.failurePercentageThreshold === undefined
    ? {}
    : { failures: { percent: spec.failurePercentageThreshold, interval: Math.min(spec.interval ?? 3_000, longest) } }),
  baseEjection: Math.min(spec.baseEjectionTime ?? defaultOutlier.baseEjection, longest),
  maxEjectionPercent: spec.maxEjectionPercent ?? defaultOutlier.maxEjectionPercent,
  panic: spec.panicThreshold ?? defaultOutlier.panic
})

const bytesOf = (payload: Payload): Base64 =>
  payload.type === "Binary" ? payload.binary! : Buffer.from(payload.text!, "utf8").toString("base64")

const probeOf = ({ type, http, tcp, grpc }: WrittenProbe): Probe => {
  switch (type) {
    case "HTTP": {
      const { method = "GET", path, hostname, expectedStatuses = [], retriableStatuses = [], requestBody, expectedResponse } = http!
      return {
        _tag: "Http",
        ...{ method, path, host: hostname ?? null },
        expected: expectedStatuses.length === 0 ? [200] : expectedStatuses,
        ...(retriableStatuses.length === 0 ? {} : { retriable: retriableStatuses }),
        ...(requestBody === undefined ? {} : { body: bytesOf(requestBody) }),
        ...(expectedResponse === undefined ? {} : { holds: bytesOf(expectedResponse) })
      }
    }
    case "TCP":
      return {
        _tag: "Tcp",
        ...(tcp?.send === undefined ? {} : { send: bytesOf(tcp.send) }),
        ...(tcp?.receive === undefined ? {} : { receive: bytesOf(tcp.receive) })
      }
    case "TLS":
      return { _tag: "Tls" }
    case "GRPC":
      return { _tag: "Grpc", service: grpc?.service ?? "" }
  }
}

export const healthCheckOf = (spec: WrittenProbe): HealthCheck => ({
  probe: probeOf(spec),
  port: spec.overrides?.port ?? null,
  interval: Math.min(spec.interval ?? 3_000, longest),
  timeout: Math.min(spec.timeout ?? 1_000, longest),
  unhealthyThreshold: spec.unhealthyThreshold ?? 3,
  healthyThreshold: spec.healthyThreshold ?? 1,
  panic: spec.panicThreshold ?? defaultPanic
})

/** Paths of what is not served. */
export const laterHealth = ({
  healthCheck,
  egressPath
}: Partial<Pick<Backend["spec"], "healthCheck" | "egressPath">>): ReadonlyArray<string> =>
  // Beyond a proxy a look has the name and the port that requests have.
  healthCheck?.overrides?.port === undefined || egressPath?.proxy === undefined
    ? []
    : ["spec.healthCheck.overrides.port together with spec.egressPath.proxy"]
