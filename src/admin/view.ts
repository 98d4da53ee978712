// What the admin port is given to show: functions, so that it holds no state and knows no other room. Structural on purpose: an
// `UpstreamDescription` of upstream/ is an `UpstreamView` without an import.
import type { Refusal, UpstreamFacts } from "../report/report.ts"
import type { EgressAllow } from "../snapshot/egress.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"

export interface AddressView {
  readonly address: string
  readonly draining: boolean
  readonly active: number
  readonly idle: number
  readonly lastFailure: string | null
  /** Why health keeps requests from it. */
  readonly out?: string | null
  /** What an EgressPolicy refuses, or would in mode Enforce. */
  readonly egress?: {
    readonly verdict: "Refused" | "Reported"
    readonly rule: string
    readonly entry: EgressAllow | null
  } | null
}

export interface EndpointView {
  readonly name: string
  readonly weight: number
  readonly tier: number
  readonly zone?: string | null
  /** Requests sent to addresses that mode Report would refuse. */
  readonly reported?: number
  readonly addresses: ReadonlyArray<AddressView>
}

export interface UpstreamView {
  readonly id: string
  readonly namespace: string
  readonly target: string
  readonly endpoints: ReadonlyArray<EndpointView>
  readonly pool: { readonly active: number; readonly requests: number; readonly dialFailures: number }
}

export interface ListenerView {
  readonly id: string
  readonly hostname: string | null
  /** `0.0.0.0:10080`, as it is bound; the port the user wrote is in the snapshot. */
  readonly bind: string
  readonly bound: boolean
}

/** One Gateway's proxy, for people. */
export interface GatewayView {
  readonly gateway: string
  readonly version: string
  readonly sequence: number
  readonly ready: boolean
  readonly draining: boolean
  readonly listeners: ReadonlyArray<ListenerView>
  readonly refused: ReadonlyArray<Refusal>
  readonly snapshot: Snapshot
  readonly upstreams: ReadonlyArray<{ readonly description: UpstreamView; readonly facts: UpstreamFacts }>
}

/** An answer to `/explain?url=…`: whatever the explain room makes of it, as JSON. */
export type Explain = (query: URLSearchParams) => Promise<{ readonly status: number; readonly body: unknown }>

export interface AdminSources {
  readonly gateways: () => ReadonlyArray<GatewayView> | Promise<ReadonlyArray<GatewayView>>
  /** Object key → conditions; null where this process writes none (a proxy pod). */
  readonly statuses: () => unknown
  readonly explain: Explain | null
}

export interface HealthSources {
  /** Law 16, of every Gateway served here. */
  readonly ready: () => boolean
  readonly metrics: { readonly text: () => Promise<string>; readonly contentType: string }
}
