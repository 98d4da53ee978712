// Whether what stands is what was rendered, in the fields that were rendered: everything else is the API server's or somebody else's.
import { field, isFields, sameJson } from "../status/json.ts"

/** What tells the items of a list apart in Kubernetes objects, where something does. */
const keys = ["name", "uid", "mountPath", "topologyKey"] as const

const keyOf = (items: ReadonlyArray<unknown>): string | undefined =>
  keys.find((key) => items.length > 0 && items.every((item) => typeof field(item, key) === "string"))

/** The object cut to the fields that the rendered one has. */
export const projected = (object: unknown, rendered: unknown): unknown => {
  if (Array.isArray(rendered)) {
    if (!Array.isArray(object)) return object
    const key = keyOf(rendered)
    // Without a key the list is one value; what the API server added to it counts.
    if (key === undefined) return object.map((item, at) => (at < rendered.length ? projected(item, rendered[at]) : item))
    return rendered.map((item) =>
      projected(
        object.find((one) => field(one, key) === field(item, key)),
        item
      )
    )
  }
  if (!isFields(rendered) || !isFields(object)) return object
  return Object.fromEntries(Object.keys(rendered).map((key) => [key, projected(field(object, key), rendered[key])] as const))
}

/** stored: what the API server made of the rendered object when it was last applied (it writes `1000m` as `1`); null: not known. */
export const drifted = (observed: unknown, rendered: unknown, stored: unknown): boolean => {
  const now = projected(observed, rendered)
  return !sameJson(now, rendered) && (stored === null || !sameJson(now, projected(stored, rendered)))
}
