// When so many addresses of a tier are out that the others would not bear its load: then all of them take requests.

/** Addresses that may be dialled, and those of them that nothing says are out. */
export interface Headcount {
  readonly addresses: number
  readonly healthy: number
}

/** threshold: percent that must be out, or all; 0: never. */
export const panics = (tier: ReadonlyArray<{ readonly health: Headcount }>, threshold: number): boolean => {
  if (threshold === 0) return false
  let [all, out] = [0, 0]
  for (const { health } of tier) {
    all += health.addresses
    out += health.addresses - health.healthy
  }
  return out > 0 && (out === all || out * 100 > all * threshold)
}
