// vitest as a stage of a recipe: its own report for the eye, and the counts for the last line.
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bin } from "./toolchain.ts"

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** Runs vitest with more words; `before` is put before the command (a program that takes it into namespaces). */
export const runVitest = (
  words: ReadonlyArray<string>,
  before: ReadonlyArray<string> = [],
  env: NodeJS.ProcessEnv = process.env
): Counts => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-test-"))
  const output = join(folder, "results.json")
  const [command = "", ...args] = [
    ...before,
    bin("vitest"),
    "run",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${output}`,
    ...words
  ]
  const result = spawnSync(command, args, { cwd: join(import.meta.dirname, ".."), stdio: "inherit", env })
  if (result.error !== undefined) console.error(`sluice: ${command} could not be started: ${result.error.message}`)
  const results = existsSync(output)
    ? (JSON.parse(readFileSync(output, "utf8")) as {
        readonly numPassedTests: number
        readonly numFailedTests: number
        readonly numPendingTests: number
      })
    : null
  rmSync(folder, { recursive: true, force: true })
  if (results === null) return { passed: 0, failed: 1, skipped: 0 }
  const failed = results.numFailedTests
  // A file that does not even load counts no test: its failure must not vanish.
  return { passed: results.numPassedTests, failed: result.status !== 0 && failed === 0 ? 1 : failed, skipped: results.numPendingTests }
}
