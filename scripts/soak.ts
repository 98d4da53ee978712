// `npm run test:soak`: the long forms, one after another.
import { spawnSync } from "node:child_process"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const vitest = join(root, "node_modules", ".bin", "vitest")
const result = spawnSync(vitest, ["run", "--config", "vitest.soak.config.ts", ...process.argv.slice(2)], { cwd: root, stdio: "inherit" })
process.exit(result.status ?? 1)
