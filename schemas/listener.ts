// A listener of a Gateway or ListenerSet. It decodes on its own: a bad listener leaves its neighbours serving.
import { Result, Schema } from "effect"
import { defaulted, listOf } from "./absent.ts"
import { elementsOf } from "./element.ts"
import { optionalEntriesOf } from "./entries.ts"
import { ExternalAuth } from "./externalauth.ts"
import { Hostname } from "./hostname.ts"
import type { Element, ListenerPlace } from "./meta.ts"
import { Group, Kind, PortNumber, SectionName, text } from "./name.ts"
import { gatewayGroup, LocalObjectReference, SecretObjectReference } from "./reference.ts"
import { LabelSelector } from "./selector.ts"
import { bodyByType, narrowed } from "./variant.ts"

/** HTTP, HTTPS, TLS, TCP, UDP or `domain/name`: any string of the CRD's form stays readable, for UnsupportedProtocol. */
const Protocol = text(1, 255).check(
  Schema.isPattern(
    /^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$|[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/[A-Za-z0-9]+$/u,
    { expected: "a protocol: HTTP, HTTPS, TLS, TCP, UDP or domain/name" }
  )
)

export const ListenerTLS = Schema.Struct({
  mode: defaulted(Schema.Literals(["Terminate", "Passthrough"]), "Terminate"),
  certificateRefs: listOf(SecretObjectReference, 64),
  /** Implementation-specific; Sluice serves none, so any key is refused by condition. */
  options: optionalEntriesOf(text(0, 4096), { max: 16 })
}).check(
  Schema.makeFilter((tls) =>
    tls.mode === "Terminate" && tls.certificateRefs.length === 0 && tls.options.size === 0
      ? { path: ["certificateRefs"], issue: "Required when mode is Terminate: name the Secret that holds the certificate" }
      : undefined
  )
)
export type ListenerTLS = typeof ListenerTLS.Type

export const AllowedRoutes = Schema.Struct({
  namespaces: defaulted(
    Schema.Struct({
      from: defaulted(Schema.Literals(["All", "Selector", "Same"]), "Same"),
      /** Only with from: Selector. */
      selector: Schema.optionalKey(LabelSelector)
    }),
    {}
  ),
  /** Empty: what the protocol allows. */
  kinds: listOf(Schema.Struct({ group: defaulted(Group, gatewayGroup), kind: Kind }), 8)
})
export type AllowedRoutes = typeof AllowedRoutes.Type

const ListenerFilterFields = Schema.Struct({
  type: Schema.Literals(["ExternalAuth", "ExtensionRef"]),
  externalAuth: Schema.optionalKey(ExternalAuth),
  extensionRef: Schema.optionalKey(LocalObjectReference)
}).check(bodyByType({ ExternalAuth: "externalAuth", ExtensionRef: "extensionRef" }))

export type ListenerFilter =
  | { readonly type: "ExternalAuth"; readonly externalAuth: ExternalAuth }
  | { readonly type: "ExtensionRef"; readonly extensionRef: LocalObjectReference }
export const ListenerFilter = narrowed<ListenerFilter>()(ListenerFilterFields)

export const Listener = Schema.Struct({
  name: SectionName,
  hostname: Schema.optionalKey(Hostname),
  port: PortNumber,
  protocol: Protocol,
  tls: Schema.optionalKey(ListenerTLS),
  allowedRoutes: defaulted(AllowedRoutes, {}),
  /** Experimental since v1.7; absent from most. */
  filters: Schema.optionalKey(Schema.Struct({ requests: listOf(ListenerFilter, 16) }))
}).check(
  Schema.makeFilter((listener) => {
    const { protocol, tls, hostname } = listener
    if (tls !== undefined && ["HTTP", "TCP", "UDP"].includes(protocol)) {
      return { path: ["tls"], issue: `Not allowed with protocol ${protocol}: use HTTPS or TLS` }
    }
    if (protocol === "HTTPS" && tls?.mode === "Passthrough") {
      return { path: ["tls", "mode"], issue: "Expected Terminate with protocol HTTPS; for Passthrough use protocol TLS" }
    }
    if (protocol === "TLS" && tls === undefined) return { path: ["tls"], issue: "Required with protocol TLS" }
    if (hostname !== undefined && (protocol === "TCP" || protocol === "UDP")) {
      return { path: ["hostname"], issue: `Not allowed with protocol ${protocol}` }
    }
    if (listener.filters !== undefined && protocol !== "HTTP" && protocol !== "HTTPS") {
      return { path: ["filters"], issue: "Only allowed with protocol HTTP or HTTPS" }
    }
    return undefined
  })
)
export type Listener = typeof Listener.Type

const decodePlace = Schema.decodeUnknownResult(
  Schema.Struct({ port: PortNumber, hostname: Schema.optionalKey(Hostname), protocol: Schema.optionalKey(Schema.Unknown) })
)

/** Where a listener would be that does not decode. UDP has ports of its own, on which no hostname is anybody's. */
export const placeOf = (raw: unknown): ListenerPlace | undefined => {
  const read = decodePlace(raw)
  return Result.isFailure(read) || read.success.protocol === "UDP"
    ? undefined
    : { port: read.success.port, hostname: read.success.hostname ?? null }
}

/** Listeners that share a name cannot be told apart in a status or a parentRef: none of them is served. */
const refuseSharedNames = (listeners: ReadonlyArray<Element<Listener>>): ReadonlyArray<Element<Listener>> => {
  const count = new Map<string, number>()
  for (const listener of listeners) {
    if (Result.isSuccess(listener)) count.set(listener.success.name, (count.get(listener.success.name) ?? 0) + 1)
  }
  if (count.values().every((n) => n === 1)) return listeners
  return listeners.map((listener, index) => {
    if (Result.isFailure(listener) || count.get(listener.success.name) === 1) return listener
    const place = placeOf(listener.success)
    return Result.fail([
      {
        path: `spec.listeners[${index}].name`,
        message: "Expected a name that no other listener has",
        element: listener.success.name,
        ...(place === undefined ? {} : { place })
      }
    ])
  })
}

/** Of a Gateway or a ListenerSet. */
export const listeners = elementsOf(Listener, "spec.listeners", 1, 64, refuseSharedNames, placeOf)
