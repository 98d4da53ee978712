// How much a status to write differs from the one that stands: what must be told at once, what may be gathered, what can wait, what is no news (law 18).
import { isFields } from "./json.ts"

/**
 * None: nothing to write. Message: words only, five minutes are soon enough. Count: attached routes, gathered while they come and go.
 * State: a condition's state, reason or generation, an entry, an address.
 */
export type Difference = "None" | "Message" | "Count" | "State"

const ranks: Readonly<Record<Difference, number>> = { None: 0, Message: 1, Count: 2, State: 3 }

/** Fields that do not decide by themselves whether a status is written. */
const lesser: Readonly<Record<string, Difference>> = {
  message: "Message",
  detail: "Message",
  attachedRoutes: "Count",
  // Rotating addresses, and when they were seen: as of the last write.
  sample: "None",
  asOf: "None"
}

const worse = (a: Difference, b: Difference): Difference => (ranks[a] >= ranks[b] ? a : b)

export const differenceOf = (before: unknown, after: unknown): Difference => {
  if (before === after) return "None"
  if (Array.isArray(after)) {
    if (!Array.isArray(before) || before.length !== after.length) return Array.isArray(before) || after.length > 0 ? "State" : "None"
    return after.reduce<Difference>((worst, item, at) => worse(worst, differenceOf(before[at], item)), "None")
  }
  if (!isFields(after) || !isFields(before)) return "State"
  let worst: Difference = "None"
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const found = differenceOf(before[key], after[key])
    if (found !== "None") worst = worse(worst, lesser[key] ?? found)
  }
  return worst
}
