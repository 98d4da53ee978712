// Who calls, as the operator is told by whoever can ask (law 14). The link knows no Kubernetes: the judgement is a function given in.
import { Data, type Effect } from "effect"
import type { Snapshot } from "../snapshot/snapshot.ts"

export interface Caller {
  readonly gateway: Snapshot["gateway"]
  /** The pod's name: what the proxy is called in acknowledgements and reports. It is not asked what it is called. */
  readonly pod: string
  /** When the token is no longer good, milliseconds since the epoch; null: not known. */
  readonly expires: number | null
}

/** The token proves nothing that helps: wrong audience, expired, no pod of a Gateway. message: for the log and the proxy; no token in it. */
export class CallerRefused extends Data.TaggedError("CallerRefused")<{ readonly message: string }> {}

/** Nobody could be asked. Nothing is proven, so nothing is given; whoever is connected stays. */
export class CallerUnknown extends Data.TaggedError("CallerUnknown")<{ readonly message: string }> {}

/** from: the address that the caller connects from. */
export type Review = (token: string, from: string) => Effect.Effect<Caller, CallerRefused | CallerUnknown>
