// The proxies of a process: one a Gateway, and what they share. The same for a process that serves alone and for a worker.
import { hostname } from "node:os"
import { Effect, type Scope } from "effect"
import type { Settings } from "../config/settings.ts"
import type { AccessLog } from "../proxy/accesslog.ts"
import type { Doors } from "../proxy/doors.ts"
import { trustProxies } from "../proxy/forwarded.ts"
import { makeMemory } from "../proxy/memory.ts"
import { type GatewayProxy, makeProxy, type ProxyOptions } from "../proxy/proxy.ts"
import type { Metrics } from "../report/metrics.ts"
import type { TrustRoots } from "../upstream/dial/roots.ts"
import type { Names } from "../upstream/discovery/names.ts"
import { collect } from "./garbage.ts"
import type { Journal } from "./journal.ts"

export interface ProxiesOptions {
  readonly settings: Settings
  readonly journal: Journal
  readonly log: AccessLog
  readonly metrics: Metrics
  readonly doors: Doors
  readonly names: Pick<Names["Service"], "watch">
  readonly roots: TrustRoots
  /** That share the memory there is; 1: this one is alone. */
  readonly processes: number
}

export type ServeGateway = (
  given: Pick<ProxyOptions, "gateway" | "follow" | "onAck" | "onReport" | "elsewhere">
) => Effect.Effect<GatewayProxy, never, Scope.Scope>

export const makeProxies = Effect.fnUntraced(function* (options: ProxiesOptions): Effect.fn.Return<ServeGateway, never, Scope.Scope> {
  const { settings, journal, log, metrics, doors, names, roots, processes } = options
  const memory = yield* makeMemory({
    collect,
    processes,
    onChange: (short) =>
      short === null
        ? journal.write("info", "memory: there is enough again, requests are served")
        : journal.write("warning", `memory is short, requests are answered 503 until there is more: ${short}`)
  })
  yield* Effect.sync(() => metrics.sampled("logDropped", () => [[[], log.dropped()]]))
  return (given) =>
    makeProxy({
      ...given,
      ...{ name: hostname(), names, roots, metrics, log, doors, memory, zone: settings.zone },
      trust: trustProxies(settings.trustedProxies).trust,
      limits: { drainDeadline: settings.drainDeadline }
    })
})
