// `sluice run`: serves manifests until a signal, drains, and exits.
import { createWriteStream, type WriteStream } from "node:fs"
import { stat } from "node:fs/promises"
import { Effect, Exit, Fiber } from "effect"
import type { Settings } from "../config.ts"
import { type AccessLog, makeAccessLog, noAccessLog } from "../proxy/accesslog.ts"
import { readStandardInput } from "../sources/manifests.ts"
import { exitCodes, type Invocation } from "./grammar.ts"
import { type Journal, makeJournal } from "./journal.ts"
import { nodeConcern, sluiceVersion } from "./runtime.ts"
import { settingsOf, trustBundles, UsageError } from "./session.ts"

/** A path that is not there at start is a mistake of the command line; later it is an edit in progress. */
const requirePaths = async (paths: ReadonlyArray<string>): Promise<void> => {
  for (const path of paths) {
    if (path === "-") continue
    await stat(path).catch((error: NodeJS.ErrnoException) => {
      throw new UsageError(
        `${path}: ${error.code === "ENOENT" ? "no such file or folder" : error.message}. Name files or folders of manifests`
      )
    })
  }
}

const opened = (path: string): Promise<WriteStream> =>
  new Promise((resolve, reject) => {
    const stream = createWriteStream(path, { flags: "a", mode: 0o640 })
    stream.once("open", () => resolve(stream))
    stream.once("error", (error) =>
      reject(new UsageError(`--access-log ${path}: ${error.message}. Name a file in a folder that this user may write`))
    )
  })

// Standard output through the thread pool: `process.stdout` on a pipe would block the process while its reader is slow.
const accessLog = async ({ accessLog }: Settings): Promise<AccessLog> =>
  accessLog === "off"
    ? noAccessLog
    : makeAccessLog(accessLog === "on" ? createWriteStream("", { fd: 1, autoClose: false }) : await opened(accessLog.file))

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

export const main = async (invocation: Invocation): Promise<number> => {
  const settings = await settingsOf(invocation)
  await requirePaths(invocation.operands)
  const bundles = await trustBundles(settings)
  const log = await accessLog(settings)
  const journal = makeJournal(settings, process.stderr)
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
  // Only now: a mistake on the command line is told at once.
  const { describeCause, makeStandalone } = await import("./standalone.ts")
  const stdin = invocation.operands.includes("-") ? await readStandardInput() : null

  const program = Effect.gen(function* () {
    const standalone = yield* makeStandalone({ settings, paths: invocation.operands, stdin, bundles, log, journal })
    started = true
    const running = yield* Effect.forkScoped(standalone.run)
    // Whichever is first: a signal, or a defect that must not pass unnoticed.
    yield* Effect.raceFirst(
      Effect.promise(() => signalled.promise),
      Fiber.join(running)
    )
    yield* standalone.drain
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
