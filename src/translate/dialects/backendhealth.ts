// The outlier of our Backend in the vocabulary of the snapshot, and what of it is refused because nobody serves it yet.
import { laterOutlierFields, type Outlier as Written } from "#schemas/health.ts"
import { defaultOutlier, type Outlier } from "../../snapshot/health.ts"

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

/** Paths of what is not served. */
export const laterOutlier = (spec: Written): ReadonlyArray<string> =>
  laterOutlierFields.filter((field) => spec[field] !== undefined).map((field) => `spec.outlier.${field}`)
