// The user's own retry rule; the safe retry of an unsent request needs none. Apart from rules, because an upstream may bring one for rules that say nothing of it.
import type { Setting } from "./setting.ts"

/** Times are milliseconds. */
export interface Retry {
  readonly codes: ReadonlyArray<number>
  /** Statuses of gRPC, where an answer has one instead of content (Trailers-Only): what came after a message came too late. Absent: none. */
  readonly grpc?: ReadonlyArray<number>
  /** Further tries; 0: none, not even the safe one. */
  readonly attempts: number
  readonly backoff: number
  /** No wait grows beyond it, but for its spread. */
  readonly longest: number
  /** Of one try, where the rule does not say (`deadlines.backendRequest`). */
  readonly perTry: Setting<number>
}

/** Those that can be named. */
export const grpcStatuses = { cancelled: 1, "deadline-exceeded": 4, "resource-exhausted": 8, internal: 13, unavailable: 14 } as const

const grpcNames = new Map<number, string>(Object.entries(grpcStatuses).map(([name, status]) => [status, name]))

/** How many times its base a wait may grow to, where nobody says. */
export const growth = 10

/** `500-599`: codes that follow on each other as one range. */
const ranges = (codes: ReadonlyArray<number>): ReadonlyArray<string> => {
  const found: Array<[from: number, to: number]> = []
  for (const code of [...codes].sort((a, b) => a - b)) {
    const last = found.at(-1)
    if (last !== undefined && code <= last[1] + 1) last[1] = code
    else found.push([code, code])
  }
  return found.map(([from, to]) => (to > from + 1 ? `${from}-${to}` : to > from ? `${from}, ${to}` : `${from}`))
}

/** What a rule says of retries, or its upstream where the rule says nothing, in words; null: nobody does. */
export const describeRetry = (retry: Setting<Retry>): string | null => {
  if (retry === "Default") return null
  if (retry === "Disabled") return "none: a request is tried once"
  const { attempts, codes, grpc = [], backoff } = retry
  const calls = grpc.map((status) => `gRPC ${grpcNames.get(status) ?? status}`)
  const after = ["a connection that fails", "no answer (methods that may be repeated)", ...ranges(codes), ...calls]
  return `up to ${attempts} more, after ${after.join(", ")}; ${backoff} ms before the first`
}
