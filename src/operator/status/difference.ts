// How much a status to write differs from the one that stands: what must be told at once, what may be gathered, what can wait, what is no news (law 18).
import { negative } from "../../status/negative.ts"
import { isFields } from "./json.ts"

/**
 * None: nothing to write. Message: words only, five minutes are soon enough. Facts: how many addresses, and why something is refused or cannot be reached,
 * gathered the longer the more they move. Count: attached routes, gathered while they come and go. State: a condition's state, reason or generation, an entry, a Gateway's address.
 */
export type Difference = "None" | "Message" | "Facts" | "Count" | "State"

const ranks: Readonly<Record<Difference, number>> = { None: 0, Message: 1, Facts: 2, Count: 3, State: 4 }

/** Fields that do not decide by themselves whether a status is written. */
const lesser: Readonly<Record<string, Difference>> = {
  message: "Message",
  // Of live facts: the words of a resolution, and a number that falls by one each day.
  reason: "Message",
  daysLeft: "Message",
  attachedRoutes: "Count",
  count: "Facts",
  healthy: "Facts",
  proxies: "Facts",
  // Rotating addresses, and when they were seen: as of the last write.
  first: "None",
  asOf: "None"
}

/** A field that is a fact at the top of the live block, and something else elsewhere. */
const lesserNumber: Readonly<Record<string, Difference>> = { addresses: "Facts" }

/** The end of the words that `live.resolved` has where no address answers; else "". */
const unanswered = (words: unknown): string => /; 0 healthy.*$/u.exec(String(words))?.[0] ?? ""

/**
 * Words of a condition. Those of a refusal tell what is to be mended: who mended it, and reads them still five minutes later, mends what is right. Those about
 * names may change with every answer of a DNS server, and wait, but where the kind has no other place to say that nothing answers.
 */
const words = (condition: Readonly<Record<string, unknown>>, before: unknown): Difference => {
  const { type, status, message } = condition
  if (type === "Resolved") return unanswered(before) === unanswered(message) ? "Message" : "Facts"
  return (status === "True") === negative.has(String(type)) || status === "Unknown" ? "Facts" : "Message"
}

/** What a field of this name can weigh at most. `reason` of a condition is a state; of a fact, words. */
const bound = (key: string, value: unknown, inCondition: boolean): Difference | undefined => {
  if (key === "reason" && inCondition) return undefined
  return lesser[key] ?? (typeof value === "number" ? lesserNumber[key] : undefined)
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
  const inCondition = "lastTransitionTime" in after
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const found = differenceOf(before[key], after[key])
    // From nothing to something, or back: whether a backend can be reached at all.
    const vital = found !== "None" && (before[key] === 0) !== (after[key] === 0)
    if (found === "None") continue
    if (inCondition && key === "message") worst = worse(worst, words(after, before[key]))
    else worst = worse(worst, vital && key !== "attachedRoutes" ? "State" : (bound(key, after[key], inCondition) ?? found))
  }
  return worst
}
