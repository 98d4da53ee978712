// The address that a request names itself (Envoy's override host): one of the backend's own that may be dialled and is well, or none. No request gets anywhere by it that
// balancing would not send it.
import type { Wanted } from "../attempt.ts"
import type { Member } from "../member.ts"
import type { Target } from "../target.ts"

/** wanted: `ip:port`, the first that can be had wins. tried: endpoints that have failed the request; null: none. → null: balancing chooses. */
export const named = (wanted: Wanted, members: Iterable<Member>, tried: ReadonlySet<Member> | null): Target | null => {
  let [found, place] = [null as Target | null, wanted.length]
  for (const member of members) {
    // A proxy's address is nobody's endpoint.
    if (member.weight === 0 || member.endpoint.proxied === true || tried?.has(member) === true) continue
    for (const target of member.order) {
      if (target.denied !== null || target.shunned) continue
      const at = wanted.indexOf(target.fresh.address)
      if (at === -1 || at >= place) continue
      found = target
      place = at
    }
  }
  return found
}
