// Good news or bad: what a condition means for who reads it, and for the exit code.
import type { Condition } from "#schemas/meta.ts"
import { negative } from "../status/negative.ts"
import type { Verdict } from "../status/verdict.ts"

export type State = "good" | "bad" | "unknown"

export const stateOf = (condition: Condition): State =>
  condition.status === "Unknown" ? "unknown" : (condition.status === "True") === negative.has(condition.type) ? "bad" : "good"

/** What refuses: intent alone. Programmed and Resolved are facts of running proxies, which come and go; OverlappingTLSConfig and WouldRefuse warn of what is served. */
const decided: ReadonlySet<string> = new Set(["Accepted", "ResolvedRefs", "Conflicted", "PartiallyInvalid"])

/** Whether something that the object says is refused. */
export const isRefused = (verdict: Verdict): boolean =>
  verdict.entries.some((entry) => entry.conditions.some((condition) => decided.has(condition.type) && stateOf(condition) === "bad"))
