// What manifests need not say: a class of ours, the Namespaces they name, and a Gateway for Ingresses that name none.
import { hash } from "node:crypto"
import { Result } from "effect"
import { decodeObject } from "#schemas/decode.ts"
import { defaultGateway, gatewayAnnotation, type Ingress, type IngressClass, standaloneClassOf } from "#schemas/dialects/ingress.ts"
import { type GroupKind, groupKind, type ObjectKey } from "#schemas/meta.ts"
import { gatewayGroup, networkingGroup, voyagerGroup } from "#schemas/reference.ts"
import type { Decoded } from "../state/change.ts"

const controllerName = "sluice.dev/gateway-controller"

/** An id in the form of a UUID that is the key's own: equal wherever the manifest is read. One flat string: put together of parts it would keep all of them. */
export const uidOf = (key: ObjectKey): string =>
  hash("sha256", key, "hex").replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-8$3-a$4-$5")

/** Set on every Namespace by the API server; selectors by name rest on it. */
export const nameLabel = "kubernetes.io/metadata.name"

const made = (raw: unknown): Decoded => {
  const decoded = decodeObject(raw)
  if (decoded._tag !== "Decoded") throw new Error("an implied object does not decode")
  const { key } = decoded.meta
  return { meta: { ...decoded.meta, uid: uidOf(key), resourceVersion: "1" }, value: decoded.value }
}

const impliedClass = made({
  apiVersion: `${gatewayGroup}/v1`,
  kind: "GatewayClass",
  metadata: { name: "sluice" },
  spec: { controllerName }
})

const impliedNamespaces = new Map<string, Decoded>()
const impliedNamespace = (name: string): Decoded => {
  const known = impliedNamespaces.get(name)
  if (known !== undefined) return known
  if (impliedNamespaces.size > 100_000) impliedNamespaces.clear()
  const namespace = made({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { [nameLabel]: name } } })
  impliedNamespaces.set(name, namespace)
  return namespace
}

const impliedIngressClass = made({
  apiVersion: `${networkingGroup}/v1`,
  kind: "IngressClass",
  metadata: { name: "sluice" },
  spec: { controller: controllerName }
})

/** For TLS it opens port 443 besides, once an Ingress has some. */
const impliedGateway = made({
  apiVersion: `${gatewayGroup}/v1`,
  kind: "Gateway",
  // Whatever is written is older, and has its ports before this one.
  metadata: { ...defaultGateway, creationTimestamp: "9999-12-31T23:59:59Z" },
  spec: {
    gatewayClassName: "sluice",
    listeners: [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } }]
  }
})

const ingressKinds = [networkingGroup, voyagerGroup].map((group) => groupKind(group, "Ingress"))
const ingressClassKind = groupKind(networkingGroup, "IngressClass")

const ingressesIn = (listed: ReadonlyMap<GroupKind, ReadonlyArray<Decoded>>): ReadonlyArray<Decoded> =>
  ingressKinds.flatMap((kind) => listed.get(kind) ?? [])

/** Whether an Ingress leaves it to us which Gateway serves it. A class that has parameters may name one. */
const namesNoGateway = (listed: ReadonlyMap<GroupKind, ReadonlyArray<Decoded>>): boolean => {
  const silent = new Set([impliedIngressClass.meta.key])
  for (const { meta, value } of listed.get(ingressClassKind) ?? []) {
    const spec = Result.isSuccess(value) ? (value.success as IngressClass).spec : null
    if (spec?.controller === controllerName && spec.parameters === undefined) silent.add(meta.key)
    else silent.delete(meta.key)
  }
  return ingressesIn(listed).some(({ meta, value }) => {
    if (Result.isFailure(value) || meta.annotations.has(gatewayAnnotation)) return false
    const name = standaloneClassOf(meta.key, meta.annotations, (value.success as Ingress).spec)
    return name === null || silent.has(`${ingressClassKind}//${name}`)
  })
}

/** Objects that stand beside those listed, unless they are written. namespaces: those that are named. */
export const implied = (
  listed: ReadonlyMap<GroupKind, ReadonlyArray<Decoded>>,
  namespaces: ReadonlySet<string>
): ReadonlyArray<Decoded> => {
  const ingresses = ingressesIn(listed).length > 0
  const gateway = ingresses && namesNoGateway(listed)
  const names = gateway ? new Set([...namespaces, defaultGateway.namespace]) : namespaces
  return [
    impliedClass,
    ...(ingresses ? [impliedIngressClass] : []),
    ...(gateway ? [impliedGateway] : []),
    ...[...names].sort().map(impliedNamespace)
  ]
}
