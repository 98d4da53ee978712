// A data plane whose requests are served by workers: what alone.ts is to a process that serves itself. Loaded only where there are several.
import { Effect, type Scope } from "effect"
import { exposition } from "../report/sums.ts"
import { makePrimary, type ServedGateway } from "../workers/primary.ts"
import type { Parts, Servers } from "./dataplane.ts"
import { sluiceVersion } from "./runtime.ts"

/** Of a worker: its part of the heap that the launcher allows, and all else as it is here. */
const nodeOptions = (workers: number): ReadonlyArray<string> =>
  process.execArgv.map((option) => {
    const [, percent] = /^--max-old-space-size-percentage=(\d+)$/.exec(option) ?? []
    return percent === undefined ? option : `--max-old-space-size-percentage=${Math.max(1, Math.floor(Number(percent) / (workers + 1)))}`
  })

export const pod = Effect.fnUntraced(function* (parts: Parts): Effect.fn.Return<Servers<ServedGateway>, never, Scope.Scope> {
  const { settings, bundles, journal, log, metrics, doors, names, roots } = parts
  const primary = yield* makePrimary({
    ...{ settings, version: sluiceVersion(), bundles, names, roots, metrics, log, write: journal.write, own: doors.own },
    program: { exec: process.argv[1]!, args: ["worker"], execArgv: nodeOptions(settings.workers) },
    onDoors: (worker, open) => doors.set(worker, open)
  })
  return {
    serve: primary.serve,
    seen: (gateway) => {
      const current = gateway.current()
      // One that drains has told what it served; its listeners close one by one.
      if (current === null || gateway.draining()) return null
      const { snapshot } = current
      const listeners = gateway.listeners()
      // Nobody is there to say: what became of the workers is told of them.
      if (listeners.length === 0 && snapshot.listeners.size > 0) return null
      return { snapshot, listeners, refused: gateway.ack()?.refused ?? [] }
    },
    retire: ({ retire }) => retire,
    views: async (gateways) => {
      const seen = await primary.views()
      return gateways.flatMap((gateway) => {
        const current = gateway.current()
        if (current === null) return []
        const { snapshot, sequence } = current
        return {
          gateway: `${snapshot.gateway.namespace}/${snapshot.gateway.name}`,
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
    },
    metrics: { text: async () => exposition(await primary.metrics()), contentType: metrics.contentType },
    opened: (open) => {
      primary.doors(open)
      // Only now: workers are told of these ports first.
      primary.start()
    },
    drain: () => primary.leave({ propagation: settings.drainDelay, deadline: settings.drainDeadline })
  }
})
