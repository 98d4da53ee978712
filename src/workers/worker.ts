// A worker's session with its primary: it serves what it is told, says what comes of it, and leaves when it is told to. Who makes the proxies is given, so that this is only about
// what is said.
import { isDeepStrictEqual } from "node:util"
import { Deferred, Effect, Exit, Queue, Scope, Stream, SubscriptionRef } from "effect"
import { applied, type Copy, lookupOf } from "../link/copy.ts"
import type { GatewayProxy, ProxyOptions } from "../proxy/proxy.ts"
import type { Metrics } from "../report/metrics.ts"
import type { UpstreamFacts } from "../report/report.ts"
import { type Decoder, makeDecoder } from "../snapshot/codec.ts"
import type { Id } from "../snapshot/id.ts"
import type { Published } from "../snapshot/published.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { Departure, Door, Down, Say, Serving } from "./messages.ts"
import type { RemoteNames } from "./names.ts"
import { Remote } from "./remote.ts"
import { makeShares, type Place } from "./share.ts"

export interface WorkerOptions {
  readonly place: Place
  readonly say: Say
  /** Serves a Gateway until the scope closes. */
  readonly serve: (
    given: Pick<ProxyOptions, "gateway" | "follow" | "onAck" | "onReport" | "elsewhere">
  ) => Effect.Effect<GatewayProxy, never, Scope.Scope>
  readonly names: RemoteNames
  readonly metrics: Metrics
  /** The primary has taken lines of the access log. */
  readonly onPassed: () => void
  readonly onDoors: (doors: ReadonlyArray<Door>) => void
}

export interface WorkerSession {
  readonly take: (message: Down) => void
  /** Never ends of itself; a defect of a proxy ends it. */
  readonly run: Effect.Effect<never>
  /** Completes when it was told to leave and all is drained. */
  readonly left: Effect.Effect<void>
}

interface Served {
  readonly scope: Scope.Closeable
  readonly proxy: GatewayProxy
  readonly publish: (published: Published) => Effect.Effect<void>
  readonly shares: (snapshot: Snapshot) => Snapshot
  copy: Copy | null
  decoder: Decoder | null
  /** What is open goes on being told what is new until it has ended. */
  drained: Deferred.Deferred<void> | null
}

type Ordered = Extract<Down, { readonly type: "Serve" | "Update" | "Retire" | "Leave" }>

export const makeWorker = Effect.fnUntraced(function* (options: WorkerOptions): Effect.fn.Return<WorkerSession, never, Scope.Scope> {
  const { say, place } = options
  const served = new Map<Serving, Served>()
  /** Known as soon as a Gateway is named: what is said of its addresses comes right behind, before the orders are obeyed. */
  const remotes = new Map<Serving, Remote>()
  // Its bound is the primary's: it says the next update when the one before was taken.
  const orders = yield* Queue.unbounded<Ordered>()
  const left = Deferred.makeUnsafe<void>()
  const failed = Deferred.makeUnsafe<never>()
  const context = yield* Effect.context<never>()
  const fork = Effect.runForkWith(context)
  yield* Effect.addFinalizer((exit) =>
    Effect.forEach(served.values(), ({ scope }) => Scope.close(scope, exit), { concurrency: "unbounded", discard: true })
  )

  /** What changed since the last report alone crosses the channel. */
  const reporter = (serving: Serving) => {
    let before: ReadonlyMap<Id, UpstreamFacts> = new Map()
    return (now: ReadonlyMap<Id, UpstreamFacts>) => {
      const changed = new Map([...now].filter(([id, facts]) => before.get(id) !== facts))
      const gone = [...before.keys()].filter((id) => !now.has(id))
      before = now
      say({ type: "Reported", serving, changed, gone })
    }
  }

  const serve = Effect.fnUntraced(function* ({ serving, gateway }: Extract<Ordered, { readonly type: "Serve" }>) {
    const scope = yield* Scope.make()
    const ref = yield* SubscriptionRef.make<Published | null>(null)
    const report = reporter(serving)
    let proxy: GatewayProxy | null = null
    const made = yield* options
      .serve({
        gateway,
        follow: SubscriptionRef.changes(ref).pipe(
          Stream.filter((published) => published !== null),
          Stream.buffer({ capacity: 1, strategy: "sliding" })
        ),
        // After the call that acknowledged has come back: the listeners are described from what it set.
        onAck: (ack) => queueMicrotask(() => say({ type: "Acked", serving, ack, listeners: proxy?.describe()?.listeners ?? [] })),
        onReport: ({ upstreams }) => report(upstreams),
        elsewhere: remotes.get(serving)?.of
      })
      .pipe(Scope.provide(scope))
    proxy = made
    served.set(serving, {
      ...{ scope, proxy: made, shares: makeShares(place), copy: null, decoder: null, drained: null },
      publish: (published) => SubscriptionRef.set(ref, published)
    })
    fork(made.run.pipe(Effect.catchCause((cause) => Deferred.failCause(failed, cause))))
  })

  const update = Effect.fnUntraced(function* ({ serving, sequence, head, last, part }: Extract<Ordered, { readonly type: "Update" }>) {
    const one = served.get(serving)
    if (one === undefined) return
    one.decoder ??= makeDecoder(head, one.copy?.snapshot ?? null, isDeepStrictEqual)
    one.decoder.add(JSON.parse(part) as unknown)
    if (!last) return
    const decoded = one.decoder.finish()
    one.decoder = null
    for (const { table, id, reason } of decoded.unread)
      yield* Effect.logError(`${table} ${id} of the primary's update cannot be read: ${reason}`)
    one.copy = applied(one.copy, decoded)
    yield* one.publish({ snapshot: one.shares(one.copy.snapshot), sequence, material: lookupOf(one.copy) })
    say({ type: "Took", serving, version: head.version })
  })

  /** Told once each; done when it is. */
  const drain = (serving: Serving, departure: Departure): Effect.Effect<void> =>
    Effect.suspend(() => {
      const one = served.get(serving)
      if (one === undefined) return Effect.void
      if (one.drained !== null) return Deferred.await(one.drained)
      const drained = Deferred.makeUnsafe<void>()
      one.drained = drained
      return Effect.ensuring(one.proxy.drain(departure), Deferred.succeed(drained, undefined))
    })

  const close = (serving: Serving): Effect.Effect<void> =>
    Effect.suspend(() => {
      const one = served.get(serving)
      served.delete(serving)
      remotes.delete(serving)
      return one === undefined ? Effect.void : Scope.close(one.scope, Exit.void)
    }).pipe(Effect.andThen(Effect.sync(() => say({ type: "Retired", serving }))))

  const leave = Effect.fnUntraced(function* (departure: Departure) {
    const all = [...served.keys()]
    options.metrics.hold()
    yield* Effect.forEach(all, (serving) => drain(serving, departure), { concurrency: "unbounded", discard: true })
    const metrics = yield* Effect.promise(options.metrics.told)
    say({ type: "Left", metrics })
    yield* Effect.forEach(all, close, { concurrency: "unbounded", discard: true })
    yield* Deferred.succeed(left, undefined)
  })

  const obey = (order: Ordered): Effect.Effect<void> => {
    switch (order.type) {
      case "Serve":
        return serve(order)
      case "Update":
        return update(order)
      case "Retire":
        return Effect.sync(() => {
          fork(Effect.andThen(drain(order.serving, { propagation: 0, linger: 0, deadline: order.deadline }), close(order.serving)))
        })
      case "Leave":
        return Effect.sync(() => {
          fork(leave(order.departure))
        })
    }
  }

  const answer = (question: number, what: "Views" | "Metrics") => {
    if (what === "Metrics") {
      void options.metrics.told().then((metrics) => say({ type: "Metrics", question, metrics }))
      return
    }
    const views = [...served].flatMap(([serving, { proxy }]) => {
      const seen = proxy.describe()
      return seen === null ? [] : [{ serving, upstreams: seen.upstreams }]
    })
    say({ type: "Views", question, views })
  }

  return {
    take: (message) => {
      switch (message.type) {
        case "Serve":
          remotes.set(message.serving, new Remote(message.serving, place.count, say))
          Queue.offerUnsafe(orders, message)
          return
        case "Update":
        case "Retire":
        case "Leave":
          Queue.offerUnsafe(orders, message)
          return
        case "Resolved":
          return options.names.resolved(message)
        case "Looked":
          return remotes.get(message.serving)?.looked(message.looks)
        case "Ejected":
          return remotes.get(message.serving)?.ejected(message.ejection)
        case "Token":
          return remotes.get(message.serving)?.token(message)
        case "Doors":
          return options.onDoors(message.doors)
        case "Ask":
          return answer(message.question, message.what)
        case "Passed":
          return options.onPassed()
        case "Ping":
          return say({ type: "Pong" })
        default:
          return
      }
    },
    run: Effect.raceFirst(Effect.forever(Effect.flatMap(Queue.take(orders), obey)), Deferred.await(failed)),
    left: Deferred.await(left)
  }
})
