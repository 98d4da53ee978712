// One program of a test cluster as a child: its log in a file, its end awaited, and never left behind, however the test process ends.
import { type ChildProcess, spawn } from "node:child_process"
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs"
import { join } from "node:path"

export interface Program {
  readonly name: string
  readonly pid: number
  /** Resolves when the process is gone, with how it went. */
  readonly exited: Promise<string>
  readonly running: () => boolean
  readonly signal: (signal: NodeJS.Signals) => void
  /** SIGKILL, and wait until it is gone. */
  readonly kill: () => Promise<void>
  /** The end of its log. */
  readonly tail: () => string
}

/**
 * Runs a command (`[hyperkube, "etcd", ...]`) with its log in `folder`/NAME.log. Its standard input is a pipe that ends with this process: then hyperkube ends
 * too (its lifeline), having removed the folder `leaves` if there is one. Neither the child nor the pipe keeps this process alive.
 */
export const startProgram = (command: ReadonlyArray<string>, folder: string, name: string, leaves = ""): Program => {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, `${name}.log`)
  const log = openSync(path, "a")
  const env = { PATH: process.env["PATH"] ?? "", HOME: folder, HYPERKUBE_LIFELINE: leaves }
  const [program = "", ...args] = command
  const child: ChildProcess = spawn(program, args, { stdio: ["pipe", log, log], env })
  closeSync(log)
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message))
    child.once("exit", (code, signal) => resolve(signal === null ? `exit status ${code}` : signal))
  })
  const running = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  child.stdin?.on("error", () => {})
  const pipe = child.stdin as unknown as { readonly unref?: () => void } | null
  pipe?.unref?.()
  child.unref()
  return {
    name,
    pid: child.pid ?? 0,
    exited,
    running,
    signal: (signal) => {
      child.kill(signal)
    },
    kill: async () => {
      if (!running()) return
      child.ref()
      child.kill("SIGKILL")
      await exited
    },
    tail: () => readFileSync(path, "utf8").split("\n").slice(-20).join("\n")
  }
}
