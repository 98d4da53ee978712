// The data plane of one Gateway in this process: follows published snapshots, acknowledges them, reports what it sees, drains.
// The one place of proxy/ that composes; everything beside it is a part.
import { Effect, FiberSet, type Scope, Stream } from "effect"
import { sameAck } from "../report/ack.ts"
import type { Metrics } from "../report/metrics.ts"
import type { Ack, Refusal, Report, UpstreamFacts } from "../report/report.ts"
import type { Published } from "../snapshot/published.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { UpstreamDescription } from "../upstream/description.ts"
import type { TrustRoots } from "../upstream/dial/roots.ts"
import type { Names } from "../upstream/discovery/names.ts"
import type { ElsewhereOf } from "../upstream/elsewhere.ts"
import { makeUpstream } from "../upstream/live.ts"
import type { AccessLog } from "./accesslog.ts"
import { makeAudit } from "./audit.ts"
import { type Doors, makeDoors } from "./doors.ts"
import { makeFailoverLog } from "./failovers.ts"
import { type Trust, trustNobody } from "./forwarded.ts"
import { defaultHeadLimits, type HeadLimits } from "./head.ts"
import { type Memory, plenty } from "./memory.ts"
import { MirrorRoom } from "./mirror.ts"
import { dialObserver } from "./observers.ts"
import { defaultPortTimes, type PortTimes } from "./port.ts"
import { makeReporter } from "./reporter.ts"
import { sampleProxy } from "./samples.ts"
import { type BoundListener, makeServing } from "./serving.ts"
import type { UploadLimits } from "./upload.ts"
import { makeUpstreams } from "./upstreams.ts"

export interface ProxyLimits {
  /** `bytes` of a head come from the listener. */
  readonly head: Omit<HeadLimits, "bytes" | "forwarded">
  readonly upload: UploadLimits
  /** How much of a request body is read on, and how long, after an answer that did not wait for it. */
  readonly discard: { readonly bytes: number; readonly milliseconds: number }
  readonly times: PortTimes
  /** Milliseconds a client may leave a response unread. */
  readonly stall: number
  /** Milliseconds that what left the tables (a port, an upstream) may still be in use. */
  readonly drainDeadline: number
}

const defaultProxyLimits: ProxyLimits = {
  head: { fields: defaultHeadLimits.fields, target: defaultHeadLimits.target, underscores: defaultHeadLimits.underscores },
  upload: { bytes: null, window: 30_000, rate: 240 },
  discard: { bytes: 1024 * 1024, milliseconds: 2_000 },
  times: defaultPortTimes,
  stall: 300_000,
  drainDeadline: 30_000
}

export interface ProxyOptions {
  /** Of this process, in acks and reports. */
  readonly name: string
  readonly gateway: Snapshot["gateway"]
  readonly follow: Stream.Stream<Published>
  /** Each snapshot that was taken up, after its listeners are bound and the tables are swapped; again when readiness or what is refused changes. */
  readonly onAck: (ack: Ack) => void
  /** When the state of an upstream changed (law 18), never for traffic. */
  readonly onReport: (report: Report) => void
  readonly names: Pick<Names["Service"], "watch">
  /** What "System" means, `--trust-bundle` included. */
  readonly roots: TrustRoots
  /** The zone that the process stands in; absent or null: nobody knows. */
  readonly zone?: string | null
  /** Shared by the Gateways of a process. */
  readonly metrics: Metrics
  readonly log: AccessLog
  /** Shared by the Gateways of a process, so that none dials another's listeners. Default: one of its own. */
  readonly doors?: Doors
  /** Proxies in front whose word about their clients is taken (`trustProxies`). Default: nobody. */
  readonly trust?: Trust
  /** Shared by the Gateways of a process. Default: there is always enough. */
  readonly memory?: Memory
  /** What other processes of the pod do for its upstreams; absent: there are none. */
  readonly elsewhere?: ElsewhereOf | undefined
  readonly limits?: Partial<ProxyLimits>
}

/** For the admin port and explain. */
export interface ProxyDescription {
  readonly gateway: string
  readonly version: string
  readonly sequence: number
  readonly ready: boolean
  readonly draining: boolean
  readonly listeners: ReadonlyArray<BoundListener>
  readonly refused: ReadonlyArray<Refusal>
  readonly snapshot: Snapshot
  readonly upstreams: ReadonlyArray<{ readonly description: UpstreamDescription; readonly facts: UpstreamFacts }>
}

export interface GatewayProxy {
  /** Law 16: a snapshot is applied, its listeners are bound, each name was tried once; false again from the first moment of a drain. */
  readonly ready: () => boolean
  readonly ack: () => Ack | null
  readonly report: () => Report
  /** null before the first snapshot. */
  readonly describe: () => ProxyDescription | null
  /**
   * Law 20: unready at once, `propagation` for the world to notice (responses already say `Connection: close`), then stops accepting and waits for
   * what is under way; completes when all is done, or `deadline` cut the rest. linger: so long what is idle stays open after that, for another process that
   * accepts in its place. Milliseconds. To be called once.
   */
  readonly drain: (bounds: { readonly propagation: number; readonly deadline: number; readonly linger?: number }) => Effect.Effect<void>
  /** Never ends of itself; a defect in any of its fibers ends it. Whoever owns the process joins it: a proxy that follows no more must not look well. */
  readonly run: Effect.Effect<never>
}

const reportDelay = 100
const rebindEvery = "2 seconds"

/** Serves until the scope closes, which cuts whatever is left: `drain` comes before. Never fails: what cannot be served is refused in the Ack. */
export const makeProxy = Effect.fnUntraced(function* (options: ProxyOptions): Effect.fn.Return<GatewayProxy, never, Scope.Scope> {
  const { metrics, log, names, roots } = options
  const limits = { ...defaultProxyLimits, ...options.limits }
  const doors = options.doors ?? makeDoors()
  // Not the Gateway's name: one deleted and made again has two proxies for as long as the first drains.
  const owner = {}
  const trust = options.trust ?? trustNobody
  const gateway = `${options.gateway.namespace}/${options.gateway.name}`

  let draining = false
  let warmingUp = false
  let warm = false
  let published: Published | null = null
  let ack: Ack | null = null
  let active = 0

  const onDial = dialObserver(metrics, gateway)
  const upstreams = yield* makeUpstreams(
    (id, spec, endpoints, material) =>
      makeUpstream(id, spec, endpoints, {
        names,
        roots,
        zone: options.zone ?? null,
        material,
        own: doors.own,
        elsewhere: options.elsewhere,
        observer: {
          onDial: (_id, outcome) => onDial(outcome),
          onFacts: (changed) => reporter.changed(changed),
          onRefused: (changed, target) => audit.refused(changed, target)
        }
      }),
    limits.drainDeadline
  )
  const logging = yield* FiberSet.makeRuntime<never>()
  const failovers = makeFailoverLog({
    gateway,
    write: (level, line) => void logging(level === "info" ? Effect.logInfo(line) : Effect.logWarning(line)),
    now: () => performance.now()
  })
  const reporter = makeReporter({
    proxy: options.name,
    upstreams: upstreams.byId,
    onReport: options.onReport,
    onFacts: failovers.note,
    delay: reportDelay
  })
  yield* Effect.addFinalizer(() => Effect.sync(reporter.close))
  const audit = makeAudit({
    gateway,
    upstreams: upstreams.byId,
    snapshot: () => published?.snapshot ?? null,
    write: (line) => void logging(Effect.logWarning(line)),
    delay: reportDelay
  })
  yield* Effect.addFinalizer(() => Effect.sync(audit.close))

  const serving = yield* makeServing({
    gateway,
    metrics,
    upstreams,
    times: limits.times,
    drainDeadline: limits.drainDeadline,
    onPorts: (ports) =>
      doors.set(
        owner,
        ports.map(({ bound }) => bound)
      ),
    exchange: {
      gateway,
      upstreams: upstreams.byId,
      headLimits: limits.head,
      uploadLimits: limits.upload,
      discard: limits.discard,
      stall: limits.stall,
      trust,
      log,
      memory: options.memory ?? plenty,
      mirrors: new MirrorRoom(),
      draining: () => draining,
      onActive: (change) => {
        active += change
      }
    }
  })

  const ready = () => warm && !draining
  const acknowledge = (refused: ReadonlyArray<Refusal>) => {
    if (published === null) return
    const next: Ack = { proxy: options.name, version: published.snapshot.version, sequence: published.sequence, ready: ready(), refused }
    // Trying again to bind says nothing new until it works.
    if (sameAck(ack, next)) return
    ack = next
    options.onAck(next)
  }

  // Warm once, warm for good: a new route whose name is slow must not take the pod out of rotation.
  const fibers = yield* FiberSet.make<unknown, never>()
  const warming = Effect.suspend(() =>
    Effect.forEach([...upstreams.byId.values()], (live) => live.ready, { concurrency: "unbounded", discard: true })
  ).pipe(
    Effect.andThen(
      Effect.sync(() => {
        warm = true
        acknowledge(ack?.refused ?? [])
      })
    )
  )

  const take = Effect.fnUntraced(function* (next: Published) {
    const before = published?.snapshot ?? null
    const refused = yield* serving.apply(next)
    published = next
    for (const id of next.snapshot.upstreams.keys()) if (!before?.upstreams.has(id)) reporter.changed(id)
    for (const id of before?.upstreams.keys() ?? []) if (!next.snapshot.upstreams.has(id)) reporter.changed(id)
    acknowledge(refused)
    const bound = next.snapshot.listeners.size === 0 || serving.ports().length > 0
    if (bound && !warmingUp) {
      warmingUp = true
      yield* FiberSet.run(fibers, warming)
    }
  })

  // One at a time: a snapshot, or another try to bind what was in use by somebody else.
  yield* FiberSet.run(
    fibers,
    Stream.merge(
      options.follow,
      Stream.tick(rebindEvery).pipe(
        Stream.filter(() => published !== null && serving.unbound()),
        Stream.map(() => published!)
      )
    ).pipe(
      Stream.runForEach((next) =>
        // A defect is a bug of ours: the tables before stay, and the next snapshot is taken up as any other. A loop that dies would be silent.
        // Not interrupted half-way: a port that is open and in no table would be closed by nobody.
        Effect.uninterruptible(take(next)).pipe(
          Effect.catchCause((cause) => Effect.logError(`snapshot ${next.snapshot.version} could not be taken up`, cause))
        )
      )
    )
  )

  const stop = sampleProxy(metrics, {
    gateway,
    upstreams: upstreams.byId,
    certificates: serving.certificates,
    snapshot: serving.snapshot,
    sequence: () => published?.sequence ?? 0,
    refused: () => ack?.refused.length ?? 0,
    ready,
    active: () => active
  })
  yield* Effect.addFinalizer(() => Effect.sync(stop))

  return {
    ready,
    ack: () => ack,
    report: reporter.report,
    describe: () =>
      published === null
        ? null
        : {
            gateway,
            version: published.snapshot.version,
            sequence: published.sequence,
            ready: ready(),
            draining,
            listeners: serving.listeners(),
            refused: ack?.refused ?? [],
            snapshot: published.snapshot,
            upstreams: [...upstreams.byId.values()].map((live) => ({ description: live.describe(), facts: live.facts() }))
          },
    drain: Effect.fnUntraced(function* ({ propagation, deadline, linger = 0 }) {
      draining = true
      acknowledge(ack?.refused ?? [])
      yield* Effect.sleep(propagation)
      if (linger > 0) {
        serving.shut()
        yield* Effect.sleep(linger)
      }
      yield* serving.drain(deadline)
    }),
    run: Effect.all([FiberSet.join(fibers), serving.run, upstreams.run], { concurrency: "unbounded", discard: true }).pipe(
      Effect.andThen(Effect.never)
    )
  }
})
