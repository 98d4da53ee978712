// `npm run golden`: runs the golden tests with the pen in hand.
import { spawnSync } from "node:child_process"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const vitest = join(root, "node_modules", ".bin", "vitest")
const result = spawnSync(vitest, ["run", "test/golden", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
  env: { ...process.env, GOLDEN: "write" }
})
process.exit(result.status ?? 1)
