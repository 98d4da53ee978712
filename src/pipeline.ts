// The one place that composes the stages: changes are folded, held off, translated and published; acknowledgements and reports are settled into statuses.
import { Clock, Deferred, Effect, Exit, Fiber, FiberSet, HashMap, Queue, Scope, Stream, SubscriptionRef } from "effect"
import type { ObjectKey } from "#schemas/meta.ts"
import type { Ack, Report } from "./report/report.ts"
import { makePublisher, type Published, type Publisher } from "./snapshot/published.ts"
import type { Change, ChangeSource, Decoded } from "./state/change.ts"
import { same } from "./state/content.ts"
import { answered, apply, type ClusterState, empty, type NeededKind, synced } from "./state/state.ts"
import { nextExpiry, verdictAt } from "./status/expiry.ts"
import { makeHeld } from "./status/held.ts"
import { byAcks, settle } from "./status/settle.ts"
import type { Verdict } from "./status/verdict.ts"
import type { Translate, Translation } from "./translate/translate.ts"

/** A Gateway's data plane, from its first snapshot until it leaves the state. */
export interface Served {
  /** Never ends of itself; a defect of the Gateway's own fibers ends it, and with it the pipeline. */
  readonly run: Effect.Effect<never>
  /** Runs when the Gateway has left, before its scope is closed: a bounded wait. */
  readonly drain: Effect.Effect<void>
}

export interface PipelineOptions {
  readonly source: ChangeSource
  readonly translate: Translate
  /** The table of kinds: what has to be known before anything is published (law 2). */
  readonly kinds: ReadonlyArray<NeededKind>
  /** Starts serving a Gateway; the scope is the Gateway's life here. */
  readonly serve: (gateway: ObjectKey, publisher: Publisher) => Effect.Effect<Served, never, Scope.Scope>
  /** After each translation that was published: plain code that waits for nothing. */
  readonly onPublished?: (translation: Translation) => void
}

export interface Pipeline {
  /** Desired statuses: verdicts, with what proxies acknowledged and saw. An object whose status did not change keeps its value (===). */
  readonly statuses: SubscriptionRef.SubscriptionRef<ReadonlyMap<ObjectKey, Verdict>>
  /** Objects that nothing is made of, with the reason: they have no status to say it in. The same Map (===) while nothing of it changes. */
  readonly ignored: SubscriptionRef.SubscriptionRef<ReadonlyMap<ObjectKey, string>>
  readonly state: () => ClusterState
  /** The newest that was published. */
  readonly translation: () => Translation | null
  /** What each Gateway's proxy was given last. */
  readonly published: () => ReadonlyMap<ObjectKey, Published>
  readonly onAck: (gateway: ObjectKey, ack: Ack) => void
  readonly onReport: (gateway: ObjectKey, report: Report) => void
  /** The proxy is no more: what it acknowledged and saw counts no longer. */
  readonly onGone: (gateway: ObjectKey, proxy: string) => void
  /** What the proxies of a Gateway saw last. */
  readonly reportsOf: (gateway: ObjectKey) => ReadonlyArray<Report>
  /** Translates once more though nothing has changed here: what the translation goes by besides the state has. */
  readonly again: Effect.Effect<void>
  /** Completes when everything known at start is translated and published. */
  readonly started: Effect.Effect<void>
  /** Completes when no Gateway that left is still draining. */
  readonly departed: Effect.Effect<void>
  /** All loops. Never ends of itself: a defect in any of them, or in a Gateway's fiber, ends it with that defect, loudly. */
  readonly run: Effect.Effect<never>
}

/** Milliseconds without a change before a batch is translated, and the longest a change waits for it. */
const holdOff = { quiet: 10, ceiling: 100 } as const

const equalSets = <A>(a: ReadonlySet<A>, b: ReadonlySet<A>): boolean => a.size === b.size && [...a].every((one) => b.has(one))

export interface Evaluation {
  readonly state: ClusterState
  readonly translation: Translation
}

/**
 * The same stages without time: everything known at once, interest answered until nothing more is asked. What `check` and `explain` see is what
 * `run` would publish first.
 */
export const evaluate = (translate: Translate, changes: Iterable<Change>, fetch: (key: ObjectKey) => Decoded | null): Evaluation => {
  let state = empty
  for (const change of changes) state = apply(state, change)
  let translation = translate(state)
  while (!answered(state, translation.interest)) {
    for (const key of translation.interest) {
      if (!HashMap.has(state.fetched, key)) state = apply(state, { _tag: "Fetched", key, object: fetch(key) })
    }
    translation = translate(state, translation)
  }
  return { state, translation }
}

/** Whose statuses are made of acknowledgements. */
const acknowledged = (gateways: Translation["gateways"]): ReadonlyArray<ObjectKey> =>
  [...gateways].flatMap(([gateway, { sets }]) => [gateway, ...sets])

/** Answers that nothing asks for any more are dropped: Secret bytes are held only while something references them. */
const forget = (state: ClusterState, interest: ReadonlySet<ObjectKey>): ClusterState => {
  const idle = [...HashMap.keys(state.fetched)].filter((key) => !interest.has(key))
  return idle.length === 0 ? state : { ...state, fetched: HashMap.removeMany(state.fetched, idle) }
}

/**
 * The pipeline of one process. Law 2: nothing is published before the kinds are synced and every interest is answered; while one is open again
 * (a route that names a new Secret), what was published stands.
 */
export const makePipeline = (options: PipelineOptions): Effect.Effect<Pipeline, never, Scope.Scope> =>
  Effect.gen(function* () {
    const statuses = yield* SubscriptionRef.make<ReadonlyMap<ObjectKey, Verdict>>(new Map())
    const ignored = yield* SubscriptionRef.make<ReadonlyMap<ObjectKey, string>>(new Map())
    const interest = yield* SubscriptionRef.make<ReadonlySet<ObjectKey>>(new Set())
    const changed = yield* Queue.sliding<void>(1)
    const unsettled = yield* Queue.sliding<void>(1)
    const started = yield* Deferred.make<void>()
    const serving = yield* FiberSet.make<never, never>()
    // What runs beside the loops (Gateways that drain); a defect there ends the process like one in a loop.
    const leaving = yield* FiberSet.make<void, never>()
    const scope = yield* Scope.Scope
    const held = makeHeld()

    let state = empty
    /** The newest, which may still wait for an interest to be answered. */
    let newest: Translation | null = null
    /** The newest that was published: what everybody is told. */
    let translation: Translation | null = null
    let lastChange = 0
    const gateways = new Map<ObjectKey, { readonly publisher: Publisher; readonly served: Served; readonly scope: Scope.Closeable }>()
    const acks = new Map<ObjectKey, Map<string, Ack>>()
    const reports = new Map<ObjectKey, Map<string, Report>>()
    /** Gateways of which something was reported, or is no more, since statuses were settled. One that has left is in no verdict as it was. */
    let reported = new Set<ObjectKey>()

    const fold = options.source(SubscriptionRef.changes(interest).pipe(Stream.buffer({ capacity: 1, strategy: "sliding" }))).pipe(
      // A whole array at once: what a source says together is translated together (files are swapped atomically).
      Stream.runForEachArray((changes) =>
        Effect.gen(function* () {
          const before = state
          for (const change of changes) state = apply(state, change)
          if (state === before) return
          lastChange = yield* Clock.currentTimeMillis
          yield* Queue.offer(changed, undefined)
        })
      ),
      // A source never ends: one that does would leave the process serving yesterday for ever, unnoticed.
      Effect.andThen(Effect.never)
    )

    const close = Effect.fnUntraced(function* (gateway: ObjectKey) {
      const known = gateways.get(gateway)
      if (known === undefined) return
      gateways.delete(gateway)
      acks.delete(gateway)
      reports.delete(gateway)
      yield* FiberSet.run(leaving, known.served.drain.pipe(Effect.andThen(Scope.close(known.scope, Exit.void))))
    })

    const publish = Effect.fnUntraced(function* (next: Translation) {
      for (const gateway of [...gateways.keys()]) if (!next.gateways.has(gateway)) yield* close(gateway)
      // Before anything can acknowledge it, so that no acknowledgement is of an unknown version.
      held.published(
        new Map(
          [...next.gateways].flatMap(([gateway, { snapshot, sets }]) =>
            [gateway, ...sets].map(
              (key) => [key, { version: snapshot.version, generation: next.verdicts.get(key)?.generation ?? 0 }] as const
            )
          )
        )
      )
      for (const [gateway, { snapshot, material }] of next.gateways) {
        const known = gateways.get(gateway)
        if (known !== undefined) {
          yield* known.publisher.publish(snapshot, material)
          continue
        }
        const publisher = yield* makePublisher
        yield* publisher.publish(snapshot, material)
        const life = yield* Scope.fork(scope, "sequential")
        const served = yield* options.serve(gateway, publisher).pipe(Scope.provide(life))
        const running = yield* FiberSet.run(serving, served.run)
        yield* Scope.addFinalizer(life, Fiber.interrupt(running))
        gateways.set(gateway, { publisher, served, scope: life })
      }
    })

    const translateOnce = Effect.gen(function* () {
      if (!synced(state, options.kinds)) return
      const next = options.translate(state, newest ?? undefined)
      newest = next
      if (!equalSets(SubscriptionRef.getUnsafe(interest), next.interest)) yield* SubscriptionRef.set(interest, next.interest)
      state = forget(state, next.interest)
      if (!answered(state, next.interest)) return
      translation = next
      yield* publish(next)
      options.onPublished?.(next)
      if (SubscriptionRef.getUnsafe(ignored) !== next.ignored) yield* SubscriptionRef.set(ignored, next.ignored)
      yield* Queue.offer(unsettled, undefined)
      yield* Deferred.succeed(started, undefined)
    })

    const translating = Effect.gen(function* () {
      let active = Number.NEGATIVE_INFINITY
      while (true) {
        yield* Queue.take(changed)
        const first = yield* Clock.currentTimeMillis
        // After a pause the first change passes at once; in a burst the rest waits for quiet, up to the ceiling.
        if (first - active <= holdOff.quiet) {
          for (;;) {
            const now = yield* Clock.currentTimeMillis
            const wait = Math.min(lastChange + holdOff.quiet, first + holdOff.ceiling) - now
            if (wait <= 0) break
            yield* Effect.sleep(wait)
          }
          yield* Queue.clear(changed)
        }
        yield* translateOnce
        active = yield* Clock.currentTimeMillis
      }
    })

    const settling = Effect.gen(function* () {
      let settledFrom: ReadonlyMap<ObjectKey, Verdict> = new Map()
      /** When time alone changes what is to be said. */
      let due = Number.POSITIVE_INFINITY
      while (true) {
        yield* Effect.timeoutOption(Queue.take(unsettled), Math.max(0, due - (yield* Clock.currentTimeMillis)))
        const now = yield* Clock.currentTimeMillis
        due = Number.POSITIVE_INFINITY
        const verdicts: ReadonlyMap<ObjectKey, Verdict> = translation?.verdicts ?? new Map()
        const heard = reported
        reported = new Set()
        const before = SubscriptionRef.getUnsafe(statuses)
        // An acknowledgement alone costs its Gateway, not every route.
        const whole = verdicts !== settledFrom || heard.size > 0
        const next = new Map<ObjectKey, Verdict>(whole ? [] : before)
        let moved = before.size !== verdicts.size
        const factsOf = <A>(known: ReadonlyMap<ObjectKey, ReadonlyMap<string, A>>, verdict: Verdict): ReadonlyArray<A> =>
          verdict.gateways.flatMap((gateway) => [...(known.get(gateway)?.values() ?? [])])
        for (const object of whole ? verdicts.keys() : acknowledged(translation?.gateways ?? new Map())) {
          const verdict = verdicts.get(object)
          if (verdict === undefined) continue
          const known = before.get(object)
          const acked = byAcks(object)
          // Nothing that it is made from is new.
          if (known !== undefined && !acked && settledFrom.get(object) === verdict && !verdict.gateways.some((one) => heard.has(one))) {
            next.set(object, known)
            continue
          }
          const settled = verdictAt(
            settle(verdict, held.of(object, verdict.generation), acked ? factsOf(acks, verdict) : [], factsOf(reports, verdict)),
            now
          )
          due = Math.min(due, nextExpiry(verdict, now))
          const kept = known !== undefined && same(known, settled) ? known : settled
          if (kept !== known) moved = true
          next.set(object, kept)
        }
        settledFrom = verdicts
        if (moved) yield* SubscriptionRef.set(statuses, next)
      }
    })

    const note =
      <A extends { readonly proxy: string }>(known: Map<ObjectKey, Map<string, A>>, noted: (gateway: ObjectKey) => void) =>
      (gateway: ObjectKey, fact: A) => {
        if (!gateways.has(gateway) && translation?.gateways.has(gateway) !== true) return
        const byProxy = known.get(gateway) ?? new Map<string, A>()
        known.set(gateway, byProxy.set(fact.proxy, fact))
        noted(gateway)
        Queue.offerUnsafe(unsettled, undefined)
      }

    return {
      statuses,
      ignored,
      state: () => state,
      translation: () => translation,
      published: () => new Map([...gateways].map(([gateway, { publisher }]) => [gateway, publisher.current()!])),
      onAck: note(acks, () => {}),
      onReport: note(reports, (gateway) => reported.add(gateway)),
      onGone: (gateway, proxy) => {
        const acked = acks.get(gateway)?.delete(proxy) ?? false
        const forgotten = reports.get(gateway)?.delete(proxy) ?? false
        if (forgotten) reported.add(gateway)
        if (acked || forgotten) Queue.offerUnsafe(unsettled, undefined)
      },
      reportsOf: (gateway) => [...(reports.get(gateway)?.values() ?? [])],
      again: Queue.offer(changed, undefined).pipe(Effect.asVoid),
      started: Deferred.await(started),
      departed: FiberSet.awaitEmpty(leaving),
      run: Effect.all([fold, translating, settling, FiberSet.join(serving), FiberSet.join(leaving)], {
        concurrency: "unbounded",
        discard: true
      }).pipe(Effect.andThen(Effect.never))
    }
  })
