// How often the API server is asked about callers of one address who turn out not to be ours: some at once, then so many a second. Taken before it is known who
// he is, so that leaving before the answer is no way around it. Pure over the time that it is told.

export interface Allowance {
  /** Whether somebody of that address may be asked about at `now` (milliseconds). True: it is spent, until it is given back. */
  readonly take: (address: string, now: number) => boolean
  /** Whoever was asked about was worth it. */
  readonly giveBack: (address: string) => void
}

/** most: questions at once. every: milliseconds until one more. addresses: remembered, of those that asked last (law 19). */
export interface AllowanceLimits {
  readonly most: number
  readonly every: number
  readonly addresses: number
}

export const allowanceLimits: AllowanceLimits = { most: 20, every: 200, addresses: 1_024 }

export const makeAllowance = ({ most, every, addresses }: AllowanceLimits = allowanceLimits): Allowance => {
  /** When the address will have all of its questions again; the one that asked longest ago is the first. */
  const whole = new Map<string, number>()
  return {
    take: (address, now) => {
      const at = Math.max(whole.get(address) ?? now, now) + every
      if (at > now + most * every) return false
      whole.delete(address)
      whole.set(address, at)
      const [oldest] = whole.keys()
      if (whole.size > addresses && oldest !== undefined) whole.delete(oldest)
      return true
    },
    giveBack: (address) => {
      const at = whole.get(address)
      if (at !== undefined) whole.set(address, at - every)
    }
  }
}
