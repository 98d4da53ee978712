// A checked connection that carries exchanges, as pools, exchanges and probes see it: one exchange at a time (transport.ts), or many (multiplex.ts).
import type { AttemptPeer, ResponseSink, UpstreamRequest } from "./attempt.ts"

export interface CarrierSettings {
  /** Milliseconds an unused connection is kept; what the peer says of it may make it less. */
  readonly keepAliveIdle: number
  /** Milliseconds from the last byte sent to the first byte of the response; null: no limit. */
  readonly firstByte: number | null
  /** Milliseconds without a byte either way after the response has begun, while its reader takes them; null: no limit. */
  readonly idle: number | null
}

/** What the pool's exchange is told beyond the response. `onFailure` is always called in a later microtask, never from inside `send`. */
export interface CarrierSink extends ResponseSink {
  /** The exchange has its place no more; called once, after it has ended in any way but an upgrade. */
  readonly onFree: (carrier: Carrier) => void
}

export interface Carrier {
  /** Exchanges begun on it. */
  readonly requests: number
  /** It has waited for work: the peer may have closed it meanwhile. */
  readonly rested: boolean
  /** It takes another exchange now. */
  readonly usable: boolean
  /**
   * Sends one request. host: what Host or `:authority` says. last: nothing else will go on it.
   * Exactly one of onEnd, onUpgrade, onFailure follows unless it is aborted; then onFree.
   */
  readonly send: (request: UpstreamRequest, host: string, peer: AttemptPeer, last: boolean, sink: CarrierSink) => Carried
  /** Unused from here: after its idle time it closes. */
  readonly rest: () => void
  /** Closes it now; exchanges under way fail or, when they were aborted, end silently. */
  readonly destroy: () => void
}

/** One exchange on a carrier. */
export interface Carried {
  /** Something of the request may have reached the peer. */
  readonly written: boolean
  /** Nothing of a response has been seen: law 8 may allow another try. */
  readonly silent: boolean
  /** That no answer came is the peer's doing: it has the whole request, or takes no more of it. */
  readonly owing: boolean
  readonly resume: () => void
  /** No callback but onFree follows. late: because nothing came in time. */
  readonly abort: (late?: boolean) => void
}

/** Carries many at once. */
export interface Multiplexed extends Carrier {
  /** How many at once, as the peer says now. */
  readonly capacity: number
}

/** Exchanges that a connection has at once at most, whatever its peer says: the next go on another. */
export const streamsPerConnection = 100
