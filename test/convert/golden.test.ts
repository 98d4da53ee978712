// The law of `sluice convert` over every golden input: what it prints is served as the input was, or a note says what was lost.
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { settingsOf } from "../golden/settings.ts"
import { converted } from "./converted.ts"
import { said, served } from "./served.ts"

const folder = join(import.meta.dirname, "..", "golden", "cases")

const cases = readdirSync(folder, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".in.yaml"))
  .sort()

describe("what every golden case is converted to", () => {
  it.each(cases)("%s", (name) => {
    const text = readFileSync(join(folder, name), "utf8")
    const { before, after } = converted(text, settingsOf(text))
    expect(served(after.translation)).toEqual(served(before.translation))
    const both = [...before.translation.verdicts.keys()].filter(
      (key) => after.translation.verdicts.has(key) && !key.startsWith("Gateway.") && !key.startsWith("GatewayClass.")
    )
    expect(said(after.translation, both)).toEqual(said(before.translation, both))
  })
})
