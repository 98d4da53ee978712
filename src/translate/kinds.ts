// Kinds as keys of the state.
import { type GroupKind, groupKind } from "#schemas/meta.ts"
import { envoyGroup, experimentalGroup, gatewayGroup, networkingGroup, ownGroup, voyagerGroup } from "#schemas/reference.ts"

export const gatewayClassKind = groupKind(gatewayGroup, "GatewayClass")
export const gatewayKind = groupKind(gatewayGroup, "Gateway")
export const listenerSetKind = groupKind(gatewayGroup, "ListenerSet")
export const httpRouteKind = groupKind(gatewayGroup, "HTTPRoute")
export const grpcRouteKind = groupKind(gatewayGroup, "GRPCRoute")
export const tlsRouteKind = groupKind(gatewayGroup, "TLSRoute")
export const tcpRouteKind = groupKind(gatewayGroup, "TCPRoute")
export const udpRouteKind = groupKind(gatewayGroup, "UDPRoute")
/** Kinds of routes that are served. */
export const routeKinds: ReadonlySet<GroupKind> = new Set([httpRouteKind, grpcRouteKind, tlsRouteKind, tcpRouteKind, udpRouteKind])
export const parametersKind = groupKind(ownGroup, "GatewayParameters")
export const ingressKind = groupKind(networkingGroup, "Ingress")
export const ingressClassKind = groupKind(networkingGroup, "IngressClass")
export const voyagerIngressKind = groupKind(voyagerGroup, "Ingress")
export const serviceKind = "Service"
export const endpointsKind = "Endpoints"
export const namespaceKind = "Namespace"
export const sliceKind = groupKind("discovery.k8s.io", "EndpointSlice")
export const backendKind = groupKind(ownGroup, "Backend")
export const envoyBackendKind = groupKind(envoyGroup, "Backend")
export const xbackendKind = groupKind(experimentalGroup, "XBackend")
export const egressPolicyKind = groupKind(ownGroup, "EgressPolicy")
export const trafficPolicyKind = groupKind(ownGroup, "BackendTrafficPolicy")
export const xTrafficPolicyKind = groupKind(experimentalGroup, "XBackendTrafficPolicy")
export const envoyTrafficPolicyKind = groupKind(envoyGroup, "BackendTrafficPolicy")
export const backendTlsPolicyKind = groupKind(gatewayGroup, "BackendTLSPolicy")
