// A spec of a BackendTrafficPolicy with a route for its target, of either group, as the tables of its fields try it.
import type { Row } from "./page.ts"

export const route = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", name: "route" }
export const base = { targetRefs: [route] }
export const at = (block: object) => ({ ...base, ...block })

export const refused = (fields: ReadonlyArray<string>, value: string, block: object, meaning: string): Row => ({
  fields,
  value,
  spec: at(block),
  meaning
})
