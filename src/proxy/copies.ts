// Which copies a request has, and what goes out with each: what its own upstream gets, but for the Host and what is told about the client, which are each upstream's
// own matter. How a copy goes and ends is mirror.ts.
import { affinityOf } from "./affinity.ts"
import type { Exchange } from "./exchange.ts"
import { clientPath, forwardingOf } from "./forwarded.ts"
import type { RequestHead } from "./head.ts"
import { Mirroring } from "./mirror.ts"
import { outgoing } from "./outgoing.ts"
import type { LiveListener, LiveShare } from "./table.ts"

/** Begins them; before the fields are edited for the request's own upstream. null: nobody gets one. body: it has one. */
export const copiesOf = (
  { context, connection, received, rule }: Pick<Exchange, "context" | "connection" | "received" | "rule">,
  head: RequestHead,
  listener: LiveListener,
  share: LiveShare,
  hops: number,
  body: boolean
): Mirroring | null => {
  // A conversation has no copy: nobody would speak the other side of it.
  if (head.upgrade !== null) return null
  const { filters } = share.compiled
  // Each edits a list of its own.
  const fields = head.headers.slice()
  const mirroring = new Mirroring(
    body ? context.mirrors : null,
    ({ key }, { spec }, copied) => {
      const forwarding = forwardingOf(connection, head, listener.spec.port, received.version, hops, spec.external)
      const client = spec.proxyProtocol === undefined ? null : clientPath(connection.socket, fields, context.trust)
      const affinity = key === null ? null : affinityOf(key, head, connection, context.trust).hash
      // The Host that a filter writes is meant for the request's own upstream: another that has a name of its own is called by that.
      const own = spec.identity.host === "Request" ? filters : { ...filters, hostname: null }
      return outgoing(head, fields.slice(), own, forwarding, copied, affinity, null, client)
    },
    rule?.backendDeadline ?? rule?.requestDeadline ?? null
  )
  let begun = false
  for (const mirror of share.mirrors) {
    const upstream = context.upstreams.get(mirror.to)
    if (upstream === undefined || Math.random() >= mirror.fraction) continue
    mirroring.begin(mirror, upstream)
    begun = true
  }
  return begun ? mirroring : null
}
