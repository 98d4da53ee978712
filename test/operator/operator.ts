// The operator as a process in front of a real API server, for tests: started, asked, stopped.
import { type ChildProcess, spawn } from "node:child_process"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import type { Access } from "../cluster/access.ts"
import { freePorts } from "../support/port.ts"

const root = join(import.meta.dirname, "..", "..")

export interface OperatorProcess {
  readonly child: ChildProcess
  readonly linkPort: number
  /** Standard error so far. */
  readonly log: () => string
  readonly ready: () => Promise<boolean>
  /** The sum of a metric's series whose labels hold all of these. */
  readonly metric: (name: string, labels?: Readonly<Record<string, string>>) => Promise<number>
  /** SIGTERM; the exit code. */
  readonly stop: () => Promise<number | null>
  /** SIGKILL. */
  readonly kill: () => Promise<void>
}

const ended = (child: ChildProcess): Promise<number | null> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve(child.exitCode)
    : new Promise((resolve) => child.once("exit", (code) => resolve(code)))

/** Polls until it holds, at most so many milliseconds; what is thrown counts as no. */
export const until = async (what: string, holds: () => Promise<boolean> | boolean, milliseconds = 20_000): Promise<void> => {
  const end = performance.now() + milliseconds
  for (;;) {
    try {
      if (await holds()) return
    } catch {
      // Not yet.
    }
    if (performance.now() > end) throw new Error(`not within ${milliseconds} ms: ${what}`)
    await delay(25)
  }
}

/** Resolves when it is ready, unless it is not to be waited for. */
export const startOperator = async (
  plane: Pick<Access, "kubeconfig">,
  namespace: string,
  options: {
    readonly flags?: ReadonlyArray<string>
    readonly wait?: boolean
    readonly linkPort?: number
    /** Of Node itself: `--import FILE`. */
    readonly node?: ReadonlyArray<string>
  } = {}
): Promise<OperatorProcess> => {
  const [health = 0, free = 0] = await freePorts(2)
  const linkPort = options.linkPort ?? free
  const child = spawn(
    process.execPath,
    [
      ...(options.node ?? []),
      join(root, "src/main.ts"),
      "operator",
      `--namespace=${namespace}`,
      `--link-port=${linkPort}`,
      "--link-service=127.0.0.1",
      `--health-address=127.0.0.1:${health}`,
      "--admin-address=off",
      "--color=never",
      ...(options.flags ?? [])
    ],
    { env: { PATH: process.env["PATH"], KUBECONFIG: plane.kubeconfig }, stdio: ["ignore", "ignore", "pipe"] }
  )
  let log = ""
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    log += text
  })
  const ask = (path: string) => fetch(`http://127.0.0.1:${health}${path}`)
  const operator: OperatorProcess = {
    child,
    linkPort,
    log: () => log,
    ready: async () => (await ask("/readyz")).status === 200,
    metric: async (name, labels = {}) => {
      const text = await (await ask("/metrics")).text()
      return text
        .split("\n")
        .filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
        .filter((line) => Object.entries(labels).every(([label, value]) => line.includes(`${label}="${value}"`)))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" ") + 1)), 0)
    },
    stop: () => {
      child.kill("SIGTERM")
      return ended(child)
    },
    kill: async () => {
      child.kill("SIGKILL")
      await ended(child)
    }
  }
  if (options.wait !== false)
    await until("the operator is ready", operator.ready, 30_000).catch((error: Error) => {
      child.kill("SIGKILL")
      throw new Error(`${error.message}\n${log}`)
    })
  return operator
}
