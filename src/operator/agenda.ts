// Which object's status is looked at next, and when: coalesced by object, Gateways first, and never sooner than its news is worth (law 18). No clock of its own.
import type { ObjectKey } from "#schemas/meta.ts"
import type { StatusPatch } from "./status/patch.ts"

/** Milliseconds. */
export const pace = {
  /** Between two writes of one object, whatever changed. */
  least: 200,
  /** Counts that go on changing are gathered for twice as long each time, up to this. */
  counts: 2_000,
  /** The same for numbers of addresses. */
  facts: 60_000,
  /** Words only. */
  message: 300_000,
  /** How long `Programmed` waits for acknowledgements before it is written as pending. */
  acknowledgement: 1_000,
  /** From one time that what we wrote was taken back to the next that we write it: at first, and at most, doubled as long as it goes on. */
  contest: { least: 1_000, most: 60_000 },
  /** After a conflict the watch tells; should it not, we look again. */
  conflict: 5_000
} as const

interface Item {
  lastWrite: number
  gap: number
  /** What was asked for by the last write. */
  asked: string
  contest: number
  pendingSince: number | null
  pendingGeneration: number
}

export interface Agenda {
  /** Look at it, now or when it is due. */
  readonly add: (key: ObjectKey, at: number) => void
  readonly forget: (key: ObjectKey) => void
  readonly clear: () => void
  /** Objects that are due, at most so many; they are off the agenda until added again. */
  readonly take: (now: number, most: number) => ReadonlyArray<ObjectKey>
  /** When the next one is due; null: nothing is left. */
  readonly next: () => number | null
  readonly size: () => number
  /** Of these, objects that are due. */
  readonly overdue: (now: number) => number
  /** Time from which a patch may be written: `now` or earlier is now. asked: equal for equal wishes for the same object. */
  readonly due: (
    key: ObjectKey,
    patch: StatusPatch,
    programmed: { readonly pending: boolean; readonly generation: number },
    now: number,
    asked: () => string
  ) => number
  readonly wrote: (key: ObjectKey, patch: StatusPatch, now: number, asked: () => string) => void
}

const first = /^Gateway(Class)?\./

/** since: when we began to write; words that changed before are as old as that. */
export const makeAgenda = (since: number): Agenda => {
  const gateways = new Map<ObjectKey, number>()
  const others = new Map<ObjectKey, number>()
  const items = new Map<ObjectKey, Item>()
  const listOf = (key: ObjectKey) => (first.test(key) ? gateways : others)
  const itemOf = (key: ObjectKey): Item => {
    const known = items.get(key)
    if (known !== undefined) return known
    const made: Item = {
      lastWrite: Number.NEGATIVE_INFINITY,
      gap: pace.least,
      asked: "",
      contest: pace.contest.least,
      pendingSince: null,
      pendingGeneration: 0
    }
    items.set(key, made)
    return made
  }
  return {
    add: (key, at) => {
      const list = listOf(key)
      const known = list.get(key)
      if (known === undefined || at < known) list.set(key, at)
    },
    forget: (key) => {
      listOf(key).delete(key)
      items.delete(key)
    },
    clear: () => {
      gateways.clear()
      others.clear()
      items.clear()
    },
    take: (now, most) => {
      const taken: Array<ObjectKey> = []
      for (const list of [gateways, others])
        for (const [key, at] of list) {
          if (taken.length >= most) return taken
          if (at > now) continue
          taken.push(key)
          list.delete(key)
        }
      return taken
    },
    next: () => {
      let soonest: number | null = null
      for (const list of [gateways, others]) for (const at of list.values()) if (soonest === null || at < soonest) soonest = at
      return soonest
    },
    size: () => gateways.size + others.size,
    overdue: (now) => {
      let count = 0
      for (const list of [gateways, others]) for (const at of list.values()) if (at <= now) count++
      return count
    },
    due: (key, { difference }, { pending, generation }, now, asked) => {
      const item = itemOf(key)
      if (!pending) item.pendingSince = null
      else if (item.pendingSince === null || item.pendingGeneration !== generation) {
        item.pendingSince = now
        item.pendingGeneration = generation
      }
      const held = item.pendingSince === null ? Number.NEGATIVE_INFINITY : item.pendingSince + pace.acknowledgement
      switch (difference) {
        case "State":
          // Just this was written, and it stands no longer: somebody else writes there too.
          return Math.max(held, item.lastWrite + (item.asked === asked() ? item.contest : pace.least))
        case "Count":
        case "Facts":
          return Math.max(held, item.lastWrite + item.gap)
        case "Message":
          return Math.max(held, (item.lastWrite === Number.NEGATIVE_INFINITY ? since : item.lastWrite) + pace.message)
      }
    },
    wrote: (key, { difference }, now, wish) => {
      const item = itemOf(key)
      const asked = wish()
      const contested = item.asked === asked && now <= item.lastWrite + 4 * item.contest
      item.contest = contested ? Math.min(2 * item.contest, pace.contest.most) : pace.contest.least
      item.asked = asked
      const ceiling = difference === "Facts" ? pace.facts : pace.counts
      // Written as soon as it could be: it goes on changing.
      item.gap = now - item.lastWrite <= item.gap * 2 ? Math.min(item.gap * 2, ceiling) : pace.least
      item.lastWrite = now
    }
  }
}
