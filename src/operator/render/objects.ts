// All that a Gateway gets in its namespace, as objects to apply. Pure: the same input gives the same text.
import { healthPort, trust } from "../../link/mount.ts"
import { type Fields, isFields } from "../status/json.ts"
import { managedLabel, metadataOf, ownerOf, selectorOf } from "./metadata.ts"
import { resourceName } from "./name.ts"
import { PatchProblem } from "./patch.ts"
import { podTemplate } from "./pod.ts"
import type { Rendered, Site, Wanted } from "./site.ts"

const defaultReplicas = 2

/**
 * Nobody reaches these through us: what clouds tell their machines and pods, credentials among it (AWS: instances, ECS tasks, EKS pods; Alibaba). Not the
 * whole of 169.254.0.0/16: DNS caches of nodes answer there; nor 168.63.129.16, which is Azure's DNS too: names are judged at every dial besides (law 5).
 */
const metadataAddresses = {
  v4: ["169.254.169.254/32", "169.254.170.2/32", "169.254.170.23/32", "100.100.100.200/32"],
  v6: ["fd00:ec2::254/128", "fd00:ec2::23/128"]
}

const deployment = (site: Site, wanted: Wanted): Rendered => {
  const { autoscaling, replicas = defaultReplicas } = wanted.infrastructure.parameters
  const least = autoscaling?.minReplicas ?? defaultReplicas
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadataOf(wanted),
    spec: {
      // What the autoscaler has set is written as it is: left out, server-side apply would take it back to 1.
      replicas: autoscaling === undefined ? replicas : Math.min(Math.max(wanted.replicas ?? least, least), autoscaling.maxReplicas),
      revisionHistoryLimit: 3,
      selector: { matchLabels: selectorOf(wanted) },
      // A pod goes only when another is ready.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: podTemplate(site, wanted)
    }
  }
}

const service = (wanted: Wanted): Rendered => {
  const { parameters, ports, addresses } = wanted.infrastructure
  const {
    type = "LoadBalancer",
    loadBalancerClass,
    loadBalancerSourceRanges = [],
    externalTrafficPolicy,
    labels,
    annotations
  } = parameters.service ?? {}
  const [address] = addresses
  const balanced = type === "LoadBalancer"
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: metadataOf(wanted, labels, annotations),
    spec: {
      type,
      selector: selectorOf(wanted),
      ports: ports.map(({ port, bound, transport }) => ({
        name: `${transport}-${port}`,
        port,
        targetPort: bound,
        protocol: transport === "udp" ? "UDP" : "TCP"
      })),
      ...(balanced && loadBalancerClass !== undefined ? { loadBalancerClass } : {}),
      ...(balanced && loadBalancerSourceRanges.length > 0 ? { loadBalancerSourceRanges } : {}),
      ...(balanced && address !== undefined ? { loadBalancerIP: address } : {}),
      ...(type !== "ClusterIP" && externalTrafficPolicy !== undefined ? { externalTrafficPolicy } : {})
    }
  }
}

const account = (wanted: Wanted): Rendered => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: metadataOf(wanted),
  automountServiceAccountToken: false
})

/** With one pod it could only block the drain of a node, or nothing. null: none. */
const disruptionBudget = (wanted: Wanted): Rendered | null => {
  const { podDisruptionBudget, autoscaling, replicas = defaultReplicas } = wanted.infrastructure.parameters
  if (podDisruptionBudget === undefined && (autoscaling === undefined ? replicas : autoscaling.maxReplicas) < 2) return null
  if (podDisruptionBudget !== undefined && !isFields(podDisruptionBudget))
    throw new PatchProblem("spec.podDisruptionBudget: expected a map such as {maxUnavailable: 1}")
  return {
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: metadataOf(wanted),
    spec: { ...(podDisruptionBudget ?? { maxUnavailable: 1 }), selector: { matchLabels: selectorOf(wanted) } }
  }
}

const autoscaler = (wanted: Wanted): Rendered | null => {
  const { autoscaling } = wanted.infrastructure.parameters
  if (autoscaling === undefined) return null
  const { minReplicas = defaultReplicas, maxReplicas, metrics } = autoscaling
  const byCpu = [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } } }]
  return {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: metadataOf(wanted),
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: resourceName(wanted.name, wanted.infrastructure.gatewayClass) },
      minReplicas: Math.min(minReplicas, maxReplicas),
      maxReplicas,
      metrics: metrics ?? byCpu
    }
  }
}

/** In: what the listeners open, probes and metrics. Out: everywhere but where a cloud keeps its credentials; names are judged at every dial besides (law 5). */
const networkPolicy = (wanted: Wanted): Rendered => {
  const { ports } = wanted.infrastructure
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: metadataOf(wanted),
    spec: {
      podSelector: { matchLabels: selectorOf(wanted) },
      policyTypes: ["Ingress", "Egress"],
      ingress: [
        {
          ports: [
            ...ports.map(({ bound, transport }) => ({ protocol: transport === "udp" ? "UDP" : "TCP", port: bound })),
            { protocol: "TCP", port: healthPort }
          ]
        }
      ],
      egress: [
        {
          to: [
            { ipBlock: { cidr: "0.0.0.0/0", except: metadataAddresses.v4 } },
            { ipBlock: { cidr: "::/0", except: metadataAddresses.v6 } },
            // Some networks know pods by what they are and not by their addresses.
            { namespaceSelector: {} }
          ]
        }
      ]
    }
  }
}

/** In the order to apply them. Throws PatchProblem where parameters cannot be made into objects. */
export const renderGateway = (site: Site, wanted: Wanted): ReadonlyArray<Rendered> =>
  [account(wanted), networkPolicy(wanted), service(wanted), disruptionBudget(wanted), deployment(site, wanted), autoscaler(wanted)].filter(
    (one) => one !== null
  )

/** The operator's authority for the proxies of a namespace: one ConfigMap, owned by all its Gateways. */
export const renderTrust = (namespace: string, gateways: ReadonlyArray<Pick<Wanted, "name" | "uid">>, authority: string): Rendered => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: {
    name: trust.configMap,
    namespace,
    labels: { [managedLabel.name]: managedLabel.value },
    ownerReferences: [...gateways]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((gateway): Fields => ({ ...ownerOf(gateway), controller: false }))
  },
  data: { [trust.key]: authority }
})
