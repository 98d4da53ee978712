// What of deploy/ is generated is what the code generates.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { expect, it } from "vitest"

it("generated manifests are those of the code", () => {
  const recipe = join(import.meta.dirname, "..", "..", "scripts", "manifests.ts")
  const run = spawnSync(process.execPath, [recipe, "--check"], { encoding: "utf8" })
  expect(run.stderr).toBe("")
  expect(run.status).toBe(0)
})
