// The primary of a pod whose requests are served by several processes: it has what a pod has once (names, looks, tokens, the access log's stream, the admin port's answers) and takes
// no traffic (docs/decisions/0023-workers.md).
import { hostname } from "node:os"
import { Effect, Scope, type Stream } from "effect"
import type { Settings } from "../config/settings.ts"
import type { AccessLog } from "../proxy/accesslog.ts"
import type { Metrics } from "../report/metrics.ts"
import type { Ack, Report } from "../report/report.ts"
import { left, summed, type Told } from "../report/sums.ts"
import type { Published } from "../snapshot/published.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { OwnAddresses } from "../upstream/dial/own.ts"
import type { TrustRoots } from "../upstream/dial/roots.ts"
import type { Names } from "../upstream/discovery/names.ts"
import { type Companion, makeCompanion } from "./companion.ts"
import { type Fleet, type FleetOptions, makeFleet, type Worker } from "./fleet.ts"
import { makePodGateway, type PodGateway } from "./gateway.ts"
import type { Departure, Door, Serving, Tell, Up, View } from "./messages.ts"
import { makeNameRelay } from "./names.ts"
import { makeQuestions } from "./questions.ts"
import { podView } from "./views.ts"

export interface PrimaryOptions {
  readonly settings: Settings
  readonly bundles: ReadonlyArray<string>
  readonly version: string
  readonly program: FleetOptions["program"]
  readonly names: Pick<Names["Service"], "watch">
  readonly roots: TrustRoots
  readonly metrics: Metrics
  readonly log: AccessLog
  /** What is told of the process, whichever of them says it. */
  readonly write: (level: Settings["logLevel"], message: string) => void
  /** This pod's own addresses, as they are now. */
  readonly own: () => OwnAddresses
  /** The listeners of a worker are open, or (empty) closed. */
  readonly onDoors: (worker: Worker, doors: ReadonlyArray<Door>) => void
}

export interface ServedGateway extends PodGateway {
  /** Gone while the pod stays: a bounded wait. */
  readonly retire: Effect.Effect<void>
}

export interface Primary {
  readonly serve: (gateway: {
    readonly gateway: Snapshot["gateway"]
    readonly follow: Stream.Stream<Published>
    readonly onAck: (ack: Ack) => void
    readonly onReport: (report: Report) => void
  }) => Effect.Effect<ServedGateway, never, Scope.Scope>
  /** Where other parts of the pod answer. */
  readonly doors: (doors: ReadonlyArray<Door>) => void
  /** Of all workers, by Gateway. */
  readonly views: () => Promise<ReadonlyMap<Serving, View["upstreams"]>>
  /** Of all processes. */
  readonly metrics: () => Promise<ReadonlyArray<Told>>
  readonly start: () => void
  readonly leave: (departure: Omit<Departure, "linger">) => Effect.Effect<void>
}

/** Milliseconds that what is idle stays open at a worker that is replaced: a client that sends just then is answered, and told to go. */
const linger = 2_000

export const makePrimary = Effect.fnUntraced(function* (options: PrimaryOptions): Effect.fn.Return<Primary, never, Scope.Scope> {
  const { settings, metrics, log } = options
  const relay = yield* makeNameRelay(options.names)
  const gateways = new Map<Serving, { readonly label: string; readonly gateway: PodGateway; readonly companion: Companion }>()
  const questions = makeQuestions()
  let doors: ReadonlyArray<Door> = []
  let born = 0
  /** What workers that have gone had counted, and what each of the others told last. */
  let gone: ReadonlyArray<Told> = []
  const last = new Map<number, ReadonlyArray<Told>>()

  const onStart = (worker: Worker) => {
    worker.tell({ type: "Start", place: worker.place, settings, bundles: options.bundles })
    worker.tell({ type: "Doors", doors })
    // Of one that is going it would never hear the end.
    for (const { gateway } of gateways.values()) if (!gateway.draining()) gateway.attach(worker)
    ready(worker)
  }

  /** It counts when it can serve what the others can. */
  const ready = (worker: Worker) => {
    const others = fleet.tellers()?.filter((one) => one !== worker) ?? []
    const missing = [...gateways.values()].some(
      ({ gateway }) =>
        !gateway.draining() && !gateway.readyAt(worker) && (others.length === 0 || others.some((one) => gateway.readyAt(one)))
    )
    if (!missing) fleet.ready(worker)
  }
  /** What others can serve has changed, or there is less to serve. */
  const readyAll = () => {
    for (const worker of fleet.all()) if (worker.state() === "Starting") ready(worker)
  }

  const onMessage = (worker: Worker, message: Exclude<Up, { readonly type: "Hello" | "Pong" | "Leaving" }>): void => {
    switch (message.type) {
      case "Took":
        gateways.get(message.serving)?.gateway.took(worker, message.version)
        return
      case "Acked":
        gateways.get(message.serving)?.gateway.acked(worker, message)
        return
      case "Reported":
        gateways.get(message.serving)?.gateway.reported(worker, message)
        return
      case "Retired":
        gateways.get(message.serving)?.gateway.detach(worker)
        readyAll()
        return
      case "Opened":
        options.onDoors(worker, message.doors)
        return
      case "Watch":
        relay.watch(worker.id, worker.tell, message)
        return
      case "Unwatch":
        relay.unwatch(worker.id, message.watch)
        return
      case "Ejected":
        gateways.get(message.serving)?.companion.ejected(message.ejection)
        for (const other of fleet.all()) if (other !== worker) other.tell(message)
        return
      case "Wanted": {
        const { serving, upstream, asked, refused } = message
        gateways
          .get(serving)
          ?.companion.want(upstream, refused, (outcome) => worker.tell({ type: "Token", serving, upstream, asked, outcome }))
        return
      }
      case "Views":
        questions.answered(message.question, message.views)
        return
      case "Metrics":
        last.set(worker.id, message.metrics)
        questions.answered(message.question, null)
        return
      case "Said":
        options.write(message.level, message.message)
        return
      case "Lines":
        log.pass(message.lines, () => worker.tell({ type: "Passed" }))
        return
      case "Left":
        last.set(worker.id, message.metrics)
    }
  }

  const onGone = (worker: Worker) => {
    gone = left(gone, last.get(worker.id) ?? [])
    last.delete(worker.id)
    relay.forget(worker.id)
    questions.forget(worker.id)
    options.onDoors(worker, [])
    for (const { gateway } of gateways.values()) gateway.detach(worker)
  }

  const fleet: Fleet = yield* makeFleet({
    count: settings.workers,
    version: options.version,
    program: options.program,
    departure: { propagation: 0, linger, deadline: settings.drainDeadline },
    onStart,
    onMessage,
    onChange: () => {
      for (const { gateway } of gateways.values()) gateway.look()
      readyAll()
    },
    onGone,
    write: options.write
  })
  const tellAll: Tell = (message) => {
    for (const worker of fleet.all()) worker.tell(message)
  }

  const perGateway = (value: (gateway: PodGateway) => number) =>
    [...gateways.values()].map(({ label, gateway }) => [[label], value(gateway)] as const)
  const counted = () => [...gateways.values()].flatMap(({ label, companion }) => companion.counted().map((one) => ({ label, one })))
  const stops = [
    metrics.sampled("workers", () =>
      (["Starting", "Serving", "Leaving"] as const).map((state) => [
        [state.toLowerCase()],
        fleet.all().filter((worker) => worker.state() === state).length
      ])
    ),
    // Those that came from workers; what they could not pass on is counted there.
    metrics.sampled("logDropped", () => [[[], log.dropped()]]),
    metrics.sampled("workerEnds", () => Object.entries(fleet.ends()).map(([why, count]) => [[why], count])),
    metrics.sampled("probes", () =>
      counted().flatMap(({ label, one }) =>
        Object.entries(one.probes).map(([result, count]) => [[label, one.target, result], count] as const)
      )
    ),
    metrics.sampled("tokens", () =>
      counted().flatMap(({ label, one }) => (one.tokens === null ? [] : [[[label, one.target], one.tokens] as const]))
    ),
    metrics.sampled("ready", () => perGateway((gateway) => (gateway.ready() ? 1 : 0))),
    metrics.sampled("snapshotSequence", () => perGateway((gateway) => gateway.current()?.sequence ?? 0)),
    metrics.sampled("snapshotRefused", () => perGateway((gateway) => gateway.ack()?.refused.length ?? 0))
  ]
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const stop of stops) stop()
    })
  )

  const serve: Primary["serve"] = Effect.fnUntraced(function* (given) {
    const serving = born++
    const scope = yield* Scope.Scope
    const companion = yield* makeCompanion({
      ...{ serving, names: options.names, roots: options.roots, own: options.own, zone: settings.zone },
      tell: tellAll,
      drainDeadline: settings.drainDeadline
    })
    const gateway = yield* makePodGateway({
      ...given,
      ...{ serving, companion, name: hostname(), tellers: fleet.tellers.bind(fleet), onReady: ready }
    })
    gateways.set(serving, { label: `${given.gateway.namespace}/${given.gateway.name}`, gateway, companion })
    yield* Scope.addFinalizer(
      scope,
      Effect.sync(() => gateways.delete(serving))
    )
    for (const worker of fleet.all()) if (worker.state() !== "Leaving") gateway.attach(worker)
    return {
      ...gateway,
      run: Effect.all([gateway.run, companion.run], { concurrency: "unbounded", discard: true }).pipe(Effect.andThen(Effect.never)),
      retire: Effect.suspend(() => {
        gateway.close()
        tellAll({ type: "Retire", serving, deadline: settings.drainDeadline })
        return Effect.asVoid(Effect.timeoutOption(gateway.left, settings.drainDeadline + linger))
      })
    }
  })

  return {
    serve,
    doors: (open) => {
      doors = open
      tellAll({ type: "Doors", doors })
    },
    views: async () => {
      const answers = await Promise.all(fleet.all().map((worker) => questions.ask(worker, "Views")))
      const views = answers.flatMap((views) => views ?? [])
      return new Map(
        [...Map.groupBy(views, ({ serving }) => serving)].map(([serving, own]) => [
          serving,
          podView(own, gateways.get(serving)?.companion.counted() ?? [])
        ])
      )
    },
    metrics: async () => {
      const [own] = await Promise.all([metrics.told(), ...fleet.all().map((worker) => questions.ask(worker, "Metrics"))])
      // As they stand now: one that went meanwhile is among those that are gone.
      return summed([own, gone, ...fleet.all().map(({ id }) => last.get(id) ?? [])])
    },
    start: fleet.start.bind(fleet),
    leave: (departure) =>
      Effect.suspend(() => {
        for (const { gateway } of gateways.values()) gateway.close()
        return fleet.leave({ ...departure, linger: 0 })
      })
  }
})
