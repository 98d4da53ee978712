// What `check` knows beyond the pipeline: that an address which a backend writes will be refused when it is dialled. In a process that serves, its proxies say so
// (Resolved, Refused); offline there are none, and the policy's word is the same.
import { backendNote } from "../status/backendnotes.ts"
import type { Verdict } from "../status/verdict.ts"
import type { Translation } from "../translate/translate.ts"
import { deniedAt } from "./outlook.ts"

/** Notes beyond this many say nothing new. */
const most = 4

const refusedBy = (translation: Translation, upstreams: ReadonlyArray<string>): ReadonlyArray<string> => {
  const rules = new Set<string>()
  for (const { snapshot } of translation.gateways.values())
    for (const id of upstreams) {
      const spec = snapshot.upstreams.get(id)
      for (const endpoint of spec === undefined ? [] : (snapshot.endpoints.get(id) ?? [])) {
        const denied = deniedAt(spec!, endpoint)
        if (denied !== null) rules.add(denied.rule)
      }
    }
  return [...rules]
}

/** The verdict of a backend, or of a route to it, with a note on Accepted for each written address that no request will be sent to; others as they are. */
export const foreseen = (verdict: Verdict, translation: Translation): Verdict => {
  const rules = refusedBy(translation, verdict.upstreams)
  if (rules.length === 0) return verdict
  const notes = [
    ...rules.slice(0, most).map(backendNote.willBeRefused),
    ...(rules.length > most ? [backendNote.more(rules.length - most)] : [])
  ]
  return {
    ...verdict,
    entries: verdict.entries.map((entry) => ({
      ...entry,
      conditions: entry.conditions.map((one) =>
        one.type === "Accepted" && one.status === "True" ? { ...one, message: [one.message, ...notes].join("; ") } : one
      )
    }))
  }
}
