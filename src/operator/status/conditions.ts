// Our conditions merged into the list that stands: other writers' types stay as and where they are, the time of a transition stays while the state does.
import type { Condition } from "#schemas/meta.ts"
import { field, isFields, numberAt, stringAt } from "./json.ts"

export interface WrittenCondition extends Condition {
  /** RFC 3339. */
  readonly lastTransitionTime: string
}

/** Every type that Sluice writes: of these, what is not said (any more) is taken away. Other types are somebody else's. */
export const ownTypes: ReadonlySet<string> = new Set([
  "Accepted",
  "Programmed",
  "ResolvedRefs",
  "PartiallyInvalid",
  "Conflicted",
  "OverlappingTLSConfig",
  "SupportedVersion",
  "AddressesAssigned",
  "InsecureFrontendValidationMode",
  "Resolved",
  "Healthy",
  "WouldRefuse",
  "Overridden",
  "Merged"
])

/** What the CRDs of Gateway API admit in a list of conditions. */
const most = 8

/**
 * The list to write. before: the list as observed. desired: all that we say now. now: RFC 3339, for what changed its state.
 * A condition that says it saw a newer generation than ours is left alone: whoever wrote it knows more than our watch does yet.
 */
export const mergeConditions = (before: unknown, desired: ReadonlyArray<Condition>, now: string): ReadonlyArray<unknown> => {
  const wanted = new Map(desired.map((condition) => [condition.type, condition] as const))
  const merged: Array<unknown> = []
  for (const old of Array.isArray(before) ? (before as ReadonlyArray<unknown>) : []) {
    const type = stringAt(old, "type")
    if (!isFields(old) || !ownTypes.has(type)) {
      merged.push(old)
      continue
    }
    const condition = wanted.get(type)
    wanted.delete(type)
    if (condition === undefined) continue
    if ((numberAt(old, "observedGeneration") ?? 0) > condition.observedGeneration) merged.push(old)
    else {
      const since = stringAt(old, "lastTransitionTime")
      // What the CRD put there by default was no state of anything: it has no generation.
      const stood = since !== "" && field(old, "observedGeneration") !== undefined && field(old, "status") === condition.status
      merged.push(written(condition, stood ? since : now))
    }
  }
  for (const condition of wanted.values()) if (merged.length < most) merged.push(written(condition, now))
  return merged
}

const written = ({ type, status, reason, message, observedGeneration }: Condition, lastTransitionTime: string): WrittenCondition => ({
  type,
  status,
  reason,
  message,
  observedGeneration,
  lastTransitionTime
})
