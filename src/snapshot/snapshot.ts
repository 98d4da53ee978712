// Intent, one per Gateway: tables of small immutable resources. Plain data; no clock, no Secret bytes, no parent pointers (they would pin it).
import type { Id } from "./id.ts"
import type { Listener } from "./listener.ts"
import type { VirtualHost } from "./route.ts"
import type { SecretRef } from "./secret.ts"
import type { Endpoint, Upstream } from "./upstream.ts"

export interface Invalidation {
  readonly kind: "Purge" | "Ban"
  readonly hostname: string
  readonly paths: ReadonlyArray<string>
}

export interface Tables {
  readonly listeners: ReadonlyMap<Id, Listener>
  readonly virtualHosts: ReadonlyMap<Id, VirtualHost>
  readonly upstreams: ReadonlyMap<Id, Upstream>
  /** By upstream; apart, because it changes a thousand times more often. */
  readonly endpoints: ReadonlyMap<Id, ReadonlyArray<Endpoint>>
  readonly secrets: ReadonlyMap<Id, SecretRef>
  readonly invalidations: ReadonlyMap<Id, Invalidation>
}

export interface Snapshot extends Tables {
  /** Of this shape; an operator speaks N and N-1. */
  readonly protocol: number
  /** Hash of the resources' digests: equal on every replica and after a restart. */
  readonly version: string
  readonly gateway: { readonly namespace: string; readonly name: string }
}

export const protocol = 1

/** In the order a reader wants them; the one list of tables. */
export const tables = ["listeners", "virtualHosts", "upstreams", "endpoints", "secrets", "invalidations"] as const satisfies ReadonlyArray<
  keyof Tables
>
