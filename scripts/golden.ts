// `npm run golden`: runs the golden tests with the pen in hand.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { bin } from "./toolchain.ts"

const root = join(import.meta.dirname, "..")
const result = spawnSync(bin("vitest"), ["run", "test/golden", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, GOLDEN: "write" }
})
process.exit(result.status ?? 1)
