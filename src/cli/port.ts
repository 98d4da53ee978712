// A port of the process itself, for people and probes: opened where its setting says, and told in the journal.
import { Effect, type Scope } from "effect"
import type { BindError } from "../admin/server.ts"
import { formatHostPort, type HostPort } from "../config/hostport.ts"
import type { Journal } from "./journal.ts"

interface Bound {
  readonly address: string
  readonly port: number
}

/** at null: switched off, and so is what comes back. */
export const openPort = Effect.fnUntraced(function* (
  journal: Journal,
  owner: "admin" | "health",
  at: HostPort | null,
  serve: (at: Bound) => Effect.Effect<Bound, BindError, Scope.Scope>
) {
  if (at === null) return null
  const bound = yield* serve({ address: at.host, port: at.port })
  journal.write("info", `${owner} on http://${formatHostPort({ host: bound.address, port: bound.port })}`)
  return bound
})
