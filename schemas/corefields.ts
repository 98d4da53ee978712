// Every field that Kubernetes' own kinds have (release 1.36), read by us or not: what is in none of these is misspelt. Our schemas of them read a part.
import { Schema } from "effect"
import type { GroupKind } from "./meta.ts"

const shape = <const F extends Readonly<Record<string, Schema.Constraint>>>(fields: F) => Schema.Struct(fields)

/** Fields of any value: names are all that is looked at. */
const named = (...names: ReadonlyArray<string>): Readonly<Record<string, Schema.Unknown>> =>
  Object.fromEntries(names.map((name) => [name, Schema.Unknown]))

const target = shape(named("apiVersion", "fieldPath", "kind", "name", "namespace", "resourceVersion", "uid"))

const endpointPorts = Schema.Array(shape(named("appProtocol", "name", "port", "protocol")))

const endpointAddresses = Schema.Array(shape({ ...named("hostname", "ip", "nodeName"), targetRef: target }))

const ingressBackend = shape({
  resource: shape(named("apiGroup", "kind", "name")),
  service: shape({ ...named("name"), port: shape(named("name", "number")) })
})

const zoned = Schema.Array(shape(named("name")))

/** By kind; `metadata` and `status` are looked at for no kind. */
export const coreFields: ReadonlyMap<GroupKind, Schema.Constraint> = new Map<GroupKind, Schema.Constraint>([
  ["Namespace", shape({ spec: shape(named("finalizers")) })],
  [
    "Service",
    shape({
      spec: shape({
        ...named(
          "allocateLoadBalancerNodePorts",
          "clusterIP",
          "clusterIPs",
          "externalIPs",
          "externalName",
          "externalTrafficPolicy",
          "healthCheckNodePort",
          "internalTrafficPolicy",
          "ipFamilies",
          "ipFamilyPolicy",
          "loadBalancerClass",
          "loadBalancerIP",
          "loadBalancerSourceRanges",
          "publishNotReadyAddresses",
          "selector",
          "sessionAffinity",
          "trafficDistribution",
          "type"
        ),
        ports: Schema.Array(shape(named("appProtocol", "name", "nodePort", "port", "protocol", "targetPort"))),
        sessionAffinityConfig: shape({ clientIP: shape(named("timeoutSeconds")) })
      })
    })
  ],
  // What is read of a pod nobody writes: its spec is the kubelet's to judge.
  ["Pod", shape(named("spec"))],
  [
    "EndpointSlice.discovery.k8s.io",
    shape({
      ...named("addressType"),
      endpoints: Schema.Array(
        shape({
          ...named("addresses", "deprecatedTopology", "hostname", "nodeName", "zone"),
          conditions: shape(named("ready", "serving", "terminating")),
          hints: shape({ forNodes: zoned, forZones: zoned }),
          targetRef: target
        })
      ),
      ports: endpointPorts
    })
  ],
  [
    "Endpoints",
    shape({
      subsets: Schema.Array(shape({ addresses: endpointAddresses, notReadyAddresses: endpointAddresses, ports: endpointPorts }))
    })
  ],
  [
    "Ingress.networking.k8s.io",
    shape({
      spec: shape({
        ...named("ingressClassName"),
        defaultBackend: ingressBackend,
        rules: Schema.Array(
          shape({
            ...named("host"),
            http: shape({ paths: Schema.Array(shape({ ...named("path", "pathType"), backend: ingressBackend })) })
          })
        ),
        tls: Schema.Array(shape(named("hosts", "secretName")))
      })
    })
  ],
  [
    "IngressClass.networking.k8s.io",
    shape({ spec: shape({ ...named("controller"), parameters: shape(named("apiGroup", "kind", "name", "namespace", "scope")) }) })
  ],
  ["Secret", shape(named("data", "immutable", "stringData", "type"))],
  ["ConfigMap", shape(named("binaryData", "data", "immutable"))]
])
