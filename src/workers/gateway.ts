// One Gateway as the primary serves it: the workers are told its snapshots, and what they acknowledge, report and show is told as of one proxy.
import { Deferred, Effect, type Fiber, FiberMap, type Scope, Stream, SubscriptionRef } from "effect"
import type { BoundListener } from "../proxy/serving.ts"
import { sameAck } from "../report/ack.ts"
import { mergedFacts } from "../report/merged.ts"
import type { Ack, Report, UpstreamFacts } from "../report/report.ts"
import { encodeParts } from "../snapshot/codec.ts"
import type { Id } from "../snapshot/id.ts"
import type { Published } from "../snapshot/published.ts"
import type { Material, MaterialLookup } from "../snapshot/secret.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { diff } from "../snapshot/update.ts"
import { podAck } from "./acks.ts"
import type { Companion } from "./companion.ts"
import type { Worker } from "./fleet.ts"
import type { Serving, Up } from "./messages.ts"

export interface PodGatewayOptions {
  readonly serving: Serving
  /** Of this pod, in acks and reports. */
  readonly name: string
  readonly gateway: Snapshot["gateway"]
  readonly follow: Stream.Stream<Published>
  readonly onAck: (ack: Ack) => void
  readonly onReport: (report: Report) => void
  readonly companion: Companion
  /** Whose word counts; null: somebody is still to come. */
  readonly tellers: () => ReadonlyArray<Worker> | null
  /** It has said that it is ready, or not any more. */
  readonly onReady: (worker: Worker) => void
}

/** What a worker has said. */
interface Said {
  readonly worker: Worker
  ack: Ack | null
  readonly facts: Map<Id, UpstreamFacts>
  listeners: ReadonlyArray<BoundListener>
  took: { readonly version: string; readonly done: Deferred.Deferred<void> } | null
}

export interface PodGateway {
  readonly serving: Serving
  /** It is told what there is, and what comes. */
  readonly attach: (worker: Worker) => void
  readonly detach: (worker: Worker) => void
  readonly took: (worker: Worker, version: string) => void
  readonly acked: (worker: Worker, message: Extract<Up, { readonly type: "Acked" }>) => void
  readonly reported: (worker: Worker, message: Extract<Up, { readonly type: "Reported" }>) => void
  /** Whose word counts has changed. */
  readonly look: () => void
  /** Completes when it is closed and no worker has anything of it. */
  readonly left: Effect.Effect<void>
  readonly readyAt: (worker: Worker) => boolean
  readonly ready: () => boolean
  readonly draining: () => boolean
  /** From now on it is not ready. */
  readonly close: () => void
  readonly ack: () => Ack | null
  readonly current: () => Published | null
  /** As the workers have bound them. */
  readonly listeners: () => ReadonlyArray<BoundListener>
  readonly run: Effect.Effect<never>
}

/** Characters of one message. */
const partSize = 128 * 1024
/** Milliseconds that reports of several workers are gathered for. */
const gathering = 50

const absent = {} as Material

/** As `diff`; bytes that are not here (those of a secret that did not come) are passed over. */
const updateOf = (from: Snapshot | null, { snapshot, material }: Published) => {
  const lookup: MaterialLookup = (id) => {
    try {
      return material(id)
    } catch {
      return absent
    }
  }
  const update = diff(from, snapshot, lookup)
  return update === null ? null : { ...update, material: update.material.filter((one) => one !== absent) }
}

export const makePodGateway = Effect.fnUntraced(function* (options: PodGatewayOptions): Effect.fn.Return<PodGateway, never, Scope.Scope> {
  const { serving, companion } = options
  const published = yield* SubscriptionRef.make<Published | null>(null)
  const run = yield* FiberMap.makeRuntime<never, number>()
  const loops = new Map<number, Fiber.Fiber<void>>()
  const said = new Map<number, Said>()
  const left = Deferred.makeUnsafe<void>()
  let draining = false
  let ack: Ack | null = null
  let report: Report = { proxy: options.name, upstreams: new Map(), invalidated: new Map() }
  let dirty = new Set<Id>()
  let timer: NodeJS.Timeout | null = null
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      if (timer !== null) clearTimeout(timer)
    })
  )

  const give = Effect.fnUntraced(function* (worker: Worker, own: Said, from: Snapshot | null, next: Published) {
    const update = updateOf(from, next)
    if (update === null) return
    const { protocol, base, version, gateway } = update
    const head = { protocol, base, version, gateway }
    const took = { version, done: Deferred.makeUnsafe<void>() }
    own.took = took
    let held: string | null = null
    for (const part of encodeParts(update, from, partSize)) {
      if (held !== null) yield* worker.told({ type: "Update", serving, sequence: next.sequence, head, last: false, part: held })
      held = part
    }
    yield* worker.told({ type: "Update", serving, sequence: next.sequence, head, last: true, part: held! })
    // The next one is the newest there is by then.
    yield* Deferred.await(took.done)
  })

  /** What one worker has is what the next update is against. */
  const following = (worker: Worker, own: Said): Effect.Effect<void> =>
    Effect.suspend(() => {
      let base: Snapshot | null = null
      worker.tell({ type: "Serve", serving, gateway: options.gateway })
      for (const message of companion.state()) worker.tell(message)
      return SubscriptionRef.changes(published).pipe(
        Stream.filter((one) => one !== null),
        Stream.buffer({ capacity: 1, strategy: "sliding" }),
        Stream.runForEach((next) =>
          give(worker, own, base, next).pipe(
            Effect.andThen(
              Effect.sync(() => {
                base = next.snapshot
              })
            )
          )
        )
      )
    })

  /** null: somebody is still to come. */
  const tellers = (): ReadonlyArray<Said> | null => {
    const workers = options.tellers()
    const all = workers?.flatMap(({ id }) => said.get(id) ?? []) ?? null
    return all === null || all.length < workers!.length ? null : all
  }

  const ready = () => {
    const counted = tellers() ?? []
    return !draining && counted.length > 0 && counted.every((one) => one.ack?.ready === true)
  }

  /** Whoever takes requests has taken the version up: also one that is new, or is to replace another. Only those that leave are not waited for. */
  const acknowledge = () => {
    if (tellers() === null) return
    const taking = [...said.values()].filter(({ worker }) => worker.state() !== "Leaving")
    // All have died: nobody answers, whatever was acknowledged.
    const next = taking.length === 0 && ack !== null ? { ...ack, ready: false } : podAck(taking.map((one) => one.ack))
    if (next === null) return
    const told: Ack = { ...next, proxy: options.name, ready: ready() }
    if (sameAck(ack, told)) return
    ack = told
    options.onAck(told)
  }

  const tell = () => {
    timer = null
    const counted = tellers()
    if (counted === null) return
    const upstreams = new Map(report.upstreams)
    let news = false
    for (const id of dirty) {
      const facts = counted.flatMap((one) => one.facts.get(id) ?? [])
      const before = upstreams.get(id)
      if (facts.length === 0) news = upstreams.delete(id) || news
      else {
        const merged = mergedFacts(facts)
        if (before !== undefined && JSON.stringify(before) === JSON.stringify(merged)) continue
        upstreams.set(id, merged)
        news = true
      }
    }
    dirty = new Set()
    if (!news) return
    report = { ...report, upstreams }
    options.onReport(report)
  }
  const soon = () => {
    timer ??= setTimeout(tell, gathering).unref()
  }

  return {
    serving,
    attach: (worker) => {
      const own: Said = { worker, ack: null, facts: new Map(), listeners: [], took: null }
      said.set(worker.id, own)
      loops.set(worker.id, run(worker.id, following(worker, own)))
    },
    detach: ({ id }) => {
      loops.get(id)?.interruptUnsafe()
      loops.delete(id)
      for (const upstream of said.get(id)?.facts.keys() ?? []) dirty.add(upstream)
      said.delete(id)
      if (dirty.size > 0) soon()
      if (draining && said.size === 0) Deferred.doneUnsafe(left, Effect.void)
    },
    left: Deferred.await(left),
    took: ({ id }, version) => {
      const own = said.get(id)
      if (own?.took?.version === version) Deferred.doneUnsafe(own.took.done, Effect.void)
    },
    acked: (worker, { ack: told, listeners }) => {
      const own = said.get(worker.id)
      if (own === undefined) return
      own.ack = told
      own.listeners = listeners
      options.onReady(worker)
      acknowledge()
    },
    reported: ({ id }, { changed, gone }) => {
      const own = said.get(id)
      if (own === undefined) return
      for (const [upstream, facts] of changed) own.facts.set(upstream, facts)
      for (const upstream of gone) own.facts.delete(upstream)
      for (const upstream of [...changed.keys(), ...gone]) dirty.add(upstream)
      soon()
    },
    look: () => {
      acknowledge()
      for (const { facts } of said.values()) for (const upstream of facts.keys()) dirty.add(upstream)
      if (dirty.size > 0) soon()
    },
    readyAt: ({ id }) => said.get(id)?.ack?.ready === true,
    ready,
    draining: () => draining,
    close: () => {
      draining = true
      if (said.size === 0) Deferred.doneUnsafe(left, Effect.void)
      if (ack?.ready === true) {
        ack = { ...ack, ready: false }
        options.onAck(ack)
      }
    },
    ack: () => ack,
    current: () => SubscriptionRef.getUnsafe(published),
    listeners: () => {
      const byId = new Map<Id, BoundListener>()
      for (const teller of tellers() ?? [])
        for (const one of teller.listeners) {
          const known = byId.get(one.id)
          byId.set(one.id, known === undefined ? one : { ...one, bound: one.bound && known.bound })
        }
      return [...byId.values()]
    },
    run: options.follow.pipe(
      Stream.runForEach((next) =>
        // A defect is a bug of ours: what stands goes on, and the next snapshot is taken as any other.
        Effect.uninterruptible(companion.take(next)).pipe(
          Effect.catchCause((cause) => Effect.logError(`snapshot ${next.snapshot.version} could not be taken up`, cause)),
          Effect.andThen(SubscriptionRef.set(published, next))
        )
      ),
      Effect.andThen(Effect.never)
    )
  }
})
