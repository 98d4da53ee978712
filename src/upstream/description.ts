// What the admin port shows of an upstream: plain data, the only place where rotating addresses are told (law 18).

import type { ResolutionState } from "../report/report.ts"
import type { EgressAllow } from "../snapshot/egress.ts"
import type { Id } from "../snapshot/id.ts"
import type { ConnectReason } from "../snapshot/reason.ts"
import type { AuthenticationDescription } from "./credential/authentication.ts"
import type { AddressClass } from "./dial/address.ts"
import type { Offence } from "./health/conduct.ts"
import type { Withheld } from "./retry/plan.ts"

export interface UpstreamDescription {
  readonly id: Id
  readonly namespace: string
  readonly target: string
  readonly retired: boolean
  /** Who holds it: requests and the serving tables. */
  readonly holders: number
  /** `least request of two` */
  readonly balancing: string
  readonly endpoints: ReadonlyArray<EndpointDescription>
  readonly pool: PoolCounts
  /** null: requests go with what the client sent. */
  readonly authentication: AuthenticationDescription | null
  /** null: nothing judges its addresses. */
  readonly health: HealthDescription | null
  /** Requests sent to addresses that an EgressPolicy in mode Report would refuse. */
  readonly reported: number
  /** The last connection that failed; null since the last success. */
  readonly lastFailure: FailureDescription | null
}

export interface HealthDescription {
  /** Too many are out: for now health is ignored. */
  readonly panic: boolean
  /** Counters since the upstream was made. */
  readonly ejections: Readonly<Record<Offence, number>>
  /** By result (passed, failed); empty where nobody looks. */
  readonly probes: Readonly<Record<string, number>>
}

export interface EndpointDescription {
  /** `api.example:443`, `203.0.113.7:443`, or a socket path. */
  readonly name: string
  readonly tls: boolean
  readonly tier: number
  readonly zone: string | null
  /** It waits behind the endpoints of the proxy's own zone. */
  readonly away: boolean
  readonly weight: number
  /** Of which service's records it is one. */
  readonly service?: { readonly name: string; readonly priority: number }
  readonly draining: boolean
  readonly resolution: ResolutionState
  readonly detail: string
  /** Milliseconds since the answer in use came in; null: none yet, or none needed. */
  readonly age: number | null
  readonly reported: number
  readonly addresses: ReadonlyArray<AddressDescription>
}

export interface AddressDescription {
  readonly address: string
  /** It left the answer: no new requests, streams finish. */
  readonly draining: boolean
  /** Requests that have a connection, and connections that have none. */
  readonly active: number
  readonly idle: number
  /** All connections. */
  readonly open: number
  /** Failure label of the last dial to it, or null when that succeeded. */
  readonly lastFailure: ConnectReason | null
  /** What an EgressPolicy makes of it, when that is not plainly to admit it. */
  readonly egress: EgressJudgement | null
  /** Why health keeps requests from it; null: it does not. */
  readonly out: string | null
  /** What it has of its share, 0 to 1, while it warms up; null: all of it. */
  readonly warming: number | null
  /** The peer's certificate as last seen; null without TLS or before the first connection. */
  readonly tls: { readonly protocol: string; readonly subject: string; readonly issuer: string; readonly expires: string } | null
}

/** Refused: not dialled. Reported: dialled, mode Report would refuse it. entry: what spec.allow would need. */
export interface EgressJudgement {
  readonly verdict: "Refused" | "Reported"
  readonly class: AddressClass | null
  readonly rule: string
  readonly entry: EgressAllow | null
}

/** Gauges first, then counters since the upstream was made. */
export interface PoolCounts {
  readonly active: number
  readonly idle: number
  readonly dialling: number
  readonly pending: number
  readonly dials: number
  readonly dialFailures: number
  readonly requests: number
  /** Requests that found a connection already used before. */
  readonly reused: number
  readonly overflows: number
  /** Requests sent once more, after a reused connection died or by a retry rule. */
  readonly retries: number
  /** Requests that are being tried once more, now. */
  readonly retrying: number
  /** How many may be, now; infinite: no limit. */
  readonly retryLimit: number
  /** Requests that went on from here to another tier. */
  readonly failovers: number
  /** Requests for it that were answered by `failover.response`. */
  readonly responses: number
  /** Further tries that a retry rule wanted and did not get, by what was in the way. */
  readonly withheld: Readonly<Record<Withheld, number>>
}

export interface FailureDescription {
  readonly reason: ConnectReason
  readonly detail: string
  /** Milliseconds since the epoch. */
  readonly at: number
}
