// Which published versions hold an object's present generation: what an acknowledgement is judged against (law 4: never "the newest").
import type { ObjectKey } from "#schemas/meta.ts"
import type { Verdict } from "./verdict.ts"

/** Versions remembered of a Gateway. A proxy that acknowledges an older one counts as one that has acknowledged nothing. */
const ringSize = 64

/** Versions of one Gateway, oldest first; `first` is the index of the oldest since the beginning. */
interface Ring {
  readonly versions: Array<string>
  first: number
}

interface Entry {
  readonly verdict: Verdict
  readonly generation: number
  /** Gateway → index of the first version that held this generation. */
  readonly since: ReadonlyMap<ObjectKey, number>
}

export interface Held {
  /** After a translation was published. current: each Gateway's version. What is in neither is forgotten. */
  readonly published: (verdicts: ReadonlyMap<ObjectKey, Verdict>, current: ReadonlyMap<ObjectKey, string>) => void
  /** Per Gateway, the versions that hold the object's generation. */
  readonly of: (object: ObjectKey) => ReadonlyMap<ObjectKey, ReadonlySet<string>>
}

export const makeHeld = (): Held => {
  const rings = new Map<ObjectKey, Ring>()
  const entries = new Map<ObjectKey, Entry>()
  // Most objects share where they begin: one Set for all of them, until the ring turns.
  const sets = new Map<string, ReadonlySet<string>>()
  // And one Map: the routes of a Gateway that came together differ in nothing here.
  let last: Entry["since"] = new Map()
  const sharing = (since: Entry["since"]): Entry["since"] => {
    if (since.size !== last.size || [...since].some(([gateway, first]) => last.get(gateway) !== first)) last = since
    return last
  }

  return {
    published: (verdicts, current) => {
      for (const gateway of rings.keys()) if (!current.has(gateway)) rings.delete(gateway)
      let turned = false
      for (const [gateway, version] of current) {
        const ring = rings.get(gateway) ?? { versions: [], first: 0 }
        rings.set(gateway, ring)
        if (ring.versions.at(-1) === version) continue
        ring.versions.push(version)
        if (ring.versions.length > ringSize) {
          ring.versions.shift()
          ring.first++
        }
        turned = true
      }
      if (turned) sets.clear()
      for (const object of entries.keys()) if (!verdicts.has(object)) entries.delete(object)
      for (const [object, verdict] of verdicts) {
        const before = entries.get(object)
        if (before?.verdict === verdict && verdict.gateways.every((gateway) => before.since.has(gateway))) continue
        const since = new Map<ObjectKey, number>()
        for (const gateway of verdict.gateways) {
          const ring = rings.get(gateway)
          if (ring === undefined) continue
          const known = before?.generation === verdict.generation ? before.since.get(gateway) : undefined
          since.set(gateway, known ?? ring.first + ring.versions.length - 1)
        }
        entries.set(object, { verdict, generation: verdict.generation, since: sharing(since) })
      }
    },
    of: (object) => {
      const held = new Map<ObjectKey, ReadonlySet<string>>()
      for (const [gateway, since] of entries.get(object)?.since ?? []) {
        const ring = rings.get(gateway)
        if (ring === undefined) continue
        const name = `${gateway}\u0000${Math.max(since, ring.first)}`
        const known = sets.get(name) ?? new Set(ring.versions.slice(Math.max(0, since - ring.first)))
        sets.set(name, known)
        held.set(gateway, known)
      }
      return held
    }
  }
}
