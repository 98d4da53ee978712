// The one table of the kinds that Sluice reads. RBAC, watches and CRD lists are generated from it; a kind that is not here is not read.
import type { Schema } from "effect"
import { Backend } from "./backend.ts"
import { BackendTLSPolicy } from "./backendtlspolicy.ts"
import { BackendTrafficPolicy } from "./backendtrafficpolicy.ts"
import { ConfigMap } from "./configmap.ts"
import { EnvoyBackend } from "./dialects/envoybackend.ts"
import { EnvoyTrafficPolicy } from "./dialects/envoytrafficpolicy.ts"
import { Ingress, IngressClass } from "./dialects/ingress.ts"
import { VoyagerIngress } from "./dialects/voyageringress.ts"
import { EgressPolicy } from "./egresspolicy.ts"
import { Endpoints } from "./endpoints.ts"
import { EndpointSlice } from "./endpointslice.ts"
import { Gateway } from "./gateway.ts"
import { GatewayClass } from "./gatewayclass.ts"
import { GatewayParameters } from "./gatewayparameters.ts"
import { GRPCRoute } from "./grpcroute.ts"
import { HTTPRoute } from "./httproute.ts"
import { ListenerSet } from "./listenerset.ts"
import { type GroupKind, groupKind } from "./meta.ts"
import { Namespace } from "./namespace.ts"
import { Pod } from "./pod.ts"
import { envoyGroup, experimentalGroup, gatewayGroup, networkingGroup, ownGroup, voyagerGroup } from "./reference.ts"
import { ReferenceGrant } from "./referencegrant.ts"
import { Secret } from "./secret.ts"
import { Service } from "./service.ts"
import { TCPRoute } from "./tcproute.ts"
import { TLSRoute } from "./tlsroute.ts"
import { UDPRoute } from "./udproute.ts"
import { XBackend } from "./xbackend.ts"
import { XBackendTrafficPolicy } from "./xbackendtrafficpolicy.ts"

export type Need = "Required" | "Optional" | "Governing" | "Demanded" | "Selected"

export interface KindEntry {
  /** `Kind.group`, as in ObjectKey and Change. */
  readonly groupKind: GroupKind
  /** "" is the core group. */
  readonly group: string
  /** The version that is watched. */
  readonly version: string
  /** Versions that manifests may say; the fields we read are the same in all of them. Holds `version`. */
  readonly versions: ReadonlyArray<string>
  readonly kind: string
  readonly plural: string
  readonly scope: "Cluster" | "Namespaced"
  /**
   * Required: nothing is published before it is synced. Optional: its CRD or our right to it may be absent.
   * Governing: its CRD may be absent, our right to it may not: it restricts what others say, so one that cannot be seen is not taken for none.
   * Demanded: fetched one by one, when translate's interest names it.
   * Selected: watched in the namespaces that translate's interest names, and kept where it has the labels that are named with them.
   */
  readonly need: Need
  /** The operator writes its `status`: it needs the right to that subresource. */
  readonly status: boolean
  /** Decodes the whole object to its fields beside metadata. */
  readonly schema: Schema.Codec<unknown, unknown>
}

const entry = (
  group: string,
  versions: readonly [string, ...ReadonlyArray<string>],
  kind: string,
  plural: string,
  scope: KindEntry["scope"],
  need: KindEntry["need"],
  schema: Schema.Codec<unknown, unknown>,
  status: "status" | "no status"
): KindEntry => ({
  groupKind: groupKind(group, kind),
  group,
  version: versions[0],
  versions,
  kind,
  plural,
  scope,
  need,
  schema,
  status: status === "status"
})

export const kinds: ReadonlyArray<KindEntry> = [
  entry(gatewayGroup, ["v1", "v1beta1"], "GatewayClass", "gatewayclasses", "Cluster", "Required", GatewayClass, "status"),
  entry(gatewayGroup, ["v1", "v1beta1"], "Gateway", "gateways", "Namespaced", "Required", Gateway, "status"),
  // Since v1.5.
  entry(gatewayGroup, ["v1"], "ListenerSet", "listenersets", "Namespaced", "Optional", ListenerSet, "status"),
  entry(gatewayGroup, ["v1", "v1beta1"], "HTTPRoute", "httproutes", "Namespaced", "Required", HTTPRoute, "status"),
  // Added to the standard channel one after the other: a cluster may lack each, or serve it in an older version alone.
  entry(gatewayGroup, ["v1", "v1alpha2"], "GRPCRoute", "grpcroutes", "Namespaced", "Optional", GRPCRoute, "status"),
  entry(gatewayGroup, ["v1", "v1alpha3", "v1alpha2"], "TLSRoute", "tlsroutes", "Namespaced", "Optional", TLSRoute, "status"),
  entry(gatewayGroup, ["v1", "v1alpha2"], "TCPRoute", "tcproutes", "Namespaced", "Optional", TCPRoute, "status"),
  entry(gatewayGroup, ["v1", "v1alpha2"], "UDPRoute", "udproutes", "Namespaced", "Optional", UDPRoute, "status"),
  entry(gatewayGroup, ["v1", "v1beta1"], "ReferenceGrant", "referencegrants", "Namespaced", "Required", ReferenceGrant, "no status"),
  entry(gatewayGroup, ["v1", "v1alpha3"], "BackendTLSPolicy", "backendtlspolicies", "Namespaced", "Governing", BackendTLSPolicy, "status"),
  entry(experimentalGroup, ["v1alpha1"], "XBackend", "xbackends", "Namespaced", "Optional", XBackend, "status"),
  entry(
    experimentalGroup,
    ["v1alpha1"],
    "XBackendTrafficPolicy",
    "xbackendtrafficpolicies",
    "Namespaced",
    "Optional",
    XBackendTrafficPolicy,
    "status"
  ),
  entry(ownGroup, ["v1alpha1"], "Backend", "backends", "Namespaced", "Required", Backend, "status"),
  // Its one list of conditions names no controller, so it is left to Envoy Gateway: what we make of it is told on the routes.
  entry(envoyGroup, ["v1alpha1"], "Backend", "backends", "Namespaced", "Optional", EnvoyBackend, "no status"),
  entry(networkingGroup, ["v1"], "Ingress", "ingresses", "Namespaced", "Optional", Ingress, "status"),
  entry(networkingGroup, ["v1"], "IngressClass", "ingressclasses", "Cluster", "Optional", IngressClass, "no status"),
  entry(envoyGroup, ["v1alpha1"], "BackendTrafficPolicy", "backendtrafficpolicies", "Namespaced", "Optional", EnvoyTrafficPolicy, "status"),
  // It came after the others of ours: an operator serves without its CRD until that is installed.
  entry(ownGroup, ["v1alpha1"], "BackendTrafficPolicy", "backendtrafficpolicies", "Namespaced", "Optional", BackendTrafficPolicy, "status"),
  // What has become of it is told as Events: not every release of its CRD has a status to write.
  entry(voyagerGroup, ["v1beta1"], "Ingress", "ingresses", "Namespaced", "Optional", VoyagerIngress, "no status"),
  entry(ownGroup, ["v1alpha1"], "EgressPolicy", "egresspolicies", "Cluster", "Required", EgressPolicy, "status"),
  entry(ownGroup, ["v1alpha1"], "GatewayParameters", "gatewayparameters", "Namespaced", "Required", GatewayParameters, "no status"),
  entry("", ["v1"], "Namespace", "namespaces", "Cluster", "Required", Namespace, "no status"),
  entry("", ["v1"], "Service", "services", "Namespaced", "Required", Service, "no status"),
  entry("discovery.k8s.io", ["v1"], "EndpointSlice", "endpointslices", "Namespaced", "Required", EndpointSlice, "no status"),
  entry("", ["v1"], "Endpoints", "endpoints", "Namespaced", "Optional", Endpoints, "no status"),
  // Most of what a cluster holds, and read by most of nobody: for XBackends that select pods, while there are any.
  entry("", ["v1"], "Pod", "pods", "Namespaced", "Selected", Pod, "no status"),
  entry("", ["v1"], "Secret", "secrets", "Namespaced", "Demanded", Secret, "no status"),
  entry("", ["v1"], "ConfigMap", "configmaps", "Namespaced", "Demanded", ConfigMap, "no status")
]

const byGroupKind = new Map(kinds.map((kind) => [kind.groupKind, kind]))

/** The row of `HTTPRoute.gateway.networking.k8s.io`, or undefined for a kind that Sluice does not read. */
export const kindOf = (kind: GroupKind): KindEntry | undefined => byGroupKind.get(kind)
