// The pod template. Everything in it is what a running proxy cannot take up, so everything in it moves the pods, and nothing else may come in: no listener,
// no route, no certificate.
import { createHash } from "node:crypto"
import {
  audience,
  authorityFile,
  drainTimes,
  gracePeriodSeconds,
  healthPort,
  identityFolder,
  proxyArguments,
  stateFolder,
  tokenFile,
  tokenSeconds,
  trust
} from "../../link/mount.ts"
import type { Fields } from "../status/json.ts"
import { annotationsOf, podLabelsOf, selectorOf } from "./metadata.ts"
import { resourceName } from "./name.ts"
import { strategicMerge } from "./patch.ts"
import type { Site, Wanted } from "./site.ts"

/** On the pod template: the hash of all that is in it. Pods with an equal one need not be moved. */
const podHashAnnotation = "gateway.sluice.dev/pod-hash"

const containerName = "proxy"

/** Each process has what one that serves alone has: the workers, and where there are several of them the one that leads them, which takes no requests. */
const defaultResources = (workers: number): Fields => {
  const processes = workers === 1 ? 1 : workers + 1
  return { requests: { cpu: `${100 * workers}m`, memory: `${192 * processes}Mi` }, limits: { memory: `${512 * processes}Mi` } }
}

/** As a setting is written: `5s`, `1s500ms`. */
const duration = (millis: number): string =>
  millis % 1_000 === 0 ? `${millis / 1_000}s` : `${Math.floor(millis / 1_000)}s${millis % 1_000}ms`

const levels = { Debug: "debug", Info: "info", Warn: "warning", Error: "error" } as const

const baseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1)

const container = (site: Site, wanted: Wanted, drain: { readonly delay: number; readonly deadline: number }): Fields => {
  const { pod = undefined, logging, workers = 1 } = wanted.infrastructure.parameters
  const level = logging?.level
  return {
    name: containerName,
    image: pod?.image ?? site.image,
    args: proxyArguments({
      operator: site.operator,
      gateway: { namespace: wanted.namespace, name: wanted.name },
      ...(level === undefined ? {} : { logLevel: levels[level] })
    }),
    env: [
      { name: "SLUICE_DRAIN_DELAY", value: duration(drain.delay) },
      { name: "SLUICE_DRAIN_DEADLINE", value: duration(drain.deadline) },
      // Nodes' own, which Kubernetes 1.35 and newer put on their pods; without it the value is empty.
      { name: "SLUICE_ZONE", valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.labels['topology.kubernetes.io/zone']" } } },
      ...(logging?.accessLog === "Disabled" ? [{ name: "SLUICE_ACCESS_LOG", value: "off" }] : []),
      ...(workers === 1 ? [] : [{ name: "SLUICE_WORKERS", value: String(workers) }])
    ],
    resources: pod?.resources ?? defaultResources(workers),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      capabilities: { drop: ["ALL"] },
      seccompProfile: { type: "RuntimeDefault" }
    },
    // Time to try each name once (law 16) is the readiness probe's; the process answers long before.
    startupProbe: { httpGet: { path: "/healthz", port: healthPort }, periodSeconds: 1, failureThreshold: 60, timeoutSeconds: 2 },
    readinessProbe: { httpGet: { path: "/readyz", port: healthPort }, periodSeconds: 2, failureThreshold: 1, timeoutSeconds: 2 },
    // Only for a process that is truly stuck: an overloaded one must not lose its connections.
    livenessProbe: { httpGet: { path: "/healthz", port: healthPort }, periodSeconds: 10, failureThreshold: 6, timeoutSeconds: 5 },
    volumeMounts: [
      { name: "identity", mountPath: identityFolder, readOnly: true },
      { name: "state", mountPath: stateFolder },
      ...(Array.isArray(pod?.volumeMounts) ? (pod.volumeMounts as ReadonlyArray<unknown>) : [])
    ]
  }
}

const volumes = (more: unknown): ReadonlyArray<unknown> => [
  {
    name: "identity",
    projected: {
      sources: [
        { serviceAccountToken: { audience, expirationSeconds: tokenSeconds, path: baseName(tokenFile) } },
        { configMap: { name: trust.configMap, items: [{ key: trust.key, path: baseName(authorityFile) }] } }
      ]
    }
  },
  { name: "state", emptyDir: { medium: "Memory", sizeLimit: "128Mi" } },
  ...(Array.isArray(more) ? (more as ReadonlyArray<unknown>) : [])
]

/** Fields of a PodSpec that are handed on as they were written. */
const handedOn = ["imagePullSecrets", "nodeSelector", "tolerations", "affinity", "topologySpreadConstraints"] as const

/** JSON with its keys in order: the same content is the same text. */
const canonical = (value: unknown): unknown =>
  Array.isArray(value)
    ? value.map(canonical)
    : typeof value === "object" && value !== null
      ? Object.fromEntries(
          Object.entries(value)
            .sort(([a], [b]) => (a < b ? -1 : 1))
            .map(([key, one]) => [key, canonical(one)] as const)
        )
      : value

export const hashOf = (value: unknown): string =>
  createHash("sha256")
    .update(JSON.stringify(canonical(value)))
    .digest("hex")
    .slice(0, 16)

/** Throws PatchProblem when `spec.pod.patch` cannot be applied. */
export const podTemplate = (site: Site, wanted: Wanted): Fields => {
  const { parameters } = wanted.infrastructure
  const { pod } = parameters
  const drain = { delay: parameters.drain?.delay ?? drainTimes.delay, deadline: parameters.drain?.deadline ?? drainTimes.deadline }
  const spread = {
    maxSkew: 1,
    topologyKey: "kubernetes.io/hostname",
    whenUnsatisfiable: "ScheduleAnyway",
    labelSelector: { matchLabels: selectorOf(wanted) }
  }
  const base: Fields = {
    metadata: { labels: podLabelsOf(wanted, pod?.labels), annotations: annotationsOf(wanted, pod?.annotations) },
    spec: {
      serviceAccountName: resourceName(wanted.name, wanted.infrastructure.gatewayClass),
      // It has no rights at all, and no token to show at the API server.
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      // Law 20: the process reports itself as not ready, waits, and finishes; the kubelet gives it the time. No preStop hook: the image has no shell.
      terminationGracePeriodSeconds: gracePeriodSeconds(drain),
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
      topologySpreadConstraints: [spread],
      ...Object.fromEntries(handedOn.flatMap((name) => (pod?.[name] === undefined ? [] : [[name, pod[name]] as const]))),
      containers: [container(site, wanted, drain)],
      volumes: volumes(pod?.volumes)
    }
  }
  const patched = pod?.patch === undefined ? base : strategicMerge(base, pod.patch)
  const metadata = (patched["metadata"] ?? {}) as { readonly labels?: Fields; readonly annotations?: Fields }
  // Selectors and the link find pods by these, whatever a patch says.
  const labels = { ...metadata.labels, ...selectorOf(wanted) }
  const whole = { ...patched, metadata: { ...metadata, labels } }
  return { ...whole, metadata: { ...whole.metadata, annotations: { ...metadata.annotations, [podHashAnnotation]: hashOf(whole) } } }
}
