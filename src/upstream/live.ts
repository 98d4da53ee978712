// The live form of an upstream in this process: its pool, its name watches, its balancer. A request holds THIS, never the snapshot.
import type { Effect } from "effect"
import type { UpstreamFacts } from "../report/report.ts"
import type { Id } from "../snapshot/id.ts"
import type { MaterialLookup } from "../snapshot/secret.ts"
import type { Endpoint, Upstream } from "../snapshot/upstream.ts"
import type { Attempt, ResponseSink, UpstreamRequest } from "./attempt.ts"
import type { UpstreamDescription } from "./description.ts"

export interface LiveUpstream {
  readonly id: Id
  readonly spec: Upstream
  /** Requests (and others) that hold it now. */
  readonly holders: number
  /** No longer in the tables: it lives until nobody holds it, or the drain deadline. */
  readonly retired: boolean
  /** Keep it for the length of one request; dispose once. */
  readonly hold: () => Disposable
  /** It left the tables. New requests of holders are still served. */
  readonly retire: () => void
  /** Completes when retired and nobody holds it. Bound it by the drain deadline, then close the scope. */
  readonly released: Effect.Effect<void>
  /** The table of endpoints changed: names that stay keep their answers, addresses that stay keep their connections, the rest drain. */
  readonly setEndpoints: (endpoints: ReadonlyArray<Endpoint>) => void
  /** A Secret or CA bundle changed: new connections use the new pair, idle ones close, running ones finish. */
  readonly setMaterial: (material: MaterialLookup) => void
  /** One try (and its one safe repetition, law 8). Exactly one of onEnd, onUpgrade, onFailure ends it, never from inside this call. */
  readonly send: (request: UpstreamRequest, sink: ResponseSink) => Attempt
  /** For the report: states and counts. */
  readonly facts: () => UpstreamFacts
  /** For the admin port: addresses, ages, pool counts. */
  readonly describe: () => UpstreamDescription
  /** Each name was tried once, or 5 s have passed (law 16). */
  readonly ready: Effect.Effect<void>
}
