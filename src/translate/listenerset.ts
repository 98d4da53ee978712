// ListenerSets: which of them are a Gateway's, and whether it admits them (Gateway API, GEP-1713). What they bring is judged with the Gateway's own listeners.
import { Result } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import type { ListenerSet, ListenerSetParent } from "#schemas/listenerset.ts"
import { type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import type { ListenerSetOwner } from "#schemas/owner.ts"
import { gatewayGroup, type ParentReference } from "#schemas/reference.ts"
import type { Decoded } from "../state/change.ts"
import { admitsNamespace } from "./admission.ts"
import { byAge } from "./age.ts"
import { gatewayKind, listenerSetKind } from "./kinds.ts"
import type { Index } from "./lookup.ts"
import type { View } from "./view.ts"

/** The Gateway that a set says it is for; null: it says something else, or cannot be read so far. */
const gatewayOf = ({ meta, value, owner }: Decoded<ListenerSet>): ObjectKey | null => {
  const spec: { readonly parentRef: ListenerSetParent } | undefined = Result.isSuccess(value)
    ? value.success.spec
    : (owner as ListenerSetOwner | undefined)?.spec
  if (spec === undefined || spec.parentRef.group !== gatewayGroup || spec.parentRef.kind !== "Gateway") return null
  return objectKey(gatewayKind, spec.parentRef.namespace ?? parseKey(meta.key).namespace, spec.parentRef.name)
}

const byGateway: Index<ListenerSet> = {
  name: "ListenerSet:gateway",
  kind: listenerSetKind,
  buckets: (set) => {
    const gateway = gatewayOf(set)
    return gateway === null ? [] : [gateway]
  }
}

/** Those that say they are for this Gateway, who comes first first. */
export const setsOf = (view: View, gateway: ObjectKey): ReadonlyArray<Decoded<ListenerSet>> => {
  const sets = view.by(byGateway, gateway)
  return sets.length < 2 ? sets : [...sets].sort((a, b) => byAge(a.meta, b.meta))
}

/** Whether sets of a namespace may bring listeners to the Gateway: without a word, none may. own: its namespace. */
export const admitsSets = (view: View, own: string, { spec }: Gateway, namespace: string): boolean => {
  const { from = "None", selector } = spec.allowedListeners?.namespaces ?? {}
  return from !== "None" && admitsNamespace(view, own, { from, ...(selector === undefined ? {} : { selector }) }, namespace)
}

/** The Gateway that a parentRef leads to, straight or by way of a ListenerSet; null: to none. namespace: of the route. */
export const gatewayOfParent = (view: View, ref: Pick<ParentReference, "group" | "kind" | "namespace" | "name">, namespace: string) => {
  if (ref.group !== gatewayGroup) return null
  const of = ref.namespace ?? namespace
  if (ref.kind === "Gateway") return objectKey(gatewayKind, of, ref.name)
  if (ref.kind !== "ListenerSet") return null
  return gatewayOfSet(view, objectKey(listenerSetKind, of, ref.name))
}

/** null: the set is not there, or is for no Gateway. */
export const gatewayOfSet = (view: View, key: ObjectKey): ObjectKey | null => {
  const set = view.get<ListenerSet>(key)
  return set === null ? null : gatewayOf(set)
}
