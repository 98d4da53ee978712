// Whose an object is, read on its own: one that does not decode as a whole still gets its condition from the controller that it names, and from no other.
import { Schema } from "effect"
import { ControllerName, ObjectName } from "./name.ts"
import { ParentReference, PolicyTargetReference } from "./reference.ts"

const spec = <F extends Schema.Struct.Fields>(fields: F) => Schema.Struct({ spec: Schema.Struct(fields) })

export const GatewayOwner = spec({ gatewayClassName: ObjectName })
export type GatewayOwner = typeof GatewayOwner.Type

export const GatewayClassOwner = spec({ controllerName: ControllerName })
export type GatewayClassOwner = typeof GatewayClassOwner.Type

export const HTTPRouteOwner = spec({ parentRefs: Schema.Array(ParentReference) })
export type HTTPRouteOwner = typeof HTTPRouteOwner.Type

export const BackendTLSPolicyOwner = spec({ targetRefs: Schema.Array(PolicyTargetReference) })
export type BackendTLSPolicyOwner = typeof BackendTLSPolicyOwner.Type

/** By `Kind.group`. Other kinds are Sluice's own, or have no status. */
export const owners: Readonly<Record<string, Schema.Codec<unknown, unknown>>> = {
  "Gateway.gateway.networking.k8s.io": GatewayOwner,
  "GatewayClass.gateway.networking.k8s.io": GatewayClassOwner,
  "HTTPRoute.gateway.networking.k8s.io": HTTPRouteOwner,
  "BackendTLSPolicy.gateway.networking.k8s.io": BackendTLSPolicyOwner
}
