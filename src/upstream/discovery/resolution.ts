// What is known of a name, as pools and balancers read it: plain data and a hot synchronous read.
import type { Effect } from "effect"
import type { ConnectReason } from "../../snapshot/reason.ts"
import type { QuestionType } from "./message.ts"

export interface Resolution {
  /** Pending: not tried to the end since the process started; addresses, if any, are those of the process before (remembered.ts). Fresh: a good answer, or one held after a failure. Stale: kept beyond the hold (law 7). Failed: nothing to dial. */
  readonly state: "Pending" | "Fresh" | "Stale" | "Failed"
  /**
   * Of a service its records (record.ts). At most 64, canonical text, in the order to try them: the newest answer first, then `draining`. New connections may use all of them;
   * what is missing here (and was here before) takes no new request any more.
   */
  readonly addresses: ReadonlyArray<string>
  /** Those of `addresses` that left the answer and are inside the obsolete grace. */
  readonly draining: ReadonlyArray<string>
  /** Why the last query failed; null after a good answer. */
  readonly reason: ConnectReason | null
  /** In words that do not rotate: `NXDOMAIN for api.example`. "" when all is well. */
  readonly detail: string
  /** Clock milliseconds of the last good answer; 0: none yet. */
  readonly asOf: number
  /** What the answer asked for, after clamping; 0 without a good answer. */
  readonly ttlMs: number
  /** Failed queries since the last good answer. */
  readonly failures: number
}

export interface NameWatch {
  readonly name: string
  /** One field read: for the request path. */
  readonly current: () => Resolution
  /** Called on every change, not with the current value. Returns the unsubscription. */
  readonly subscribe: (listener: (resolution: Resolution) => void) => () => void
  /** Completes with the first answer or the first failure. */
  readonly settled: Effect.Effect<void>
}

/** What DNS work is told to metrics: a small interface, so that discovery needs no registry. Every label is bounded. */
export interface DnsObserver {
  /** One question to the end (its tries and nameservers included). failure: null, or the class. */
  readonly onQuery: (type: QuestionType, seconds: number, failure: DnsFailureClass | null) => void
  /** A name changed its state. */
  readonly onState: (name: string, from: Resolution["state"], to: Resolution["state"]) => void
}

export type DnsFailureClass = "nxdomain" | "nodata" | "servfail" | "refused" | "timeout" | "other"

export const silentObserver: DnsObserver = { onQuery: () => {}, onState: () => {} }

export const pending: Resolution = {
  state: "Pending",
  addresses: [],
  draining: [],
  reason: null,
  detail: "",
  asOf: 0,
  ttlMs: 0,
  failures: 0
}
