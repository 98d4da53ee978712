// What becomes of an Ingress: its status has room for addresses at most, so what is refused of it, and that it no longer is, are Events on it. Pure but for its memory.
import { kindOf } from "#schemas/kinds.ts"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { EventSaid } from "../kube/event.ts"
import type { Verdict } from "../status/verdict.ts"
import { resolutionTold, type Told } from "./transitions.ts"

/** Of networking.k8s.io, and Voyager's. */
const prefix = "Ingress."

/** What stands against it, by the type of the condition. */
type Against = ReadonlyMap<string, { readonly reason: string; readonly message: string }>

const nothing: Against = new Map()

/** PartiallyInvalid is bad where it is True. `Resolved` is a matter of names, told in words of its own. */
const againstOf = (verdict: Verdict): Against =>
  new Map(
    verdict.entries
      .flatMap(({ conditions }) => conditions)
      .filter(({ type, status }) => (type === "PartiallyInvalid" ? status === "True" : status === "False"))
      .map(({ type, reason, message }) => [type, { reason, message }] as const)
  )

const toldOf = (before: Against, now: Against): ReadonlyArray<readonly [Told, action: string]> => {
  const told: Array<readonly [Told, string]> = []
  for (const [type, { reason, message }] of now) {
    const old = before.get(type)
    if (old?.reason === reason && (type === "Resolved" || old.message === message)) continue
    const said = type === "Resolved" ? resolutionTold(old?.reason ?? null, { state: reason, detail: message }) : null
    if (type !== "Resolved") told.push([{ type: "Warning", reason, note: message }, "Route"])
    else if (said !== null) told.push([said, "Resolve"])
  }
  const mended = [...before.keys()].filter((type) => !now.has(type))
  const names = before.get("Resolved")
  if (mended.includes("Resolved") && names !== undefined) {
    const said = resolutionTold(names.reason, { state: "Fresh", detail: "" })
    if (said !== null) told.push([said, "Resolve"])
  }
  if (mended.some((type) => type !== "Resolved") && ![...now.keys()].some((type) => type !== "Resolved"))
    told.push([{ type: "Normal", reason: "Accepted", note: "All of it is served" }, "Route"])
  return told
}

export interface IngressTransitions {
  /** What is to be told of each Ingress whose verdict says other things than when it was last looked at. */
  readonly note: (verdicts: ReadonlyMap<ObjectKey, Verdict>, uidOf: (key: ObjectKey) => string | null) => ReadonlyArray<EventSaid>
}

export const makeIngressTransitions = (): IngressTransitions => {
  let seen = new Map<ObjectKey, Verdict>()
  const known = new Map<ObjectKey, Against>()
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
        const now = againstOf(verdict)
        const regarding = { apiVersion: `${row.group}/${row.version}`, kind: "Ingress", namespace, name, uid }
        for (const [told, action] of toldOf(known.get(key) ?? nothing, now)) events.push({ regarding, action, ...told })
        known.set(key, now)
      }
      for (const key of known.keys()) if (!next.has(key)) known.delete(key)
      seen = next
      return events
    }
  }
}
