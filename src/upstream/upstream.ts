// What an upstream is to those that use it, and what it is made with. Its live form is live.ts.
import type { Effect } from "effect"
import type { UpstreamFacts } from "../report/report.ts"
import type { Id } from "../snapshot/id.ts"
import type { MaterialLookup } from "../snapshot/secret.ts"
import type { Endpoint, Upstream } from "../snapshot/upstream.ts"
import type { Attempt, ResponseSink, UpstreamRequest } from "./attempt.ts"
import type { Token } from "./credential/token.ts"
import type { DatagramChannel, DatagramSink } from "./datagrams.ts"
import type { UpstreamDescription } from "./description.ts"
import type { OwnAddresses } from "./dial/own.ts"
import type { DialOutcome } from "./dial/plan.ts"
import type { TrustRoots } from "./dial/roots.ts"
import type { Names } from "./discovery/names.ts"
import type { ElsewhereOf } from "./elsewhere.ts"
import type { NoChoice } from "./exchange.ts"
import type { AttemptsHost } from "./retry/attempts.ts"
import type { RetryPlan } from "./retry/plan.ts"
import type { Target } from "./target.ts"

export interface LiveUpstream {
  readonly id: Id
  readonly spec: Upstream
  /** Its connections carry many requests at once, and none can become something else. */
  readonly multiplexed: boolean
  /** Requests (and others) that hold it now. */
  readonly holders: number
  /** No longer in the tables: it lives until nobody holds it, or the drain deadline. */
  readonly retired: boolean
  /** Keep it for the length of one request; disposing twice is disposing once. */
  readonly hold: () => Disposable
  /** It left the tables. New requests of holders are still served. */
  readonly retire: () => void
  /** Completes when retired and nobody holds it. Bound it by the drain deadline, then close the scope: that closes every connection at once. */
  readonly released: Effect.Effect<void>
  /** The table of endpoints changed: names that stay keep their answers, addresses that stay keep their connections, the rest drain. */
  readonly setEndpoints: (endpoints: ReadonlyArray<Endpoint>) => void
  /** A Secret or CA bundle may have changed. If so: new connections use the new pair, idle ones close, running ones finish. */
  readonly setMaterial: (material: MaterialLookup) => void
  /** One try (and its one safe repetition), or those of a rule's plan (law 8). Exactly one of onEnd, onUpgrade, onFailure ends it, never from inside this call. */
  readonly send: (request: UpstreamRequest, sink: ResponseSink, plan?: RetryPlan | null) => Attempt
  /** One client's datagrams, to one endpoint; affinity as of requests. */
  readonly datagrams: (affinity: number | null, sink: DatagramSink) => DatagramChannel
  /** What share of its requests it can serve, 0 to 1; whoever asks has another upstream for the rest. */
  readonly level: number
  /** Why nobody of it can serve now, trusted or not; null: somebody may, or a first answer of the DNS is awaited. */
  readonly trouble: NoChoice | null
  /** What a request that goes on to it needs. */
  readonly host: AttemptsHost
  /** It has several tiers: a request may go on inside of it. */
  readonly tiered: boolean
  /** For the report: states and counts. */
  readonly facts: () => UpstreamFacts
  /** For the admin port: addresses, ages, pool counts. */
  readonly describe: () => UpstreamDescription
  /** Each name was tried once, or 5 s have passed (law 16). */
  readonly ready: Effect.Effect<void>
}

/** What an upstream tells metrics and reports. */
export interface UpstreamObserver {
  /** A dial ended: phases and failures, with the attempts it made. */
  readonly onDial: (id: Id, outcome: DialOutcome) => void
  /** What `facts` says may have changed: an answer, a failure after a success, a success after a failure. Never called for mere traffic. */
  readonly onFacts: (id: Id) => void
  /** An EgressPolicy refuses an address, or would in mode Enforce (`trial`), and did not before. For the audit. */
  readonly onRefused?: (id: Id, target: Target) => void
  /** A look at an address ended (health checks). */
  readonly onLook?: (id: Id, target: Target, failing: string | null, forgiven: boolean) => void
  /** A token came (credentials of kind OAuth2). */
  readonly onToken?: (id: Id, token: Token) => void
}

export const silentObserver: UpstreamObserver = { onDial: () => {}, onFacts: () => {} }

export interface UpstreamOptions {
  readonly names: Pick<Names["Service"], "watch">
  /** What "System" means. */
  readonly roots: TrustRoots
  readonly material: MaterialLookup
  /** The zone that the process stands in; absent or null: nobody knows, and none is preferred. */
  readonly zone?: string | null
  /** This gateway's own addresses, as they are now: never dialled. */
  readonly own: () => OwnAddresses
  readonly observer?: UpstreamObserver
  /** What other processes of the pod do for it; absent: there are none. */
  readonly elsewhere?: ElsewhereOf | undefined
  /** Milliseconds since the epoch; must not run backwards. */
  readonly now?: () => number
  /** 0 ≤ x < 1: jitter. */
  readonly random?: () => number
}
