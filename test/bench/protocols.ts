// CPU microseconds per request of Sluice and its peers in every protocol but HTTP/1.1 (proxies.ts), interleaved in one run; and of two workers on two cores.
import { spawnSync } from "node:child_process"
import { loaded, median, type Running, rss, start, type Told, wrkTold } from "./measure.ts"
import { missing } from "./missing.ts"
import { makePair } from "./pair.ts"
import { origin as files } from "./peers.ts"
import { compiled } from "./programs.ts"
import { envoy, haproxy, nginx, type ProtocolPeer, type ProtocolWorld, sluice, type Work, works } from "./protocolpeers.ts"
import { makeSamples, measureInTurn, warmUp } from "./rounds.ts"

export interface ProtocolsOptions {
  readonly launcher: string
  readonly folder: string
  readonly quick: boolean
  /** null: there is none, and its column stays away. */
  readonly envoy: string | null
  /** Only rows of these works; empty: all. */
  readonly only: ReadonlyArray<string>
}

interface Row {
  readonly title: string
  readonly work: Work
  /** The load's words, for so many seconds. */
  readonly load: (port: number, seconds: number) => ReadonlyArray<string>
  readonly told: (output: string) => Told
}

/** 64 requests are under way at a time, as in the rows of proxies.ts: eight streams of eight connections. */
const streams = ["8", "8"]

const told = (output: string): Told => {
  const { requests, failures, seconds } = JSON.parse(output) as { requests: number; failures: number; seconds: number }
  return { requests, failures, requestsPerSecond: requests / seconds }
}

const requests = (title: string, work: Work, kind: "get" | "grpc", path: string, bytes: number, wire: "plain" | "tls" = "plain"): Row => ({
  title,
  work,
  load: (port, seconds) => [compiled("load"), String(port), ...streams, String(seconds), kind, path, String(bytes), wire],
  told
})

const wrk = (title: string, work: Work, path: string, connections: number, scheme = "http"): Row => ({
  title,
  work,
  load: (port, seconds) => ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, `${scheme}://localhost:${port}${path}`],
  told: wrkTold
})

const rows: ReadonlyArray<Row> = [
  requests("h2 → h1, 1 KiB", "h2h1", "get", "/1k", 1024),
  requests("h2 over TLS → h1, 1 KiB", "h2sh1", "get", "/1k", 1024, "tls"),
  requests("h2 → h1, 64 KiB", "h2h1", "get", "/64k", 65_536),
  requests("h2 → h2, 1 KiB", "h2h2", "get", "/1k", 1024),
  requests("gRPC unary, 64 bytes each way", "grpc", "grpc", "/bench.Echo/Unary", 69),
  wrk("TCP, 1 KiB", "tcp", "/1k", 64),
  wrk("TCP, 10 MiB", "tcp", "/10m", 8),
  wrk("TLS passed through by its name, 1 KiB", "passthrough", "/1k", 64, "https"),
  {
    title: "UDP, 100 bytes there and back",
    work: "udp",
    load: (port, seconds) => [compiled("datagrams"), "load", String(port), "64", String(seconds), "100"],
    told
  }
]

const manyWorkers: ReadonlyArray<Row> = [
  wrk("two workers: HTTP/1.1, 1 KiB", "h1", "/1k", 64),
  requests("two workers: h2 → h1, 1 KiB", "h2h1", "get", "/1k", 1024)
]

/** Programs that are not there, without which nothing is measured. */
export const missingPrograms = (): ReadonlyArray<string> => missing("nginx", "haproxy", "wrk", "taskset", "cc")

/** The part of the report, as Markdown; made: who measured, where and when. */
export const measureProtocols = async (options: ProtocolsOptions, made: string): Promise<string> => {
  const { folder, quick, launcher } = options
  const rounds = quick ? 3 : 5
  const seconds = quick ? 2 : 4
  const warming = warmUp(quick)
  const origin = { plain: 19200, tls: 19243, h2: 19202, grpc: 19203, udp: 19253 }
  const pair = await makePair(folder)
  const worldOf = (workers: number): ProtocolWorld => ({ folder, origin, ...pair, workers })
  const peersOf = (world: ProtocolWorld): ReadonlyArray<ProtocolPeer> => [
    sluice(world, launcher),
    nginx(world),
    haproxy(world),
    ...(options.envoy === null ? [] : [envoy(world, options.envoy)])
  ]

  const samples = makeSamples()
  const memory = new Map<string, number>()

  const measure = async (workers: number, chosen: ReadonlyArray<Row>) => {
    if (chosen.length === 0) return
    const [proxyCores, loadCores] = workers === 1 ? ["0", "1"] : ["0,1", "0,1"]
    const running: Array<Running<Work>> = []
    try {
      for (const peer of peersOf(worldOf(workers))) running.push(await start<Work>(peer, proxyCores, ["udp"]))
      await measureInTurn<Row, Work>({
        rows: chosen,
        able: (row) => running.filter(({ peer }) => peer.ports[row.work] !== 0),
        run: (each, row, length) => loaded(each.pid, loadCores, row.load(each.peer.ports[row.work], length), row.told),
        ...{ warming, rounds, seconds, samples }
      })
      for (const each of running) memory.set(`${workers} ${each.peer.name}`, rss(each.pid, true))
    } finally {
      for (const each of running) await each.stop()
    }
  }

  const wanted = (row: Row) => options.only.length === 0 || options.only.includes(row.work)
  const worked = spawnSync(launcher, ["run", "--help"], { encoding: "utf8" }).stdout.includes("--workers")
  const shown = [...rows, ...(worked ? manyWorkers : [])].filter(wanted)
  const source = { name: "origin", ports: { h2: origin.h2, grpc: origin.grpc } }
  const sources = [
    await start(files({ folder, originPort: origin.plain, originTlsPort: origin.tls, ...pair, routes: 0 }), 1),
    await start({ ...source, command: compiled("origin"), args: [String(origin.h2), "1024", String(origin.grpc)] }, 1),
    await start({ name: "echo", command: compiled("datagrams"), args: ["echo", String(origin.udp)], ports: {} }, 1)
  ]
  try {
    await measure(1, rows.filter(wanted))
    if (worked) await measure(2, manyWorkers.filter(wanted))
  } finally {
    for (const each of sources) await each.stop()
  }

  const names = peersOf(worldOf(1)).map((peer) => peer.name)
  const middle = (row: Row, peer: string, of: "micros" | "requestsPerSecond") =>
    median(samples.of(row.title, peer).map((sample) => sample[of]))
  const cell = (row: Row, peer: string) => {
    const values = samples.of(row.title, peer).map((sample) => sample.micros)
    if (values.length === 0) return "-"
    const digits = middle(row, peer, "micros") < 100 ? 1 : 0
    const range = `${Math.min(...values).toFixed(digits)}..${Math.max(...values).toFixed(digits)}`
    return `${middle(row, peer, "micros").toFixed(digits)} (${range}); ${Math.round(middle(row, peer, "requestsPerSecond"))}/s`
  }
  const ratio = (row: Row, peer: string) => {
    const other = middle(row, peer, "micros")
    return other === 0 ? "-" : (middle(row, "sluice", "micros") / other).toFixed(2)
  }
  const most = (workers: number) => names.map((name) => memory.get(`${workers} ${name}`)?.toFixed(0) ?? "-").join(" | ")
  const unable = names.flatMap((name) => {
    const missing = peersOf(worldOf(1)).find((peer) => peer.name === name)
    return missing === undefined ? [] : works.filter((work) => missing.ports[work] === 0).map((work) => `${name} ${work}`)
  })

  return `## Every protocol: CPU microseconds per request (user + system, proxy process)

${made} Each proxy runs alone on one core with one worker; the load and the origins share the other.
${rounds} interleaved rounds of ${seconds} s after ${warming} s of warm-up per row, the same for all: median (min..max); median of answers a second. The machine is shared: read
ratios within the run. 64 requests are under way at a time: over HTTP/2 eight streams of eight connections, in plaintext by prior knowledge unless the row says TLS. Load and origin of HTTP/2, and of datagrams,
are C (test/bench/traffic); every answer's status, length and grpc-status is judged. The other origin is nginx, the other load wrk. Sluice and Envoy write their
access logs to /dev/null; the other peers log nothing. Not there: ${unable.length === 0 ? "nothing" : unable.join(", ")}.

| work | ${names.join(" | ")} | of Envoy | of HAProxy | of nginx |
| --- |${names.map(() => " --- |").join("")} --- | --- | --- |
${shown.map((row) => `| ${row.title} | ${names.map((name) => cell(row, name)).join(" | ")} | ${ratio(row, "envoy")} | ${ratio(row, "haproxy")} | ${ratio(row, "nginx")} |`).join("\n")}
| most memory ever (RSS), MiB | ${most(1)} | | | |
${memory.has("2 sluice") ? `| the same of two workers | ${most(2)} | | | |\n` : ""}
Failed requests over all runs: ${samples.failures()}. Bar: at most 1.0 × Envoy on h2 → h1.${worked ? " Two workers share both cores with the load and the origins." : ""}`
}
