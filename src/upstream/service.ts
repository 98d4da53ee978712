// An endpoint that is the name of a service (RFC 2782): the endpoints that its records stand for. Each is an endpoint like any other, of its own name and port, looked up
// and judged as such; Host, SNI and the name on the certificate stay those of the service's domain.
import { type Endpoint, endpointName } from "../snapshot/upstream.ts"
import { readRecord, type ServiceRecord } from "./discovery/record.ts"
import type { Resolution } from "./discovery/resolution.ts"

/** One that came of a record. */
export interface ServedEndpoint extends Endpoint {
  readonly service: {
    /** The endpoint as it was declared, whose name the records are of. */
    readonly declared: Endpoint
    readonly priority: number
    /** Who left the answer, and is there for its grace, comes after all others. */
    readonly rank: number
  }
}

export const isService = ({ at }: Endpoint): boolean => at._tag === "Name" && at.srv

/** A weight of 0 among others: a very small chance, not none (RFC 2782). */
const slight = 0.01

/** Above every priority. */
const lastRank = 65_536

/** Shares are told to four places. */
const finest = 10_000

const weightOf = ({ weight }: ServiceRecord): number => (weight === 0 ? slight : weight)

/** The endpoint's weight is that of each priority as a whole, shared by the weights of its records. The newest answer comes first, and says it. */
export const servedBy = (
  declared: Endpoint,
  { addresses, draining }: Pick<Resolution, "addresses" | "draining">
): ReadonlyArray<ServedEndpoint> => {
  const records = new Map<string, { readonly record: ServiceRecord; readonly rank: number }>()
  for (const text of addresses) {
    const record = readRecord(text)
    const place = record === null ? "" : `${record.target}:${record.port}`
    if (record !== null && !records.has(place))
      records.set(place, { record, rank: record.priority + (draining.includes(text) ? lastRank : 0) })
  }
  const sums = new Map<number, number>()
  for (const { record, rank } of records.values()) sums.set(rank, (sums.get(rank) ?? 0) + weightOf(record))
  return [...records.values()].map(({ record, rank }): ServedEndpoint => {
    const part = weightOf(record) / sums.get(rank)!
    return {
      ...declared,
      at: { _tag: "Name", name: record.target, port: record.port, srv: false },
      weight: declared.weight === 0 ? 0 : Math.max(1, Math.round(declared.weight * part * finest)) / finest,
      service: { declared, priority: record.priority, rank }
    }
  })
}

/** null: it is an endpoint as it was written. */
export const serviceOf = (endpoint: Endpoint | ServedEndpoint): ServedEndpoint["service"] | null =>
  "service" in endpoint ? endpoint.service : null

/** What one service's endpoints have in common. */
export const serviceName = (endpoint: Endpoint | ServedEndpoint): string | null => {
  const service = serviceOf(endpoint)
  return service === null ? null : endpointName(service.declared)
}
