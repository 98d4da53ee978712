// The access log: one JSON line a request, written in batches, bounded: what cannot be written in time is dropped and counted, never awaited.
import type { Reason } from "../snapshot/reason.ts"

/** What a line is made of; null fields are left out. Times in milliseconds. */
export interface AccessLogEntry {
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly gateway: string
  readonly listener: string | null
  readonly route: string | null
  readonly rule: string | null
  readonly upstream: string | null
  readonly endpoint: string | null
  readonly address: string | null
  readonly reused: boolean | null
  readonly retries: number
  readonly client: string
  readonly method: string | null
  readonly host: string | null
  /** Without the query: it carries tokens. */
  readonly path: string | null
  readonly protocol: string | null
  readonly tls: string | null
  readonly userAgent: string | null
  readonly status: number
  readonly reason: Reason | null
  readonly flag: string | null
  readonly detail: string | null
  readonly bytesIn: number
  readonly bytesOut: number
  readonly duration: number
  readonly upstreamHead: number | null
}

export interface AccessLog {
  readonly write: (entry: AccessLogEntry) => void
  /** Lines dropped so far. */
  readonly dropped: () => number
  /** Writes what is pending; resolves when the stream took it. */
  readonly flush: () => Promise<void>
}
