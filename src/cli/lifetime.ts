// The life of a process that serves: what it says at start, signals, the drain, its last words and its exit code. The same for every role that stays.
import { open } from "node:fs"
import { type Cause, Effect, Exit, Fiber, type Scope } from "effect"
import type { Settings } from "../config/settings.ts"
import { type AccessLog, makeAccessLog, noAccessLog } from "../proxy/accesslog.ts"
import { exitCodes } from "./grammar.ts"
import type { Journal } from "./journal.ts"
import { makeLogStream } from "./logstream.ts"
import { nodeConcern, sluiceVersion } from "./runtime.ts"
import { UsageError } from "./session.ts"

/** What serves: a data plane, or an operator. */
export interface Serving {
  /** Never ends of itself; a defect of any part ends it. */
  readonly run: Effect.Effect<never>
  /** Law 20; bounded. */
  readonly drain: Effect.Effect<void>
}

export interface LifetimeOptions {
  readonly settings: Settings
  readonly journal: Journal
  /** Flushed at the end, when the process has one. */
  readonly log: AccessLog
  /** Imported and made only after the first lines are said: a mistake on the command line is told at once. A failure is told by its message. */
  readonly start: () => Promise<Effect.Effect<Serving, { readonly message: string }, Scope.Scope>>
}

const opened = (path: string): Promise<number> =>
  new Promise((resolve, reject) => {
    open(path, "a", 0o640, (error, descriptor) => {
      if (error === null) resolve(descriptor)
      else reject(new UsageError(`--access-log ${path}: ${error.message}. Name a file in a folder that this user may write`))
    })
  })

export const openAccessLog = async ({ accessLog }: Settings, journal: Journal): Promise<AccessLog> => {
  if (accessLog === "off") return noAccessLog
  const { stream, lost } = makeLogStream(accessLog === "on" ? 1 : await opened(accessLog.file), journal.write)
  return makeAccessLog(stream, { lost })
}

const banner = (journal: Journal, settings: Settings): void => {
  journal.write("info", `sluice ${sluiceVersion()} on Node ${process.versions.node}, process ${process.pid}`)
  const concern = nodeConcern(process.versions.node)
  if (concern !== null) journal.write("warning", concern)
  if (settings.allowLoopback)
    journal.write(
      "warning",
      "--allow-loopback: names may resolve to this machine and to single labels. For a try-out only: whoever writes a route can reach every local service"
    )
}

/** For the last words of a process that ends by a fault of its own. */
const describeCause = (cause: Cause.Cause<unknown>): string =>
  cause.reasons
    .map((reason) => ("defect" in reason ? reason.defect : "error" in reason ? reason.error : null))
    .filter((fault) => fault !== null)
    .map((fault) => (fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)))
    .join("\n")

/** Serves until SIGTERM or SIGINT, drains, and says how it went: the exit code. A second signal exits at once. */
export const serveUntilSignal = async ({ settings, journal, log, start }: LifetimeOptions): Promise<number> => {
  const signalled = Promise.withResolvers<NodeJS.Signals>()
  let signals = 0
  let started = false
  const onSignal = (signal: NodeJS.Signals) => {
    signals++
    if (signals > 1) {
      journal.write("warning", `${signal} again: exit at once`)
      process.exit(130)
    }
    if (!started) {
      // Nothing is served yet, and what the start waits for (a folder of a dead file server) may never come.
      journal.write("info", `${signal} before anything was served, bye`)
      process.exit(exitCodes.accepted)
    }
    journal.write("info", `${signal}: draining, at most ${settings.drainDelay + settings.drainDeadline} ms; once more exits at once`)
    signalled.resolve(signal)
  }
  process.on("SIGTERM", onSignal)
  process.on("SIGINT", onSignal)

  banner(journal, settings)
  const make = await start()
  const program = Effect.gen(function* () {
    const serving = yield* make
    started = true
    const running = yield* Effect.forkScoped(serving.run)
    // Whichever is first: a signal, or a defect that must not pass unnoticed.
    yield* Effect.raceFirst(
      Effect.promise(() => signalled.promise),
      Fiber.join(running)
    )
    yield* serving.drain
  }).pipe(Effect.scoped, Effect.provide(journal.layer))

  // Fibers that wait hold no process open: with all ports off, or no Gateway yet, nothing else would.
  const alive = setInterval(() => {}, 2 ** 30)
  const exit = await Effect.runPromiseExit(program)
  clearInterval(alive)
  await log.flush()
  // All is told and closed; what still holds the process open then (a reader of ours that does not read) must not.
  setTimeout(() => process.exit(), 2_000).unref()
  if (Exit.isSuccess(exit)) {
    journal.write("info", "drained, bye")
    return exitCodes.accepted
  }
  const failure = exit.cause.reasons.find((reason) => reason._tag === "Fail")
  journal.write("error", failure === undefined ? `a fault of Sluice itself: ${describeCause(exit.cause)}` : failure.error.message)
  return exitCodes.refused
}
