// Who wins where only one can: among routes, policies and Gateways alike.
import type { Meta } from "#schemas/meta.ts"

/**
 * Of two objects of one kind, the older first, then by namespace and name: who wins where only one can (Gateway API v1.6, Listener.hostname and HTTPRouteSpec.hostnames). Where nothing
 * says when they were made (manifests), namespace and name alone decide.
 */
export const byAge = (a: Meta, b: Meta): number =>
  a.created !== b.created ? (a.created < b.created ? -1 : 1) : a.key < b.key ? -1 : a.key > b.key ? 1 : 0
