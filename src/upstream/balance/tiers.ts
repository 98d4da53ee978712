// Which endpoints of an upstream may be picked now: those of the first tier that can serve. Apart from how one of them is picked (balancer.ts).
import type { Balanced } from "./balancer.ts"

/** What of an endpoint decides whether it may be picked. */
export interface Tiered extends Balanced {
  /** 0 is asked first. */
  readonly tier: number
  /** It takes new requests only when nobody else of its tier can. */
  readonly draining: boolean
  /** It has an address that may be dialled. */
  readonly usable: boolean
  /** Nothing that judges it says that it fails. */
  readonly healthy: boolean
}

/** The usable endpoints of the lowest tier that has healthy ones, and of those the healthy; where nobody is healthy health says nothing, and the lowest tier that has any. */
export const inUse = <A extends Tiered>(members: ReadonlyArray<A>): ReadonlyArray<A> => {
  const usable = members.filter((member) => member.weight > 0 && member.usable)
  const healthy = usable.filter((member) => member.healthy)
  const able = healthy.length > 0 ? healthy : usable
  const lowest = able.reduce((tier, member) => Math.min(tier, member.tier), Number.POSITIVE_INFINITY)
  const first = able.filter(({ tier }) => tier === lowest)
  const staying = first.filter(({ draining }) => !draining)
  return staying.length > 0 ? staying : first
}
