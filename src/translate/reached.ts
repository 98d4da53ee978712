// Which backend objects the routes came to, through which Gateways: verdicts on backends speak per Gateway.
import type { ObjectKey } from "#schemas/meta.ts"
import type { Id } from "../snapshot/id.ts"
import type { Reached } from "./backend.ts"
import { served, type TranslatedRoute } from "./translatedroute.ts"
import type { Collected } from "./units.ts"

/** before: the previous answer, which stands (===) while no route's part in it has changed. */
export const reachedBy = (routes: ReadonlyArray<Collected<TranslatedRoute | string>>, before: Reached | null): Reached => {
  const stands = routes.every(({ values, changed }) =>
    changed.entries().every(([key, old]) => {
      const now = served(values.get(key))
      const was = served(old)
      return was?.reaches === now?.reaches && was?.gateways === now?.gateways
    })
  )
  if (before !== null && stands) return before
  const reached = new Map<ObjectKey, { readonly gateways: Set<ObjectKey>; readonly upstreams: Set<Id> }>()
  for (const { values } of routes)
    for (const value of values.values()) {
      const route = served(value)
      for (const { object, upstream } of route?.reaches ?? []) {
        let reach = reached.get(object)
        if (reach === undefined) {
          reach = { gateways: new Set(), upstreams: new Set() }
          reached.set(object, reach)
        }
        for (const gateway of route?.gateways ?? []) reach.gateways.add(gateway)
        if (upstream !== null) reach.upstreams.add(upstream)
      }
    }
  return reached
}
