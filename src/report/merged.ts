// What several processes see of one upstream as one fact: the worst state counts, and counts are those of who sees the least. Of the workers of a pod, and of the pods of a Gateway.
import type { EndpointFacts, UpstreamFacts } from "./report.ts"
import { severity } from "./resolution.ts"

/** The one that expires first. */
export const sooner = <A extends { readonly expires: string }>(a: A | null, b: A | null): A | null =>
  a === null ? b : b === null || Date.parse(a.expires) <= Date.parse(b.expires) ? a : b

const both = (a: EndpointFacts, b: EndpointFacts): EndpointFacts => {
  const worse = severity[b.resolution] > severity[a.resolution] ? b : a
  return {
    name: a.name,
    resolution: worse.resolution,
    detail: worse.detail,
    addresses: Math.min(a.addresses, b.addresses),
    healthy: Math.min(a.healthy, b.healthy),
    tier: Math.max(a.tier, b.tier),
    certificate: sooner(a.certificate, b.certificate),
    sample: a.sample.length > 0 ? a.sample : b.sample
  }
}

/** The endpoints of all by name, in the order of the first that names them. */
export const mergedEndpoints = (facts: ReadonlyArray<UpstreamFacts>): ReadonlyArray<EndpointFacts> => {
  const byName = new Map<string, EndpointFacts>()
  for (const one of facts)
    for (const endpoint of one.endpoints ?? []) {
      const known = byName.get(endpoint.name)
      byName.set(endpoint.name, known === undefined ? endpoint : both(known, endpoint))
    }
  return [...byName.values()]
}

/** At least one. */
export const mergedFacts = (facts: ReadonlyArray<UpstreamFacts>): UpstreamFacts => {
  const [first, ...rest] = facts
  if (rest.length === 0) return first!
  const worst = rest.reduce((a, b) => (severity[b.resolution] > severity[a.resolution] ? b : a), first!)
  const judged = facts.flatMap(({ health }) => health ?? [])
  const sickest = judged.reduce<(typeof judged)[number] | null>((a, b) => (a === null || b.out > a.out ? b : a), null)
  const expiring = facts.flatMap(({ certificateExpires }) => (certificateExpires === null ? [] : [{ expires: certificateExpires }]))
  return {
    resolution: worst.resolution,
    detail: worst.detail,
    addresses: Math.min(...facts.map((one) => one.addresses)),
    healthy: Math.min(...facts.map((one) => one.healthy)),
    tier: Math.max(...facts.map((one) => one.tier)),
    ...(facts.some((one) => one.passedOver === true) ? { passedOver: true as const } : {}),
    certificateExpires: expiring.reduce<{ readonly expires: string } | null>(sooner, null)?.expires ?? null,
    lastFailure: facts.find((one) => one.lastFailure !== null)?.lastFailure ?? null,
    ...(sickest === null ? {} : { health: sickest }),
    ...(facts.some(({ endpoints }) => endpoints !== undefined) ? { endpoints: mergedEndpoints(facts) } : {})
  }
}
