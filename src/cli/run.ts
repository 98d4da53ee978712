// `sluice run`: serves manifests until a signal, drains, and exits.
import { stat } from "node:fs/promises"
import { readStandardInput } from "../sources/manifests.ts"
import type { Invocation } from "./grammar.ts"
import { makeJournal } from "./journal.ts"
import { openAccessLog, serveUntilSignal } from "./lifetime.ts"
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

export const main = async (invocation: Invocation): Promise<number> => {
  const settings = await settingsOf(invocation)
  await requirePaths(invocation.operands)
  const bundles = await trustBundles(settings)
  const journal = makeJournal(settings, process.stderr)
  const log = await openAccessLog(settings, journal)
  return serveUntilSignal({
    settings,
    journal,
    log,
    start: async () => {
      const { makeStandalone } = await import("./standalone.ts")
      const stdin = invocation.operands.includes("-") ? await readStandardInput() : null
      return makeStandalone({ settings, paths: invocation.operands, stdin, bundles, log, journal })
    }
  })
}
