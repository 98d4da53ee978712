// A worker of a process that serves with several: started by its primary, it serves what that says, and ends with it. No command of the command line.
import { Effect, Fiber } from "effect"
import { makeAccessLog, noAccessLog } from "../proxy/accesslog.ts"
import { type Door, type Doors, makeDoors } from "../proxy/doors.ts"
import { makeMetrics } from "../report/metrics.ts"
import { trustRoots } from "../upstream/dial/roots.ts"
import { closeLeftovers } from "../workers/leftover.ts"
import { makeLines } from "../workers/lines.ts"
import type { Down, Say } from "../workers/messages.ts"
import { makeRemoteNames } from "../workers/names.ts"
import { makeWorker } from "../workers/worker.ts"
import { journalOf } from "./journal.ts"
import { makeProxies } from "./proxies.ts"
import { sluiceVersion } from "./runtime.ts"

type Start = Extract<Down, { readonly type: "Start" }>

// A primary that has gone ends us at once (node:cluster): what could not be said is lost with it.
const say: Say = (message) => {
  process.send?.(message, undefined, undefined, () => {})
}

/** The primary knows what is open here: it dials too. */
const toldDoors = (): { readonly doors: Doors; readonly others: (doors: ReadonlyArray<Door>) => void } => {
  const doors = makeDoors()
  const open = new Map<unknown, ReadonlyArray<Door>>()
  let told = ""
  return {
    doors: {
      own: doors.own,
      set: (owner, now) => {
        doors.set(owner, now)
        if (now.length === 0) open.delete(owner)
        else open.set(owner, now)
        const all = [...open.values()].flat()
        const text = JSON.stringify(all)
        if (text === told) return
        told = text
        say({ type: "Opened", doors: all })
      }
    },
    others: (open) => doors.set("others of the pod", open)
  }
}

const serve = async ({ place, settings, bundles }: Start, messages: (take: (message: Down) => void) => void): Promise<number> => {
  const journal = journalOf(settings.logLevel, (level, message) => say({ type: "Said", level, message }))
  const lines = makeLines(say)
  const log = settings.accessLog === "off" ? noAccessLog : makeAccessLog(lines.stream)
  const metrics = makeMetrics({ version: sluiceVersion() })
  const program = Effect.gen(function* () {
    const names = makeRemoteNames(say)
    const { doors, others } = toldDoors()
    const roots = trustRoots(bundles)
    const serveGateway = yield* makeProxies({ settings, journal, log, metrics, doors, names, roots, processes: place.count + 1 })
    const worker = yield* makeWorker({
      ...{ place, say, names, metrics, serve: serveGateway, onPassed: lines.passed },
      onDoors: others
    })
    const running = yield* Effect.forkScoped(worker.run)
    messages(worker.take)
    yield* Effect.raceFirst(worker.left, Fiber.join(running))
  }).pipe(Effect.scoped, Effect.provide(journal.layer))
  const exit = await Effect.runPromiseExit(program)
  await log.flush()
  if (exit._tag === "Failure") {
    journal.write("error", `a fault of Sluice itself: ${String(exit.cause)}`)
    return 1
  }
  return 0
}

/** Ends the process with what is given, when the last that was said has gone out. */
const end = (code: number): void => {
  if (process.send === undefined) process.exit(code)
  process.send({ type: "Pong" }, undefined, undefined, () => process.exit(code))
}

export const main = async (): Promise<number> => {
  closeLeftovers()
  // The primary decides: of a signal to all processes of a terminal or a service it has its own. To this one alone it is the wish to be replaced.
  process.on("SIGTERM", () => say({ type: "Leaving" }))
  for (const signal of ["SIGINT", "SIGHUP"] as const) process.on(signal, () => {})
  const started = Promise.withResolvers<Start>()
  let take: ((message: Down) => void) | null = null
  const early: Array<Down> = []
  process.on("message", (message: Down) => {
    if (message.type === "Start") started.resolve(message)
    else if (take === null) early.push(message)
    else take(message)
  })
  say({ type: "Hello", version: sluiceVersion() })
  const code = await serve(await started.promise, (next) => {
    take = next
    for (const message of early.splice(0)) next(message)
  })
  end(code)
  return code
}
