// Live facts of a backend, as the proxies see them, merged over the pods: the worst counts, and counts are those of the pod that sees the least.
import { mergedEndpoints, mergedFacts, sooner } from "../../report/merged.ts"
import type { EndpointFacts, Report, UpstreamFacts } from "../../report/report.ts"
import type { Fields } from "./json.ts"

const day = 86_400_000

/** What the schema of the status admits (schemas/backendstatus.ts). */
const longest = { reason: 1_024, failure: 256, subject: 1_024, name: 512, endpoints: 64 }

const cut = (text: string, to: number): string => (text.length > to ? `${text.slice(0, to - 2)} …` : text)

const instant = (at: number): string => new Date(at).toISOString().replace(/\.[0-9]{3}Z$/, "Z")

/** Whole days, so that what is written does not change by the hour. null: there is none, or its date cannot be read. */
const certificateOf = (seen: { readonly subject: string; readonly expires: string } | null, now: number): Fields | null => {
  const expires = seen === null ? Number.NaN : Date.parse(seen.expires)
  return seen === null || Number.isNaN(expires)
    ? null
    : { subject: cut(seen.subject, longest.subject), expires: instant(expires), daysLeft: Math.floor((expires - now) / day) }
}

/** upstreams: ids made of the backend. reports: the newest of each pod. now: milliseconds since the epoch. null: no pod has told anything of them. */
export const liveFacts = (upstreams: ReadonlyArray<string>, reports: ReadonlyArray<Report>, now: number): Fields | null => {
  const facts: Array<UpstreamFacts> = []
  const pods = new Set<string>()
  for (const report of reports)
    for (const id of upstreams) {
      const one = report.upstreams.get(id)
      if (one === undefined) continue
      facts.push(one)
      pods.add(report.proxy)
    }
  if (facts.length === 0) return null
  const merged = mergedFacts(facts)
  const endpoints = mergedEndpoints(facts).slice(0, longest.endpoints)
  const asOf = instant(now)
  const certificate = certificateOf(
    endpoints.reduce<EndpointFacts["certificate"]>((soonest, one) => sooner(soonest, one.certificate), null),
    now
  )
  const failure = merged.lastFailure
  return {
    live: {
      asOf,
      proxies: pods.size,
      resolution: merged.resolution,
      ...(merged.detail === "" ? {} : { reason: cut(merged.detail, longest.reason) }),
      addresses: merged.addresses,
      healthy: merged.healthy,
      tier: merged.tier,
      ...(merged.passedOver === true ? { passedOver: true } : {}),
      ...(certificate === null ? {} : { certificate }),
      ...(failure === null ? {} : { lastFailure: cut(failure, longest.failure) })
    },
    endpoints: endpoints.map((one) => {
      const tls = certificateOf(one.certificate, now)
      return {
        name: cut(one.name, longest.name),
        resolution: one.resolution,
        ...(one.detail === "" ? {} : { reason: cut(one.detail, longest.reason) }),
        addresses: { count: one.addresses, first: one.sample.slice(0, 4), ...(one.sample.length === 0 ? {} : { asOf }) },
        healthy: one.healthy,
        tier: one.tier,
        ...(tls === null ? {} : { tls })
      }
    })
  }
}
