// The healthCheck and the outlier of our Backend in the vocabulary of the snapshot, and what of it is refused because nobody serves it yet.
import type { Backend } from "#schemas/backend.ts"
import { laterOutlierFields, laterProbeFields, type Outlier as Written, type HealthCheck as WrittenCheck } from "#schemas/health.ts"
import { defaultOutlier, defaultPanic, type HealthCheck, type Outlier, type Probe } from "../../snapshot/health.ts"

/** A number of failures: absent is the default, 0 is not to be counted. */
const many = (written: number | undefined, absent: number | null): number | null =>
  written === undefined ? absent : written === 0 ? null : written

/** The longest that one timer of Node waits. */
const longest = 2_147_483_647

export const outlierOf = (spec: Written): Outlier => ({
  serverErrors: many(spec.consecutive5XxErrors, defaultOutlier.serverErrors),
  gatewayErrors: many(spec.consecutiveGatewayErrors, null),
  localFailures: spec.splitExternalLocalOriginErrors ? (spec.consecutiveLocalOriginFailures ?? 5) : null,
  baseEjection: Math.min(spec.baseEjectionTime ?? defaultOutlier.baseEjection, longest),
  maxEjectionPercent: spec.maxEjectionPercent ?? defaultOutlier.maxEjectionPercent,
  panic: spec.panicThreshold ?? defaultOutlier.panic
})

const probeOf = ({ type, http }: WrittenCheck): Probe =>
  type === "HTTP"
    ? {
        _tag: "Http",
        method: http!.method,
        path: http!.path,
        host: http!.hostname ?? null,
        expected: http!.expectedStatuses.length === 0 ? [200] : http!.expectedStatuses
      }
    : { _tag: type === "TCP" ? "Tcp" : "Tls" }

export const healthCheckOf = (spec: WrittenCheck): HealthCheck => ({
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
  outlier,
  healthCheck,
  egressPath
}: Pick<Backend["spec"], "outlier" | "healthCheck" | "egressPath">): ReadonlyArray<string> => [
  ...laterOutlierFields.filter((field) => outlier?.[field] !== undefined).map((field) => `spec.outlier.${field}`),
  ...laterProbeFields.filter((field) => healthCheck?.http?.[field] !== undefined).map((field) => `spec.healthCheck.http.${field}`),
  // Beyond a proxy a look has the name and the port that requests have.
  ...(healthCheck?.overrides?.port === undefined || egressPath?.proxy === undefined
    ? []
    : ["spec.healthCheck.overrides.port together with spec.egressPath.proxy"]),
  ...(healthCheck?.tcp === undefined ? [] : ["spec.healthCheck.tcp"])
]
