// The only bridge up: what a proxy acknowledges and what it sees. States and counts, never rotating addresses (law 18).
import type { Id } from "../snapshot/id.ts"
import type { Table } from "../snapshot/update.ts"

/** A resource the proxy could not take up: EADDRINUSE, a key OpenSSL will not take, a filter it does not know. */
export interface Refusal {
  readonly table: Table
  readonly id: Id
  readonly reason: string
}

export interface Ack {
  readonly proxy: string
  readonly version: string
  readonly sequence: number
  readonly ready: boolean
  readonly refused: ReadonlyArray<Refusal>
}

/** Pending: the first answer is awaited. */
export type ResolutionState = "Pending" | "Fresh" | "Stale" | "Failed" | "Refused" | "NotNeeded"

/** One endpoint of an upstream, in the order they were written. */
export interface EndpointFacts {
  /** As it is written: `api.example:443`, `[2001:db8::1]:80`, `/run/a.sock`. */
  readonly name: string
  readonly resolution: ResolutionState
  /** "" when Fresh. */
  readonly detail: string
  readonly addresses: number
  readonly healthy: number
  readonly tier: number
  /** Of the newest connections, the one that expires first. */
  readonly certificate: { readonly subject: string; readonly expires: string } | null
  /** At most four addresses, of a service the places in its records, as of the report. They rotate, and are no reason for another report. */
  readonly sample: ReadonlyArray<string>
}

/** Of addresses that health keeps requests from. */
export interface HealthFacts {
  readonly out: number
  /** In words that do not rotate; "" when none is out. */
  readonly why: string
}

export interface UpstreamFacts {
  readonly resolution: ResolutionState
  /** Why, in words that do not rotate: `NXDOMAIN for api.example`, `169.254.169.254 is link-local: never dialled`. "" when Fresh. */
  readonly detail: string
  readonly addresses: number
  readonly healthy: number
  /** The first that takes requests. */
  readonly tier: number
  /** No tier of it is trusted to serve: requests go to what stands behind it, where that can. Absent: some is, or nothing that asks stands there. */
  readonly passedOver?: true
  /** RFC 3339 of the soonest certificate expiry seen on its connections, or null. */
  readonly certificateExpires: string | null
  /** Failure label (snapshot/reason) of the last failed connection, or null since the last success. */
  readonly lastFailure: string | null
  /** Absent: nothing judges health. */
  readonly health?: HealthFacts
  /** The first 64. Absent: not told one by one. */
  readonly endpoints?: ReadonlyArray<EndpointFacts>
}

export interface Report {
  readonly proxy: string
  readonly upstreams: ReadonlyMap<Id, UpstreamFacts>
  readonly invalidated: ReadonlyMap<Id, string | null>
}
