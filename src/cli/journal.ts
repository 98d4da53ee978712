// What the process says of itself, on standard error: one line an event, times in UTC. Standard output is the access log's.
import { Layer, Logger, References } from "effect"
import type { Settings } from "../config/settings.ts"
import { makePaint } from "./paint.ts"

export type Level = Settings["logLevel"]

export interface Journal {
  readonly write: (level: Level, message: string) => void
  /** Effect's own log goes the same way. */
  readonly layer: Layer.Layer<never>
}

const ranks: Readonly<Record<Level, number>> = { debug: 0, info: 1, warning: 2, error: 3 }
const effectLevels = { debug: "Debug", info: "Info", warning: "Warn", error: "Error" } as const

const levelOf = (level: string): Level =>
  level === "Fatal" || level === "Error" ? "error" : level === "Warn" ? "warning" : level === "Info" ? "info" : "debug"

/** tell: gets what is of the level, or above it. */
export const journalOf = (logLevel: Level, tell: Journal["write"]): Journal => {
  const write = (level: Level, message: string) => {
    if (ranks[level] >= ranks[logLevel]) tell(level, message)
  }
  const logger = Logger.make(({ message, logLevel, cause }) => {
    const parts = (Array.isArray(message) ? message : [message]).map((part: unknown) =>
      typeof part === "string" ? part : JSON.stringify(part)
    )
    const reasons = cause.reasons.map((reason) =>
      String("defect" in reason ? reason.defect : "error" in reason ? reason.error : "interrupted")
    )
    write(levelOf(logLevel), [...parts, ...reasons].join(" "))
  })
  return { write, layer: Layer.mergeAll(Logger.layer([logger]), Layer.succeed(References.MinimumLogLevel, effectLevels[logLevel])) }
}

export const makeJournal = (settings: Pick<Settings, "logLevel" | "color">, stream: NodeJS.WriteStream): Journal => {
  const paint = makePaint(settings.color, stream.isTTY === true, process.env)
  const painted: Readonly<Record<Level, string>> = {
    debug: paint.pale("debug  "),
    info: "info   ",
    warning: paint.warn("warning"),
    error: paint.bad("error  ")
  }
  return journalOf(settings.logLevel, (level, message) =>
    // A line break inside would be a line of its own for whoever collects these.
    stream.write(`${paint.pale(new Date().toISOString())} ${painted[level]} ${message.replaceAll(/\s*\n\s*/g, " | ")}\n`)
  )
}
