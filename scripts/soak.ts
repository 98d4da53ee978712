// `npm run test:soak`: the long forms, one after another.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { bin } from "./toolchain.ts"

const root = join(import.meta.dirname, "..")
const result = spawnSync(bin("vitest"), ["run", "--config", "vitest.soak.config.ts", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit"
})
process.exit(result.status ?? 1)
