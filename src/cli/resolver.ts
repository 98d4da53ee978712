// The one place of a process, and of a pod, that looks names up: as the settings say, and counted.
import { Context, Effect, Layer, type Scope } from "effect"
import type { Settings } from "../config/settings.ts"
import { dnsObserver, sampleNames } from "../proxy/observers.ts"
import type { Metrics } from "../report/metrics.ts"
import type { TrustRoots } from "../upstream/dial/roots.ts"
import { Names } from "../upstream/discovery/names.ts"
import { parseNameserver } from "../upstream/discovery/nameserver.ts"

export interface ResolverOptions {
  readonly settings: Settings
  readonly metrics: Metrics
  readonly roots: TrustRoots
  /** What becomes of names is told by statuses, in the same journal. */
  readonly toldElsewhere: boolean
}

export const makeResolver = Effect.fnUntraced(function* ({
  settings,
  metrics,
  roots,
  toldElsewhere
}: ResolverOptions): Effect.fn.Return<Names["Service"], never, Scope.Scope> {
  const nameservers = settings.nameservers.map(parseNameserver).filter((one) => one !== null)
  // Built into this scope: provided, the layer would close with the lookup of its service.
  const names = Context.get(
    yield* Layer.build(Names.layer({ nameservers, roots, observer: dnsObserver(metrics), toldElsewhere, folder: settings.stateFolder })),
    Names
  )
  const stopSampling = sampleNames(metrics, names.counts)
  yield* Effect.addFinalizer(() => Effect.sync(stopSampling))
  return names
})
