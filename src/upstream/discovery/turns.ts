// Who goes next where places are few and several want them: the one that has the fewest under way. What one owner lets hang never takes every place.
import { Effect } from "effect"

/** One thing that wants turns, on account of those it is for. */
export interface Account {
  /** Runs the effect when any of its owners has a turn for it; one at a time. */
  readonly within: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Also while it waits: it then waits for the new one's turn too. */
  readonly add: (owner: string) => void
  readonly remove: (owner: string) => void
}

interface Owner {
  readonly name: string
  running: number
  /** In order of coming. */
  readonly waiting: Set<Waiter>
}

interface Waiter {
  readonly owners: ReadonlySet<string>
  /** On whose account it runs; null: it waits. */
  on: Owner | null
  go: () => void
}

/** places: of all; each: of one owner, less than all, so that there is always one for somebody else. Gives the function that opens an account. */
export const makeTurns = (places: number, each: number): (() => Account) => {
  // Who waited longest for a turn comes first.
  const owners = new Map<string, Owner>()
  let taken = 0

  const ownerOf = (name: string): Owner => {
    const known = owners.get(name) ?? { name, running: 0, waiting: new Set() }
    owners.set(name, known)
    return known
  }

  const forget = (owner: Owner) => {
    if (owner.running === 0 && owner.waiting.size === 0 && owners.get(owner.name) === owner) owners.delete(owner.name)
  }

  const leaveQueue = (waiter: Waiter, name: string) => {
    const owner = owners.get(name)
    if (owner?.waiting.delete(waiter)) forget(owner)
  }

  const admit = () => {
    while (taken < places) {
      let next: Owner | null = null
      for (const owner of owners.values())
        if (owner.waiting.size > 0 && owner.running < each && (next === null || owner.running < next.running)) next = owner
      const waiter = next?.waiting.values().next().value
      if (next === null || waiter === undefined) return
      next.running++
      taken++
      waiter.on = next
      for (const name of waiter.owners) leaveQueue(waiter, name)
      owners.delete(next.name)
      owners.set(next.name, next)
      waiter.go()
    }
  }

  const giveBack = (owner: Owner) => {
    owner.running--
    taken--
    forget(owner)
    admit()
  }

  return () => {
    const mine = new Set<string>()
    let current: Waiter | null = null
    return {
      add: (owner) => {
        mine.add(owner)
        if (current === null || current.on !== null) return
        ownerOf(owner).waiting.add(current)
        admit()
      },
      remove: (owner) => {
        mine.delete(owner)
        if (current !== null && current.on === null) leaveQueue(current, owner)
      },
      within: (effect) =>
        Effect.uninterruptibleMask((restore) =>
          Effect.suspend(() => {
            const waiter: Waiter = { owners: mine, on: null, go: () => {} }
            current = waiter
            const end = Effect.sync(() => {
              current = null
              // Interrupted with the turn in hand, it gives it back.
              if (waiter.on === null) for (const name of mine) leaveQueue(waiter, name)
              else giveBack(waiter.on)
            })
            const turn = Effect.callback<void>((resume) => {
              waiter.go = () => resume(Effect.void)
              for (const name of mine) ownerOf(name).waiting.add(waiter)
              admit()
            })
            return restore(Effect.andThen(turn, effect)).pipe(Effect.ensuring(end))
          })
        )
    }
  }
}
