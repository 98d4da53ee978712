// The request as it goes on: what the upstream is told about the client, and what the user's filters edit and rewrite. Apart from the exchange, which
// is about when things happen.
import type { Readable } from "node:stream"
import type { CompiledFilters } from "../routing/filters.ts"
import { applyEdits } from "../routing/headers.ts"
import { rewritePath, withQuery } from "../routing/rewrite.ts"
import type { UpstreamRequest, Wanted } from "../upstream/attempt.ts"
import type { ClientPath } from "../upstream/dial/proxyheader.ts"
import { type Forwarding, writeForwarding } from "./forwarded.ts"
import type { RequestHead } from "./head.ts"

/** Methods that a backend may see twice (RFC 9110 section 9.2.2). */
export const idempotent: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])

/** headers: the client's own, which are edited: for one upstream once. affinity: what a consistent hash goes by, or null. wanted: addresses that it would rather go to. */
export const outgoing = (
  head: RequestHead,
  headers: Array<string>,
  filters: CompiledFilters,
  forwarding: Forwarding,
  body: Readable | null,
  affinity: number | null,
  wanted: Wanted | null,
  client: ClientPath | null
): UpstreamRequest => {
  writeForwarding(headers, forwarding)
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
    client
  }
}
