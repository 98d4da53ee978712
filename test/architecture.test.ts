// The import table of docs/architecture.md as a law: text and rule cannot part, because the rule is read from the text.
import { readdirSync, readFileSync, statSync } from "node:fs"
import { dirname, join, posix, relative } from "node:path"
import { assert, describe, it } from "vitest"

const root = join(import.meta.dirname, "..")

const files = (folder: string): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => posix.join(folder, name.replaceAll("\\", "/")))
    .sort()

/** folder (or file) → what it may import, from the table under "Who may import whom". */
const table = (): ReadonlyMap<string, ReadonlyArray<string>> => {
  const text = readFileSync(join(root, "docs/architecture.md"), "utf8")
  const section = text.slice(text.indexOf("## Who may import whom"), text.indexOf("## Laws"))
  const rows = section.split("\n").filter((line) => line.startsWith("|") && !line.startsWith("| folder") && !line.startsWith("| ---"))
  return new Map(
    rows.map((line) => {
      const [, folder = "", allowed = ""] = line.split("|").map((cell) => cell.trim())
      return [folder, allowed === "" ? [] : allowed.split(",").map((name) => name.trim())]
    })
  )
}

const imports = (file: string): ReadonlyArray<string> => {
  const text = readFileSync(join(root, file), "utf8")
  const specifiers = [
    ...text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^"'`;]*?\bfrom\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)|(?:^|\n)import\s+"([^"]+)"/g)
  ]
  return specifiers.map((match) => match[1] ?? match[2] ?? match[3] ?? "")
}

/** The project file that a specifier names, or null for a package. */
const target = (file: string, specifier: string): string | null => {
  if (specifier.startsWith("#src/")) return `src/${specifier.slice("#src/".length)}`
  if (specifier.startsWith("#schemas/")) return `schemas/${specifier.slice("#schemas/".length)}`
  if (!specifier.startsWith(".")) return null
  return posix.normalize(posix.join(dirname(file), specifier))
}

const rows = table()

/** The row that speaks of a file: the longest that holds it. */
const room = (file: string): string | undefined =>
  [...rows.keys()].filter((row) => file === row || file.startsWith(`${row}/`)).sort((a, b) => b.length - a.length)[0]

const sources = [...files("schemas"), ...files("src")]

describe("the import table", () => {
  it("speaks of every file", () => {
    assert.isAbove(rows.size, 10)
    assert.deepEqual(
      sources.filter((file) => room(file) === undefined),
      []
    )
  })

  it("names only folders and files that exist", () => {
    for (const row of rows.keys()) assert.doesNotThrow(() => statSync(join(root, row)), row)
  })

  it("holds for every import", () => {
    const broken = sources.flatMap((file) => {
      const from = room(file) ?? ""
      const allowed = rows.get(from) ?? []
      return imports(file).flatMap((specifier) => {
        const to = target(file, specifier)
        if (to === null) return []
        const toRoom = room(to)
        if (toRoom === undefined) return [`${file} imports ${specifier}, which no row speaks of`]
        const may = toRoom === from || allowed.some((name) => toRoom === name || (toRoom.startsWith(`${name}/`) && name === "src"))
        return may ? [] : [`${file} imports ${to}: ${from} may not import ${toRoom}`]
      })
    })
    assert.deepEqual(broken, [])
  })

  it("keeps the client library of Kubernetes where it belongs, and speaks HTTP without the libraries of others", () => {
    const importers = (name: string) =>
      sources.filter((file) => imports(file).some((specifier) => specifier === name || specifier.startsWith(`${name}/`)))
    assert.deepEqual(importers("re2js"), ["src/routing/pattern.ts"])
    assert.deepEqual(importers("undici"), [])
    assert.deepEqual(
      importers("@kubernetes/client-node").filter((file) => !file.startsWith("src/kube/")),
      []
    )
  })

  it("names no file that is not there", () => {
    const missing = sources.flatMap((file) =>
      imports(file)
        .map((specifier) => target(file, specifier))
        .filter((to) => to !== null && !sources.includes(to))
        .map((to) => `${relative(".", file)}: ${to}`)
    )
    assert.deepEqual(missing, [])
  })
})
