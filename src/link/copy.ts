// What a proxy has of its Gateway: the snapshot, the bytes beside it, and what of it could not be read. Pure: updates in, the next copy out.
import type { Decoded, Unread } from "../snapshot/codec.ts"
import type { Id } from "../snapshot/id.ts"
import type { Material, MaterialLookup } from "../snapshot/secret.ts"
import { type Snapshot, tables } from "../snapshot/snapshot.ts"
import { patch } from "../snapshot/update.ts"

export interface Copy {
  readonly snapshot: Snapshot
  readonly material: ReadonlyMap<Id, Material>
  /** By table and id: goes into every acknowledgement until it is set anew or dropped. */
  readonly unread: ReadonlyMap<string, Unread>
}

/** The caller has checked that the update is whole, or that its base is the copy's version. */
export const applied = (copy: Copy | null, { update, unread }: Decoded): Copy => {
  const before = update.base === null ? null : copy
  const material = new Map(before?.material)
  for (const id of update.drop.secrets ?? []) material.delete(id)
  for (const one of update.material) material.set(one.id, one)
  const still = new Map(before?.unread)
  for (const table of tables) {
    for (const id of update.drop[table] ?? []) still.delete(`${table} ${id}`)
    for (const id of update.set[table]?.keys() ?? []) still.delete(`${table} ${id}`)
  }
  for (const one of unread) still.set(`${one.table} ${one.id}`, one)
  return { snapshot: patch(before === null ? null : before.snapshot, update), material, unread: still }
}

export const lookupOf =
  ({ material }: Copy): MaterialLookup =>
  (id) => {
    const known = material.get(id)
    if (known === undefined) throw new Error(`the bytes of ${id} did not come`)
    return known
  }

/** Whether every secret of the snapshot has its own bytes: what was written in two files may have been cut between them. */
export const complete = ({ snapshot, material }: Copy): boolean =>
  [...snapshot.secrets].every(([id, { digest }]) => material.get(id)?.ref.digest === digest)
