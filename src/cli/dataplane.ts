// The data plane of a process, whoever tells it what to serve: names, roots, metrics, the ports for people and probes, and a proxy for each Gateway. Shared by
// `sluice run` and `sluice proxy`; knows no Kubernetes, no manifests.
import { Effect, type Scope } from "effect"
import type { BindError } from "../admin/server.ts"
import type { AdminSources } from "../admin/view.ts"
import type { Settings } from "../config/settings.ts"
import type { AccessLog } from "../proxy/accesslog.ts"
import { makeDoors } from "../proxy/doors.ts"
import type { GatewayProxy, ProxyOptions } from "../proxy/proxy.ts"
import { type Metrics, makeMetrics } from "../report/metrics.ts"
import { trustRoots } from "../upstream/dial/roots.ts"
import { makeAnnouncement, type Seen } from "./announcement.ts"
import type { Journal } from "./journal.ts"
import { openPages } from "./pages.ts"
import type { ProbeTools } from "./probe.ts"
import { makeProxies } from "./proxies.ts"
import { makeResolver } from "./resolver.ts"
import { sluiceVersion } from "./runtime.ts"

export interface DataPlaneOptions {
  readonly settings: Settings
  /** PEM texts of `--trust-bundle`. */
  readonly bundles: ReadonlyArray<string>
  readonly log: AccessLog
  readonly journal: Journal
  /** This process writes the statuses too, and tells them in its journal: names that do not resolve are not told twice. */
  readonly statusesTold?: boolean
}

/** A Gateway as it is served here, by this process or by its workers. */
export type ServedGateway = Pick<GatewayProxy, "ready" | "run">

export interface DataPlane {
  readonly metrics: Metrics
  /** For `explain --probe`. */
  readonly tools: ProbeTools
  readonly proxies: () => ReadonlyArray<ServedGateway>
  /** Serves a Gateway until the scope closes. */
  readonly serve: (
    gateway: Pick<ProxyOptions, "gateway" | "follow" | "onAck" | "onReport">
  ) => Effect.Effect<ServedGateway, never, Scope.Scope>
  /** The Gateway is gone while the process stays: a bounded wait. */
  readonly retire: (gateway: ServedGateway) => Effect.Effect<void>
  /** The admin and the health port. ready: besides that every proxy is. */
  readonly open: (sources: Pick<AdminSources, "statuses" | "explain">, ready: () => boolean) => Effect.Effect<void, BindError, Scope.Scope>
  /** Law 20, of all Gateways at once. */
  readonly drain: Effect.Effect<void>
}

/** With several workers, theirs: loaded only then. */
export const makeDataPlane = (options: DataPlaneOptions): Effect.Effect<DataPlane, never, Scope.Scope> =>
  options.settings.workers === 1
    ? alone(options)
    : Effect.flatMap(
        Effect.promise(() => import("./pod.ts")),
        ({ makePodPlane }) => makePodPlane(options)
      )

const alone = Effect.fnUntraced(function* (options: DataPlaneOptions): Effect.fn.Return<DataPlane, never, Scope.Scope> {
  const { settings, journal, log } = options
  const metrics = makeMetrics({ version: sluiceVersion() })
  const doors = makeDoors()
  const roots = trustRoots(options.bundles)
  const names = yield* makeResolver({ settings, metrics, roots, toldElsewhere: options.statusesTold === true })
  const serve = yield* makeProxies({ settings, journal, log, metrics, doors, names, roots, processes: 1 })
  const proxies = new Map<ServedGateway, { readonly proxy: GatewayProxy; readonly label: string }>()

  return {
    metrics,
    tools: {
      names,
      roots,
      // As they are when a probe runs: nothing is bound yet.
      get own() {
        return doors.own()
      }
    },
    proxies: () => [...proxies.keys()],
    serve: Effect.fnUntraced(function* (given) {
      const label = `Gateway ${given.gateway.namespace}/${given.gateway.name}`
      const announce = makeAnnouncement(journal, label)
      let made: GatewayProxy | null = null
      const look = () => {
        const seen: Seen | null = made === null || !proxies.has(made) ? null : made.describe()
        if (seen !== null) announce(seen)
      }
      const proxy = yield* serve({
        ...given,
        onAck: (ack) => {
          given.onAck(ack)
          // After the call that acknowledged has come back: the listeners are described from what it set.
          queueMicrotask(look)
        }
      })
      made = proxy
      proxies.set(proxy, { proxy, label })
      look()
      return proxy
    }),
    retire: (gateway) =>
      Effect.suspend(() => {
        const one = proxies.get(gateway)
        proxies.delete(gateway)
        if (one === undefined) return Effect.void
        journal.write("info", `${one.label}: gone, draining`)
        return one.proxy.drain({ propagation: 0, deadline: settings.drainDeadline })
      }),
    open: Effect.fnUntraced(function* (sources, ready) {
      const all = () => [...proxies.values()].map(({ proxy }) => proxy)
      const open = yield* openPages(settings, journal, {
        ...sources,
        gateways: () =>
          all()
            .map((proxy) => proxy.describe())
            .filter((one) => one !== null),
        ready: () => ready() && all().every((proxy) => proxy.ready()),
        metrics
      })
      for (const [owner, at] of open) doors.set(owner, [at])
    }),
    drain: Effect.suspend(() =>
      Effect.forEach(
        [...proxies.values()],
        ({ proxy }) => proxy.drain({ propagation: settings.drainDelay, deadline: settings.drainDeadline }),
        {
          concurrency: "unbounded",
          discard: true
        }
      )
    )
  }
})
