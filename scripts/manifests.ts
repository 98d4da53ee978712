// `npm run manifests`: writes what of deploy/ is generated. `-- --check` changes nothing and fails when a file has parted from the code (the test runs that).
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { generatedFiles } from "./deploy/generated.ts"

const folder = join(import.meta.dirname, "..", "deploy")
const check = process.argv.includes("--check")

let stale = 0
for (const [name, text] of generatedFiles()) {
  const file = join(folder, name)
  if (existsSync(file) && readFileSync(file, "utf8") === text) continue
  stale++
  if (check) console.error(`deploy/${name} has parted from the code: npm run manifests`)
  else {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    console.error(`deploy/${name} written`)
  }
}
process.exit(check && stale > 0 ? 1 : 0)
