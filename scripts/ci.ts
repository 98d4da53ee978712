// What `.ci/run` runs: `npm test`, then `npm run test:node`, then `npm run conformance`, each stage with its time, and what failed once more. The last line is the sum: `N passed, N failed`.
// A machine on which there can be no node (no root, no Debian) is told of and fails nothing; one that could have one and did not, does.
import { spawn } from "node:child_process"
import { join } from "node:path"
import { createInterface } from "node:readline"
import type { Counts } from "./vitest.ts"

const last = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/u

const recipeNames: Readonly<Record<string, string>> = {
  "test.ts": "npm test",
  "node.ts": "npm run test:node",
  "conformance.ts": "npm run conformance"
}

const failures: Array<string> = []

/** Runs a recipe, shows what it says, and reads its last line. A recipe that ends without one has failed, and so has one that says so with its exit code. */
const recipe = (name: string, words: ReadonlyArray<string> = []): Promise<Counts & { readonly name: string; readonly seconds: number }> =>
  new Promise((resolve) => {
    const began = performance.now()
    const child = spawn(process.execPath, [join(import.meta.dirname, name), ...words], { stdio: ["ignore", "pipe", "inherit"] })
    let counts: Counts = { passed: 0, failed: 1, skipped: 0 }
    createInterface({ input: child.stdout }).on("line", (line) => {
      console.log(line)
      if (line.startsWith("FAILED: ")) failures.push(line)
      const [, passed, failed, skipped = "0"] = last.exec(line) ?? []
      if (passed !== undefined) counts = { passed: Number(passed), failed: Number(failed), skipped: Number(skipped) }
    })
    child.once("close", (code) =>
      resolve({
        ...counts,
        name: [recipeNames[name], ...words].join(" "),
        failed: code !== 0 && counts.failed === 0 ? 1 : counts.failed,
        seconds: (performance.now() - began) / 1000
      })
    )
  })

/** Minutes that all of it may take, and that the whole conformance suite takes on a slow machine: where they are not left, its core is run. */
const [most, conformance] = [90, 35]

const stages = [await recipe("test.ts"), await recipe("node.ts")]
const left = most - performance.now() / 60_000
stages.push(await recipe("conformance.ts", left < conformance ? ["--core"] : []))
const total = (key: keyof Counts) => stages.reduce((sum, stage) => sum + stage[key], 0)
console.log(["", ...failures].join("\n"))
for (const { name, passed, failed, skipped, seconds } of stages) {
  console.log(`${name.padEnd(26)} ${passed} passed, ${failed} failed, ${skipped} skipped in ${seconds.toFixed(0)} s`)
}
console.log(`${total("passed")} passed, ${total("failed")} failed`)
process.exit(total("failed") === 0 ? 0 : 1)
