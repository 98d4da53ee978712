// A packed tarball, installed as a user would: Node refuses to strip types under node_modules, so the package brings JavaScript.
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, beforeAll, describe, it } from "vitest"

const root = join(import.meta.dirname, "..")
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly optionalDependencies: Readonly<Record<string, string>>
}

describe("the packed tarball", () => {
  let folder = ""
  const npm = (cwd: string, ...args: ReadonlyArray<string>) =>
    execFileSync("npm", [...args, "--no-audit", "--no-fund"], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
  const sluice = (...args: ReadonlyArray<string>) =>
    execFileSync(join(folder, "node_modules", ".bin", "sluice"), args, {
      encoding: "utf8",
      env: { ...process.env, SLUICE_NODE: process.execPath }
    })

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-packed-"))
    npm(root, "pack", "--pack-destination", folder)
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz")) ?? ""
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "user", private: true }))
    // Node itself is left out to spare the download: the launcher is told which one to take.
    npm(folder, "install", "--ignore-scripts", "--omit=optional", "--omit=dev", "--prefer-offline", join(folder, tarball))
  }, 300_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it("runs without TypeScript", () => {
    assert.include(sluice("version"), manifest.version)
  })

  it("checks manifests", () => {
    assert.include(sluice("check", join(root, "examples", "internet.yaml")), "internet")
  })

  it("carries no TypeScript and no tests", () => {
    const files = readdirSync(join(folder, "node_modules", "@sluice", "sluice"), { recursive: true, encoding: "utf8" })
    assert.deepEqual(
      files.filter((file) => file.endsWith(".ts") || file.startsWith("test")),
      []
    )
    assert.isAbove(files.filter((file) => file.endsWith(".js")).length, 50)
  })
})

describe("package.json", () => {
  it("pins every dependency exactly", () => {
    const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }
    assert.deepEqual(
      Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version)),
      []
    )
  })

  it("has at most 15 direct production dependencies, each with its written reason", () => {
    const names = Object.keys(manifest.dependencies)
    assert.isAtMost(names.length, 15)
    const reasons = readFileSync(join(root, "docs", "decisions", "0001-dependencies.md"), "utf8")
    for (const name of names) assert.include(reasons, `| ${name} |`)
  })

  it("keeps download addresses out of the lockfile", () => {
    assert.notMatch(readFileSync(join(root, "package-lock.json"), "utf8"), /"resolved": "http/)
  })
})
