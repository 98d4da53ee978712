// What a backendRef comes to: the seam between routes (which weigh shares) and backends (which know names, ports and TLS).
import type { ObjectKey } from "#schemas/meta.ts"
import type { Id, Source } from "../snapshot/id.ts"
import type { RouteReason } from "../snapshot/reason.ts"
import type { Material } from "../snapshot/secret.ts"
import type { Session } from "../snapshot/session.ts"
import type { Endpoint, Upstream } from "../snapshot/upstream.ts"
import type { RedirectAction } from "./destination.ts"

/** A backendRef as any route kind writes it, defaults applied. */
export interface BackendReference {
  readonly group: string
  readonly kind: string
  /** null: the route's own. */
  readonly namespace: string | null
  readonly name: string
  /** Of a Service, also by its name. */
  readonly port: number | string | null
}

/** Who refers: decides grants, same-namespace rules and which EgressPolicies speak. */
export interface Referrer {
  readonly kind: string
  readonly group: string
  readonly namespace: string
  readonly name: string
}

export interface ResolvedUpstream {
  readonly id: Id
  readonly spec: Upstream
  readonly endpoints: ReadonlyArray<Endpoint>
  /** What the ids in `spec.tls` (CA bundles, client certificate) and `spec.credential` stand for: the snapshot's `secrets` and the material beside it. */
  readonly materials: ReadonlyArray<Material>
  /** Of the backend itself; absent: it has none. */
  readonly session?: Session
}

export interface ResolvedBackend {
  /** null: the share answers 500 for `why`. An upstream without endpoints is an upstream: its share answers 503. */
  readonly upstream: ResolvedUpstream | null
  readonly why: RouteReason | null
  /** What it asks for instead of an upstream: then there is neither upstream nor problem. */
  readonly redirect: RedirectAction | null
  /** For the route's ResolvedRefs (False) when the reference does not resolve. */
  readonly problem: { readonly reason: string; readonly message: string } | null
  /** Said in the message of a True ResolvedRefs: decisions made on the user's behalf (`port 443 without appProtocol: TLS`). */
  readonly notes: ReadonlyArray<string>
  readonly source: Source
  /** The object that declares it, when it exists. */
  readonly object: ObjectKey | null
  /** Among the backends of a rule, it waits until those that are none cannot serve. */
  readonly fallback: boolean
  /** Who serves what it cannot, in order: those that can be spoken to. */
  readonly standbys: ReadonlyArray<ResolvedStandby>
}

export interface ResolvedStandby {
  readonly upstream: ResolvedUpstream
  readonly source: Source
  readonly object: ObjectKey | null
}
