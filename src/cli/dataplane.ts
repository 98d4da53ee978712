// The data plane of a process, whoever tells it what to serve: names, roots, metrics, the ports for people and probes, and a proxy for each Gateway. Shared by
// `sluice run` and `sluice proxy`; knows no Kubernetes, no manifests.
import { Effect, type Scope } from "effect"
import type { BindError } from "../admin/server.ts"
import type { AdminSources, HealthSources } from "../admin/view.ts"
import type { Settings } from "../config/settings.ts"
import type { AccessLog } from "../proxy/accesslog.ts"
import { type Door, type Doors, makeDoors } from "../proxy/doors.ts"
import type { GatewayProxy, ProxyOptions } from "../proxy/proxy.ts"
import { type Metrics, makeMetrics } from "../report/metrics.ts"
import { type TrustRoots, trustRoots } from "../upstream/dial/roots.ts"
import type { Names } from "../upstream/discovery/names.ts"
import { alone } from "./alone.ts"
import { makeAnnouncement, type Seen } from "./announcement.ts"
import type { Journal } from "./journal.ts"
import { openPages } from "./pages.ts"
import type { ProbeTools } from "./probe.ts"
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

type Given = Pick<ProxyOptions, "gateway" | "follow" | "onAck" | "onReport">

export interface DataPlane {
  readonly metrics: Metrics
  /** For `explain --probe`. */
  readonly tools: ProbeTools
  readonly proxies: () => ReadonlyArray<ServedGateway>
  /** Serves a Gateway until the scope closes. */
  readonly serve: (given: Given) => Effect.Effect<ServedGateway, never, Scope.Scope>
  /** The Gateway is gone while the process stays: a bounded wait. */
  readonly retire: (gateway: ServedGateway) => Effect.Effect<void>
  /** The admin and the health port. ready: besides that every proxy is. */
  readonly open: (sources: Pick<AdminSources, "statuses" | "explain">, ready: () => boolean) => Effect.Effect<void, BindError, Scope.Scope>
  /** Law 20, of all Gateways at once. */
  readonly drain: Effect.Effect<void>
}

/** What any data plane is made of. */
export interface Parts extends DataPlaneOptions {
  readonly metrics: Metrics
  readonly doors: Doors
  readonly roots: TrustRoots
  readonly names: Names["Service"]
}

/** Who serves the Gateways of a data plane: its process (alone.ts) or its workers (pod.ts). */
export interface Servers<Gateway extends ServedGateway> {
  readonly serve: (given: Given) => Effect.Effect<Gateway, never, Scope.Scope>
  /** What people are told of it; null: nothing. */
  readonly seen: (gateway: Gateway) => Seen | null
  /** As of the data plane. */
  readonly retire: (gateway: Gateway) => Effect.Effect<void>
  readonly views: (gateways: ReadonlyArray<Gateway>) => ReturnType<AdminSources["gateways"]>
  readonly metrics: HealthSources["metrics"]
  /** The process itself answers there. */
  readonly opened: (doors: ReadonlyArray<Door>) => void
  readonly drain: (gateways: ReadonlyArray<Gateway>) => Effect.Effect<void>
}

export const makeDataPlane = Effect.fnUntraced(function* (options: DataPlaneOptions): Effect.fn.Return<DataPlane, never, Scope.Scope> {
  const { settings } = options
  const metrics = makeMetrics({ version: sluiceVersion() })
  const roots = trustRoots(options.bundles)
  const names = yield* makeResolver({ settings, metrics, roots, toldElsewhere: options.statusesTold === true })
  const parts: Parts = { ...options, metrics, doors: makeDoors(), roots, names }
  if (settings.workers === 1) return dataPlane(parts, yield* alone(parts))
  const { pod } = yield* Effect.promise(() => import("./pod.ts"))
  return dataPlane(parts, yield* pod(parts))
})

const dataPlane = <Gateway extends ServedGateway>(parts: Parts, servers: Servers<Gateway>): DataPlane => {
  const { settings, journal, metrics, doors, names, roots } = parts
  const gateways = new Map<ServedGateway, { readonly gateway: Gateway; readonly label: string }>()
  const all = () => [...gateways.values()].map(({ gateway }) => gateway)

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
    proxies: () => [...gateways.keys()],
    serve: Effect.fnUntraced(function* (given) {
      const label = `Gateway ${given.gateway.namespace}/${given.gateway.name}`
      const announce = makeAnnouncement(journal, label)
      let made: Gateway | null = null
      const look = () => {
        const seen = made === null || !gateways.has(made) ? null : servers.seen(made)
        if (seen !== null) announce(seen)
      }
      const gateway = yield* servers.serve({
        ...given,
        onAck: (ack) => {
          given.onAck(ack)
          // After the call that acknowledged has come back: the listeners are described from what it set.
          queueMicrotask(look)
        }
      })
      made = gateway
      gateways.set(gateway, { gateway, label })
      look()
      return gateway
    }),
    retire: (served) =>
      Effect.suspend(() => {
        const one = gateways.get(served)
        gateways.delete(served)
        if (one === undefined) return Effect.void
        journal.write("info", `${one.label}: gone, draining`)
        return servers.retire(one.gateway)
      }),
    open: Effect.fnUntraced(function* (sources, ready) {
      const open = yield* openPages(settings, journal, {
        ...sources,
        gateways: () => servers.views(all()),
        ready: () => ready() && all().every((gateway) => gateway.ready()),
        metrics: servers.metrics
      })
      for (const [owner, at] of open) doors.set(owner, [at])
      servers.opened(open.map(([, at]) => at))
    }),
    drain: Effect.suspend(() => servers.drain(all()))
  }
}
