// Which listeners a route attaches to, by each of its parentRefs: section and port, kind, namespace, hostname (Gateway API v1.6, Listener and condition reasons).
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import { gatewayGroup, type ParentReference } from "#schemas/reference.ts"
import { type Said, route as say } from "../status/conditions.ts"
import { admitsNamespace } from "./admission.ts"
import { type ParentListener, parentOf } from "./gateway.ts"
import { bySpecificity, intersection } from "./intersection.ts"
import { listenerSetKind } from "./kinds.ts"
import { gatewayOfParent } from "./listenerset.ts"
import type { TranslateSettings } from "./settings.ts"
import type { View } from "./view.ts"

/** A hostname on a listener that the route serves, and the one it wrote for it (it decides the order among routes). */
export interface AttachedHost {
  readonly hostname: string
  readonly written: string
}

export interface Attachment {
  readonly gateway: ObjectKey
  /** What the reference names: the Gateway, or a ListenerSet of it. */
  readonly parent: ObjectKey
  readonly ref: ParentReference
  /** The Gateway has a client certificate for backends. */
  readonly shows: boolean
  /** Why it does not attach; null: it does, to `listeners`. */
  readonly refused: Said | null
  readonly listeners: ReadonlyArray<{ readonly listener: ParentListener; readonly hosts: ReadonlyArray<AttachedHost> }>
}

/** Hosts of the route on a listener. Two hostnames of the route may come to the same host: the more specific one speaks. */
const hostsOn = (listener: ParentListener, hostnames: ReadonlyArray<string>): ReadonlyArray<AttachedHost> => {
  const hosts = new Map<string, string>()
  for (const written of hostnames) {
    const hostname = intersection(listener.hostname, written)
    if (hostname === null) continue
    const before = hosts.get(hostname)
    if (before === undefined || bySpecificity(written, before) < 0) hosts.set(hostname, written)
  }
  return [...hosts].map(([hostname, written]) => ({ hostname, written }))
}

const namesOf = (listeners: ReadonlyArray<ParentListener>): ReadonlyArray<string> =>
  listeners.filter(({ lent }) => !lent).map(({ name }) => name)

/**
 * The attachment of one parentRef; null: the parent is no Gateway of ours nor a ListenerSet of one, and nothing is said. hostnames: `*` alone where the route wrote none.
 * Each step leaves fewer listeners; the step that leaves none gives the reason.
 */
export const attach = (
  view: View,
  settings: TranslateSettings,
  ref: ParentReference,
  kind: string,
  namespace: string,
  hostnames: ReadonlyArray<string>
): Attachment | null => {
  const gateway = gatewayOfParent(view, ref, namespace)
  if (gateway === null) return null
  const set = ref.kind === "ListenerSet" ? objectKey(listenerSetKind, ref.namespace ?? namespace, ref.name) : null
  const parent = parentOf(view, settings, gateway, set)
  if (parent === null) return null
  const { shows } = parent
  const refuse = (refused: Said): Attachment => ({ gateway, parent: parent.key, ref, shows, refused, listeners: [] })
  const named = parent.listeners.filter(
    (listener) =>
      (ref.sectionName === undefined || listener.name === ref.sectionName) && (ref.port === undefined || listener.port === ref.port)
  )
  if (named.length === 0) {
    const known = [
      ...parent.listeners.filter(({ lent }) => !lent).map((listener) => `${listener.name} (port ${listener.port})`),
      ...parent.unreadable.map((name) => `${name} (cannot be read, see the ${ref.kind}'s conditions)`)
    ]
    return refuse(say.noMatchingParent(ref.sectionName ?? null, ref.port ?? null, parent.key, known))
  }
  const byKind = named.filter((listener) => listener.kinds.some((one) => one.group === gatewayGroup && one.kind === kind))
  if (byKind.length === 0) return refuse(say.kindNotAllowed(kind, namesOf(named)))
  const byNamespace = byKind.filter((listener) => admitsNamespace(view, parent.namespace, listener.namespaces, namespace))
  if (byNamespace.length === 0) return refuse(say.namespaceNotAllowed(namespace, namesOf(byKind)))
  const byHost = byNamespace.map((listener) => ({ listener, hosts: hostsOn(listener, hostnames) })).filter(({ hosts }) => hosts.length > 0)
  if (byHost.length === 0) {
    const theirs = byNamespace.filter(({ lent }) => !lent).map((listener) => `${listener.name}: ${listener.hostname}`)
    return refuse(say.noMatchingListenerHostname(hostnames, theirs))
  }
  return { gateway, parent: parent.key, ref, shows, refused: null, listeners: byHost }
}
