// Every case: manifests in, snapshot tables and statuses out, compared with what was written down. GOLDEN=write (`npm run golden`) writes it down anew.
// A case may begin with `# settings: {role: Cluster}`: what the process was told otherwise.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import { describe, expect, it } from "vitest"
import { assemble } from "#src/sources/assembly.ts"
import { describeProblem } from "#src/sources/problem.ts"
import { apply, empty } from "#src/state/state.ts"
import { makeTranslate, type Translation } from "#src/translate/translate.ts"
import { printed } from "./print.ts"
import { settingsOf } from "./settings.ts"

const folder = join(import.meta.dirname, "cases")
const writing = process.env.GOLDEN === "write"

/** As `sluice check` would: everything at once, and every Secret and ConfigMap that is asked for answered until no more is. */
const run = (file: string, text: string): string => {
  const assembly = assemble({ files: new Map([[file, text]]), faults: [], folders: new Map() }, new Uint8Array(32), null)
  const translate = makeTranslate(settingsOf(text))
  let state = empty
  for (const [kind, objects] of assembly.listed) state = apply(state, { _tag: "Replaced", kind, objects })
  let translation: Translation = translate(state)
  for (;;) {
    const before = state
    for (const key of translation.interest) state = apply(state, { _tag: "Fetched", key, object: assembly.demanded.get(key) ?? null })
    if (state === before) break
    translation = translate(state, translation)
  }
  expect(translate(state).verdicts).toEqual(translation.verdicts)
  return printed(translation, assembly.problems.map(describeProblem))
}

const cases = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".in.yaml"))
  .sort()

describe("golden", () => {
  it("has cases", () => expect(cases.length).toBeGreaterThan(0))
  it.each(cases)("%s", (name) => {
    const path = join(folder, name)
    const expected = path.replace(/\.in\.yaml$/, ".out.yaml")
    const out = run(relative(folder, path), readFileSync(path, "utf8"))
    if (writing) writeFileSync(expected, out)
    else {
      expect(existsSync(expected), `${relative(folder, expected)} is missing: npm run golden writes it`).toBe(true)
      expect(out).toBe(readFileSync(expected, "utf8"))
    }
  })
})
