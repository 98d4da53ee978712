// The program as plain JavaScript: types stripped by Node itself, specifiers rewritten (`.ts` → `.js`, `#src/` and `#schemas/` → relative paths). For
// the npm package, because Node refuses to strip types under node_modules, and for the image, which starts faster for it.
import { readdirSync, readFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { dirname, join, posix } from "node:path"

const root = join(import.meta.dirname, "..")

/** `from "x"` and `import("x")`: the only two forms the sources use. */
const specifier = /(\bfrom\s+|\bimport\(\s*|\bimport\s+)"([^"]+\.ts)"/g

const rewrite = (file: string, code: string): string =>
  code.replace(specifier, (_whole, keyword: string, name: string) => {
    const target = name.startsWith("#") ? posix.relative(dirname(file), name.slice(1)) : name
    const relative = target.startsWith(".") ? target : `./${target}`
    return `${keyword}"${relative.replace(/\.ts$/, ".js")}"`
  })

/** Text by path (`src/main.js`), with the package.json that `src/../package.json` says the version by. */
export const javascript = (): ReadonlyMap<string, string> => {
  const files = new Map<string, string>()
  for (const folder of ["src", "schemas"]) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).sort()) {
      if (!name.endsWith(".ts")) continue
      const file = posix.join(folder, name)
      const stripped = stripTypeScriptTypes(readFileSync(join(root, file), "utf8"), { mode: "strip" })
      files.set(file.replace(/\.ts$/, ".js"), rewrite(file, stripped))
    }
  }
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { readonly version: string }
  return files.set("package.json", `${JSON.stringify({ type: "module", version })}\n`)
}
