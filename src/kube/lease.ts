// Leader election on a coordination.k8s.io/v1 Lease as a scoped resource. Time is our own monotonic clock only: what others wrote into the lease is looked
// at for change, never compared with a clock, so that skewed clocks elect one leader all the same.
import { randomBytes } from "node:crypto"
import { Cause, Clock, Effect, Random, type Scope, type Stream, SubscriptionRef } from "effect"
import { Kube } from "./client.ts"
import { KubeError } from "./failure.ts"
import { kubePath } from "./path.ts"

export interface LeaseOptions {
  readonly namespace: string
  readonly name: string
  /** The pod. Each process adds a few letters of its own: one that is restarted, or stopped and forgotten, is not the same holder. */
  readonly identity: string
  /** Milliseconds after which others may take a lease that is not renewed; 15 s. Whole seconds are written. */
  readonly duration?: number
  /** Milliseconds for which a renewal is believed by ourselves; 10 s. Shorter than `duration` by what clocks may differ in rate. */
  readonly renewDeadline?: number
  /** Milliseconds between tries; 2 s, with jitter. */
  readonly retry?: number
  /** Told of each failed try; the trying goes on. */
  readonly onFailure?: (error: KubeError) => void
}

export interface Leadership {
  /**
   * True only while the lease is surely ours: asked before each batch of writes. A process that was stopped (SIGSTOP, a long pause) knows at once when
   * it wakes.
   */
  readonly isLeader: () => boolean
  /** The state now, then each change of it. */
  readonly changes: Stream.Stream<boolean>
  /** What we are called in the lease. */
  readonly identity: string
  /** Who holds the lease as far as was seen last; "" nobody. */
  readonly holder: () => string
}

interface Lease {
  readonly metadata?: Readonly<Record<string, unknown>>
  readonly spec?: {
    readonly holderIdentity?: string
    readonly leaseDurationSeconds?: number
    readonly acquireTime?: string
    readonly renewTime?: string
    readonly leaseTransitions?: number
  }
}

const micros = (millis: number): string => new Date(millis).toISOString().replace("Z", "000Z")

/** A lease that says it lasts for a day must not keep us out for a day, nor one of zero let everybody in at once. */
const waitOf = (seconds: number | undefined, own: number): number => Math.min(Math.max((seconds ?? 0) * 1000, 1000), Math.max(own, 60_000))

/**
 * Takes part in the election until the scope closes; a lease that is ours is then given back, so that the next leader need not wait for it to run
 * out. What the API server says in the way of failures is told to `onFailure` and tried again.
 */
export const makeLeadership = (options: LeaseOptions): Effect.Effect<Leadership, never, Kube | Scope.Scope> =>
  Effect.gen(function* () {
    const kube = yield* Kube
    const clock = yield* Clock.Clock
    const { namespace, name, duration = 15_000, renewDeadline = 10_000, retry = 2000, onFailure = () => {} } = options
    const identity = `${options.identity}_${randomBytes(4).toString("hex")}`
    const place = { group: "coordination.k8s.io", version: "v1", plural: "leases", namespace }
    const path = kubePath({ ...place, name })
    const state = yield* SubscriptionRef.make(false)

    /** Milliseconds of a clock that nobody sets. */
    const now = (): number => Number(clock.monotonicTimeNanosUnsafe()) / 1e6
    /** Of our last renewal: when it was sent, as nobody can have seen it earlier, and how long we believe in it. */
    let believedUntil = Number.NEGATIVE_INFINITY
    let seen: { readonly record: string; readonly at: number } = { record: "", at: Number.NEGATIVE_INFINITY }
    let held: Lease | null = null
    let holder = ""
    const isLeader = (): boolean => now() < believedUntil

    const tell = Effect.suspend(() => {
      const leader = isLeader()
      return SubscriptionRef.getUnsafe(state) === leader ? Effect.void : SubscriptionRef.set(state, leader)
    })

    /** Notes a lease as it was read or written; a record that differs from the last begins to run out now. */
    const note = (lease: Lease): void => {
      held = lease
      holder = lease.spec?.holderIdentity ?? ""
      const record = JSON.stringify(lease.spec ?? {})
      if (record !== seen.record) seen = { record, at: now() }
      if (holder !== identity) believedUntil = Number.NEGATIVE_INFINITY
    }

    const write = (lease: Lease | null, mine: boolean, timeout: number): Effect.Effect<unknown, KubeError> => {
      const at = micros(clock.currentTimeMillisUnsafe())
      const before = lease?.spec ?? {}
      const stays = before.holderIdentity === identity
      const spec = {
        ...before,
        holderIdentity: mine ? identity : "",
        leaseDurationSeconds: mine ? Math.max(1, Math.ceil(duration / 1000)) : 1,
        acquireTime: stays ? (before.acquireTime ?? at) : at,
        renewTime: at,
        leaseTransitions: (before.leaseTransitions ?? 0) + (stays || lease === null ? 0 : 1)
      }
      const body = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: lease?.metadata ?? { name, namespace }, spec }
      return lease === null
        ? kube.request({ method: "POST", path: kubePath(place), body, timeout })
        : kube.request({ method: "PUT", path, body, timeout })
    }

    const look = (timeout: number): Effect.Effect<Lease | null, KubeError> =>
      kube.request({ method: "GET", path, timeout }).pipe(
        Effect.map((lease) => lease as Lease),
        Effect.catchTag("KubeError", (error) => (error.status === 404 ? Effect.succeed(null) : Effect.fail(error)))
      )

    const attempt = Effect.gen(function* () {
      // A try that hangs must leave time for another one before we stop believing.
      const timeout = Math.max(1, Math.floor(renewDeadline / 2))
      let lease = held !== null && holder === identity ? held : yield* look(timeout)
      for (let tries = 0; tries < 2; tries++) {
        if (lease !== null) note(lease)
        const free = lease === null || holder === "" || holder === identity
        if (!free && now() - seen.at < waitOf(lease?.spec?.leaseDurationSeconds, duration)) return
        const sent = now()
        const written = yield* write(lease, true, timeout).pipe(
          Effect.catchTag("KubeError", (error) => {
            // Somebody was first, or wrote what does not concern us: look once more.
            if (error.status === 409) return Effect.succeed(null)
            // Whether it was written is not known, or the object has gone: next time begins with a look.
            held = null
            return Effect.fail(error)
          })
        )
        if (written !== null) {
          note(written as Lease)
          believedUntil = sent + renewDeadline
          return
        }
        lease = yield* look(timeout)
      }
    }).pipe(
      // Whatever goes wrong is tried again: a defect would end the election for good, unnoticed.
      Effect.catchCause((cause) =>
        Cause.hasInterrupts(cause)
          ? Effect.failCause(cause as Cause.Cause<never>)
          : Effect.sync(() => {
              const error = Cause.squash(cause)
              onFailure(
                error instanceof KubeError
                  ? error
                  : new KubeError({ status: null, reason: "Internal", message: String(error), retryAfter: null })
              )
            })
      )
    )

    const electing = Effect.gen(function* () {
      while (true) {
        yield* attempt
        yield* tell
        const pause = retry * (isLeader() ? yield* Random.nextBetween(0.9, 1.1) : yield* Random.nextBetween(1, 1.5))
        yield* Effect.sleep(pause)
      }
    })

    /** Tells when belief ends though a try hangs or fails. */
    const doubting = Effect.gen(function* () {
      while (true) {
        yield* tell
        const left = believedUntil - now()
        yield* Effect.sleep(left > 0 ? Math.min(left, retry) : retry / 4)
      }
    })

    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        const ours = held !== null && holder === identity ? held : null
        believedUntil = Number.NEGATIVE_INFINITY
        yield* tell
        if (ours === null) return
        const most = Math.min(renewDeadline, 2000)
        // A renewal that was under way may have been written all the same: then what we hold is not the last of it.
        const afterRenewal = Effect.flatMap(look(most), (now) =>
          now?.spec?.holderIdentity === identity ? write(now, false, most) : Effect.void
        )
        yield* write(ours, false, most).pipe(
          Effect.catchTag("KubeError", (error) => (error.status === 409 ? afterRenewal : Effect.fail(error))),
          Effect.ignore
        )
      })
    )
    yield* Effect.forkScoped(Effect.all([electing, doubting], { concurrency: "unbounded", discard: true }))
    return { isLeader, changes: SubscriptionRef.changes(state), identity, holder: () => holder }
  })
