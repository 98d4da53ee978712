// `prepack`: Node refuses to strip types under node_modules, so a packed package carries its TypeScript as JavaScript in dist/.
// Types are stripped by Node itself, and specifiers rewritten: `.ts` → `.js`, `#src/` and `#schemas/` → relative paths.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { dirname, join, posix } from "node:path"

const root = join(import.meta.dirname, "..")
const dist = join(root, "dist")

/** `from "x"` and `import("x")`: the only two forms the sources use. */
const specifier = /(\bfrom\s+|\bimport\(\s*|\bimport\s+)"([^"]+\.ts)"/g

const rewrite = (file: string, code: string): string =>
  code.replace(specifier, (_whole, keyword: string, name: string) => {
    const target = name.startsWith("#") ? posix.relative(dirname(file), name.slice(1)) : name
    const relative = target.startsWith(".") ? target : `./${target}`
    return `${keyword}"${relative.replace(/\.ts$/, ".js")}"`
  })

rmSync(dist, { recursive: true, force: true })
let count = 0
for (const folder of ["src", "schemas"]) {
  for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue
    const file = posix.join(folder, name)
    const out = join(dist, file.replace(/\.ts$/, ".js"))
    mkdirSync(dirname(out), { recursive: true })
    writeFileSync(out, rewrite(file, stripTypeScriptTypes(readFileSync(join(root, file), "utf8"), { mode: "strip" })))
    count++
  }
}
// src/../package.json says the version in both forms.
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string }
writeFileSync(join(dist, "package.json"), `${JSON.stringify({ type: "module", version })}\n`)
console.error(`sluice: ${count} files in dist/`)
