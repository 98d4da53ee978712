// Which backend objects the routes came to, through which Gateways: verdicts on backends speak per Gateway.
import type { ObjectKey } from "#schemas/meta.ts"
import type { Id } from "../snapshot/id.ts"
import type { Reached } from "./backend.ts"
import type { TranslatedRoute } from "./route.ts"

/** before: of the previous translation; its answer stands (===) while no route's part in it has changed. */
export const reachedBy = (
  routes: ReadonlyMap<ObjectKey, TranslatedRoute>,
  before: { readonly routes: ReadonlyMap<ObjectKey, TranslatedRoute>; readonly reached: Reached } | null
): Reached => {
  if (before !== null && before.routes.size === routes.size) {
    const stands = routes.entries().every(([key, route]) => {
      const old = before.routes.get(key)
      return old === route || (old !== undefined && old.reaches === route.reaches && old.gateways === route.gateways)
    })
    if (stands) return before.reached
  }
  const reached = new Map<ObjectKey, { readonly gateways: Set<ObjectKey>; readonly upstreams: Set<Id> }>()
  for (const route of routes.values())
    for (const { object, upstream } of route.reaches) {
      let reach = reached.get(object)
      if (reach === undefined) {
        reach = { gateways: new Set(), upstreams: new Set() }
        reached.set(object, reach)
      }
      for (const gateway of route.gateways) reach.gateways.add(gateway)
      if (upstream !== null) reach.upstreams.add(upstream)
    }
  return reached
}
