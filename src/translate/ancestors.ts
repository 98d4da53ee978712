// The blocks of a policy's or backend's status: one per Gateway that reaches it.
import type { Condition, ObjectKey } from "#schemas/meta.ts"
import type { Verdict, VerdictEntry } from "../status/verdict.ts"
import type { Reached } from "./backend.ts"

/** What the CRDs admit: 16 ancestors of a policy (and of our Backend), 32 of an XBackend. */
const mostAncestors = 16

/** Conditions toward every Gateway that reaches one of `targets`; toward none (parent null) when no Gateway does, so that `check` can tell them. */
export const entriesByGateway = (
  object: ObjectKey,
  generation: number,
  conditions: (gateway: ObjectKey | null) => ReadonlyArray<Condition>,
  targets: ReadonlyArray<ObjectKey>,
  reached: Reached,
  /** facts: live facts of the upstreams made of the targets belong to this object too. */
  options: { readonly most?: number; readonly facts?: boolean } = {}
): Verdict => {
  const gateways = new Set<ObjectKey>()
  const upstreams = new Set<string>()
  for (const target of targets) {
    const reach = reached.get(target)
    for (const gateway of reach?.gateways ?? []) gateways.add(gateway)
    if (options.facts === true) for (const upstream of reach?.upstreams ?? []) upstreams.add(upstream)
  }
  const parents = [...gateways].sort().slice(0, options.most ?? mostAncestors)
  const entry = (parent: ObjectKey | null): VerdictEntry => ({
    parent,
    section: null,
    port: null,
    conditions: conditions(parent),
    listener: null
  })
  return {
    object,
    generation,
    entries: parents.length === 0 ? [entry(null)] : parents.map(entry),
    upstreams: [...upstreams].sort(),
    gateways: parents
  }
}
