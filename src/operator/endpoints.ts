// How many ready endpoints a Service has, kept beside the state: asking costs no walk over the slices of a cluster.
import { HashMap, Option, Result } from "effect"
import type { EndpointSlice } from "#schemas/endpointslice.ts"
import { type ObjectKey, objectKey, parseKey } from "#schemas/meta.ts"
import type { Decoded } from "../state/change.ts"
import { type ClusterState, type Objects, objectsOf } from "../state/state.ts"
import { sliceKind } from "../translate/kinds.ts"
import { edited } from "../translate/lookup.ts"

export interface ReadyEndpoints {
  /** Takes up what changed since the state before; Services that have come to be reachable, or no longer are. */
  readonly follow: (state: ClusterState) => ReadonlyArray<ObjectKey>
  /** service: its key. */
  readonly of: (service: ObjectKey) => number
}

const serviceOf = ({ meta }: Decoded): ObjectKey | null => {
  const name = meta.labels.get("kubernetes.io/service-name")
  return name === undefined ? null : objectKey("Service", parseKey(meta.key).namespace, name)
}

/** ready absent means ready (the API's own words). */
const readyIn = ({ value }: Decoded): number =>
  Result.isFailure(value)
    ? 0
    : (value.success as EndpointSlice).endpoints.filter((one) => Result.isSuccess(one) && one.success.conditions.ready !== false).length

export const makeReadyEndpoints = (): ReadyEndpoints => {
  let before: Objects | null = null
  const counts = new Map<ObjectKey, number>()
  const add = (moved: Map<ObjectKey, number>, slice: Decoded | undefined, sign: 1 | -1): void => {
    const service = slice === undefined ? null : serviceOf(slice)
    if (slice === undefined || service === null) return
    if (!moved.has(service)) moved.set(service, counts.get(service) ?? 0)
    const count = (counts.get(service) ?? 0) + sign * readyIn(slice)
    if (count === 0) counts.delete(service)
    else counts.set(service, count)
  }
  return {
    follow: (state) => {
      const after = objectsOf(state, sliceKind)
      /** What the Services touched had before. */
      const moved = new Map<ObjectKey, number>()
      if (before === null) for (const slice of HashMap.values(after.byKey)) add(moved, slice, 1)
      else
        for (const key of edited(before, after)) {
          add(moved, Option.getOrUndefined(HashMap.get(before.byKey, key)), -1)
          add(moved, Option.getOrUndefined(HashMap.get(after.byKey, key)), 1)
        }
      before = after
      return [...moved].filter(([service, count]) => count > 0 !== counts.has(service)).map(([service]) => service)
    },
    of: (service) => counts.get(service) ?? 0
  }
}
