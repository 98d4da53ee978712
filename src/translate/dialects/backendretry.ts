// Retries as Backends and policies write them, in the vocabulary of the snapshot: triggers are the status codes they stand for.
import type { RetryBudget, Retry as Written } from "#schemas/retry.ts"
import type { RetryShare } from "../../snapshot/behaviour.ts"
import { growth, grpcStatuses, type Retry } from "../../snapshot/retry.ts"
import type { Setting } from "../../snapshot/setting.ts"
import { bounded, defaultBackoff, settingOf } from "../time.ts"

const from = (first: number, last: number): ReadonlyArray<number> => Array.from({ length: last - first + 1 }, (_, i) => first + i)

const codesOf: Readonly<Record<string, ReadonlyArray<number>>> = {
  "5xx": from(500, 599),
  "gateway-error": [502, 503, 504],
  "retriable-4xx": [409]
}

const ascending = (numbers: ReadonlyArray<number>): ReadonlyArray<number> => [...new Set(numbers)].sort((a, b) => a - b)

/** Of a trigger that names none. */
const usualCodes = [503]

/** Triggers that speak of connections add nothing: what is safe is tried again whatever they say (law 8). */
export const retryOf = ({ numRetries = 2, retryOn, perRetry }: Written): Setting<Retry> => {
  if (numRetries === 0) return "Disabled"
  const named = retryOn?.httpStatusCodes ?? usualCodes
  const triggers = retryOn?.triggers ?? ["retriable-status-codes"]
  const codes = triggers.flatMap((trigger) => (trigger === "retriable-status-codes" ? named : (codesOf[trigger] ?? [])))
  const calls = triggers.flatMap((trigger) =>
    Object.hasOwn(grpcStatuses, trigger) ? [grpcStatuses[trigger as keyof typeof grpcStatuses]] : []
  )
  const { baseInterval, maxInterval } = perRetry?.backOff ?? {}
  const backoff = bounded(Math.min(baseInterval ?? defaultBackoff, maxInterval ?? Number.POSITIVE_INFINITY))
  return {
    codes: ascending(codes),
    ...(calls.length === 0 ? {} : { grpc: ascending(calls) }),
    attempts: numRetries,
    backoff,
    longest: bounded(maxInterval ?? backoff * growth),
    perTry: perRetry?.timeout === undefined ? "Default" : settingOf(perRetry.timeout)
  }
}

/** Of a circuit breaker: it beats a fixed number. */
export const retryShareOf = ({ percent, minRetryConcurrency = 3 }: RetryBudget): RetryShare => ({
  _tag: "Share",
  percent: percent === undefined ? 20 : (percent.numerator / percent.denominator) * 100,
  least: minRetryConcurrency
})
