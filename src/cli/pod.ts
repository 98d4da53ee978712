// The data plane of a process whose requests are served by workers: what dataplane.ts is to one that serves alone. Loaded only where there are several.
import { Effect, type Scope } from "effect"
import type { GatewayView } from "../admin/view.ts"
import { makeDoors } from "../proxy/doors.ts"
import { makeMetrics } from "../report/metrics.ts"
import { exposition } from "../report/sums.ts"
import { trustRoots } from "../upstream/dial/roots.ts"
import { makePrimary, type ServedGateway as PodGateway } from "../workers/primary.ts"
import { makeAnnouncement } from "./announcement.ts"
import type { DataPlane, DataPlaneOptions, ServedGateway } from "./dataplane.ts"
import { openPages } from "./pages.ts"
import { makeResolver } from "./resolver.ts"
import { sluiceVersion } from "./runtime.ts"

/** Of a worker: its part of the heap that the launcher allows, and all else as it is here. */
const nodeOptions = (workers: number): ReadonlyArray<string> =>
  process.execArgv.map((option) => {
    const [, percent] = /^--max-old-space-size-percentage=(\d+)$/.exec(option) ?? []
    return percent === undefined ? option : `--max-old-space-size-percentage=${Math.max(1, Math.floor(Number(percent) / (workers + 1)))}`
  })

export const makePodPlane = Effect.fnUntraced(function* (options: DataPlaneOptions): Effect.fn.Return<DataPlane, never, Scope.Scope> {
  const { settings, journal, log } = options
  const metrics = makeMetrics({ version: sluiceVersion() })
  const doors = makeDoors()
  const roots = trustRoots(options.bundles)
  const names = yield* makeResolver({ settings, metrics, roots, toldElsewhere: options.statusesTold === true })
  const primary = yield* makePrimary({
    ...{ settings, version: sluiceVersion(), bundles: options.bundles, names, roots, metrics, log, write: journal.write, own: doors.own },
    program: { exec: process.argv[1]!, args: ["worker"], execArgv: nodeOptions(settings.workers) },
    onDoors: (worker, open) => doors.set(worker, open)
  })
  const gateways = new Map<ServedGateway, { readonly gateway: PodGateway; readonly label: string }>()
  const all = () => [...gateways.values()].map(({ gateway }) => gateway)

  const views = async (): Promise<ReadonlyArray<GatewayView>> => {
    const seen = await primary.views()
    return [...gateways.values()].flatMap(({ gateway, label }) => {
      const current = gateway.current()
      if (current === null) return []
      const { snapshot, sequence } = current
      return {
        gateway: label,
        version: gateway.ack()?.version ?? snapshot.version,
        sequence,
        ready: gateway.ready(),
        draining: gateway.draining(),
        listeners: gateway.listeners(),
        refused: gateway.ack()?.refused ?? [],
        snapshot,
        upstreams: seen.get(gateway.serving) ?? []
      }
    })
  }

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
      const label = `${given.gateway.namespace}/${given.gateway.name}`
      const announce = makeAnnouncement(journal, `Gateway ${label}`)
      let made: PodGateway | null = null
      const look = () => {
        const current = made?.current() ?? null
        // One that drains has told what it served; its listeners close one by one.
        if (made === null || current === null || made.draining() || !gateways.has(made)) return
        const listeners = made.listeners()
        // Nobody is there to say: what became of the workers is told of them.
        if (listeners.length === 0 && current.snapshot.listeners.size > 0) return
        announce({ snapshot: current.snapshot, listeners, refused: made.ack()?.refused ?? [] })
      }
      const gateway = yield* primary.serve({
        ...given,
        onAck: (ack) => {
          given.onAck(ack)
          queueMicrotask(look)
        }
      })
      made = gateway
      gateways.set(gateway, { gateway, label })
      return gateway
    }),
    retire: (served) =>
      Effect.suspend(() => {
        const one = gateways.get(served)
        gateways.delete(served)
        if (one === undefined) return Effect.void
        journal.write("info", `Gateway ${one.label}: gone, draining`)
        return one.gateway.retire
      }),
    open: Effect.fnUntraced(function* (sources, ready) {
      const open = yield* openPages(settings, journal, {
        ...sources,
        gateways: views,
        ready: () => ready() && all().every((gateway) => gateway.ready()),
        metrics: { text: async () => exposition(await primary.metrics()), contentType: metrics.contentType }
      })
      for (const [owner, at] of open) doors.set(owner, [at])
      primary.doors(open.map(([, at]) => at))
      // Only now: workers are told of these ports first.
      primary.start()
    }),
    drain: Effect.suspend(() => primary.leave({ propagation: settings.drainDelay, deadline: settings.drainDeadline }))
  }
})
