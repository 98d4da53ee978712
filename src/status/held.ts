// Which published versions of a Gateway hold its present generation: what an acknowledgement is judged against (law 4: never "the newest").
import type { ObjectKey } from "#schemas/meta.ts"

/** Versions remembered of a Gateway. A proxy that acknowledges an older one counts as one that has acknowledged nothing. */
const most = 64

export interface Publication {
  readonly version: string
  /** Of the Gateway that the version was made from. */
  readonly generation: number
}

export interface Held {
  /** After a translation was published: all Gateways that were. One that is not among them is forgotten. */
  readonly published: (gateways: ReadonlyMap<ObjectKey, Publication>) => void
  /** Oldest first; none while the generation was not published yet. */
  readonly of: (gateway: ObjectKey, generation: number) => ReadonlySet<string>
}

const none: ReadonlySet<string> = new Set()

export const makeHeld = (): Held => {
  const known = new Map<ObjectKey, { readonly generation: number; readonly versions: Set<string> }>()
  return {
    published: (gateways) => {
      for (const gateway of known.keys()) if (!gateways.has(gateway)) known.delete(gateway)
      for (const [gateway, { version, generation }] of gateways) {
        const before = known.get(gateway)
        const versions = before?.generation === generation ? before.versions : new Set<string>()
        // One that comes again is the newest again.
        versions.delete(version)
        versions.add(version)
        for (const oldest of versions) {
          if (versions.size <= most) break
          versions.delete(oldest)
        }
        known.set(gateway, { generation, versions })
      }
    },
    of: (gateway, generation) => {
      const last = known.get(gateway)
      return last?.generation === generation ? last.versions : none
    }
  }
}
