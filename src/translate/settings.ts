// What the process was told and the API cannot tell: the same for every object, fixed at start.

export interface TranslateSettings {
  /** GatewayClasses with this controllerName are ours. */
  readonly controllerName: string
  /** Standalone: all Gateways share this machine's ports (the second on a port gets PortUnavailable) and bind as written; Cluster: a Gateway has pods of its own. */
  readonly role: "Standalone" | "Cluster"
  /** Address that listeners bind. */
  readonly listenAddress: string
  /** Refused as an external name in every form. */
  readonly clusterDomain: string
  /** Pods, Services, nodes: beside what the API tells. */
  readonly clusterCidrs: ReadonlyArray<string>
  /** `sluice run --allow-loopback`: said in every status. */
  readonly allowLoopback: boolean
  /** Directories under which `unix` endpoints may lie. */
  readonly unixDirectories: ReadonlyArray<string>
}

export const controllerName = "sluice.dev/gateway-controller"
