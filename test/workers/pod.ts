// `sluice run` with several workers, told apart by their processes: one that is stopped (SIGSTOP) accepts nothing, so that another has all that comes.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { folder, type Running, serving } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { freePort } from "../support/port.ts"

export interface PodOptions {
  readonly workers?: number
  readonly flags?: ReadonlyArray<string>
  readonly files?: Readonly<Record<string, string>>
  /** Of them, the one that is trusted beside the system's roots. */
  readonly bundle?: string
  /** Of them, a module that each process of the pod loads first. */
  readonly preload?: string
}

export interface Pod extends AsyncDisposable {
  readonly program: Running
  readonly place: ReturnType<typeof folder>
  readonly admin: number
  readonly health: number
  /** Process ids of those that serve now, by their place. */
  readonly workers: () => ReadonlyArray<number>
  /** Resolves when what was written on standard error, whole, holds it. */
  readonly said: (holds: (text: string) => boolean) => Promise<void>
  /** Resolves when all serve, and what there is to serve. */
  readonly ready: () => Promise<void>
  /** With the others stopped for as long. */
  readonly only: <A>(index: number, work: () => Promise<A>) => Promise<A>
  /** Every worker has heard what was said before: an answer of the admin port is made of theirs. */
  readonly heard: () => Promise<void>
}

/** As the kernel has it: `T` is stopped. */
const stateOf = (pid: number): string => {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
  return stat.slice(stat.lastIndexOf(")") + 2)[0]!
}

/** With these processes stopped for as long. */
export const without = async <A>(pids: ReadonlyArray<number>, work: () => Promise<A>): Promise<A> => {
  for (const pid of pids) process.kill(pid, "SIGSTOP")
  try {
    while (pids.some((pid) => stateOf(pid) !== "T")) await new Promise(setImmediate)
    return await work()
  } finally {
    for (const pid of pids) process.kill(pid, "SIGCONT")
  }
}

/** Resolves when none of these processes is there any more. */
export const gone = async (pids: ReadonlyArray<number>): Promise<void> => {
  const there = (pid: number): boolean => {
    try {
      return stateOf(pid) !== "Z"
    } catch {
      return false
    }
  }
  while (pids.some(there)) await new Promise(setImmediate)
}

/** Process ids of those that serve, by their place: as the process that leads has told it. */
export const workersOf = (text: string): ReadonlyArray<number> => {
  const pids: Array<number> = []
  for (const [, index, pid] of text.matchAll(/worker (\d+) \(process (\d+)\) serves/g)) pids[Number(index) - 1] = Number(pid)
  return pids
}

/** The manifests are in `m/`. */
export const startPod = async (manifests: Readonly<Record<string, string>>, options: PodOptions = {}): Promise<Pod> => {
  const { workers: count = 2, flags = [], files = {}, bundle, preload } = options
  const [admin, health] = [await freePort(), await freePort()]
  const place = folder({ ...files, ...Object.fromEntries(Object.entries(manifests).map(([name, text]) => [`m/${name}`, text])) })
  const program = serving(place, {
    ...{ admin: `127.0.0.1:${admin}`, health: `127.0.0.1:${health}`, files: ["m"] },
    env: preload === undefined ? {} : { NODE_OPTIONS: `--import=${join(place.path, preload)}` },
    flags: [`--workers=${count}`, ...(bundle === undefined ? [] : [`--trust-bundle=${join(place.path, bundle)}`]), ...flags]
  })
  const workers = () => workersOf(program.err())
  const said: Pod["said"] = (holds) =>
    new Promise((resolve, reject) => {
      const stderr = program.child.stderr!
      const end = (error: Error | null) => {
        stderr.off("data", look)
        if (error === null) resolve()
        else reject(error)
      }
      const look = () => {
        if (holds(program.err())) end(null)
      }
      stderr.on("data", look)
      void program.closed.then(() => end(new Error(`it ended:\n${program.err()}`)))
      look()
    })
  return {
    program,
    place,
    admin,
    health,
    workers,
    said,
    ready: () => said((text) => text.includes("Programmed True") && workers().filter(() => true).length === count),
    only: (index, work) =>
      without(
        workers().filter((_, at) => at !== index),
        work
      ),
    // The first answer says that what the workers had said was heard by the primary, the second that they have heard what it made of it.
    heard: async () => {
      for (let n = 0; n < 2; n++) await ask(admin, "/upstreams")
    },
    async [Symbol.asyncDispose]() {
      for (const pid of workers()) {
        try {
          process.kill(pid, "SIGCONT")
        } catch {
          // It has gone.
        }
      }
      await program.end("SIGKILL")
      place[Symbol.dispose]()
    }
  }
}
