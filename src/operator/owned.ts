// What the operator made in the namespaces of Gateways, as the watch shows it: found by label, whatever it is called and whoever changed it since.
import { Effect, Result } from "effect"
import type { ObjectPlace } from "../kube/apply.ts"
import type { Kube } from "../kube/client.ts"
import type { KubeError } from "../kube/failure.ts"
import { kubePath, type Place } from "../kube/path.ts"
import { type WatchTimings, watchCollection } from "../kube/watch.ts"
import { managedLabel } from "./render/metadata.ts"
import { type Fields, field, isFields, listAt, stringAt } from "./status/json.ts"

/** A kind that is provisioned. */
export interface OwnedKind {
  readonly kind: string
  readonly group: string
  readonly version: string
  readonly plural: string
}

export const ownedKinds: ReadonlyArray<OwnedKind> = [
  { kind: "ServiceAccount", group: "", version: "v1", plural: "serviceaccounts" },
  { kind: "ConfigMap", group: "", version: "v1", plural: "configmaps" },
  { kind: "NetworkPolicy", group: "networking.k8s.io", version: "v1", plural: "networkpolicies" },
  { kind: "Service", group: "", version: "v1", plural: "services" },
  { kind: "PodDisruptionBudget", group: "policy", version: "v1", plural: "poddisruptionbudgets" },
  { kind: "Deployment", group: "apps", version: "v1", plural: "deployments" },
  { kind: "HorizontalPodAutoscaler", group: "autoscaling", version: "v2", plural: "horizontalpodautoscalers" }
]

/** `Service/shop/web-sluice`. */
export type OwnedKey = string

export interface Owned {
  readonly key: OwnedKey
  readonly kind: OwnedKind
  readonly namespace: string
  readonly name: string
  readonly uid: string
  /** The Gateway that owns it, by name, of the same namespace; null: none, or several (a ConfigMap). */
  readonly gateway: { readonly name: string; readonly uid: string } | null
  readonly going: boolean
  /** The object without managedFields. */
  readonly object: Fields
}

export interface OwnedObjects {
  readonly get: (key: OwnedKey) => Owned | undefined
  readonly inNamespace: (namespace: string) => Iterable<Owned>
  readonly all: () => Iterable<Owned>
  /** Every kind has been listed once: what is not here is not there. */
  readonly known: () => boolean
  /** Keeps them current. Never ends of itself. */
  readonly run: Effect.Effect<never, never, Kube>
}

export const ownedKey = (kind: string, namespace: string, name: string): OwnedKey => `${kind}/${namespace}/${name}`

const kindsByName = new Map(ownedKinds.map((one) => [one.kind, one]))

export const placeOfOwned = (kind: string, namespace: string, name: string): ObjectPlace | null => {
  const row = kindsByName.get(kind)
  return row === undefined ? null : { group: row.group, version: row.version, plural: row.plural, namespace, name }
}

/** An object as it came; null: it has no name. */
const ownedFrom = (kind: OwnedKind, raw: unknown): Owned | null => {
  const metadata = field(raw, "metadata")
  const name = stringAt(metadata, "name")
  if (!isFields(raw) || !isFields(metadata) || name === "") return null
  const namespace = stringAt(metadata, "namespace")
  const { managedFields: _, ...rest } = metadata
  const owners = listAt(metadata, "ownerReferences").filter(
    (one) => stringAt(one, "kind") === "Gateway" && field(one, "controller") === true
  )
  const [owner] = owners
  return {
    key: ownedKey(kind.kind, namespace, name),
    kind,
    namespace,
    name,
    uid: stringAt(metadata, "uid"),
    gateway: owner === undefined ? null : { name: stringAt(owner, "name"), uid: stringAt(owner, "uid") },
    going: field(metadata, "deletionTimestamp") !== undefined,
    // Items of a list do not say what they are.
    object: { ...raw, apiVersion: kind.group === "" ? kind.version : `${kind.group}/${kind.version}`, kind: kind.kind, metadata: rest }
  }
}

export interface OwnedOptions {
  /** [""]: the whole cluster. */
  readonly namespaces: ReadonlyArray<string>
  readonly onChange: (owned: Owned) => void
  readonly onFailure?: (kind: string, why: "Absent" | "Denied" | "Broken", error: KubeError) => void
  readonly timings?: WatchTimings
}

export const makeOwned = (options: OwnedOptions): OwnedObjects => {
  const objects = new Map<OwnedKey, Owned>()
  const byNamespace = new Map<string, Map<OwnedKey, Owned>>()
  const unlisted = new Set(ownedKinds.flatMap(({ kind }) => options.namespaces.map((namespace) => `${kind}/${namespace}`)))

  const put = (owned: Owned): void => {
    objects.set(owned.key, owned)
    byNamespace.set(owned.namespace, (byNamespace.get(owned.namespace) ?? new Map<OwnedKey, Owned>()).set(owned.key, owned))
    options.onChange(owned)
  }
  const drop = (owned: Owned): void => {
    objects.delete(owned.key)
    const rest = byNamespace.get(owned.namespace)
    rest?.delete(owned.key)
    if (rest?.size === 0) byNamespace.delete(owned.namespace)
    options.onChange(owned)
  }

  const watching = (kind: OwnedKind, namespace: string) => {
    const place: Place = { group: kind.group, version: kind.version, plural: kind.plural, namespace }
    return watchCollection<Owned>(
      {
        paths: [kubePath(place)],
        query: { labelSelector: `${managedLabel.name}=${managedLabel.value}` },
        metadataOnly: false,
        custom: false,
        // What one object looks like must not end the watch of all.
        decode: (raw) =>
          Result.getOrElse(
            Result.try(() => ownedFrom(kind, raw)),
            () => null
          )
      },
      {
        listed: (items) => {
          const listed = new Set(items.map((one) => one.key))
          for (const one of [...objects.values()])
            if (one.kind === kind && (namespace === "" || one.namespace === namespace) && !listed.has(one.key)) drop(one)
          for (const one of items) put(one)
          unlisted.delete(`${kind.kind}/${namespace}`)
        },
        set: put,
        gone: drop,
        alive: () => {},
        failed: (why, error) => {
          // A kind that is not served cannot have been made; one that we may not read is told, and not waited for.
          if (why === "Absent") unlisted.delete(`${kind.kind}/${namespace}`)
          options.onFailure?.(kind.kind, why, error)
        }
      },
      options.timings
    )
  }

  return {
    get: (key) => objects.get(key),
    inNamespace: (namespace) => byNamespace.get(namespace)?.values() ?? [],
    all: () => objects.values(),
    known: () => unlisted.size === 0,
    run: Effect.all(
      ownedKinds.flatMap((kind) => options.namespaces.map((namespace) => watching(kind, namespace))),
      { concurrency: "unbounded", discard: true }
    ).pipe(Effect.andThen(Effect.never))
  }
}
