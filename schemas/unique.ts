// Uniqueness inside a list: what `x-kubernetes-list-type: map` and `set` make the API server refuse.
import { Schema } from "effect"
import { keywords } from "./crd.ts"

/** No two items with the same `field`. */
export const uniqueBy = <F extends string>(field: F) =>
  Schema.makeFilter(
    (list: ReadonlyArray<{ readonly [K in F]: string | number }>) => {
      const seen = new Set<string | number>()
      for (const [index, item] of list.entries()) {
        if (seen.has(item[field])) return { path: [index, field], issue: `Expected a ${field} that no other entry of this list has` }
        seen.add(item[field])
      }
      return undefined
    },
    keywords({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [field] })
  )

/** No value twice. */
export const uniqueValues = Schema.makeFilter(
  (list: ReadonlyArray<string | number>) => (new Set(list).size === list.length ? undefined : "Expected every value at most once"),
  keywords({ "x-kubernetes-list-type": "set" })
)
