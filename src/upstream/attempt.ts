// One try of a request against one upstream, as the proxy sees it: what goes in, what comes back, how it fails.
// Plain callbacks and data: this is the request path.
import type { Duplex, Readable } from "node:stream"
import type { UpstreamReason } from "../snapshot/reason.ts"
import type { ClientPath } from "./dial/proxyheader.ts"

export interface UpstreamRequest {
  readonly method: string
  /** Origin form, as it goes on the wire. */
  readonly path: string
  /** Raw pairs: name, value, name, value … Without Host, framing and hop-by-hop fields: the transport owns those. */
  readonly headers: ReadonlyArray<string>
  /** The client's Host, sent where the upstream's identity says "Request". */
  readonly clientHost: string
  /** URLRewrite.hostname: beats the identity's Host. */
  readonly hostOverride: string | null
  /** Its chunks are the transport's, which gives back their memory (http1/spent.ts). It destroys it when the exchange fails or the response ends before it: only the client's own connection tells whether the client left. */
  readonly body: Readable | null
  /** Declared length of the body; null: unknown (chunked). */
  readonly contentLength: number | null
  /** `websocket` and the like: answered by `onUpgrade`, or by an ordinary response that refuses. */
  readonly upgrade: string | null
  /** RFC 9110 9.2.2: may be sent again when nothing of the response was seen. */
  readonly idempotent: boolean
  /** What an upstream that balances by a consistent hash goes by (balance/hash.ts); null: nothing. */
  readonly affinity: number | null
  /** Addresses of the upstream (`ip:port`) that it would rather go to, the first first; absent or null: none. */
  readonly wanted?: Wanted | null
  /** The client takes trailers after the response: an upstream of HTTP/2 is told so (TE). Absent: it does not. */
  readonly takesTrailers?: boolean
  /** Once the body has ended: the trailers after it, which go on in HTTP/2 alone. Absent or null: it has none. */
  readonly trailers?: (() => ReadonlyArray<string>) | null
  /** Its client, for an upstream whose connections begin by telling it (`proxyProtocol`); absent or null: it is the gateway's own. */
  readonly client?: ClientPath | null
}

/** Addresses by their place in the order of preference: a list of them, or what answers as one. */
export type Wanted = Pick<ReadonlyArray<string>, "length" | "includes"> & { readonly indexOf: (address: string) => number }

/** Who answered, for logs, metrics and explain. */
export interface AttemptPeer {
  /** `203.0.113.7:443`, or the socket path. */
  readonly address: string
  /** Name of the endpoint it belongs to. */
  readonly endpoint: string
  readonly reused: boolean
}

/** What one of these throws ends the exchange: `onFailure` follows with `internal`, also after onEnd or onUpgrade. */
export interface ResponseSink {
  /** 103 and other interim responses worth relaying; never 100 or 101. */
  readonly onInterim: (status: number, headers: ReadonlyArray<string>) => void
  /** Raw pairs, hop-by-hop fields already stripped. Return false to hold the body until `attempt.resume()`. */
  readonly onHead: (status: number, headers: ReadonlyArray<string>, peer: AttemptPeer) => boolean
  /** Return false to pause until `attempt.resume()`. */
  readonly onData: (chunk: Uint8Array) => boolean
  readonly onEnd: (trailers: ReadonlyArray<string>) => void
  /** The socket is the caller's from here, paused: its timers, its errors and its end. The pool counts it until it closes. */
  readonly onUpgrade: (status: number, headers: ReadonlyArray<string>, socket: Duplex, head: Uint8Array, peer: AttemptPeer) => void
  /** Terminal, at most once, never after onEnd or onUpgrade that returned. */
  readonly onFailure: (failure: UpstreamFailure) => void
}

/** Per-request failure: data, not an Error (building one costs a stack). */
export interface UpstreamFailure {
  /** client_abort: the request body broke off on the client's side. internal: a defect of ours: the request cannot be written, or the sink threw. */
  readonly reason: UpstreamReason | "client_abort" | "internal"
  /** For the log and explain, never for the client; holds no secret. */
  readonly detail: string
  /** Bytes of the request that may have reached the peer: "None" is provably unsent. */
  readonly sent: "None" | "Some"
  /** The response head had been relayed: the status stands and the connection is cut. */
  readonly headed: boolean
  readonly peer: AttemptPeer | null
}

export interface Attempt {
  readonly resume: () => void
  /** Cancels toward the upstream; no callback follows. late: because nothing came in time, which whoever was asked answers for. */
  readonly abort: (late?: boolean) => void
}
