// Statuses and problems as they change, for the journal: what is new, not what is.
import { kindOf } from "#schemas/kinds.ts"
import { type Condition, describeKey, type ObjectKey } from "#schemas/meta.ts"
import { describeProblem, type Problem } from "../sources/problem.ts"
import { type Collection, describeCollection, troubleOf } from "../sources/sight.ts"
import type { Verdict, VerdictEntry } from "../status/verdict.ts"
import type { Journal } from "./journal.ts"
import { stateOf } from "./judgement.ts"

export interface Narrator {
  readonly statuses: (now: ReadonlyMap<ObjectKey, Verdict>) => void
  /** Objects that nothing is made of, with the reason. */
  readonly ignored: (now: ReadonlyMap<ObjectKey, string>) => void
  readonly problems: (now: ReadonlyArray<Problem>) => void
  /** What can be read of an API server. */
  readonly collections: (now: ReadonlyArray<Collection>) => void
}

/** Lines of one kind of news at once; the rest is a count (a folder with 1,000 broken routes). */
const most = 40

const placeOf = (entry: VerdictEntry): string =>
  `${entry.listener !== null ? ` listener ${entry.section}` : entry.parent === null ? "" : ` for ${describeKey(entry.parent)}${entry.section === null ? "" : ` listener ${entry.section}`}`}`

/** Conditions by where they stand; the wait for acknowledgements is no news. */
const flat = (verdict: Verdict): ReadonlyMap<string, Condition> =>
  new Map(
    verdict.entries.flatMap((entry) =>
      entry.conditions
        .filter((condition) => condition.reason !== "Pending")
        .map((condition) => [`${placeOf(entry)}: ${condition.type}`, condition] as const)
    )
  )

export const makeNarrator = (journal: Journal): Narrator => {
  let told: ReadonlyMap<ObjectKey, Verdict> = new Map()
  let known = new Set<string>()
  let unused: ReadonlyMap<ObjectKey, string> = new Map()
  /** By collection. */
  const troubles = new Map<string, string>()
  return {
    statuses: (now) => {
      let lines = 0
      let untold = 0
      const say = (level: "info" | "warning", text: string) => {
        if (lines++ < most) journal.write(level, text)
        else untold++
      }
      for (const [object, verdict] of now) {
        const before = told.get(object)
        if (before === verdict) continue
        const old = before === undefined ? new Map<string, Condition>() : flat(before)
        for (const [place, condition] of flat(verdict)) {
          const last = old.get(place)
          if (last?.status === condition.status && last.reason === condition.reason && last.message === condition.message) continue
          const bad = stateOf(condition) === "bad"
          // At first, and for a good thing that only has other words: of what is well, that a Gateway is programmed is enough.
          if (!bad && (last === undefined || stateOf(last) === "good")) {
            if (condition.type !== "Programmed" || last !== undefined || place.includes(" listener ")) continue
          }
          say(
            bad ? "warning" : "info",
            `${describeKey(object)}${place} ${condition.status} ${condition.reason === condition.type ? "" : condition.reason}`.trimEnd() +
              (condition.message === "" ? "" : `: ${condition.message}`)
          )
        }
      }
      for (const object of told.keys()) if (!now.has(object)) say("info", `${describeKey(object)}: gone`)
      if (untold > 0) journal.write("info", `and ${untold} more changes of status: the admin address shows all at /statuses`)
      told = now
    },
    ignored: (now) => {
      const fresh = [...now].filter(([object, reason]) => unused.get(object) !== reason)
      for (const [object, reason] of fresh.slice(0, most)) journal.write("warning", `${describeKey(object)}: ${reason}`)
      if (fresh.length > most)
        journal.write("warning", `and ${fresh.length - most} more objects that nothing is made of: sluice check lists all`)
      unused = now
    },
    problems: (now) => {
      const next = new Set<string>()
      let fresh = 0
      for (const problem of now) {
        const text = describeProblem(problem)
        next.add(text)
        if (known.has(text)) continue
        if (fresh++ < most) journal.write(problem.severity === "Info" ? "debug" : problem.severity === "Warning" ? "info" : "warning", text)
      }
      if (fresh > most) journal.write("warning", `and ${fresh - most} more problems: sluice check lists all`)
      if (known.size > 0 && next.size === 0) journal.write("info", "all problems of the manifests are gone")
      known = next
    },
    collections: (now) => {
      for (const collection of now) {
        // A watch that breaks is begun again, and each of them breaks when the API server is gone.
        const passing = collection.state === "Broken"
        const name = describeCollection(collection)
        const trouble = troubleOf(collection, kindOf(collection.kind)?.need ?? "Optional")
        const before = troubles.get(name)
        if (trouble === before || (trouble === null && before === undefined)) continue
        if (passing && trouble !== null) journal.write("debug", trouble)
        else if (trouble !== null) {
          troubles.set(name, trouble)
          journal.write("warning", trouble)
        } else if (troubles.delete(name)) journal.write("info", `${name} is read`)
      }
    }
  }
}
