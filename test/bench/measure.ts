// CPU microseconds per request of a proxy, from the outside: user + system time of its process (and children) over a run of a load.
import { spawn, spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { connect } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import type { Peer, Port } from "./peers.ts"

export interface Running<Work extends string = Port> {
  readonly peer: Peer<Work>
  readonly pid: number
  readonly stop: () => Promise<void>
}

const dialled = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy()
      resolve(true)
    })
    socket.on("error", () => resolve(false))
  })

/** Starts a peer on its cores ("0", "0,1") and waits until its ports answer (30 s at most); unasked: those that speak no TCP. */
export const start = async <Work extends string>(
  peer: Peer<Work>,
  cores: number | string,
  unasked: ReadonlyArray<Work> = []
): Promise<Running<Work>> => {
  const child = spawn("taskset", ["-c", String(cores), peer.command, ...peer.args], { stdio: ["ignore", "ignore", "pipe"] })
  let said = ""
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000)
  })
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const ports = Object.entries<number | undefined>(peer.ports).flatMap(([work, port]) =>
    port === undefined || port === 0 || unasked.some((one) => one === work) ? [] : [port]
  )
  for (let tries = 0; ; tries++) {
    if (child.exitCode !== null) throw new Error(`${peer.name} ended with ${child.exitCode}: ${said}`)
    if ((await Promise.all(ports.map(dialled))).every((open) => open)) break
    if (tries > 300) {
      child.kill("SIGKILL")
      throw new Error(`${peer.name} did not open ${ports.join(", ")} in 30 s: ${said}`)
    }
    // No peer says in the same way as another that it listens: it is dialled until it does.
    await delay(100)
  }
  return {
    peer,
    pid: child.pid ?? 0,
    stop: async () => {
      child.kill("SIGTERM")
      const killer = setTimeout(() => child.kill("SIGKILL"), 10_000)
      await ended
      clearTimeout(killer)
    }
  }
}

const ticksPerSecond = Number(spawnSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).stdout.trim()) || 100

const stat = (pid: number): { readonly parent: number; readonly ticks: number } | null => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8")
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ")
    return { parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch {
    return null
  }
}

const childrenOf = (pid: number): ReadonlyArray<number> =>
  readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) && stat(Number(name))?.parent === pid ? [Number(name)] : []))

/** CPU seconds of a process, all threads, and of its living children. */
export const cpu = (pid: number): number =>
  [pid, ...childrenOf(pid)].reduce((ticks, one) => ticks + (stat(one)?.ticks ?? 0), 0) / ticksPerSecond

/** Resident memory, MiB. most: the most it ever was, of its living children too. */
export const rss = (pid: number, most = false): number => {
  const of = (one: number) => {
    const line = readFileSync(`/proc/${one}/status`, "utf8").match(most ? /VmHWM:\s+(\d+)/ : /VmRSS:\s+(\d+)/)
    return Number(line?.[1] ?? 0) / 1024
  }
  return most ? [pid, ...childrenOf(pid)].reduce((sum, one) => sum + of(one), 0) : of(pid)
}

export interface Sample {
  readonly micros: number
  readonly requestsPerSecond: number
  readonly requests: number
  readonly failures: number
}

/** What a load says of itself when it ends. */
export type Told = Pick<Sample, "requestsPerSecond" | "requests" | "failures">

/** One bounded run of a load from its cores; read: what it printed. */
export const loaded = async (
  pid: number,
  cores: number | string,
  words: ReadonlyArray<string>,
  read: (output: string) => Told
): Promise<Sample> => {
  const before = cpu(pid)
  const child = spawn("taskset", ["-c", String(cores), ...words], { stdio: ["ignore", "pipe", "inherit"] })
  let output = ""
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString()
  })
  await new Promise<void>((resolve) => child.once("close", () => resolve()))
  const used = cpu(pid) - before
  const told = read(output)
  return { micros: (used * 1e6) / Math.max(1, told.requests), ...told }
}

export const wrkTold = (output: string): Told => {
  const refused = Number(output.match(/Non-2xx or 3xx responses: (\d+)/)?.[1] ?? 0)
  const errors = output.match(/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/)
  const broken = errors === null ? 0 : errors.slice(1).reduce((sum, count) => sum + Number(count), 0)
  return {
    requestsPerSecond: Number(output.match(/Requests\/sec:\s+([\d.]+)/)?.[1] ?? 0),
    requests: Number(output.match(/(\d+) requests in/)?.[1] ?? 0),
    failures: refused + broken
  }
}

/** One bounded run of wrk from the other core. */
export const load = (running: Running, port: number, path: string, seconds: number, connections: number, core: number): Promise<Sample> =>
  loaded(running.pid, core, ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, `http://127.0.0.1:${port}${path}`], wrkTold)

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
