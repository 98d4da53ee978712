// What a Gateway's pods and Service must look like, as far as intent says: the operator's provisioner reads it. Plain data.
import type { Gateway, GatewaySpecAddress } from "#schemas/gateway.ts"
import type { ObjectKey } from "#schemas/meta.ts"
import type { Listener } from "../snapshot/listener.ts"
import { canonicalAddress } from "./address.ts"
import { type ParametersSpec, parametersOf } from "./parameters.ts"
import type { TranslateSettings } from "./settings.ts"
import type { View } from "./view.ts"

/** What of GatewayParameters shapes pods, Services and what goes with them. */
export type PodParameters = Pick<
  ParametersSpec,
  "replicas" | "workers" | "autoscaling" | "pod" | "service" | "podDisruptionBudget" | "drain" | "logging"
>

export interface Infrastructure {
  readonly gatewayClass: string
  /** The Gateway is refused as a whole: what stands for it stays as it is. */
  readonly refused: boolean
  readonly labels: ReadonlyMap<string, string>
  readonly annotations: ReadonlyMap<string, string>
  /** The GatewayParameters that were read, the Gateway's own first: for messages. */
  readonly named: ReadonlyArray<ObjectKey>
  /** Those of the class and the Gateway's own, which win field by field. */
  readonly parameters: PodParameters
  /** Addresses that were asked for; without a value: any. */
  readonly addresses: ReadonlyArray<string>
  /** Ports of the Service: what clients see, and what the pod opens. Sorted. */
  readonly ports: ReadonlyArray<{ readonly port: number; readonly bound: number; readonly transport: "tcp" | "udp" }>
}

/** Only IP addresses can be asked for, and nobody but the one who assigns them knows where they can be reached from. */
export const addressesUnsupported = (settings: TranslateSettings, addresses: ReadonlyArray<GatewaySpecAddress>): boolean =>
  addresses.length > 0 &&
  (settings.role === "Standalone" ||
    addresses.some(({ type, routability }) => type !== "IPAddress" || (routability !== undefined && routability !== "")))

const isEmpty = (value: unknown): boolean =>
  value === undefined || (value instanceof Map && value.size === 0) || (Array.isArray(value) && value.length === 0)

/** Fields of the second where it says something, else of the first. Labels and annotations (Maps) are put together. */
const over = <A extends object>(shared: A | undefined, own: A | undefined): A | undefined => {
  if (shared === undefined || own === undefined) return own ?? shared
  const merged: Record<string, unknown> = Object.fromEntries(Object.entries(shared))
  for (const [key, value] of Object.entries(own)) {
    const before = merged[key]
    if (isEmpty(value)) continue
    merged[key] = value instanceof Map && before instanceof Map ? new Map([...before, ...value]) : value
  }
  return merged as A
}

const blocks = ["autoscaling", "pod", "service", "drain", "logging"] as const

const merged = (shared: ParametersSpec | undefined, own: ParametersSpec | undefined): PodParameters => {
  const replicas = own?.replicas ?? shared?.replicas
  const workers = own?.workers ?? shared?.workers
  const budget = own?.podDisruptionBudget ?? shared?.podDisruptionBudget
  const parts = blocks.flatMap((name) => {
    const block = over<object>(shared?.[name], own?.[name])
    return block === undefined ? [] : [[name, block] as const]
  })
  return {
    ...(replicas === undefined ? {} : { replicas }),
    ...(workers === undefined ? {} : { workers }),
    ...(budget === undefined ? {} : { podDisruptionBudget: budget }),
    ...(Object.fromEntries(parts) as Omit<PodParameters, "replicas" | "workers" | "podDisruptionBudget">)
  }
}

export const infrastructureOf = (
  view: View,
  key: ObjectKey,
  gateway: Gateway,
  listeners: Iterable<Listener>,
  refused: boolean
): Infrastructure => {
  const { infrastructure, gatewayClassName, addresses } = gateway.spec
  const ports = new Map<string, Infrastructure["ports"][number]>()
  for (const { port, bind } of listeners) ports.set(`${bind.transport} ${port}`, { port, bound: bind.port, transport: bind.transport })
  const { shared, own } = parametersOf(view, key, gateway)
  return {
    gatewayClass: gatewayClassName,
    refused,
    labels: infrastructure?.labels ?? new Map(),
    annotations: infrastructure?.annotations ?? new Map(),
    named: [own, shared].flatMap((one) => (one === null ? [] : [one.key])),
    parameters: merged(shared?.spec, own?.spec),
    addresses: addresses.flatMap(({ value }) => (value === undefined || value === "" ? [] : [canonicalAddress(value) ?? value])),
    ports: [...ports.values()].sort((a, b) => a.port - b.port || (a.transport < b.transport ? -1 : 1))
  }
}
