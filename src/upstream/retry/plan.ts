// A rule's retries as one request has them: what may be tried again, after which wait, and what is remembered of it for log and metrics. Pure but for that.
import type { Retry } from "../../snapshot/retry.ts"
import { settle } from "../../snapshot/setting.ts"
import type { UpstreamFailure, UpstreamRequest } from "../attempt.ts"
import { isUnreached } from "../dial/failure.ts"
import type { AttemptsHost } from "./attempts.ts"

/** Why a further try that was wanted was not made. wait: it would have begun after the request's deadline, or later than anybody waits. limit: too many at once. */
export type Withheld = "attempts" | "budget" | "body" | "wait" | "limit"

/** Where a request goes on to, when an upstream cannot serve it. */
export interface Onward {
  readonly host: AttemptsHost
  /** As that one is to get it; its body is the attempts' own. */
  readonly request: UpstreamRequest
}

/** One a request. The last two are written by the attempts. */
export interface RetryPlan {
  /** null: the user says nothing of retries. */
  readonly rule: Retry | null
  /** The next upstream that may serve it; called when the one before cannot, null when there is none left. null: there never was. */
  readonly onward: (() => Onward | null) | null
  /** Milliseconds one try may take, to the end of its response; null: no limit. */
  readonly tryTimeout: number | null
  /** `performance.now()` at which the whole request is over; null: never. */
  readonly deadline: number | null
  tries: number
  withheld: Withheld | ""
}

/** started: `performance.now()` when the request began. */
export const planOf = (
  rule: Retry | null,
  onward: RetryPlan["onward"],
  times: { readonly requestDeadline: number | null; readonly backendDeadline: number | null; readonly backendUnsaid: boolean },
  started: number
): RetryPlan => ({
  rule,
  onward,
  tryTimeout: times.backendUnsaid && rule !== null ? settle(rule.perTry, null) : times.backendDeadline,
  deadline: times.requestDeadline === null ? null : started + times.requestDeadline,
  tries: 0,
  withheld: ""
})

/** Milliseconds that are waited because a backend says so (Retry-After), where no deadline says less. */
export const longestWait = 10_000

/** What a timer of Node can wait. */
const longestTimer = 2_147_483_647

/** How much longer than its step a wait may be: clients that failed together do not come again together. */
const spread = 0.5

/**
 * Law 8, what a rule adds by itself: failures of which the backend has seen no request, for any method; those after which nobody knows, for methods that may
 * be repeated. Not a name that has no answer: it is asked for on its own, and has none some milliseconds later. Status codes are the rule's to name.
 */
export const repeatable = ({ reason, sent }: Pick<UpstreamFailure, "reason" | "sent">, idempotent: boolean): boolean => {
  if (reason === "upstream_refused_stream") return true
  const connecting = isUnreached(reason) || reason === "upstream_unsent"
  if (!connecting && reason !== "backend_timeout" && reason !== "first_byte_timeout" && reason !== "upstream_reset") return false
  return sent === "None" || idempotent
}

/** Whether an answer is one that the rule names. fields: of its head, raw pairs. */
export const namedBy = ({ codes, grpc }: Retry, status: number, fields: ReadonlyArray<string>): boolean =>
  codes.includes(status) || grpc?.includes(callStatus(fields)) === true

/** The status of a call that is answered without content, which its head has then; -1: it has none. */
const callStatus = (fields: ReadonlyArray<string>): number => {
  for (let at = 0; at < fields.length; at += 2) {
    if (fields[at]!.length !== 11 || fields[at]!.toLowerCase() !== "grpc-status") continue
    return /^\d{1,2}$/.test(fields[at + 1]!) ? Number(fields[at + 1]) : -1
  }
  return -1
}

/** What may be asked of another tier: all that may be repeated, and what this one cannot even begin with. */
export const movable = ({ reason, sent }: Pick<UpstreamFailure, "reason" | "sent">, idempotent: boolean): boolean =>
  reason !== "client_abort" && reason !== "internal" && (sent === "None" || repeatable({ reason, sent }, idempotent))

/** Milliseconds before try `tries + 1`: the base, doubled with each try up to the longest, and some more. chance: 0 to 1. */
export const backoff = ({ backoff: base, longest }: Pick<Retry, "backoff" | "longest">, tries: number, chance: number): number =>
  Math.min(Math.min(base * 2 ** Math.min(tries - 1, 10), longest) * (1 + spread * chance), longestTimer)

/** What Retry-After of a response's fields asks for, in milliseconds; 0: nothing, or nothing that can be read (RFC 9110 section 10.2.3). now: since the epoch. */
export const retryAfter = (fields: ReadonlyArray<string>, now: number): number => {
  for (let at = 0; at < fields.length; at += 2) {
    if (fields[at]!.length !== 11 || fields[at]!.toLowerCase() !== "retry-after") continue
    const value = fields[at + 1]!.trim()
    if (/^[0-9]+$/.test(value)) return Number(value) * 1000
    const date = /^[A-Z][a-z]/.test(value) ? Date.parse(value) : Number.NaN
    return Number.isNaN(date) ? 0 : Math.max(0, date - now)
  }
  return 0
}
