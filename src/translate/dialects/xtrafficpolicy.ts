// XBackendTrafficPolicy in the vocabulary of the snapshot (docs/traffic-policy.md).
import type { XBackendTrafficPolicy } from "#schemas/xbackendtrafficpolicy.ts"
import { type Behaviour, usualRetryRate } from "../../snapshot/behaviour.ts"
import { backendNote } from "../../status/backendnotes.ts"
import type { Part } from "../behaviour.ts"

type Spec = XBackendTrafficPolicy["spec"]

export const xPolicyPart = ({ retryConstraint }: Spec): Part<Behaviour> => {
  if (retryConstraint === undefined) return {}
  const { budget, minRetryRate } = retryConstraint
  // A part of it that is not said is as where none is.
  const { count = usualRetryRate.count, interval: per = usualRetryRate.per } = minRetryRate
  return { retryRate: { percent: budget.percent, interval: budget.interval, count, per } }
}

/** What is not served of a policy: it is not applied, and its targets answer 500. */
export const xPolicyProblems = ({ sessionPersistence }: Spec): ReadonlyArray<string> =>
  sessionPersistence === undefined ? [] : [backendNote.traffic.sessionsOfPolicy]
