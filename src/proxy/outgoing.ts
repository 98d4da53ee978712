// The request as it goes on: what the upstream is told about the client, and what the user's filters edit and rewrite. Apart from the exchange, which
// is about when things happen.
import type { Readable } from "node:stream"
import type { CompiledFilters } from "../routing/filters.ts"
import { applyEdits } from "../routing/headers.ts"
import { rewritePath, withQuery } from "../routing/rewrite.ts"
import type { Upstream } from "../snapshot/upstream.ts"
import type { UpstreamRequest, Wanted } from "../upstream/attempt.ts"
import type { Exchange } from "./exchange.ts"
import { clientPath, forwardingOf, writeForwarding } from "./forwarded.ts"
import type { RequestHead } from "./head.ts"

/** Methods that a backend may see twice (RFC 9110 section 9.2.2). */
export const idempotent: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])

/** Whose request it is, and where it came in. */
export interface Incoming extends Pick<Exchange, "context" | "connection" | "received"> {
  readonly head: RequestHead
  /** As the user wrote it in the listener. */
  readonly port: number
  /** Gateways of this kind that it has passed. */
  readonly hops: number
}

/** headers: the client's own, which are edited: for one upstream once. affinity: what a consistent hash goes by, or null. wanted: addresses that it would rather go to. */
export const outgoing = (
  { context, connection, received, head, port, hops }: Incoming,
  headers: Array<string>,
  { external, proxyProtocol }: Upstream,
  filters: CompiledFilters,
  body: (Readable & { readonly trailers?: ReadonlyArray<string> }) | null,
  affinity: number | null,
  wanted: Wanted | null
): UpstreamRequest => {
  const client = proxyProtocol === undefined ? null : clientPath(connection.socket, headers, context.trust)
  writeForwarding(headers, forwardingOf(connection.remote, head, port, received.version, hops, external))
  // After forwarding: what the user's filter sets is the last word.
  if (filters.request.length > 0) applyEdits(headers, filters.request)
  return {
    method: head.method,
    path: filters.path === null ? head.target : withQuery(rewritePath(filters.path, head.path), head.query),
    headers,
    clientHost: head.authority,
    hostOverride: filters.hostname,
    body,
    contentLength: head.chunked ? null : (head.contentLength ?? 0),
    upgrade: head.upgrade,
    idempotent: idempotent.has(head.method),
    affinity,
    wanted,
    client,
    takesTrailers: head.trailers,
    trailers: body === null ? null : () => body.trailers ?? []
  }
}
