// The admin and the health port of a process: opened before any listener, because one that cannot be asked anything should not begin to serve.
import { Effect, type Scope } from "effect"
import { type BindError, serveAdmin, serveHealth } from "../admin/server.ts"
import type { AdminSources, HealthSources } from "../admin/view.ts"
import type { Settings } from "../config/settings.ts"
import type { Door } from "../proxy/doors.ts"
import type { Journal } from "./journal.ts"
import { openPort } from "./port.ts"

/** Where they answer, by name. */
export const openPages = Effect.fnUntraced(function* (
  settings: Settings,
  journal: Journal,
  sources: AdminSources & HealthSources
): Effect.fn.Return<ReadonlyArray<readonly [owner: string, door: Door]>, BindError, Scope.Scope> {
  const admin = yield* openPort(journal, "admin", settings.admin, (at) => serveAdmin(at, sources))
  const health = yield* openPort(journal, "health", settings.health, (at) => serveHealth(at, sources))
  return Object.entries({ admin, health }).flatMap(([owner, at]) => (at === null ? [] : [[owner, at] as const]))
})
