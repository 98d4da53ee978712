// CPU microseconds per request of Sluice and its peers, interleaved in one run: the data plane's part of the report.
import { spawnSync } from "node:child_process"
import { load, median, type Running, rss, start } from "./measure.ts"
import { missing } from "./missing.ts"
import { makePair } from "./pair.ts"
import { caddy, envoy, haproxy, nginx, origin, type Peer, type Port, sluice, type World } from "./peers.ts"
import { makeSamples, measureInTurn, warmUp } from "./rounds.ts"

export interface ProxiesOptions {
  readonly launcher: string
  readonly folder: string
  readonly quick: boolean
  /** null: there is none, and its column stays away. */
  readonly envoy: string | null
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

/** Programs that are not there, without which nothing is measured. */
export const missingPrograms = (): ReadonlyArray<string> => missing("nginx", "haproxy", "caddy", "wrk", "taskset")

const version = (command: string, ...args: ReadonlyArray<string>) => {
  const out = spawnSync(command, args, { encoding: "utf8" })
  // Envoy begins with its own path.
  return (`${out.stdout}${out.stderr}`.trim().split("\n")[0] ?? "").replace(/^\S*\/envoy +version: /, "")
}

/** The part of the report, as Markdown; made: who measured, where and when. */
export const measureProxies = async (options: ProxiesOptions, made: string): Promise<string> => {
  const { folder, quick } = options
  const rounds = quick ? 2 : 5
  const seconds = quick ? 3 : 4
  const warming = warmUp(quick)
  const world: World = {
    folder,
    originPort: 19100,
    originTlsPort: 19143,
    ...(await makePair(folder)),
    routes: 1000
  }
  const peers: ReadonlyArray<Peer> = [
    sluice(world, options.launcher),
    nginx(world),
    haproxy(world),
    ...(options.envoy === null ? [] : [envoy(world, options.envoy)]),
    caddy(world)
  ]

  const samples = makeSamples()
  const memory = new Map<string, number>()
  const source = await start(origin(world), 1)
  const running: Array<Running> = []
  try {
    for (const peer of peers) running.push(await start(peer, 0))
    await measureInTurn<Row, Port>({
      rows,
      able: () => running,
      run: (each, row, length) => load(each, each.peer.ports[row.port], row.path, length, row.connections, 1),
      ...{ warming, rounds, seconds, samples }
    })
    for (const each of running) memory.set(each.peer.name, rss(each.pid))
  } finally {
    for (const each of running) await each.stop()
    await source.stop()
  }

  const valuesOf = (row: string, peer: string) => samples.of(row, peer).map((sample) => sample.micros)
  const micros = (row: string, peer: string) => median(valuesOf(row, peer))
  const range = (row: string, peer: string) => {
    const values = valuesOf(row, peer)
    return values.length === 0
      ? "-"
      : `${micros(row, peer).toFixed(1)} (${Math.min(...values).toFixed(1)}..${Math.max(...values).toFixed(1)})`
  }
  const names = peers.map((peer) => peer.name)
  const ratio = (row: string, peer: string) => (names.includes(peer) ? (micros(row, "sluice") / micros(row, peer)).toFixed(2) : "-")

  return `## CPU microseconds per request (user + system, proxy process)

${made} Each proxy runs alone on one core with one worker; the load generator (wrk) and the origin (nginx) share the other.
${rounds} interleaved rounds of ${seconds} s after ${warming} s of warm-up per row, the same for all; median (min..max). The machine is shared: read ratios within the
run, not absolute values. Sluice and Envoy write their access logs to /dev/null; the other peers log nothing. Upstream certificates are verified by all.

| work | ${names.join(" | ")} | of Envoy | of Caddy |
| --- |${names.map(() => " --- |").join("")} --- | --- |
${rows.map((row) => `| ${row.title} | ${names.map((name) => range(row.title, name)).join(" | ")} | ${ratio(row.title, "envoy")} | ${ratio(row.title, "caddy")} |`).join("\n")}
| RSS after the run, MiB | ${names.map((name) => (memory.get(name) ?? 0).toFixed(0)).join(" | ")} | | |

Failed requests over all runs: ${samples.failures()}. Bars: at most 1.3 × Envoy and 0.8 × Caddy at 1 KiB and 1 KiB over TLS.

| program | version |
| --- | --- |
| sluice | ${version(options.launcher, "version")} |
| nginx | ${version("nginx", "-v")} |
| haproxy | ${version("haproxy", "-v")} |
| caddy | ${version("caddy", "version")} |
| envoy | ${options.envoy === null ? "-" : version(options.envoy, "--version")} |
| wrk | ${version("wrk", "-v")} |`
}
