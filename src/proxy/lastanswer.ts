// What a Backend says itself once nobody is left who can serve (failover.response), and after what: a tier like those before it, which nothing can befall.
import type { UpstreamFailure } from "../upstream/attempt.ts"
import { movable, type RetryPlan } from "../upstream/retry/plan.ts"
import type { LiveUpstream } from "../upstream/upstream.ts"
import type { LocalAnswer } from "./answer.ts"
import type { RequestHead } from "./head.ts"
import { idempotent } from "./outgoing.ts"

export interface LastAnswer {
  readonly answer: LocalAnswer
  /** The one that the route names. */
  readonly upstream: LiveUpstream
}

/** Any failure after which the request could have gone on to another tier. */
export const followsFailure = (failure: UpstreamFailure, { method }: RequestHead): boolean => movable(failure, idempotent.has(method))

/** An answer of upstream with this status would have gone on, too. */
export const followsStatus = (status: number, { method }: RequestHead, plan: RetryPlan | null, upstream: LiveUpstream | null): boolean =>
  // Nothing that may be asked once passes on.
  plan?.rule?.attempts !== 0 &&
  (plan?.rule?.codes.includes(status) === true || (idempotent.has(method) && upstream?.spec.failover?.codes.includes(status) === true))
