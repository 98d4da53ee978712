// Whose a condition is, is known by its type: just the types that the one file of conditions says are ours, no other is ever taken away.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, it } from "vitest"
import { mergeConditions, ownTypes } from "#src/operator/status/conditions.ts"
import { observed } from "#src/status/conditions.ts"

it("types of ours are those that src/status/conditions.ts says", () => {
  const text = readFileSync(join(import.meta.dirname, "../../../src/status/conditions.ts"), "utf8")
  const said = new Set([...text.matchAll(/\bsays\(\s*"([A-Za-z]+)"/g)].map(([, type]) => type))
  assert.deepEqual([...ownTypes].sort(), [...said].sort() as Array<string>)
})

it("a type of somebody else stays, one of ours that is no longer said goes", () => {
  const of = (type: string) => ({
    type,
    status: "True",
    reason: "x",
    message: "",
    observedGeneration: 1,
    lastTransitionTime: "2026-01-01T00:00:00Z"
  })
  const before = [of("Watched"), of("PartiallyInvalid"), of("Accepted")]
  const merged = mergeConditions(
    before,
    [observed(1, { type: "Accepted", status: "True", reason: "x", message: "" })],
    "2026-02-01T00:00:00Z"
  )
  assert.deepEqual(merged, [of("Watched"), of("Accepted")])
})
