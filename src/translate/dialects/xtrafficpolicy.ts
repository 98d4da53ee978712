// XBackendTrafficPolicy in the vocabulary of the snapshot (docs/traffic-policy.md).
import type { XBackendTrafficPolicy } from "#schemas/xbackendtrafficpolicy.ts"
import type { Behaviour } from "../../snapshot/behaviour.ts"
import { backendNote } from "../../status/backendnotes.ts"
import type { Part } from "../behaviour.ts"

type Spec = XBackendTrafficPolicy["spec"]

/** Of minRetryRate, where a part of it is not said: as where none is. */
const least = { count: 10, interval: 1_000 }

export const xPolicyPart = ({ retryConstraint }: Spec): Part<Behaviour> => {
  if (retryConstraint === undefined) return {}
  const { budget, minRetryRate } = retryConstraint
  const { count, interval } = { ...least, ...minRetryRate }
  return { retryRate: { percent: budget.percent, interval: budget.interval, count, per: interval } }
}

/** What is not served of a policy: it is not applied, and its targets answer 500. */
export const xPolicyProblems = ({ sessionPersistence }: Spec): ReadonlyArray<string> =>
  sessionPersistence === undefined ? [] : [backendNote.traffic.sessionsOfPolicy]
