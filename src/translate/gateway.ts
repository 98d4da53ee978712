// Gateways: whose they are, what can be served of them, and what routes need to know of their listeners. What routes make of a Gateway is gathered elsewhere.
import { Result } from "effect"
import type { Gateway } from "#schemas/gateway.ts"
import type { Listener as ListenerSpec } from "#schemas/listener.ts"
import { describeKey, type Meta, type ObjectKey, parseKey } from "#schemas/meta.ts"
import { listenerId } from "../snapshot/id.ts"
import type { DownstreamTls, Listener } from "../snapshot/listener.ts"
import type { Material } from "../snapshot/secret.ts"
import { gatewayNote, ignoredGateway, type Said, gateway as say, listener as sayListener } from "../status/conditions.ts"
import type { VerdictEntry } from "../status/verdict.ts"
import { byAge } from "./age.ts"
import { gatewayClient } from "./clientcertificate.ts"
import { admitsAnyone } from "./clientvalidation.ts"
import { judgeTogether } from "./conflict.ts"
import { ownClass, parametersProblem } from "./gatewayclass.ts"
import { addressesUnsupported, type Infrastructure, infrastructureOf } from "./infrastructure.ts"
import { ingressTls, type Lent, type LentListener, type TlsSaid, withUnserved } from "./ingresstls.ts"
import { gatewayKind } from "./kinds.ts"
import { overridden } from "./labels.ts"
import {
  endsTls,
  isHeldOver,
  isServed,
  type JudgedListener,
  judgeListener,
  type SupportedKind,
  type UnreadableListener,
  unreadable
} from "./listener.ts"
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

/** A Gateway of ours without its routes. */
export interface OwnGateway {
  readonly key: ObjectKey
  readonly generation: number
  readonly accepted: boolean
  readonly conditions: ReadonlyArray<Said>
  readonly listeners: ReadonlyArray<ListenerStatus>
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

/** What routes read of a Gateway. Apart from OwnGateway, so that a renewed certificate or an annotation leaves 5,000 routes alone. */
export interface Parent {
  readonly key: ObjectKey
  readonly namespace: string
  readonly listeners: ReadonlyArray<ParentListener>
  /** Names of listeners that could not be read: no route attaches to them. */
  readonly unreadable: ReadonlyArray<string>
  /** It names a client certificate for backends. */
  readonly shows: boolean
}

interface Draft {
  readonly meta: Meta
  readonly gateway: Gateway
  /** Why the whole Gateway is refused; null: it is not. */
  readonly refused: Said | null
  readonly listeners: ReadonlyArray<JudgedListener>
  readonly unreadable: ReadonlyArray<UnreadableListener>
}

const refusalOf = (view: View, settings: TranslateSettings, gateway: Gateway, namespace: string, classAccepted: boolean): Said | null => {
  const { spec } = gateway
  if (!classAccepted) return say.classNotAccepted(spec.gatewayClassName)
  const ref = spec.infrastructure?.parametersRef
  const problem = parametersProblem(view, ref === undefined ? undefined : { ...ref, namespace })
  if (problem !== null) return say.invalidParameters(problem)
  return addressesUnsupported(settings, spec.addresses) ? say.unsupportedAddress(settings.role === "Cluster") : null
}

/** The Gateway judged without regard to other Gateways; null: not ours, not there, or not readable. */
const draft = (view: View, settings: TranslateSettings, key: ObjectKey): Draft | null =>
  view.unit("gateway draft", key, (view) => {
    const object = view.get<Gateway>(key)
    if (object === null || Result.isFailure(object.value)) return null
    const gateway = object.value.success
    const own = ownClass(view, settings, gateway.spec.gatewayClassName)
    if (own === null) return null
    const { namespace } = parseKey(key)
    const listeners: Array<JudgedListener> = []
    const bad: Array<UnreadableListener> = []
    for (const [index, element] of gateway.spec.listeners.entries()) {
      const failed = unreadable(element, index)
      if (failed !== null) bad.push(failed)
      else if (Result.isSuccess(element)) listeners.push(judgeListener(view, key, element.success, index))
    }
    return {
      meta: object.meta,
      gateway,
      refused: refusalOf(view, settings, gateway, namespace, own.accepted),
      listeners: judgeTogether(listeners),
      unreadable: bad
    }
  })

/** What Ingresses lend to the Gateway, their ports not judged yet. */
const asked = (view: View, settings: TranslateSettings, key: ObjectKey): Lent =>
  view.unit("gateway tls of ingresses", key, (view) => {
    const judged = draft(view, settings, key)
    return judged === null || judged.refused !== null ? noneLent : ingressTls(view, settings, key, judged.listeners, judged.unreadable)
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
      return judged === null || judged.refused !== null ? [] : judged.listeners
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
    const all = [...(draft(view, settings, key)?.listeners ?? []), ...listeners]
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
  const { name, listener } = one
  const { namespace, name: of } = parseKey("ingress" in one ? one.ingress : key)
  return {
    source: { kind: "ingress" in one ? "Ingress" : "Gateway", namespace, name: of, section: "ingress" in one ? one.path : name },
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
  if (spec.allowedListeners !== undefined && spec.allowedListeners.namespaces.from !== "None") fields.push(gatewayNote.allowedListeners)
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

/** A Gateway of ours; null: it is not ours, not there, or not readable (then `undecodableGateway` says so). */
const ownGateway = (view: View, settings: TranslateSettings, key: ObjectKey): OwnGateway | null =>
  view.unit("gateway", key, (view) => {
    const judged = draft(view, settings, key)
    if (judged === null) return null
    const { namespace, name } = parseKey(key)
    const { gateway, refused } = judged
    const listeners =
      refused === null
        ? judgePorts(settings, key, judged.listeners, claims(view, settings))
        : judged.listeners.map((one) => (one.accepted.status === "True" ? { ...one, accepted: sayListener.gatewayRefused } : one))
    const { listeners: lent } = refused === null ? lentTo(view, settings, key) : noneLent
    const served = listeners.filter(isServed)
    const bad = [
      ...judged.unreadable.map((one) => ({ index: one.index, name: one.name ?? `spec.listeners[${one.index}]` })),
      ...listeners.filter((one) => !isServed(one))
    ]
      .sort((a, b) => a.index - b.index)
      .map((one) => one.name)
    const valid = listeners.filter((one) => one.accepted.status === "True").length
    const parameters = unheededParameters(view, settings, key, gateway)
    const heldOver = listeners.filter(isHeldOver).map((one) => one.name)
    const conditions =
      refused === null
        ? conditionsOf(gateway, settings, gatewayClient(view, key), parameters, bad, heldOver, valid, served.length)
        : [refused]
    // Listeners that share a name did not decode; their one status entry says why.
    const named = new Map<string, UnreadableListener & { readonly name: string }>()
    for (const one of judged.unreadable) if (one.name !== null && !named.has(one.name)) named.set(one.name, { ...one, name: one.name })
    const statuses = [
      ...listeners.map((one) => ({
        index: one.index,
        status: {
          name: one.name,
          id: listenerId(namespace, name, one.name),
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
          id: listenerId(namespace, name, one.name),
          conditions: [sayListener.undecodable(one.issues), sayListener.resolvedRefs],
          supportedKinds: [],
          served: false,
          certificates: []
        }
      }))
    ].sort((a, b) => a.index - b.index)
    const serving: ReadonlyArray<JudgedListener | LentListener> = [...served, ...lent.filter(isServed)]
    const tables = new Map(serving.map((one) => [listenerId(namespace, name, one.name), snapshotListener(settings, key, one)] as const))
    return {
      key,
      generation: judged.meta.generation,
      accepted: conditions[0]?.status === "True",
      conditions,
      listeners: statuses.map((one) => one.status),
      served: tables,
      kept: placeholders(key, [...listeners, ...lent], judged.unreadable, tables),
      materials: [...new Map(serving.flatMap(materialsOf).map((material) => [material.id, material] as const)).values()],
      infrastructure: infrastructureOf(view, key, gateway, tables.values(), refused !== null)
    }
  })

/** The Gateway as routes see it. The same value (===) while nothing that a route may depend on has changed. */
export const parentOf = (view: View, settings: TranslateSettings, key: ObjectKey): Parent | null =>
  view.unit("parent", key, (view) => {
    const judged = draft(view, settings, key)
    const own = ownGateway(view, settings, key)
    if (judged === null || own === null) return null
    const { namespace, name } = parseKey(key)
    return {
      key,
      namespace,
      listeners: [...judged.listeners, ...lentTo(view, settings, key).listeners].map((one) => {
        const { listener, supportedKinds } = one
        const id = listenerId(namespace, name, listener.name)
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
      }),
      unreadable: judged.unreadable.flatMap((one) => (one.name === null ? [] : [one.name])),
      shows: judged.gateway.spec.tls?.backend?.clientCertificateRef !== undefined
    }
  })

/** Every Gateway. A string: it is not ours to serve, and why; null: it cannot be read (then its verdict says so). */
export const ownGateways = (session: Session, settings: TranslateSettings): Collected<OwnGateway | string | null> =>
  session.each("every gateway", gatewayKind, (view, key) => {
    const own = ownGateway(view, settings, key)
    if (own !== null) return own
    const value = view.get<Gateway>(key)?.value
    return value !== undefined && Result.isSuccess(value) ? ignoredGateway.foreignClass(value.success.spec.gatewayClassName) : null
  })
