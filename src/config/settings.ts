// What a process is told, after flags, variables, the file and defaults have been read: values, no words.
import type { HostPort } from "./hostport.ts"

/** Where access log lines go. */
export type AccessLog = "on" | "off" | { readonly file: string }

export interface Settings {
  /** `ip:port` or `tcp@ip:port`; empty: what resolv.conf says. */
  readonly nameservers: ReadonlyArray<string>
  /** PEM files whose certificates are trusted beside the system's roots. */
  readonly trustBundles: ReadonlyArray<string>
  readonly allowLoopback: boolean
  /** null: switched off. */
  readonly admin: HostPort | null
  readonly health: HostPort | null
  readonly listenAddress: string
  readonly stateFolder: string
  /** null: not known. */
  readonly zone: string | null
  readonly unixDirectories: ReadonlyArray<string>
  readonly clusterDomain: string
  readonly clusterCidrs: ReadonlyArray<string>
  /** Ranges whose word about their clients (X-Forwarded-*) is taken. */
  readonly trustedProxies: ReadonlyArray<string>
  /** Milliseconds between "not ready" and the end of accepting. */
  readonly drainDelay: number
  /** Milliseconds until what is left is cut. */
  readonly drainDeadline: number
  readonly accessLog: AccessLog
  readonly logLevel: "debug" | "info" | "warning" | "error"
  /** Processes that serve; 1: this one alone. */
  readonly workers: number
  readonly color: "auto" | "always" | "never"
  /** Of `sluice proxy`: where the operators answer, and whose data plane it is. */
  readonly operators: ReadonlyArray<HostPort>
  readonly gateway: { readonly namespace: string; readonly name: string } | null
  readonly tokenFile: string
  readonly authorityFile: string
  /** Of `sluice operator`. Empty: the whole cluster. */
  readonly watchNamespaces: ReadonlyArray<string>
  /** Image of the proxies. */
  readonly proxyImage: string
  /** Where the operator's own objects are; "": that of the pod, or of the kubeconfig. */
  readonly namespace: string
  /** "": the name of the host. */
  readonly podName: string
  /** The headless Service of the operator's pods, in its namespace. */
  readonly linkService: string
  readonly linkPort: number
}
