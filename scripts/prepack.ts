// `prepack`: what a packed package carries instead of its TypeScript, in dist/.
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { javascript } from "./javascript.ts"

const dist = join(import.meta.dirname, "..", "dist")

rmSync(dist, { recursive: true, force: true })
const files = javascript()
for (const [name, text] of files) {
  mkdirSync(dirname(join(dist, name)), { recursive: true })
  writeFileSync(join(dist, name), text)
}
console.error(`sluice: ${files.size} files in dist/`)
