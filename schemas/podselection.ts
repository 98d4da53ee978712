// Which pods of a namespace are wanted, as a key of translate's interest: `Pod/shop/app=tiles,tier=web`. Neither names nor values of labels hold a comma or an equals sign.
import { type ObjectKey, objectKey, parseKey } from "./meta.ts"

export const podKind = "Pod"

/** Equal labels are the same key, in whatever order they are written. */
export const podSelection = (namespace: string, matchLabels: ReadonlyMap<string, string>): ObjectKey =>
  objectKey(
    podKind,
    namespace,
    [...matchLabels]
      .map(([name, value]) => `${name}=${value}`)
      .sort()
      .join(",")
  )

/** The labels of a selection. */
export const selectedLabels = (selection: ObjectKey): ReadonlyArray<readonly [string, string]> =>
  parseKey(selection)
    .name.split(",")
    .map((pair) => {
      const at = pair.indexOf("=")
      return [pair.slice(0, at), pair.slice(at + 1)]
    })

/** Whether labels have all of these. */
export const hasLabels = (labels: ReadonlyMap<string, string>, wanted: Iterable<readonly [string, string]>): boolean => {
  for (const [name, value] of wanted) if (labels.get(name) !== value) return false
  return true
}
