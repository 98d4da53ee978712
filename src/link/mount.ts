// What a proxy pod is given: the names, paths, ports and times that the provisioner renders and `sluice proxy` takes as its defaults. One file, so that
// the two cannot part.

/** Of the operator's pods, behind a headless Service: every proxy connects to every one of them. */
export const linkPort = 18_000

/** In a pod: /healthz, /readyz, /metrics on every address; the admin pages on loopback. */
export const healthPort = 19_001
export const adminPort = 19_000

/** Of the projected ServiceAccount token: it is of no use at the API server. */
export const audience = "sluice"

/** Seconds that a projected token lives; the kubelet replaces it at four fifths, and the proxy reads it again. */
export const tokenSeconds = 3_600

/**
 * One projected volume with two sources: `serviceAccountToken` (path `token`, the audience above) and `configMap` (`trust.configMap`, its key `ca.crt` at the
 * path `ca.crt`). Not by subPath: such a mount is never updated, and both files change.
 */
export const identityFolder = "/var/run/sluice"
export const tokenFile = `${identityFolder}/token`
export const authorityFile = `${identityFolder}/ca.crt`

/** The ConfigMap in the Gateway's namespace that holds the operator's authority, and its key. During a rotation it holds the old and the new one. */
export const trust = { configMap: "sluice-ca", key: "ca.crt" } as const

/** A memory-backed `emptyDir`: the last good snapshot and its material outlive the container, not the pod. */
export const stateFolder = "/var/lib/sluice"

/** The label of a Gateway's pods that names it (GEP-1762); the pod's namespace is the Gateway's. */
export const gatewayNameLabel = "gateway.networking.k8s.io/gateway-name"

/**
 * Milliseconds, law 20: `delay` until the world has noticed that the pod is not ready, then `deadline` for what is under way. The pod needs no preStop
 * hook (the image has no shell): the process does both after SIGTERM.
 */
export const drainTimes = { delay: 5_000, deadline: 25_000 } as const

/** `terminationGracePeriodSeconds`: the kubelet kills only what has had its time, and a margin to close and say so. */
export const gracePeriodSeconds = (times: { readonly delay: number; readonly deadline: number } = drainTimes): number =>
  Math.ceil((times.delay + times.deadline) / 1_000) + 5

/** Arguments of the container; `command` is the image's own entry point. operator: `HOST:PORT` of the headless Service. Paths of the identity are the defaults; times are given by SLUICE_DRAIN_DELAY and SLUICE_DRAIN_DEADLINE. */
export const proxyArguments = (pod: {
  readonly operator: string
  readonly gateway: { readonly namespace: string; readonly name: string }
  readonly logLevel?: string
}): ReadonlyArray<string> => [
  "proxy",
  `--operator=${pod.operator}`,
  `--gateway=${pod.gateway.namespace}/${pod.gateway.name}`,
  `--state-folder=${stateFolder}`,
  ...(pod.logLevel === undefined ? [] : [`--log-level=${pod.logLevel}`])
]
