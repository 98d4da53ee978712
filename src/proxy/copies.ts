// Which copies a request has, and what goes out with each: what its own upstream gets, but for the Host and what is told about the client, which are each upstream's
// own matter. How a copy goes and ends is mirror.ts.
import { affinityOf } from "./affinity.ts"
import { Mirroring } from "./mirror.ts"
import { type Incoming, outgoing } from "./outgoing.ts"
import type { LiveRule, LiveShare } from "./table.ts"

/** Begins them; before the fields are edited for the request's own upstream. null: nobody gets one. body: it has one. */
export const copiesOf = (incoming: Incoming, rule: LiveRule, share: LiveShare, body: boolean): Mirroring | null => {
  const { context, connection, head } = incoming
  // A conversation has no copy: nobody would speak the other side of it.
  if (head.upgrade !== null) return null
  const { filters } = share.compiled
  const mirroring = new Mirroring(
    body ? context.mirrors : null,
    ({ key }, { spec }, copied) => {
      const affinity = key === null ? null : affinityOf(key, head, connection.remote, context.trust).hash
      // The Host that a filter writes is meant for the request's own upstream: another that has a name of its own is called by that.
      const own = spec.identity.host === "Request" ? filters : { ...filters, hostname: null }
      // Each edits a list of its own.
      return outgoing(incoming, head.headers.slice(), spec, own, copied, affinity, null)
    },
    rule.backendDeadline ?? rule.requestDeadline
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
