// Identity and the parts of an object that every kind shares. A leaf: everything else may import it.
import type { Result } from "effect"

/** `Kind.group` (`HTTPRoute.gateway.networking.k8s.io`); a core kind has no group and no dot (`Service`). */
export type GroupKind = string

/** `GroupKind/namespace/name`; a cluster-scoped object has an empty namespace (`Namespace//prod`). Sortable, printable, a Map key. */
export type ObjectKey = `${string}/${string}/${string}`

export const groupKind = (group: string, kind: string): GroupKind => (group === "" ? kind : `${kind}.${group}`)

export const objectKey = (kind: GroupKind, namespace: string, name: string): ObjectKey => `${kind}/${namespace}/${name}`

/** The parts of a key. Names and namespaces hold no slash (DNS labels and subdomains), so the split is exact. */
export const parseKey = (key: ObjectKey): { readonly kind: GroupKind; readonly namespace: string; readonly name: string } => {
  const first = key.indexOf("/")
  const second = key.indexOf("/", first + 1)
  return { kind: key.slice(0, first), namespace: key.slice(first + 1, second), name: key.slice(second + 1) }
}

/** Kinds of others with the name of one of ours: they are said with their group, or two objects would pass for one. */
const namesakes: ReadonlySet<GroupKind> = new Set([
  "Backend.gateway.envoyproxy.io",
  "BackendTrafficPolicy.gateway.envoyproxy.io",
  "Ingress.voyager.appscode.com"
])

/** A kind as people say it: `HTTPRoute`, `Backend` (ours), `Backend.gateway.envoyproxy.io`. */
export const spokenKind = (kind: GroupKind): string => {
  const dot = kind.indexOf(".")
  return dot === -1 || namesakes.has(kind) ? kind : kind.slice(0, dot)
}

/** An object as people say it: `HTTPRoute shop/cart`, `GatewayClass sluice`. */
export const describeKey = (key: ObjectKey): string => {
  const { kind, namespace, name } = parseKey(key)
  return `${spokenKind(kind)} ${namespace === "" ? name : `${namespace}/${name}`}`
}

export interface Meta {
  readonly key: ObjectKey
  readonly uid: string
  readonly resourceVersion: string
  readonly generation: number
  /** RFC 3339, or "" where nothing says (a manifest): ties then go by namespace and name. */
  readonly created: string
  readonly labels: ReadonlyMap<string, string>
  readonly annotations: ReadonlyMap<string, string>
}

export interface Condition {
  readonly type: string
  readonly status: "True" | "False" | "Unknown"
  readonly reason: string
  readonly message: string
  readonly observedGeneration: number // no lastTransitionTime: only the writer has a clock
}

/** One thing that did not decode: `path` is the field (`spec.rules[2].matches[0].path.value`), `message` says what is expected there. */
export interface Issue {
  readonly path: string
  readonly message: string
  /** Inside an `Element`: its `name` where that much is readable, so that a bad listener or rule can be called by its name. */
  readonly element?: string
  /** Of a listener: the port and hostname that it speaks of, where they are readable. Nobody else may answer for them. */
  readonly place?: ListenerPlace
}

/** hostname null: every host. */
export interface ListenerPlace {
  readonly port: number
  readonly hostname: string | null
}

/**
 * An element of a list that decodes on its own, so that a bad rule, listener or endpoint costs itself and not its object (law 1).
 * Issue paths are absolute within the object.
 */
export type Element<A> = Result.Result<A, ReadonlyArray<Issue>>
