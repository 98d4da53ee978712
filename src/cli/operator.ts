// `sluice operator`: serves a cluster until a signal. What it is made of is imported when it starts: `--help` loads no Kubernetes client.
import { noAccessLog } from "../proxy/accesslog.ts"
import type { Invocation } from "./grammar.ts"
import { makeJournal } from "./journal.ts"
import { serveUntilSignal } from "./lifetime.ts"
import { settingsOf } from "./session.ts"

export const main = async (invocation: Invocation): Promise<number> => {
  const settings = await settingsOf(invocation)
  const journal = makeJournal(settings, process.stderr)
  return serveUntilSignal({
    settings,
    journal,
    log: noAccessLog,
    start: async () => (await import("./controlplane.ts")).makeOperator(settings, journal)
  })
}
