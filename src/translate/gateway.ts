// Gateways: whose they are, what can be served of them, and what routes need to know of their listeners. What routes make of a Gateway is gathered elsewhere.
import { Result } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import type { Listener as ListenerSpec } from "#schemas/listener.ts"
import { describeKey, type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { DownstreamTls, Listener } from "../snapshot/listener.ts"
import type { Material } from "../snapshot/secret.ts"
import {
  gatewayNote,
  ignoredGateway,
  ignoredSet,
  type Said,
  gateway as say,
  listener as sayListener,
  listenerSet as saySet
} from "../status/conditions.ts"
import type { VerdictEntry } from "../status/verdict.ts"
import { byAge } from "./age.ts"
import { gatewayClient } from "./clientcertificate.ts"
import { admitsAnyone } from "./clientvalidation.ts"
import { allOf, allUnreadable, draft, type SetDraft } from "./draft.ts"
import { type Infrastructure, infrastructureOf } from "./infrastructure.ts"
import { ingressTls, type Lent, type LentListener, type TlsSaid, withUnserved } from "./ingresstls.ts"
import { gatewayKind, listenerSetKind } from "./kinds.ts"
import { overridden } from "./labels.ts"
import {
  endsTls,
  isHeldOver,
  isServed,
  type JudgedListener,
  listenerIdOf,
  listenerSourceOf,
  type SupportedKind,
  type UnreadableListener
} from "./listener.ts"
import { gatewayOfSet } from "./listenerset.ts"
import { type Unheeded, unheededParameters } from "./parameters.ts"
import { placeholders } from "./placeholder.ts"
import { boundPort, judgePorts, type PortClaims, socketOf, transportOf } from "./port.ts"
import type { TranslateSettings } from "./settings.ts"
import type { Collected } from "./units.ts"
import type { Session, View } from "./view.ts"

/** A listener as its status tells it, but for what routes add. */
export interface ListenerStatus {
  readonly name: string
  readonly id: string
  readonly conditions: ReadonlyArray<Said>
  readonly supportedKinds: ReadonlyArray<SupportedKind>
  readonly served: boolean
  readonly certificates: NonNullable<VerdictEntry["listener"]>["certificates"]
}

/** A ListenerSet as its status tells it, but for what routes add. */
export interface OwnSet {
  readonly key: ObjectKey
  readonly generation: number
  readonly conditions: ReadonlyArray<Said>
  readonly listeners: ReadonlyArray<ListenerStatus>
}

/** A Gateway of ours without its routes. */
export interface OwnGateway {
  readonly key: ObjectKey
  readonly generation: number
  readonly accepted: boolean
  readonly conditions: ReadonlyArray<Said>
  readonly listeners: ReadonlyArray<ListenerStatus>
  /** ListenerSets that are for it, admitted or not. */
  readonly sets: ReadonlyArray<OwnSet>
  /** Served listeners as they go into the snapshot, still without hosts; by id. */
  readonly served: ReadonlyMap<string, Listener>
  /** Those that are not served and keep their hostnames; by id, as they go into the snapshot. */
  readonly kept: ReadonlyMap<string, Listener>
  readonly materials: ReadonlyArray<Material>
  readonly infrastructure: Infrastructure
}

/** What a route asks of a Gateway's listener. */
export interface ParentListener {
  readonly name: string
  readonly id: string
  readonly port: number
  /** `*` for every host. */
  readonly hostname: string
  readonly served: boolean
  /** An Ingress's, of which others need not know. */
  readonly lent: boolean
  /** What it does with TLS; null: it has none. */
  readonly tls: "Terminate" | "Passthrough" | null
  readonly kinds: ReadonlyArray<SupportedKind>
  readonly namespaces: ListenerSpec["allowedRoutes"]["namespaces"]
}

/** What routes read of a Gateway, or of a ListenerSet at its Gateway. Apart from OwnGateway, so that a renewed certificate or an annotation leaves 5,000 routes alone. */
export interface Parent {
  readonly key: ObjectKey
  /** Whose listeners these are: itself, where it is one. */
  readonly gateway: ObjectKey
  readonly namespace: string
  readonly listeners: ReadonlyArray<ParentListener>
  /** Names of listeners that could not be read: no route attaches to them. */
  readonly unreadable: ReadonlyArray<string>
  /** It names a client certificate for backends. */
  readonly shows: boolean
}

/** What Ingresses lend to the Gateway, their ports not judged yet. */
const asked = (view: View, settings: TranslateSettings, key: ObjectKey): Lent =>
  view.unit("gateway tls of ingresses", key, (view) => {
    const judged = draft(view, settings, key)
    return judged === null || judged.refused !== null ? noneLent : ingressTls(view, settings, key, allOf(judged), allUnreadable(judged))
  })

const noneLent: Lent = { listeners: [], said: new Map() }

/** Standalone: the Gateways share the machine, so the first by age has a port. In a cluster each has pods of its own and nothing is claimed. */
const claims = (view: View, settings: TranslateSettings): PortClaims =>
  view.unit("ports", "", (view) => {
    const taken = new Map<string, ObjectKey>()
    if (settings.role === "Cluster") return taken
    const gateways = [...view.list<Gateway>(gatewayKind)].sort((a, b) => byAge(a.meta, b.meta)).map(({ meta }) => meta.key)
    const take = (of: (key: ObjectKey) => ReadonlyArray<JudgedListener>) => {
      for (const key of gateways)
        for (const { accepted, listener } of of(key))
          if (accepted.status === "True" && !taken.has(socketOf(listener))) taken.set(socketOf(listener), key)
    }
    const written = (key: ObjectKey): ReadonlyArray<JudgedListener> => {
      const judged = draft(view, settings, key)
      return judged === null || judged.refused !== null ? [] : allOf(judged)
    }
    take(written)
    // What a Gateway writes comes before what Ingresses lend to another.
    take((key) => asked(view, settings, key).listeners)
    return taken
  })

/** What Ingresses lend to the Gateway, beside what it writes: those whose port cannot be had are not accepted. */
export const lentTo = (view: View, settings: TranslateSettings, key: ObjectKey): Lent =>
  view.unit("gateway lent", key, (view) => {
    const { listeners, said } = asked(view, settings, key)
    if (listeners.length === 0) return { listeners, said }
    const own = draft(view, settings, key)
    const all = [...(own === null ? [] : allOf(own)), ...listeners]
    const judged = judgePorts(settings, key, all, claims(view, settings)).filter((one): one is LentListener => "ingress" in one)
    return { listeners: judged, said: withUnserved(said, judged) }
  })

const nothingSaid: TlsSaid = { problems: [], unresolved: [], notes: [] }

/** What an Ingress is told of its TLS. A unit of its own: what becomes of another's Secret, on the same Gateway, costs this one nothing. */
export const ingressTlsSaid = (view: View, settings: TranslateSettings, ingress: ObjectKey, gateway: ObjectKey): TlsSaid =>
  view.unit("ingress tls said", `${ingress} ${gateway}`, (view) => lentTo(view, settings, gateway).said.get(ingress) ?? nothingSaid)

/** What a listener does, still without its routes. */
const modeOf = ({ listener, secrets, clients }: JudgedListener): Listener["mode"] => {
  const tls: DownstreamTls | null = endsTls(listener)
    ? { certificates: secrets, clientCa: clients?.authorities?.id ?? null, clientAuth: clients?.clientAuth ?? "None" }
    : null
  switch (listener.protocol) {
    case "TLS":
      return { _tag: "Tls", tls, routes: [] }
    case "TCP":
    case "UDP":
      return { _tag: "Stream", tls: null, route: null }
    default:
      return { _tag: "Http", tls, hosts: [] }
  }
}

const snapshotListener = (settings: TranslateSettings, key: ObjectKey, one: JudgedListener | LentListener): Listener => {
  const { name, set, listener } = one
  return {
    source: "ingress" in one ? { ...listenerSourceOf(one.ingress, null, one.path), kind: "Ingress" } : listenerSourceOf(key, set, name),
    hostname: listener.hostname ?? null,
    port: listener.port,
    bind: { address: settings.listenAddress, port: boundPort(settings, listener.port), transport: transportOf(listener) },
    mode: modeOf(one),
    limits: defaultListenerLimits
  }
}

/** Nothing sets them yet; they are data so that a proxy needs no defaults of its own. */
const defaultListenerLimits = { connections: 10_000, headerBytes: 65_536 }

const materialsOf = ({ certificates, clients }: JudgedListener): ReadonlyArray<Material> =>
  clients?.authorities == null ? certificates : [...certificates, clients.authorities]

const conditionsOf = (
  gateway: Gateway,
  settings: TranslateSettings,
  client: ReturnType<typeof gatewayClient>,
  parameters: Unheeded,
  refused: ReadonlyArray<string>,
  heldOver: ReadonlyArray<string>,
  valid: number,
  served: number
): ReadonlyArray<Said> => {
  const { spec } = gateway
  const notes: Array<string> = []
  const written = (spec.infrastructure?.labels.size ?? 0) + (spec.infrastructure?.annotations.size ?? 0)
  if (written > 0 && settings.role === "Standalone") notes.push(gatewayNote.infrastructureHere)
  const kept = overridden(spec.infrastructure?.labels)
  if (kept.length > 0 && settings.role === "Cluster") notes.push(gatewayNote.ownLabels("spec.infrastructure.labels", kept))
  notes.push(...parameters.notes)
  if (settings.allowLoopback) notes.push(gatewayNote.loopbackAllowed)
  const fields: Array<string> = [...parameters.refused]
  if (spec.defaultScope !== undefined && spec.defaultScope !== "None") fields.push(gatewayNote.defaultScope)
  const accepted =
    valid === 0
      ? say.noListenerValid(refused)
      : refused.length + heldOver.length > 0
        ? say.someListenersInvalid(refused, heldOver, served, notes)
        : say.accepted(notes)
  return [
    accepted,
    ...(client === null
      ? []
      : [Result.isSuccess(client) ? say.clientCertificate(client.success.expires) : say.noClientCertificate(client.failure)]),
    ...(admitsAnyone(gateway) ? [say.insecureFrontend] : []),
    ...(fields.length === 0 ? [] : [say.partiallyServed(fields)])
  ]
}

/** The entries of a Gateway's or a set's status, in the order that it writes its listeners. */
const statusesOf = (
  key: ObjectKey,
  listeners: ReadonlyArray<JudgedListener>,
  unreadable: ReadonlyArray<UnreadableListener>
): ReadonlyArray<ListenerStatus> => {
  // Listeners that share a name did not decode; their one status entry says why.
  const named = new Map<string, UnreadableListener & { readonly name: string }>()
  for (const one of unreadable) if (one.name !== null && !named.has(one.name)) named.set(one.name, { ...one, name: one.name })
  return [
    ...listeners.map((one) => ({
      index: one.index,
      status: {
        name: one.name,
        id: listenerIdOf(key, one.set, one.name),
        conditions: [one.accepted, one.resolved, ...one.others],
        supportedKinds: one.supportedKinds,
        served: isServed(one),
        certificates: one.certificates.map(({ id, expires }) => ({ of: describeKey(id as ObjectKey), expires }))
      }
    })),
    ...[...named.values()].map((one) => ({
      index: one.index,
      status: {
        name: one.name,
        id: listenerIdOf(key, one.set, one.name),
        conditions: [sayListener.undecodable(one.issues), sayListener.resolvedRefs],
        supportedKinds: [],
        served: false,
        certificates: []
      }
    }))
  ]
    .sort((a, b) => a.index - b.index)
    .map((one) => one.status)
}

/** Names of those that do not serve, in the order that they are written. */
const unservedOf = (listeners: ReadonlyArray<JudgedListener>, unreadable: ReadonlyArray<UnreadableListener>): ReadonlyArray<string> =>
  [
    ...unreadable.map((one) => ({ index: one.index, name: one.name ?? `spec.listeners[${one.index}]` })),
    ...listeners.filter((one) => !isServed(one))
  ]
    .sort((a, b) => a.index - b.index)
    .map((one) => one.name)

const setConditions = (set: SetDraft, parent: ObjectKey, accepted: boolean, listeners: ReadonlyArray<JudgedListener>): Said => {
  if (set.refused !== null) return set.refused
  if (!accepted) return saySet.parentNotAccepted(parent)
  const bad = unservedOf(listeners, set.unreadable)
  return listeners.some(isServed) ? saySet.accepted(parent, bad) : saySet.noListenerValid(bad)
}

/** A Gateway of ours; null: it is not ours, not there, or not readable (then `undecodableGateway` says so). */
const ownGateway = (view: View, settings: TranslateSettings, key: ObjectKey): OwnGateway | null =>
  view.unit("gateway", key, (view) => {
    const judged = draft(view, settings, key)
    if (judged === null) return null
    const { gateway, refused } = judged
    const all =
      refused === null
        ? judgePorts(settings, key, allOf(judged), claims(view, settings))
        : allOf(judged).map((one) => (one.accepted.status === "True" ? { ...one, accepted: sayListener.gatewayRefused } : one))
    const listeners = all.filter(({ set }) => set === null)
    const { listeners: lent } = refused === null ? lentTo(view, settings, key) : noneLent
    const bad = unservedOf(listeners, judged.unreadable)
    // A Gateway has the merged list of its own listeners and its sets' (Gateway API, ListenerSetSpec.listeners): it is accepted where something of that can be
    // served. Its message summarizes its own alone (GEP-1713, Gateway Conditions).
    const valid = all.filter((one) => one.accepted.status === "True").length
    const serves = all.filter(isServed).length
    const parameters = unheededParameters(view, settings, key, gateway)
    const heldOver = listeners.filter(isHeldOver).map((one) => one.name)
    const conditions =
      refused === null ? conditionsOf(gateway, settings, gatewayClient(view, key), parameters, bad, heldOver, valid, serves) : [refused]
    const accepted = conditions[0]?.status === "True"
    const serving: ReadonlyArray<JudgedListener | LentListener> = [...all, ...lent].filter(isServed)
    const tables = new Map(serving.map((one) => [listenerIdOf(key, one.set, one.name), snapshotListener(settings, key, one)] as const))
    return {
      key,
      generation: judged.meta.generation,
      accepted,
      conditions,
      listeners: statusesOf(key, listeners, judged.unreadable),
      sets: judged.sets.map((set) => {
        const brought = all.filter((one) => one.set === set.meta.key)
        return {
          key: set.meta.key,
          generation: set.meta.generation,
          conditions: [setConditions(set, key, accepted, brought)],
          listeners: statusesOf(key, brought, set.unreadable)
        }
      }),
      served: tables,
      kept: placeholders(key, [...all.filter((one) => one.late !== true), ...lent], allUnreadable(judged), tables),
      materials: [...new Map(serving.flatMap(materialsOf).map((material) => [material.id, material] as const)).values()],
      infrastructure: infrastructureOf(view, key, gateway, tables.values(), refused !== null)
    }
  })

const parentListener = (own: OwnGateway, one: JudgedListener | LentListener): ParentListener => {
  const { listener, supportedKinds } = one
  const id = listenerIdOf(own.key, one.set, listener.name)
  return {
    name: listener.name,
    id,
    port: listener.port,
    hostname: listener.hostname ?? "*",
    served: own.served.has(id),
    lent: "ingress" in one,
    tls: listener.protocol === "HTTP" ? null : (listener.tls?.mode ?? null),
    kinds: supportedKinds,
    namespaces: listener.allowedRoutes.namespaces
  }
}

const namesOf = (unreadable: ReadonlyArray<UnreadableListener>): ReadonlyArray<string> =>
  unreadable.flatMap((one) => (one.name === null ? [] : [one.name]))

/** The Gateway, or one of its ListenerSets, as routes see it. The same value (===) while nothing that a route may depend on has changed. */
export const parentOf = (view: View, settings: TranslateSettings, gateway: ObjectKey, set: ObjectKey | null = null): Parent | null =>
  view.unit("parent", set === null ? gateway : `${gateway} ${set}`, (view) => {
    const judged = draft(view, settings, gateway)
    const own = ownGateway(view, settings, gateway)
    if (judged === null || own === null) return null
    const shows = judged.gateway.spec.tls?.backend?.clientCertificateRef !== undefined
    if (set === null) {
      const listeners = [...judged.listeners, ...lentTo(view, settings, gateway).listeners].map((one) => parentListener(own, one))
      return { key: gateway, gateway, namespace: parseKey(gateway).namespace, listeners, unreadable: namesOf(judged.unreadable), shows }
    }
    const brought = judged.sets.find(({ meta }) => meta.key === set)
    if (brought === undefined) return null
    const listeners = brought.listeners.map((one) => parentListener(own, one))
    return { key: set, gateway, namespace: parseKey(set).namespace, listeners, unreadable: namesOf(brought.unreadable), shows }
  })

/** Every Gateway. A string: it is not ours to serve, and why; null: it cannot be read (then its verdict says so). */
export const ownGateways = (session: Session, settings: TranslateSettings): Collected<OwnGateway | string | null> =>
  session.each("every gateway", gatewayKind, (view, key) => {
    const own = ownGateway(view, settings, key)
    if (own !== null) return own
    const value = view.get<Gateway>(key)?.value
    return value !== undefined && Result.isSuccess(value) ? ignoredGateway.foreignClass(value.success.spec.gatewayClassName) : null
  })

/** Every ListenerSet. A string: no Gateway of ours can have it, and why; null: one says what becomes of it. */
export const strayListenerSets = (session: Session, settings: TranslateSettings): Collected<string | null> =>
  session.each("every listener set", listenerSetKind, (view, key) => {
    const gateway = gatewayOfSet(view, key)
    return gateway !== null && ownGateway(view, settings, gateway) !== null ? null : ignoredSet
  })
