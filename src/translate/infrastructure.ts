// What a Gateway's pods and Service must look like, as far as intent says: the operator's provisioner reads it. Plain data.
import type { Gateway } from "#schemas/gateway.ts"
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import { ownGroup } from "#schemas/reference.ts"
import type { Listener } from "../snapshot/listener.ts"

export interface Infrastructure {
  readonly gatewayClass: string
  readonly labels: ReadonlyMap<string, string>
  readonly annotations: ReadonlyMap<string, string>
  /** The Gateway's own GatewayParameters, which exist and decode; null: none. */
  readonly parameters: ObjectKey | null
  /** Ports of the Service: what clients see, and what the pod opens. Sorted. */
  readonly ports: ReadonlyArray<{ readonly port: number; readonly bound: number; readonly transport: "tcp" | "udp" }>
}

export const infrastructureOf = (gateway: Gateway, namespace: string, listeners: Iterable<Listener>): Infrastructure => {
  const { infrastructure, gatewayClassName } = gateway.spec
  const ports = new Map<number, Infrastructure["ports"][number]>()
  for (const { port, bind } of listeners) ports.set(port, { port, bound: bind.port, transport: bind.transport })
  const ref = infrastructure?.parametersRef
  return {
    gatewayClass: gatewayClassName,
    labels: infrastructure?.labels ?? new Map(),
    annotations: infrastructure?.annotations ?? new Map(),
    parameters: ref === undefined ? null : objectKey(`${ref.kind}.${ownGroup}`, namespace, ref.name),
    ports: [...ports.values()].sort((a, b) => a.port - b.port)
  }
}
