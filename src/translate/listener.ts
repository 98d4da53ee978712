// One listener of a Gateway, judged by itself: protocol, hostname, kinds, certificates. Conflicts with its neighbours are conflict.ts, ports port.ts.
import { Result } from "effect"
import type { Listener } from "#schemas/listener.ts"
import { describeKey, type Element, type Issue, type ListenerPlace, type ObjectKey, parseKey, spokenKind } from "#schemas/meta.ts"
import { gatewayGroup } from "#schemas/reference.ts"
import { type Id, listenerId, type Source, setListener } from "../snapshot/id.ts"
import type { Material } from "../snapshot/secret.ts"
import { listenerNote, type Said, listener as say } from "../status/conditions.ts"
import { listenerCertificates } from "./certificate.ts"
import { type ClientValidation, clientValidation } from "./clientvalidation.ts"
import { isAddress } from "./intersection.ts"
import { selectorProblem } from "./selector.ts"
import type { View } from "./view.ts"

export interface SupportedKind {
  readonly group: string
  readonly kind: string
}

/** A listener and what is said of it. `accepted` and `resolved` are its conditions of these types. */
export interface JudgedListener {
  readonly index: number
  readonly name: string
  /** The ListenerSet that brings it; null: the Gateway writes it. */
  readonly set: ObjectKey | null
  readonly listener: Listener
  readonly accepted: Said
  readonly resolved: Said
  /** It gave way to listeners of earlier objects: one has its place, or there are as many as there may be. */
  readonly late?: true
  /** Conflicted, OverlappingTLSConfig. */
  readonly others: ReadonlyArray<Said>
  readonly supportedKinds: ReadonlyArray<SupportedKind>
  readonly certificates: ReadonlyArray<Material>
  /** Ids of the Secrets that it serves with: those of `certificates`, and Secrets whose present pair cannot be used. */
  readonly secrets: ReadonlyArray<Id>
  /** null: clients are not asked for certificates. */
  readonly clients: ClientValidation | null
}

/** Of a listener in the snapshot of its Gateway. set: the ListenerSet that brings it; null: none does. */
export const listenerIdOf = (gateway: ObjectKey, set: ObjectKey | null, section: string): Id => {
  const { namespace, name } = parseKey(gateway)
  const from = set === null ? null : parseKey(set)
  return listenerId(namespace, name, from === null ? section : setListener(from.namespace, from.name, section))
}

export const listenerSourceOf = (gateway: ObjectKey, set: ObjectKey | null, section: string | null): Source => {
  const { kind, namespace, name } = parseKey(set ?? gateway)
  return { kind: spokenKind(kind), namespace, name, section }
}

/**
 * What a status in this namespace calls the listeners. A Gateway's own are its users' to know; sets are their tenants' (Gateway API, ListenerSetSpec.listeners: be
 * "cautious about what information from the parent or siblings are reported"): those of other namespaces are counted.
 */
export const spokenOf = (listeners: ReadonlyArray<Pick<JudgedListener, "name" | "set">>, namespace: string): string => {
  const open = listeners.filter(({ set }) => set === null || parseKey(set).namespace === namespace)
  const names = open.map(({ name, set }) => (set === null ? name : `${name} of ${describeKey(set)}`))
  return listenerNote.named(names, listeners.length - open.length)
}

/** A listener that did not decode. name null: not even that could be read. */
export interface UnreadableListener {
  readonly index: number
  readonly set: ObjectKey | null
  readonly name: string | null
  /** null: not even that could be read, or it has no hostname to keep (UDP). */
  readonly place: ListenerPlace | null
  readonly issues: ReadonlyArray<Issue>
}

/** TLS ends at it, so it needs a certificate. */
export const endsTls = ({ protocol, tls }: Listener): boolean => protocol === "HTTPS" || (protocol === "TLS" && tls?.mode === "Terminate")

export const isServed = (judged: JudgedListener): boolean =>
  judged.accepted.status === "True" && judged.supportedKinds.length > 0 && (!endsTls(judged.listener) || judged.secrets.length > 0)

/** Served, but with the pair of before if a proxy has one: none of its Secrets holds one that can be used. */
export const isHeldOver = (judged: JudgedListener): boolean =>
  isServed(judged) && endsTls(judged.listener) && judged.certificates.length === 0

export const unreadable = (element: Element<Listener>, set: ObjectKey | null, index: number): UnreadableListener | null =>
  Result.isSuccess(element)
    ? null
    : {
        index,
        set,
        name: element.failure.find((issue) => issue.element !== undefined)?.element ?? null,
        place: element.failure.find((issue) => issue.place !== undefined)?.place ?? null,
        issues: element.failure
      }

const routeKinds = (...names: ReadonlyArray<string>): ReadonlyArray<SupportedKind> => names.map((kind) => ({ group: gatewayGroup, kind }))

/** What the protocols that are served admit. */
const admitted: ReadonlyMap<string, ReadonlyArray<SupportedKind>> = new Map([
  ["HTTP", routeKinds("HTTPRoute", "GRPCRoute")],
  ["HTTPS", routeKinds("HTTPRoute", "GRPCRoute")],
  ["TLS", routeKinds("TLSRoute")],
  ["TCP", routeKinds("TCPRoute")],
  ["UDP", routeKinds("UDPRoute")]
])

const refusal = (listener: Listener, path: string, clients: ClientValidation | null): Said | null => {
  const { protocol, hostname, tls } = listener
  if (!admitted.has(protocol)) return say.unsupportedProtocol(path, protocol, [...admitted.keys()])
  if (hostname !== undefined && isAddress(hostname)) return say.unsupportedValue(`${path}.hostname`, listenerNote.hostnameIsAddress)
  const { from, selector } = listener.allowedRoutes.namespaces
  if (from === "Selector") {
    const problem = selector === undefined ? listenerNote.selectorMissing : selectorProblem(selector)
    if (problem !== null) return say.unsupportedValue(`${path}.allowedRoutes.namespaces.selector`, problem)
  }
  if ((listener.filters?.requests.length ?? 0) > 0) return say.unsupportedValue(`${path}.filters`, listenerNote.filters)
  if (tls !== undefined && tls.options.size > 0)
    return say.unsupportedValue(`${path}.tls.options`, listenerNote.tlsOptions([...tls.options.keys()].sort()))
  // It would admit nobody, or everybody.
  return clients !== null && clients.authorities === null ? say.noValidCa(clients.problems.map(({ message }) => message)) : null
}

/** set: the ListenerSet that brings it to the Gateway, and whose references are its own; null: the Gateway itself does. */
export const judgeListener = (view: View, gateway: ObjectKey, set: ObjectKey | null, listener: Listener, index: number): JudgedListener => {
  const { kind, namespace } = parseKey(set ?? gateway)
  const from = { group: gatewayGroup, kind: spokenKind(kind), namespace }
  const path = `spec.listeners[${index}]`
  const possible = admitted.get(listener.protocol) ?? []
  const wanted = listener.allowedRoutes.kinds
  const admits = (kind: SupportedKind) => possible.some((one) => one.group === kind.group && one.kind === kind.kind)
  const supportedKinds =
    wanted.length === 0 ? possible : possible.filter((one) => wanted.some((kind) => kind.group === one.group && kind.kind === one.kind))
  const badKinds = possible.length === 0 ? [] : wanted.filter((kind) => !admits(kind)).map((kind) => kind.kind)
  const certificates = endsTls(listener)
    ? listenerCertificates(view, `${path}.tls`, from, listener.tls?.certificateRefs ?? [])
    : { ids: [], materials: [], notPermitted: [], invalid: [], notes: [] }
  const clients = listener.protocol === "HTTPS" ? clientValidation(view, gateway, listener.port) : null
  const untrusted = clients?.problems ?? []
  const kinds =
    badKinds.length === 0
      ? null
      : say.invalidRouteKinds(
          badKinds,
          supportedKinds.map((kind) => kind.kind),
          possible.map((kind) => kind.kind)
        )
  const causes = [
    ...certificates.notPermitted,
    ...certificates.invalid,
    ...untrusted.map(({ message }) => message),
    ...(kinds === null ? [] : [kinds.message])
  ]
  return {
    index,
    name: listener.name,
    set,
    listener,
    accepted: refusal(listener, path, clients) ?? say.accepted,
    resolved:
      certificates.notPermitted.length > 0
        ? say.refNotPermitted(causes)
        : certificates.invalid.length > 0
          ? say.invalidCertificateRef(causes)
          : untrusted.length > 0
            ? say.invalidCa(untrusted[0]!.reason, causes)
            : (kinds ?? say.resolvedRefsWith(certificates.notes)),
    others: [],
    supportedKinds,
    certificates: certificates.materials,
    secrets: certificates.ids,
    clients
  }
}
