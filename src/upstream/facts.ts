// What can be said of an upstream's endpoints: states and counts for the report (law 18), everything for the admin port.
import type { EndpointFacts, ResolutionState, UpstreamFacts } from "../report/report.ts"
import type { AddressDescription, EgressJudgement, EndpointDescription } from "./description.ts"
import { whyOut } from "./health/health.ts"
import type { Member } from "./member.ts"
import { serviceOf } from "./service.ts"
import type { Target } from "./target.ts"

// The worst is told: one name of two that fails is a fact, even while the other serves.
const badness: Record<ResolutionState, number> = { NotNeeded: 0, Fresh: 1, Pending: 2, Stale: 3, Failed: 4, Refused: 5 }

const stateOf = (member: Member): { readonly state: ResolutionState; readonly detail: string } => {
  const { denied, resolution } = member
  if (denied !== null) return { state: "Refused", detail: denied.rule }
  if (member.at._tag !== "Name") return { state: "NotNeeded", detail: "" }
  if (resolution === null || resolution.state === "Pending")
    return { state: "Pending", detail: `the first answer for ${member.name} is awaited` }
  return { state: resolution.state, detail: resolution.state === "Fresh" ? "" : resolution.detail }
}

/** Endpoints told one by one, and addresses named of each: as many as a status has room for. */
const most = { endpoints: 64, sample: 4 }

const well = (target: Target): boolean => target.lastFailure === null && target.healthy

/** Of a service, those that its records stand for are told with it: they may rotate as addresses do. */
const serviceFacts = (member: Member, served: ReadonlyArray<Member>): EndpointFacts => {
  const told = served.map(endpointFacts)
  const own = endpointFacts(member)
  const worst = told.reduce((a, b) => (badness[b.resolution] > badness[a.resolution] ? b : a), own)
  const expiring = told.flatMap(({ certificate }) => certificate ?? []).sort((a, b) => (a.expires < b.expires ? -1 : 1))
  return {
    ...own,
    resolution: worst.resolution,
    detail: worst.detail,
    addresses: told.reduce((sum, { addresses }) => sum + addresses, 0),
    healthy: told.reduce((sum, { healthy }) => sum + healthy, 0),
    certificate: expiring[0] ?? null,
    sample: told.slice(0, most.sample).map(({ name }) => name)
  }
}

const endpointFacts = (member: Member): EndpointFacts => {
  const { state, detail } = stateOf(member)
  const open = member.order.filter((target) => target.denied === null)
  let certificate: EndpointFacts["certificate"] = null
  for (const { tls } of open)
    if (tls !== null && (certificate === null || tls.expires < certificate.expires))
      certificate = { subject: tls.subject, expires: tls.expires }
  return {
    name: member.name,
    resolution: state,
    detail,
    addresses: open.length,
    healthy: open.filter(well).length,
    tier: member.endpoint.tier,
    certificate,
    sample: open.slice(0, most.sample).map((target) => target.address)
  }
}

/** tier: the first that gets requests. passedOver: none is trusted with them, and something stands behind it. lastFailure: of the last dial, null since the last success. judged: somebody looks at their health. */
export const factsOf = (
  members: ReadonlyArray<Member>,
  {
    tier,
    passedOver,
    lastFailure,
    judged
  }: Pick<UpstreamFacts, "tier" | "lastFailure"> & { readonly passedOver: boolean; readonly judged: boolean }
): UpstreamFacts => {
  let worst: { readonly state: ResolutionState; readonly detail: string } = { state: "NotNeeded", detail: "" }
  let addresses = 0
  let healthy = 0
  let certificateExpires: string | null = null
  let out = 0
  const why = new Set<string>()
  for (const member of members) {
    const told = stateOf(member)
    if (badness[told.state] > badness[worst.state]) worst = told
    for (const target of member.order) {
      if (target.denied !== null) continue
      addresses++
      if (well(target)) healthy++
      if (!target.healthy) {
        out++
        why.add(whyOut(target)!)
      }
      const expires = target.tls?.expires ?? null
      if (expires !== null && (certificateExpires === null || expires < certificateExpires)) certificateExpires = expires
    }
  }
  return {
    resolution: worst.state,
    detail: worst.detail,
    addresses,
    healthy,
    tier,
    ...(passedOver ? { passedOver } : {}),
    certificateExpires,
    lastFailure,
    ...(judged ? { health: { out, why: [...why].sort().join("; ") } } : {}),
    // Those of a slice are controllers' business: they have no status that could name them, and there may be thousands.
    endpoints: members
      .filter(({ endpoint, group }) => endpoint.origin === "Written" && group === null)
      .slice(0, most.endpoints)
      .map((member) =>
        member.served === 0
          ? endpointFacts(member)
          : serviceFacts(
              member,
              members.filter(({ group }) => group === member.name)
            )
      )
  }
}

/** null: it is admitted, or refused by the classes of addresses alone. */
export const egressOf = ({ denied, trial }: Target): EgressJudgement | null =>
  trial !== null
    ? { verdict: "Reported", ...trial }
    : denied?.reason === "egress_denied"
      ? { verdict: "Refused", class: denied.class, rule: denied.rule, entry: null }
      : null

const describeTarget = (target: Target): AddressDescription => ({
  address: target.fresh.address,
  draining: !target.current,
  active: target.active,
  idle: target.idle.length,
  open: target.open,
  lastFailure: target.lastFailure ?? target.denied?.reason ?? null,
  egress: egressOf(target),
  out: whyOut(target),
  warming: target.warmth < 1 ? Number(target.warmth.toFixed(3)) : null,
  tls:
    target.tls === null
      ? null
      : { protocol: target.tls.protocol, subject: target.tls.subject, issuer: target.tls.issuer, expires: target.tls.expires }
})

/** Addresses that left but still carry requests are among them. */
export const describeMembers = (members: ReadonlyArray<Member>, now: number): ReadonlyArray<EndpointDescription> =>
  members.map((member) => {
    const { state, detail } = stateOf(member)
    const asOf = member.resolution?.asOf ?? 0
    return {
      name: member.name,
      tls: member.endpoint.tls,
      tier: member.endpoint.tier,
      zone: member.endpoint.zone,
      away: member.away,
      weight: member.endpoint.weight,
      ...(member.group === null ? {} : { service: { name: member.group, priority: serviceOf(member.endpoint)?.priority ?? 0 } }),
      draining: member.endpoint.draining,
      resolution: state,
      detail,
      age: asOf === 0 ? null : Math.max(0, Math.round(now - asOf)),
      reported: member.reported,
      addresses: [...member.targets.values()].map(describeTarget)
    }
  })
