// Conditions toward several Gateways as one list, for printer columns and `kubectl wait`: of each type the worst.
import type { Condition } from "#schemas/meta.ts"
import { negative } from "../../status/negative.ts"
import type { VerdictEntry } from "../../status/verdict.ts"

const badness = ({ type, status }: Condition): number => (status === "Unknown" ? 1 : (status === "True") === negative.has(type) ? 2 : 0)

export const worstConditions = (entries: ReadonlyArray<VerdictEntry>): ReadonlyArray<Condition> => {
  const worst = new Map<string, Condition>()
  for (const { conditions } of entries)
    for (const condition of conditions) {
      const known = worst.get(condition.type)
      if (known === undefined || badness(condition) > badness(known)) worst.set(condition.type, condition)
    }
  return [...worst.values()]
}
