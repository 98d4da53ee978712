// Why nobody of an upstream can be asked, in the words of the failure table.
import type { FailureDescription } from "./description.ts"
import type { NoChoice } from "./exchange.ts"
import type { Member } from "./member.ts"

/** null: an answer of the DNS may still come. */
export const whyNobody = (members: ReadonlyArray<Member>): NoChoice | null => {
  if (members.length === 0) return { reason: "no_endpoints", detail: "it has no endpoints" }
  const weighed = members.filter(({ weight }) => weight > 0)
  if (weighed.length === 0) return { reason: "no_endpoints", detail: "every endpoint has weight 0" }
  if (weighed.some((member) => member.pending)) return null
  if (weighed.some((member) => member.usable)) return { reason: "no_healthy", detail: "every address is out (outlier, healthCheck)" }
  for (const member of weighed) {
    const { denied, resolution } = member
    if (denied !== null) return { reason: denied.reason, detail: denied.rule }
    if (resolution !== null && resolution.reason !== null) return { reason: resolution.reason, detail: resolution.detail }
  }
  return { reason: "dns_empty", detail: `no address for ${weighed[0]!.name}` }
}

/** The same where nobody can serve: that no connection can be made is known by the last that failed. */
export const whyHopeless = (members: ReadonlyArray<Member>, last: FailureDescription | null): NoChoice | null =>
  last !== null && members.some((member) => member.weight > 0 && member.usable && member.unreachable)
    ? { reason: last.reason, detail: last.detail }
    : whyNobody(members)
