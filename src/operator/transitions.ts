// Transitions of statuses that are worth an Event: told when they were written, so that an Event and the status it speaks of agree. Pure.
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { EventSaid } from "../kube/event.ts"
import { severity } from "../report/resolution.ts"
import { type TierSeen, tierTold } from "../report/tier.ts"
import { field, listAt, stringAt } from "./status/json.ts"
import type { Written } from "./statuses.ts"

/** A condition as it stands. */
export interface Seen {
  readonly status: string
  readonly reason: string
  readonly message: string
}

const conditionIn = (conditions: ReadonlyArray<unknown>, type: string): Seen | null => {
  const found = conditions.find((one) => stringAt(one, "type") === type)
  return found === undefined
    ? null
    : { status: stringAt(found, "status"), reason: stringAt(found, "reason"), message: stringAt(found, "message") }
}

/** By the reason of a condition; a word that is none of ours is the least. */
const badness: Readonly<Record<string, number | undefined>> = { ...severity, Healthy: 0, Unhealthy: 1 }

/** The worst condition of a type over all our entries. */
const worstIn = (status: unknown, type: "Resolved" | "Healthy", controller: string): Seen | null => {
  let worst: Seen | null = null
  for (const entry of [...listAt(status, "parents"), ...listAt(status, "ancestors")]) {
    if (stringAt(entry, "controllerName") !== controller) continue
    const seen = conditionIn(listAt(entry, "conditions"), type)
    if (seen !== null && (worst === null || (badness[seen.reason] ?? 0) > (badness[worst.reason] ?? 0))) worst = seen
  }
  return worst
}

export interface Told {
  readonly type: "Normal" | "Warning"
  readonly reason: string
  readonly note: string
}

/** null: nobody has told anything of the backend. */
const tierIn = (status: unknown): TierSeen | null => {
  const live = field(status, "live")
  const tier = field(live, "tier")
  return typeof tier !== "number"
    ? null
    : { tier, passedOver: field(live, "passedOver") === true, lastFailure: stringAt(live, "lastFailure") || null }
}

/** From one state of resolution to another; null: nobody need be told. A first answer that is good is what everybody expects. */
export const resolutionTold = (before: string | null, now: { readonly state: string; readonly detail: string }): Told | null => {
  if (before === now.state) return null
  switch (now.state) {
    case "Failed":
      return { type: "Warning", reason: "ResolutionFailed", note: now.detail }
    case "Refused":
      return { type: "Warning", reason: "ResolutionRefused", note: now.detail }
    case "Stale":
      return { type: "Warning", reason: "ResolutionStale", note: now.detail }
    case "Fresh":
      return before === "Failed" || before === "Refused" || before === "Stale"
        ? { type: "Normal", reason: "ResolutionRecovered", note: now.detail === "" ? "Names resolve again" : now.detail }
        : null
    default:
      return null
  }
}

/** From one state of health to another; null: nobody need be told. */
export const healthTold = (before: Seen | null, now: Seen): Told | null => {
  if ((before?.reason ?? "Healthy") === now.reason) return null
  return now.reason === "Unhealthy"
    ? { type: "Warning", reason: "Unhealthy", note: now.message }
    : { type: "Normal", reason: "HealthRecovered", note: now.message }
}

/** What mode Report of an EgressPolicy tells: that Enforce would refuse something, and that it would nothing more. What is added to it later is in the status. */
const trialTold = (before: Seen | null, now: Seen): Told | null => {
  if ((before?.reason ?? "AllListed") === now.reason) return null
  return now.reason === "NotListed"
    ? { type: "Warning", reason: "WouldRefuse", note: now.message }
    : { type: "Normal", reason: "AllListed", note: now.message }
}

const programmedTold = (before: Seen | null, now: Seen): Told | null => {
  if (before?.status === now.status && before.reason === now.reason) return null
  if (now.status === "True") return { type: "Normal", reason: "Programmed", note: now.message }
  // Of a Gateway that was never served, what is still to come is no news; what is wrong is.
  return before?.status === "True" || now.reason !== "Pending"
    ? { type: "Warning", reason: "NotProgrammed", note: `${now.reason}: ${now.message}` }
    : null
}

/** What stood before a gap: names were looked up anew, or no proxy told of the backend. null: nothing that matters. */
interface Earlier {
  readonly resolution: string | null
  readonly tier: TierSeen | null
}

const nothingEarlier: Earlier = { resolution: null, tier: null }

/** controller: whose entries of shared lists are ours. */
export const eventsOf = (
  { key, apiVersion, uid, before, after }: Written,
  controller: string,
  earlier: Earlier = nothingEarlier
): ReadonlyArray<EventSaid> => {
  const { kind, namespace, name } = parseKey(key)
  const dot = kind.indexOf(".")
  const regarding = { apiVersion, kind: dot === -1 ? kind : kind.slice(0, dot), namespace, name, uid }
  const events: Array<EventSaid> = []
  const tell = (told: Told | null, action: string): void => {
    if (told !== null) events.push({ regarding, action, ...told })
  }
  if (kind === "Gateway.gateway.networking.k8s.io") {
    const now = conditionIn(listAt(after, "conditions"), "Programmed")
    if (now !== null) tell(programmedTold(conditionIn(listAt(before, "conditions"), "Programmed"), now), "Program")
    return events
  }
  if (kind === "EgressPolicy.gateway.sluice.dev") {
    const trial = conditionIn(listAt(after, "conditions"), "WouldRefuse")
    if (trial !== null) tell(trialTold(conditionIn(listAt(before, "conditions"), "WouldRefuse"), trial), "Judge")
    return events
  }
  if (field(after, "parents") === undefined && field(after, "ancestors") === undefined) return events
  const now = worstIn(after, "Resolved", controller)
  if (now !== null)
    tell(
      resolutionTold(earlier.resolution ?? worstIn(before, "Resolved", controller)?.reason ?? null, {
        state: now.reason,
        detail: now.message
      }),
      "Resolve"
    )
  const health = worstIn(after, "Healthy", controller)
  if (health !== null) tell(healthTold(worstIn(before, "Healthy", controller), health), "Judge")
  const tier = tierIn(after)
  if (tier !== null) tell(tierTold(tierIn(before) ?? earlier.tier, tier), "FailOver")
  return events
}

const bad: ReadonlySet<string> = new Set(["Stale", "Failed", "Refused"])

/**
 * Events of one write after the other. A policy that opens an address has the name looked up anew: between Refused and Fresh stands Pending, or nothing, and
 * what was bad before is remembered over that. So is the tier of a backend of which no proxy tells for a while: its pods were replaced.
 */
export const makeTransitions = (controller: string): ((written: Written) => ReadonlyArray<EventSaid>) => {
  const resolutions = new Map<ObjectKey, string>()
  const tiers = new Map<ObjectKey, TierSeen>()
  return (written) => {
    const { key, before, after } = written
    const earlier: Earlier = { resolution: resolutions.get(key) ?? null, tier: tiers.get(key) ?? null }
    const reached = listAt(after, "parents").length + listAt(after, "ancestors").length > 0
    const [stood, tier] = [tierIn(before), tierIn(after)]
    if (tier !== null || !reached) tiers.delete(key)
    else if (stood !== null && (stood.tier > 0 || stood.passedOver === true)) tiers.set(key, stood)
    const now = worstIn(after, "Resolved", controller)
    const resolution = worstIn(before, "Resolved", controller)?.reason ?? ""
    const settled = now !== null && now.reason !== "Pending"
    if (settled || !reached) resolutions.delete(key)
    else if (bad.has(resolution)) resolutions.set(key, resolution)
    return eventsOf(written, controller, settled ? earlier : { ...earlier, resolution: null })
  }
}
