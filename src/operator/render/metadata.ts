// Labels, annotations and owners of what is made for a Gateway. Ours stand over those that were asked for: selectors and watches depend on them.
import { gatewayNameLabel } from "../../link/mount.ts"
import { labelValue, resourceName } from "./name.ts"
import type { Rendered, Wanted } from "./site.ts"

/** What the operator made is found by this label, whatever it is called. */
export const managedLabel = { name: "app.kubernetes.io/managed-by", value: "sluice" } as const

export const classLabel = "gateway.networking.k8s.io/gateway-class-name"

const programLabel = { "app.kubernetes.io/name": "sluice-proxy" } as const

/** What selects a Gateway's pods in its namespace. It can never change: a Deployment's selector cannot. */
export const selectorOf = (wanted: Pick<Wanted, "name">): Readonly<Record<string, string>> => ({
  ...programLabel,
  [gatewayNameLabel]: labelValue(wanted.name)
})

const sorted = (entries: Iterable<readonly [string, string]>): Readonly<Record<string, string>> =>
  Object.fromEntries([...entries].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))

/** more: of parameters; they stand over those of spec.infrastructure. */
export const labelsOf = (wanted: Wanted, more: ReadonlyMap<string, string> = new Map()): Readonly<Record<string, string>> =>
  sorted(
    new Map([
      ...wanted.infrastructure.labels,
      ...more,
      ...Object.entries(selectorOf(wanted)),
      [classLabel, labelValue(wanted.infrastructure.gatewayClass)],
      [managedLabel.name, managedLabel.value]
    ])
  )

/** Of pods: also those by which Envoy Gateway's own pages find a Gateway's proxies. Nothing of ours goes by them, so others stand over them. */
export const podLabelsOf = (wanted: Wanted, more?: ReadonlyMap<string, string>): Readonly<Record<string, string>> =>
  sorted([
    ["gateway.envoyproxy.io/owning-gateway-namespace", wanted.namespace],
    ["gateway.envoyproxy.io/owning-gateway-name", labelValue(wanted.name)],
    ...Object.entries(labelsOf(wanted, more))
  ])

export const annotationsOf = (wanted: Wanted, more: ReadonlyMap<string, string> = new Map()): Readonly<Record<string, string>> =>
  sorted(new Map([...wanted.infrastructure.annotations, ...more]))

/** The garbage collector takes with the Gateway what it owns. */
export const ownerOf = ({ name, uid }: Pick<Wanted, "name" | "uid">): Readonly<Record<string, unknown>> => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "Gateway",
  name,
  uid,
  controller: true,
  blockOwnerDeletion: false
})

export const metadataOf = (
  wanted: Wanted,
  labels?: ReadonlyMap<string, string>,
  annotations?: ReadonlyMap<string, string>
): Rendered["metadata"] => {
  const written = annotationsOf(wanted, annotations)
  return {
    name: resourceName(wanted.name, wanted.infrastructure.gatewayClass),
    namespace: wanted.namespace,
    labels: labelsOf(wanted, labels),
    ...(Object.keys(written).length === 0 ? {} : { annotations: written }),
    ownerReferences: [ownerOf(wanted)]
  }
}
