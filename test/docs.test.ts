// What docs/ says of names, settings and failures is what the code says, and links lead somewhere.
import { spawnSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "vitest"

const root = join(import.meta.dirname, "..")
const pages = [
  ...["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"],
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => join("docs", name))
]

describe("docs", () => {
  it("have the generated tables of the code", () => {
    const run = spawnSync(process.execPath, [join(root, "scripts", "docs.ts"), "--check"], { encoding: "utf8" })
    assert.equal(run.status, 0, run.stderr)
  })

  it("link only to what exists", () => {
    const broken = pages.flatMap((page) =>
      [...readFileSync(join(root, page), "utf8").matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)]
        .map((match) => match[1] ?? "")
        .filter((link) => !existsSync(join(root, dirname(page), link)))
        .map((link) => `${page}: ${link}`)
    )
    assert.deepEqual(broken, [])
  })

  it("are reachable from the README", () => {
    const readme = readFileSync(join(root, "README.md"), "utf8")
    for (const page of pages.filter((page) => /^docs\/[^/]+\.md$/.test(page))) assert.include(readme, `(${page})`)
  })
})
