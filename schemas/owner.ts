// Whose an object is, read on its own: one that does not decode as a whole still gets its condition from the controller that it names, and from no other, and
// a policy that does not is still known to speak of its targets.
import { Schema } from "effect"
import { defaulted } from "./absent.ts"
import { elementsOf } from "./element.ts"
import { ListenerSetParent } from "./listenerset.ts"
import { ControllerName, Group, ObjectName } from "./name.ts"
import { LocalObjectReference, ParentReference, PolicyTargetReference } from "./reference.ts"

const spec = <F extends Schema.Struct.Fields>(fields: F) => Schema.Struct({ spec: Schema.Struct(fields) })

export const GatewayOwner = spec({ gatewayClassName: ObjectName })
export type GatewayOwner = typeof GatewayOwner.Type

export const GatewayClassOwner = spec({ controllerName: ControllerName })
export type GatewayClassOwner = typeof GatewayClassOwner.Type

export const ListenerSetOwner = spec({ parentRef: ListenerSetParent })
export type ListenerSetOwner = typeof ListenerSetOwner.Type

/** Of every kind of Gateway API. */
export const RouteOwner = spec({ parentRefs: Schema.Array(ParentReference) })
export type RouteOwner = typeof RouteOwner.Type

export const IngressOwner = spec({ ingressClassName: Schema.optionalKey(Schema.String) })
export type IngressOwner = typeof IngressOwner.Type

/** The CRD requires `group`, and a file may lack it. */
const group = defaulted(Group, "")

/** A target whose section cannot be read is the whole of it. */
const PolicyTarget = Schema.Union([
  Schema.Struct({ ...PolicyTargetReference.fields, group }),
  Schema.Struct({ ...LocalObjectReference.fields, group })
])

/** Each target on its own, and any number: they are governed, though nobody knows how, so they are not dialled in plaintext. */
export const BackendTLSPolicyOwner = spec({ targetRefs: elementsOf(PolicyTarget, "spec.targetRefs", 0, Number.MAX_SAFE_INTEGER) })
export type BackendTLSPolicyOwner = typeof BackendTLSPolicyOwner.Type

/** Of every group. Likewise: what is asked for their requests is not known. Selectors are left out: whom a bad one means, nobody can tell. */
export const TrafficPolicyOwner = spec({
  targetRef: Schema.optionalKey(PolicyTarget),
  targetRefs: Schema.optionalKey(elementsOf(PolicyTarget, "spec.targetRefs", 0, Number.MAX_SAFE_INTEGER))
})
export type TrafficPolicyOwner = typeof TrafficPolicyOwner.Type

/** By `Kind.group`. Other kinds are served wherever they are, or have no status. */
export const owners: Readonly<Record<string, Schema.Codec<unknown, unknown>>> = {
  "Gateway.gateway.networking.k8s.io": GatewayOwner,
  "GatewayClass.gateway.networking.k8s.io": GatewayClassOwner,
  "ListenerSet.gateway.networking.k8s.io": ListenerSetOwner,
  "HTTPRoute.gateway.networking.k8s.io": RouteOwner,
  "GRPCRoute.gateway.networking.k8s.io": RouteOwner,
  "TLSRoute.gateway.networking.k8s.io": RouteOwner,
  "TCPRoute.gateway.networking.k8s.io": RouteOwner,
  "UDPRoute.gateway.networking.k8s.io": RouteOwner,
  "BackendTLSPolicy.gateway.networking.k8s.io": BackendTLSPolicyOwner,
  "BackendTrafficPolicy.gateway.envoyproxy.io": TrafficPolicyOwner,
  "BackendTrafficPolicy.gateway.sluice.dev": TrafficPolicyOwner,
  "XBackendTrafficPolicy.gateway.networking.x-k8s.io": TrafficPolicyOwner,
  "Ingress.networking.k8s.io": IngressOwner
}
