// Policies and grants that name what became something else: they name that, and what was as well where it stays.
import { Result } from "effect"
import { groupKind, type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import { envoyGroup, gatewayGroup, networkingGroup, ownGroup, voyagerGroup } from "#schemas/reference.ts"
import type { Service } from "#schemas/service.ts"
import { canonical } from "../snapshot/digest.ts"
import { backendKind, envoyBackendKind, serviceKind } from "../translate/kinds.ts"
import type { View } from "../translate/view.ts"
import { type Fields, isFields, itemsOf, namespaceOf, specOf } from "./manifest.ts"
import { convertNote, type Note } from "./note.ts"
import { renamed } from "./reroute.ts"

/** What has become of objects, once every reference was looked at. */
export interface Became {
  /** Of a Service: the Backends by port. Of a Backend of Envoy Gateway: its one, port null. Empty: it stays what it is. */
  readonly backends: (key: ObjectKey) => ReadonlyArray<{ readonly port: number | null; readonly name: string }>
  /** Nothing of it stays. */
  readonly gone: (key: ObjectKey) => boolean
  /** All of a kind and namespace that became Backends. */
  readonly all: (kind: string, namespace: string) => ReadonlyArray<ObjectKey>
  /** An Ingress of this group and namespace became HTTPRoutes. */
  readonly ingress: (group: string, namespace: string) => boolean
}

/** More entries no policy has, and no grant. */
const most = 16
const mostOfEnvoy = 64

const sameOnce = (items: ReadonlyArray<Fields>): ReadonlyArray<Fields> => {
  const seen = new Set<string>()
  return items.filter((item) => !seen.has(canonical(item)) && seen.add(canonical(item)))
}

const portNamed = (view: View, key: ObjectKey, port: number): string | undefined => {
  const value = view.get<Service>(key)?.value
  return value !== undefined && Result.isSuccess(value) && key.startsWith(`${serviceKind}/`)
    ? value.success.spec.ports.find((one) => one.port === port)?.name
    : undefined
}

const targetsOf = (view: View, became: Became, namespace: string, ref: Fields): ReadonlyArray<Fields> => {
  const { group, kind, name, sectionName } = ref
  if (typeof group !== "string" || typeof kind !== "string" || typeof name !== "string") return [ref]
  const key = objectKey(groupKind(group, kind), namespace, name)
  const made = became.backends(key)
  if (made.length === 0) return [ref]
  // A section of a Service is a port by its name: it is that Backend. Of Backends it is the port by its number.
  const { sectionName: _section, ...whole } = ref
  const named = made.flatMap(({ port, name }) =>
    port === null
      ? [renamed(ref, name)]
      : (sectionName ?? null) === null || portNamed(view, key, port) === sectionName
        ? [renamed(whole, name)]
        : []
  )
  return became.gone(key) ? named : [ref, ...named]
}

/** A BackendTLSPolicy or BackendTrafficPolicy. */
export const retargeted = (view: View, became: Became, value: Fields, say: (note: Note) => void): Fields => {
  const namespace = namespaceOf(value)
  const { targetRef, targetRefs, targetSelectors, ...rest } = specOf(value)
  const written = [...(isFields(targetRef) ? [targetRef] : []), ...itemsOf(targetRefs).filter(isFields)]
  const refs = sameOnce(written.flatMap((ref) => targetsOf(view, became, namespace, ref)))
  const room = String(value["apiVersion"]).startsWith(`${envoyGroup}/`) ? mostOfEnvoy : most
  if (refs.length > room) say(convertNote.targetsFull(refs.length, room))
  const selectors = itemsOf(targetSelectors).flatMap((selector) => {
    if (!isFields(selector)) return [selector]
    const { group = gatewayGroup, kind } = selector
    const full = groupKind(String(group), String(kind))
    if ((full !== serviceKind && full !== envoyBackendKind) || became.all(full, namespace).length === 0) return [selector]
    const others = view.list(backendKind).some(({ meta }) => parseKey(meta.key).namespace === namespace)
    say(convertNote.selector(String(kind), others))
    return [selector, { ...selector, group: ownGroup, kind: "Backend" }]
  })
  if (canonical(refs) === canonical(written) && canonical(selectors) === canonical(itemsOf(targetSelectors))) return value
  return {
    ...value,
    spec: { ...(refs.length === 0 ? {} : { targetRefs: refs }), ...(selectors.length === 0 ? {} : { targetSelectors: selectors }), ...rest }
  }
}

/** A ReferenceGrant that lets in, or lets reach, what became something else. */
export const regranted = (became: Became, value: Fields, say: (note: Note) => void): Fields => {
  const namespace = namespaceOf(value)
  const { from, to, ...rest } = specOf(value)
  const froms = itemsOf(from).flatMap((entry) => {
    if (!isFields(entry)) return []
    const { group, kind, namespace: place } = entry
    if (typeof place !== "string") return []
    if (kind === "Ingress" && (group === networkingGroup || group === voyagerGroup) && became.ingress(group, place))
      return [{ group: gatewayGroup, kind: "HTTPRoute", namespace: place }]
    return kind === "Backend" && group === envoyGroup && became.all(envoyBackendKind, place).length > 0
      ? [{ group: ownGroup, kind: "Backend", namespace: place }]
      : []
  })
  const tos = itemsOf(to).flatMap((entry) => {
    if (!isFields(entry)) return []
    const { group, kind, name } = entry
    const full = groupKind(String(group), String(kind))
    return became
      .all(full, namespace)
      .filter((key) => (name ?? null) === null || parseKey(key).name === name)
      .flatMap((key) => became.backends(key).map((made) => ({ group: ownGroup, kind: "Backend", name: made.name })))
  })
  const widened = (list: unknown, more: ReadonlyArray<Fields>, field: string): ReadonlyArray<unknown> => {
    const before = itemsOf(list)
    const known = new Set(before.map(canonical))
    let next = before
    for (const entry of sameOnce(more))
      if (!known.has(canonical(entry))) {
        const what = `spec.${field} ${JSON.stringify(entry)}`
        say(next.length < most ? convertNote.grantWidened(what) : convertNote.grantFull(what))
        if (next.length < most) next = [...next, entry]
      }
    return next
  }
  const spec = { ...rest, from: widened(from, froms, "from"), to: widened(to, tos, "to") }
  return froms.length + tos.length === 0 ? value : { ...value, spec }
}
