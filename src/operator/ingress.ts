// What becomes of an Ingress: its status has room for addresses at most, so what is refused of it, and that it no longer is, are Events on it. Pure but for its memory.
import { kindOf } from "#schemas/kinds.ts"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { EventSaid } from "../kube/event.ts"
import { negative } from "../status/negative.ts"
import type { Verdict } from "../status/verdict.ts"
import { healthTold, resolutionTold, type Seen, type Told } from "./transitions.ts"

/** Of networking.k8s.io, and Voyager's. */
const prefix = "Ingress."

/** Its conditions by their type. */
interface Standing {
  readonly generation: number
  readonly conditions: ReadonlyMap<string, Seen>
}

const nothing: Standing = { generation: 0, conditions: new Map() }

/** Live matters, which are told in words of their own; every other type is a judgement of what is written. */
const live: ReadonlySet<string> = new Set(["Resolved", "Healthy"])

const isAgainst = ([type, { status }]: readonly [string, Seen]): boolean =>
  !live.has(type) && status === (negative.has(type) ? "True" : "False")

/** Names that are looked up anew stand as they stood: Pending, or nothing, is between. */
const standingOf = ({ entries, generation }: Verdict, before: Standing): Standing => {
  const conditions = new Map<string, Seen>(entries.flatMap((entry) => entry.conditions.map((one) => [one.type, one] as const)))
  const names = before.conditions.get("Resolved")
  if (names !== undefined && (conditions.get("Resolved")?.reason ?? "Pending") === "Pending") conditions.set("Resolved", names)
  return { generation, conditions }
}

const toldOf = (before: Standing, now: Standing): ReadonlyArray<readonly [Told, action: string]> => {
  const told: Array<readonly [Told, string]> = []
  const stood = new Map([...before.conditions].filter(isAgainst))
  const against = [...now.conditions].filter(isAgainst)
  for (const [type, { reason, message }] of against) {
    const old = stood.get(type)
    // Other words for what lasts are news to whoever has edited the Ingress alone: counts and facts change by themselves.
    if (old?.reason === reason && (old.message === message || before.generation === now.generation)) continue
    told.push([{ type: "Warning", reason, note: message }, "Route"])
  }
  if (stood.size > 0 && against.length === 0) told.push([{ type: "Normal", reason: "Accepted", note: "All of it is served" }, "Route"])
  const tell = (said: Told | null, action: string): void => {
    if (said !== null) told.push([said, action])
  }
  const [names, health] = [now.conditions.get("Resolved"), now.conditions.get("Healthy")]
  if (names !== undefined)
    tell(resolutionTold(before.conditions.get("Resolved")?.reason ?? null, { state: names.reason, detail: names.message }), "Resolve")
  if (health !== undefined) tell(healthTold(before.conditions.get("Healthy") ?? null, health), "Judge")
  return told
}

export interface IngressTransitions {
  /** What is to be told of each Ingress whose verdict says other things than when it was last looked at. */
  readonly note: (verdicts: ReadonlyMap<ObjectKey, Verdict>, uidOf: (key: ObjectKey) => string | null) => ReadonlyArray<EventSaid>
}

export const makeIngressTransitions = (): IngressTransitions => {
  let seen = new Map<ObjectKey, Verdict>()
  const known = new Map<ObjectKey, Standing>()
  return {
    note: (verdicts, uidOf) => {
      const events: Array<EventSaid> = []
      const next = new Map<ObjectKey, Verdict>()
      for (const [key, verdict] of verdicts) {
        if (!key.startsWith(prefix)) continue
        const uid = uidOf(key)
        const { kind, namespace, name } = parseKey(key)
        const row = kindOf(kind)
        if (uid === null || row === undefined) continue
        next.set(key, verdict)
        if (seen.get(key) === verdict) continue
        const before = known.get(key) ?? nothing
        const now = standingOf(verdict, before)
        const regarding = { apiVersion: `${row.group}/${row.version}`, kind: "Ingress", namespace, name, uid }
        for (const [told, action] of toldOf(before, now)) events.push({ regarding, action, ...told })
        known.set(key, now)
      }
      for (const key of known.keys()) if (!next.has(key)) known.delete(key)
      seen = next
      return events
    }
  }
}
