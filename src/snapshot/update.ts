// What crosses the wire, a worker channel or the disk: set and drop per table against a base version.
import type { Id } from "./id.ts"
import type { Material, MaterialLookup } from "./secret.ts"
import { protocol, type Snapshot, type Tables, tables } from "./snapshot.ts"

export type Table = keyof Tables

export interface Update {
  readonly protocol: number
  /** The version this applies to; null: it is whole. */
  readonly base: string | null
  readonly version: string
  readonly gateway: Snapshot["gateway"]
  readonly set: { readonly [T in Table]?: Snapshot[T] }
  readonly drop: { readonly [T in Table]?: ReadonlyArray<Id> }
  /** Bytes of the secrets in `set.secrets`. */
  readonly material: ReadonlyArray<Material>
}

const diffTable = <A>(from: ReadonlyMap<Id, A>, to: ReadonlyMap<Id, A>) => {
  const set = new Map<Id, A>()
  const drop: Array<Id> = []
  if (from !== to) {
    for (const [id, resource] of to) if (from.get(id) !== resource) set.set(id, resource)
    for (const id of from.keys()) if (!to.has(id)) drop.push(id)
  }
  return { set, drop }
}

/** By `===`: a resource whose inputs did not change stays the same object. null: nothing to say. */
export const diff = (from: Snapshot | null, to: Snapshot, material: MaterialLookup): Update | null => {
  if (from !== null && from.version === to.version) return null
  const set: { [T in Table]?: Snapshot[T] } = {}
  const drop: { [T in Table]?: ReadonlyArray<Id> } = {}
  for (const table of tables) {
    const changed = diffTable<unknown>(from === null ? new Map() : from[table], to[table])
    if (changed.set.size > 0) Object.assign(set, { [table]: changed.set })
    if (changed.drop.length > 0) drop[table] = changed.drop
  }
  return {
    protocol,
    base: from === null ? null : from.version,
    version: to.version,
    gateway: to.gateway,
    set,
    drop,
    material: [...(set.secrets?.keys() ?? [])].map(material)
  }
}

/** Law: `patch(a, diff(a, b))` has b's version, and what b shares with a stays `===`. The caller has checked that `update.base` is `from`'s version. */
export const patch = (from: Snapshot | null, update: Update): Snapshot => {
  const patched = <T extends Table>(table: T): Snapshot[T] => {
    const set: ReadonlyMap<Id, unknown> | undefined = update.set[table]
    const drop = update.drop[table]
    const old: ReadonlyMap<Id, unknown> = from === null || update.base === null ? new Map() : from[table]
    if (set === undefined && drop === undefined) return old as Snapshot[T]
    const next = new Map(old)
    for (const id of drop ?? []) next.delete(id)
    for (const [id, resource] of set ?? []) next.set(id, resource)
    return next as unknown as Snapshot[T]
  }
  return {
    protocol: update.protocol,
    version: update.version,
    gateway: update.gateway,
    listeners: patched("listeners"),
    virtualHosts: patched("virtualHosts"),
    upstreams: patched("upstreams"),
    endpoints: patched("endpoints"),
    secrets: patched("secrets"),
    invalidations: patched("invalidations")
  }
}
