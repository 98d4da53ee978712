// Which endpoints are away from the zone that the process stands in. They are a tier of their own behind those of the zone, so that requests leave it only where it cannot
// serve them, and come back when it can again.
import type { Balance } from "../../snapshot/balance.ts"
import type { Endpoint } from "../../snapshot/upstream.ts"

/** Hints of an EndpointSlice say for whom an endpoint is; without them it is for its own zone. */
const isOf = (zone: string, { forZones, zone: own }: Endpoint): boolean => forZones?.includes(zone) ?? own === zone

const nobody = (): boolean => false

/** own: where the process stands; null: nobody knows. → of each of these endpoints whether it waits behind others; nobody does where nothing is preferred. */
export const awayFrom = (balance: Balance, own: string | null, endpoints: ReadonlyArray<Endpoint>): ((endpoint: Endpoint) => boolean) => {
  if (own === null || balance._tag === "ConsistentHash" || balance.preferLocal === undefined) return nobody
  const { least, leastLocal } = balance.preferLocal
  const counts = new Map<number, { all: number; local: number }>()
  for (const endpoint of endpoints) {
    if (endpoint.weight === 0) continue
    const count = counts.get(endpoint.tier) ?? { all: 0, local: 0 }
    counts.set(endpoint.tier, count)
    count.all++
    if (isOf(own, endpoint)) count.local++
  }
  const preferred = new Set([...counts].filter(([, { all, local }]) => all >= least && local >= leastLocal).map(([tier]) => tier))
  return (endpoint) => preferred.has(endpoint.tier) && !isOf(own, endpoint)
}
