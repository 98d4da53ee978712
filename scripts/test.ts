// `npm test`: type check, lint and formatting, then every test; each stage with its time. The last line is `N passed, N failed`.
// Arguments go to vitest (`npm test -- test/routing`): then only the tests they name run.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { ensurePrograms } from "../test/cluster/build.ts"
import { bringGo } from "./go.ts"
import { bin, biome, effectCompiler } from "./toolchain.ts"
import { type Counts, runVitest } from "./vitest.ts"

const root = join(import.meta.dirname, "..")

interface Stage extends Counts {
  readonly name: string
  readonly seconds: number
}

const run = (command: string, args: ReadonlyArray<string>): number => {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit" })
  if (result.error !== undefined) console.error(`sluice: ${command} could not be started: ${result.error.message}`)
  return result.status ?? 1
}

const stage = (name: string, body: () => Counts): Stage => {
  console.log(`\n== ${name}`)
  const began = performance.now()
  const counts = body()
  const seconds = (performance.now() - began) / 1000
  console.log(`== ${name}: ${counts.failed === 0 ? "ok" : "FAILED"} in ${seconds.toFixed(1)} s`)
  return { name, ...counts, seconds }
}

const verdict = (status: number) => ({ passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 })

const types = () => {
  if (effectCompiler !== null) return verdict(run(effectCompiler, ["-p", "."]))
  console.log("sluice: this platform has no Effect build of the compiler: a forgotten yield* is not reported here")
  return verdict(run(bin("tsc"), ["-p", "."]))
}

const format = () => {
  if (biome !== null) return verdict(run(biome, ["check", "--error-on-warnings", "."]))
  console.log(`sluice: no formatter for ${process.platform}-${process.arch}: lint and formatting are not checked here`)
  return { passed: 0, failed: 0, skipped: 1 }
}

// The upstream CRDs come from a Go module. A developer without Go sees that part skipped; CI must not, so it brings Go.
if (process.env["CI"] === "true") bringGo()

const words = process.argv.slice(2)
// Before the tests, so that the minutes of the first build are no test's. Where it cannot be done, the tests say so.
if (words.length === 0) await ensurePrograms()
const stages =
  words.length > 0
    ? [stage("tests", () => runVitest(words))]
    : [stage("type check", types), stage("lint and formatting", format), stage("tests", () => runVitest([]))]

const total = (key: "passed" | "failed" | "skipped") => stages.reduce((sum, each) => sum + each[key], 0)
console.log("")
for (const each of stages) console.log(`${each.name.padEnd(24)} ${each.seconds.toFixed(1).padStart(7)} s`)
const skipped = total("skipped")
console.log(`${total("passed")} passed, ${total("failed")} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`)
process.exit(total("failed") === 0 ? 0 : 1)
