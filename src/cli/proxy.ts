// `sluice proxy`: one Gateway's data plane in a pod, told by operators what to serve. Loads no Kubernetes client, no schemas, no translate.
import { Effect, type Scope } from "effect"
import type { BindError } from "../admin/server.ts"
import { makeLinkClient } from "../link/client.ts"
import { type DataPlaneOptions, makeDataPlane } from "./dataplane.ts"
import type { Invocation } from "./grammar.ts"
import { explainer } from "./inquiry.ts"
import { makeJournal } from "./journal.ts"
import { openAccessLog, type Serving, serveUntilSignal } from "./lifetime.ts"
import { settingsOf, trustBundles, UsageError } from "./session.ts"

/** Sources are objects of a cluster: there is no file and line to name. */
const nowhere = () => null

/** Serves from the first snapshot it has: of an operator, or the last good one of the state folder. */
const makePod = Effect.fnUntraced(function* (options: DataPlaneOptions): Effect.fn.Return<Serving, BindError | UsageError, Scope.Scope> {
  const { settings } = options
  const { gateway } = settings
  if (gateway === null) return yield* Effect.fail(new UsageError("--gateway: name the Gateway, NAMESPACE/NAME"))
  const plane = yield* makeDataPlane(options)
  let ready = false
  const link = yield* makeLinkClient({
    operators: settings.operators,
    gateway,
    tokenFile: settings.tokenFile,
    authorityFile: settings.authorityFile,
    stateFolder: settings.stateFolder
  })
  const served = () => {
    const published = link.current()
    return published === null ? [] : [published]
  }
  // Before there is anything to serve: a probe is answered "not ready", not refused.
  yield* plane.open({ statuses: () => null, explain: explainer(served, () => nowhere, plane.tools) }, () => ready)
  let applied: string | null = null
  const acknowledge: typeof link.ack = (ack) => {
    applied = ack.version
    link.ack(ack)
  }
  const proxy = yield* plane.serve({ gateway, follow: link.follow, onAck: acknowledge, onReport: link.report })
  ready = true
  const label = `${gateway.namespace}/${gateway.name}`
  yield* Effect.sync(() => {
    plane.metrics.sampled("linkOperators", () => {
      const following = link.connected().filter((one) => one.following).length
      return [
        [[label, "true"], following],
        [[label, "false"], link.connected().length - following]
      ]
    })
    plane.metrics.sampled("linkUpdateAge", () => {
      const updated = link.updated()
      return updated === null ? [] : [[[label], Math.max(0, Date.now() - updated) / 1_000]]
    })
    plane.metrics.sampled("snapshotVersion", () => (applied === null ? [] : [[[label, applied], 1]]))
  })
  return {
    run: Effect.all([link.run, proxy.run], { concurrency: "unbounded", discard: true }).pipe(Effect.andThen(Effect.never)),
    drain: plane.drain
  }
})

export const main = async (invocation: Invocation): Promise<number> => {
  const settings = await settingsOf(invocation)
  if (settings.operators.length === 0) throw new UsageError("--operator: name where the operators answer, HOST:PORT")
  if (settings.gateway === null) throw new UsageError("--gateway: name the Gateway that is served, NAMESPACE/NAME")
  const bundles = await trustBundles(settings)
  const journal = makeJournal(settings, process.stderr)
  const log = await openAccessLog(settings, journal)
  return serveUntilSignal({ settings, journal, log, start: () => Promise.resolve(makePod({ settings, bundles, log, journal })) })
}
