// vitest as a stage of a recipe: its own report for the eye, and the counts for the last line.
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { bin } from "./toolchain.ts"

const root = join(import.meta.dirname, "..")

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** As vitest's JSON reporter has them: those of Jest. */
interface Results {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly numPendingTests: number
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly assertionResults: ReadonlyArray<{ readonly fullName: string; readonly status: string }>
  }>
}

/** Each failed test by file and name; a file that does not load by its name alone. */
const failures = ({ testResults }: Results): ReadonlyArray<string> =>
  testResults.flatMap(({ name, status, assertionResults }) => {
    const failed = assertionResults.filter((test) => test.status === "failed").map(({ fullName }) => `${relative(root, name)}: ${fullName}`)
    return failed.length === 0 && status === "failed" ? [relative(root, name)] : failed
  })

/** Runs vitest with more words, and says what failed once more at its end, a line each: `FAILED: …`. `before` is put before the command (a program that takes it into namespaces). */
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
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", env })
  if (result.error !== undefined) console.error(`sluice: ${command} could not be started: ${result.error.message}`)
  const results = existsSync(output) ? (JSON.parse(readFileSync(output, "utf8")) as Results) : null
  rmSync(folder, { recursive: true, force: true })
  if (results === null) return { passed: 0, failed: 1, skipped: 0 }
  for (const failure of failures(results)) console.log(`FAILED: ${failure}`)
  const failed = results.numFailedTests
  // A file that does not even load counts no test: its failure must not vanish.
  return { passed: results.numPassedTests, failed: result.status !== 0 && failed === 0 ? 1 : failed, skipped: results.numPendingTests }
}
