// The data plane of one Gateway in this process: follows published snapshots, acknowledges them, reports what it sees, drains.
// The one place of proxy/ that composes; everything under it is a part.
import type { Effect, Scope, Stream } from "effect"
import type { Metrics } from "../report/metrics.ts"
import type { Ack, Report } from "../report/report.ts"
import type { Published } from "../snapshot/published.ts"
import type { AccessLog } from "./accesslog.ts"

export interface ProxyOptions {
  /** Of this process, in acks and reports. */
  readonly name: string
  readonly follow: Stream.Stream<Published>
  /** Each snapshot that was taken up, after its listeners are bound and the tables are swapped; once more when it becomes ready. */
  readonly onAck: (ack: Ack) => void
  /** When the state of an upstream changed (law 18), never for traffic. */
  readonly onReport: (report: Report) => void
  readonly metrics: Metrics
  readonly log: AccessLog
}

export interface Proxy {
  /** Law 16: a snapshot is applied, its listeners are bound, each name was tried once; false again from the first moment of a drain. */
  readonly ready: () => boolean
  /** Law 20. Completes when every request is done, or the deadline has cut the rest. Milliseconds. */
  readonly drain: (bounds: { readonly propagation: number; readonly deadline: number }) => Effect.Effect<void>
}

export declare const makeProxy: (options: ProxyOptions) => Effect.Effect<Proxy, never, Scope.Scope>
