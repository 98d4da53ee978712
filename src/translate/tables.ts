// A Gateway and what was gathered for it, made into a snapshot. Whatever did not change stays the same object, table by table and resource by resource.
import { parseKey } from "#schemas/meta.ts"
import { sumOf, sumSince, versionOfSum } from "../snapshot/digest.ts"
import type { Id } from "../snapshot/id.ts"
import type { Listener } from "../snapshot/listener.ts"
import type { Material, MaterialLookup, SecretRef } from "../snapshot/secret.ts"
import { protocol, type Snapshot, type Tables } from "../snapshot/snapshot.ts"
import type { Endpoint, Upstream } from "../snapshot/upstream.ts"
import type { OwnGateway } from "./gateway.ts"
import type { Gathered } from "./gathering.ts"
import { shared } from "./sharing.ts"

/** A snapshot with the bytes that its secrets refer to, and what it was made of. */
export interface Built {
  readonly own: OwnGateway
  readonly gathered: Gathered
  readonly snapshot: Snapshot
  readonly sum: bigint
  readonly materials: ReadonlyMap<Id, Material>
  readonly material: MaterialLookup
}

const none: ReadonlyArray<Id> = []

/** A listener's mode with what its routes bring. */
const modeOf = (mode: Listener["mode"], hosts: ReadonlyArray<Id>, { streams }: Gathered): Listener["mode"] => {
  switch (mode._tag) {
    case "Http":
      return { ...mode, hosts }
    case "Tls":
      return { ...mode, routes: hosts.map((id) => streams.get(id)!) }
    case "Stream":
      return { ...mode, route: streams.get(hosts[0] ?? "") ?? null }
    default:
      return mode
  }
}

const listenersOf = (own: OwnGateway, gathered: Gathered, before: Built | null): Tables["listeners"] => {
  const same = before !== null && before.own.served === own.served && before.own.kept === own.kept
  if (same && before.gathered.hosts === gathered.hosts && before.gathered.streams === gathered.streams) return before.snapshot.listeners
  const listeners = new Map<Id, Listener>()
  for (const [id, listener] of own.served) {
    const made = { ...listener, mode: modeOf(listener.mode, gathered.hosts.get(id) ?? none, gathered) }
    listeners.set(id, shared(before?.snapshot.listeners.get(id), made))
  }
  for (const [id, listener] of own.kept) listeners.set(id, listener)
  return listeners
}

/** A column of the upstreams as a table, patched where they differ from before. */
const column = <A>(
  gathered: Gathered,
  before: Built | null,
  old: ReadonlyMap<Id, A> | undefined,
  of: (id: Id) => A
): ReadonlyMap<Id, A> => {
  const now = gathered.upstreams.values
  if (before === null || old === undefined) return new Map(now.keys().map((id) => [id, of(id)] as const))
  const was = before.gathered.upstreams.values
  if (was === now) return old
  let table: Map<Id, A> | null = null
  for (const [id, upstream] of now) {
    if (was.get(id) === upstream) continue
    const value = of(id)
    if (old.get(id) === value) continue
    table ??= new Map(old)
    table.set(id, value)
  }
  for (const id of was.keys()) {
    if (now.has(id)) continue
    table ??= new Map(old)
    table.delete(id)
  }
  return table ?? old
}

const materialsOf = (own: OwnGateway, gathered: Gathered, before: Built | null): ReadonlyMap<Id, Material> => {
  const same = before !== null && before.own.materials === own.materials && before.gathered.upstreams.values === gathered.upstreams.values
  if (same) return before.materials
  const materials = new Map<Id, Material>()
  for (const upstream of gathered.upstreams.values.values()) for (const material of upstream.materials) materials.set(material.id, material)
  for (const material of own.materials) materials.set(material.id, material)
  return before === null ? materials : shared(before.materials, materials)
}

const secretsOf = (materials: ReadonlyMap<Id, Material>, before: Built | null): Tables["secrets"] => {
  if (before !== null && before.materials === materials) return before.snapshot.secrets
  const secrets: ReadonlyMap<Id, SecretRef> = new Map([...materials].map(([id, material]) => [id, material.ref] as const))
  return before === null ? secrets : shared(before.snapshot.secrets, secrets)
}

export const build = (own: OwnGateway, gathered: Gathered, before: Built | null): Built => {
  if (before !== null && before.own === own && before.gathered === gathered) return before
  const materials = materialsOf(own, gathered, before)
  const tables: Tables = {
    listeners: listenersOf(own, gathered, before),
    virtualHosts: gathered.virtualHosts,
    upstreams: column<Upstream>(gathered, before, before?.snapshot.upstreams, (id) => gathered.upstreams.values.get(id)!.spec),
    endpoints: column<ReadonlyArray<Endpoint>>(
      gathered,
      before,
      before?.snapshot.endpoints,
      (id) => gathered.upstreams.values.get(id)!.endpoints
    ),
    secrets: secretsOf(materials, before),
    invalidations: before === null ? new Map() : before.snapshot.invalidations
  }
  const { namespace, name } = parseKey(own.key)
  const gateway = { namespace, name }
  const sum = before === null ? sumOf(tables) : sumSince(before.sum, before.snapshot, tables)
  const version = versionOfSum(gateway, sum)
  // Equal content is the same snapshot: what follows compares by identity.
  const snapshot = before !== null && before.snapshot.version === version ? before.snapshot : { protocol, version, gateway, ...tables }
  const material: MaterialLookup =
    before !== null && before.materials === materials
      ? before.material
      : (id) => {
          const found = materials.get(id)
          if (found === undefined) throw new Error(`no material ${id}`)
          return found
        }
  return { own, gathered, snapshot, sum, materials, material }
}
