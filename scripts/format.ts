// `npm run format`: formats, and fixes what the linter can fix.
import { spawnSync } from "node:child_process"
import { join } from "node:path"
import { biome } from "./toolchain.ts"

if (biome === null) {
  console.error(`sluice: no formatter for ${process.platform}-${process.arch} in the lockfile: run this on Linux`)
  process.exit(2)
}
process.exit(spawnSync(biome, ["check", "--write", "."], { cwd: join(import.meta.dirname, ".."), stdio: "inherit" }).status ?? 1)
