// CPU microseconds per request of a proxy, from the outside: user + system time of its process (and children) over a run of wrk.
import { spawn, spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { connect } from "node:net"
import { setTimeout as delay } from "node:timers/promises"
import type { Peer } from "./peers.ts"

export interface Running {
  readonly peer: Peer
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

/** Starts a peer on one core and waits until its ports answer (30 s at most). */
export const start = async (peer: Peer, core: number): Promise<Running> => {
  const child = spawn("taskset", ["-c", String(core), peer.command, ...peer.args], { stdio: ["ignore", "ignore", "pipe"] })
  let said = ""
  child.stderr.on("data", (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2000)
  })
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()))
  const ports = Object.values(peer.ports).filter((port) => port > 0)
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

/** CPU seconds of a process, all threads, and of its living children. */
export const cpu = (pid: number): number => {
  let ticks = stat(pid)?.ticks ?? 0
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue
    const child = stat(Number(name))
    if (child !== null && child.parent === pid) ticks += child.ticks
  }
  return ticks / ticksPerSecond
}

/** Resident memory, MiB. */
export const rss = (pid: number): number => {
  const line = readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)
  return Number(line?.[1] ?? 0) / 1024
}

export interface Sample {
  readonly micros: number
  readonly requestsPerSecond: number
  readonly requests: number
  readonly failures: number
}

/** One bounded run of wrk from the other core. */
export const load = async (
  running: Running,
  port: number,
  path: string,
  seconds: number,
  connections: number,
  core: number
): Promise<Sample> => {
  const before = cpu(running.pid)
  const wrk = spawn("taskset", ["-c", String(core), "wrk", "-t1", `-c${connections}`, `-d${seconds}s`, `http://127.0.0.1:${port}${path}`], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let output = ""
  wrk.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString()
  })
  await new Promise<void>((resolve) => wrk.once("exit", () => resolve()))
  const used = cpu(running.pid) - before
  const requests = Number(output.match(/(\d+) requests in/)?.[1] ?? 0)
  const refused = Number(output.match(/Non-2xx or 3xx responses: (\d+)/)?.[1] ?? 0)
  const errors = output.match(/Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/)
  const broken = errors === null ? 0 : errors.slice(1).reduce((sum, count) => sum + Number(count), 0)
  return {
    micros: (used * 1e6) / Math.max(1, requests),
    requestsPerSecond: Number(output.match(/Requests\/sec:\s+([\d.]+)/)?.[1] ?? 0),
    requests,
    failures: refused + broken
  }
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}
