// What the workers of a pod tell of their upstreams, as of one process: for the admin port. Pure.
import { mergedFacts } from "../report/merged.ts"
import type { Id } from "../snapshot/id.ts"
import type {
  AddressDescription,
  EndpointDescription,
  HealthDescription,
  PoolCounts,
  UpstreamDescription
} from "../upstream/description.ts"
import type { Counted } from "./companion.ts"
import type { View } from "./messages.ts"

const total = <A>(all: ReadonlyArray<A>, of: (one: A) => number): number => all.reduce((sum, one) => sum + of(one), 0)

const summedRecord = <K extends string>(records: ReadonlyArray<Readonly<Record<K, number>>>): Readonly<Record<K, number>> => {
  const sums: Record<string, number> = {}
  for (const record of records) for (const [key, value] of Object.entries<number>(record)) sums[key] = (sums[key] ?? 0) + value
  return sums as Readonly<Record<K, number>>
}

const address = (all: ReadonlyArray<AddressDescription>): AddressDescription => {
  const warming = all.flatMap(({ warming }) => warming ?? [])
  return {
    ...all[0]!,
    draining: all.every(({ draining }) => draining),
    active: total(all, ({ active }) => active),
    idle: total(all, ({ idle }) => idle),
    lastFailure: all.find(({ lastFailure }) => lastFailure !== null)?.lastFailure ?? null,
    egress: all.find(({ egress }) => egress !== null)?.egress ?? null,
    out: all.find(({ out }) => out !== null)?.out ?? null,
    warming: warming.length === 0 ? null : Math.min(...warming),
    tls: all.find(({ tls }) => tls !== null)?.tls ?? null
  }
}

/** Those of one name (several, if it was written several times) in the order of the first that names them. */
const grouped = <A>(lists: ReadonlyArray<ReadonlyArray<A>>, name: (one: A) => string): ReadonlyArray<ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const list of lists) {
    const seen = new Map<string, number>()
    for (const one of list) {
      const at = (seen.get(name(one)) ?? 0) + 1
      seen.set(name(one), at)
      const key = `${at} ${name(one)}`
      groups.set(key, [...(groups.get(key) ?? []), one])
    }
  }
  return [...groups.values()]
}

const endpoint = (all: ReadonlyArray<EndpointDescription>): EndpointDescription => {
  const ages = all.flatMap(({ age }) => age ?? [])
  return {
    ...all[0]!,
    draining: all.every(({ draining }) => draining),
    age: ages.length === 0 ? null : Math.max(...ages),
    reported: total(all, ({ reported }) => reported),
    addresses: grouped(
      all.map(({ addresses }) => addresses),
      (one) => one.address
    ).map(address)
  }
}

const pool = (all: ReadonlyArray<PoolCounts>): PoolCounts => ({
  active: total(all, (one) => one.active),
  idle: total(all, (one) => one.idle),
  dialling: total(all, (one) => one.dialling),
  pending: total(all, (one) => one.pending),
  dials: total(all, (one) => one.dials),
  dialFailures: total(all, (one) => one.dialFailures),
  requests: total(all, (one) => one.requests),
  reused: total(all, (one) => one.reused),
  overflows: total(all, (one) => one.overflows),
  retries: total(all, (one) => one.retries),
  retrying: total(all, (one) => one.retrying),
  retryLimit: total(all, (one) => one.retryLimit),
  failovers: total(all, (one) => one.failovers),
  responses: total(all, (one) => one.responses),
  withheld: summedRecord(all.map((one) => one.withheld))
})

const health = (all: ReadonlyArray<HealthDescription>): HealthDescription | null =>
  all.length === 0
    ? null
    : {
        panic: all.some((one) => one.panic),
        ejections: summedRecord(all.map((one) => one.ejections)),
        probes: summedRecord(all.map((one) => one.probes))
      }

const description = (all: ReadonlyArray<UpstreamDescription>): UpstreamDescription => {
  const failures = all.flatMap(({ lastFailure }) => lastFailure ?? []).sort((a, b) => b.at - a.at)
  const credentials = all.flatMap(({ authentication }) => authentication ?? [])
  return {
    ...all[0]!,
    retired: all.every(({ retired }) => retired),
    holders: total(all, ({ holders }) => holders),
    endpoints: grouped(
      all.map(({ endpoints }) => endpoints),
      ({ name }) => name
    ).map(endpoint),
    pool: pool(all.map((one) => one.pool)),
    authentication: credentials.find(({ problem }) => problem !== null) ?? credentials[0] ?? null,
    health: health(all.flatMap((one) => one.health ?? [])),
    reported: total(all, ({ reported }) => reported),
    lastFailure: failures[0] ?? null
  }
}

/** With what is counted where it is done, once a pod. */
const withCounts = (seen: UpstreamDescription, counted: Counted | undefined): UpstreamDescription => {
  if (counted === undefined) return seen
  const { health, authentication } = seen
  const token = authentication?.token ?? null
  return {
    ...seen,
    health: health === null ? null : { ...health, probes: counted.probes },
    authentication:
      authentication === null || token === null ? authentication : { ...authentication, token: { ...token, asked: counted.tokens ?? 0 } }
  }
}

/** Of one Gateway. counted: by its leading process. */
export const podView = (views: ReadonlyArray<View>, counted: ReadonlyArray<Counted>): View["upstreams"] => {
  const counts = new Map(counted.map((one) => [one.upstream, one]))
  const byId = new Map<Id, Array<View["upstreams"][number]>>()
  for (const { upstreams } of views)
    for (const one of upstreams) byId.set(one.description.id, [...(byId.get(one.description.id) ?? []), one])
  return [...byId].map(([id, all]) => ({
    description: withCounts(description(all.map((one) => one.description)), counts.get(id)),
    facts: mergedFacts(all.map(({ facts }) => facts))
  }))
}
