// How many lookups may be under way, and whose: each holds a few sockets, and one at a silent nameserver holds them for seconds. Nameservers that
// tenants write may be dead, so they never take the places of the process's own, and one set of them not those of the others. At the process's own the
// names of one namespace may be dead, so they never take all places either.
import { type Effect, Semaphore } from "effect"
import { describeNameserver, type Nameserver } from "./nameserver.ts"
import { makeTurns } from "./turns.ts"

/** At the process's own nameservers: most names. */
const atOwn = 64
/** Of them for the names of one namespace. */
const ofOneNamespace = 48
/** At nameservers of contracts, all sets together. With the process's own: 128 a process. */
const atContracts = 64
/** At one set of them. */
const atOneSet = 16

export interface Share {
  /** Runs a lookup when there is a place for it; one at a time. */
  readonly within: <A, E, R>(lookup: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** A namespace watches the name from now on, or no more. */
  readonly add: (namespace: string) => void
  readonly remove: (namespace: string) => void
  /** Called once by who joined; a set nobody uses is forgotten. */
  readonly leave: () => void
}

/** Gives the function that joins the share of a contract's nameservers, in whatever order it names them; none: the process's own. */
export const makeShares = (): ((servers: ReadonlyArray<Nameserver>) => Share) => {
  const own = makeTurns(atOwn, ofOneNamespace)
  const contracts = Semaphore.makeUnsafe(atContracts)
  const sets = new Map<string, { readonly gate: Semaphore.Semaphore; users: number }>()
  return (servers) => {
    if (servers.length === 0) return { ...own(), leave: () => {} }
    const key = [...new Set(servers.map(describeNameserver))].sort().join(" ")
    const set = sets.get(key) ?? { gate: Semaphore.makeUnsafe(atOneSet), users: 0 }
    sets.set(key, set)
    set.users++
    return {
      // The set's gate first: so each set has at most its share in the queue for the places of all.
      within: (lookup) => set.gate.withPermit(contracts.withPermit(lookup)),
      add: () => {},
      remove: () => {},
      leave: () => {
        set.users--
        if (set.users === 0) sets.delete(key)
      }
    }
  }
}
