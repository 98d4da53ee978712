// Lines of the log where the tier that serves a backend changes: when it happens, not for each request. Apart from the reporter, which tells facts and not news.
import type { UpstreamFacts } from "../report/report.ts"
import { tierTold } from "../report/tier.ts"
import type { LiveUpstream } from "../upstream/upstream.ts"

export interface FailoverLog {
  /** What an upstream says of itself has changed; before null: it is new. */
  readonly note: (upstream: Pick<LiveUpstream, "spec">, before: UpstreamFacts | null, now: UpstreamFacts) => void
}

/** Lines within one moment, and its milliseconds; the rest is not told (law 19). */
const most = 40
const moment = 1_000

/** write: one line of the journal. now: milliseconds that do not run backwards. */
export const makeFailoverLog = (options: {
  readonly gateway: string
  readonly write: (level: "info" | "warning", line: string) => void
  readonly now: () => number
}): FailoverLog => {
  let begun = Number.NEGATIVE_INFINITY
  let lines = 0
  return {
    note: ({ spec }, before, now) => {
      const told = tierTold(before, now)
      if (told === null) return
      const at = options.now()
      if (at - begun >= moment) {
        begun = at
        lines = 0
      }
      const gateway = `Gateway ${options.gateway}`
      if (++lines <= most) options.write(told.type === "Normal" ? "info" : "warning", `${spec.of.target} for ${gateway}: ${told.note}`)
      else if (lines === most + 1)
        options.write("warning", `${gateway}: the tier of more backends has changed; the admin port lists all at /upstreams`)
    }
  }
}
