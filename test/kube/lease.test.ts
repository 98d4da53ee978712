// Leader election against a real API server: at most one leads at any moment, whatever the clocks say and whoever is cut off.
import { Clock, Duration, Effect, Exit, Scope, Stream } from "effect"
import { afterEach, assert, it } from "vitest"
import { Kube, KubeError } from "#src/kube/client.ts"
import { type Leadership, type LeaseOptions, makeLeadership } from "#src/kube/lease.ts"
import { onControlPlane } from "../cluster/shared.ts"

const opened: Array<() => Promise<unknown>> = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

/** A clock of another rate, set wrong by an hour; `jump` moves its monotonic time, as it moves while a process is stopped. */
const clockOf = (rate: number) => {
  const start = performance.now()
  let jumped = 0
  const monotonic = () => (performance.now() - start) * rate + jumped
  const wall = () => Date.now() + 3_600_000 * rate
  const clock: Clock.Clock = {
    currentTimeMillisUnsafe: wall,
    currentTimeMillis: Effect.sync(wall),
    currentTimeNanosUnsafe: () => BigInt(Math.round(wall() * 1e6)),
    currentTimeNanos: Effect.sync(() => BigInt(Math.round(wall() * 1e6))),
    monotonicTimeNanosUnsafe: () => BigInt(Math.round(monotonic() * 1e6)),
    monotonicTimeNanos: Effect.sync(() => BigInt(Math.round(monotonic() * 1e6))),
    sleep: (duration) =>
      Effect.callback<void>((resume) => {
        const timer = setTimeout(() => resume(Effect.void), Duration.toMillis(duration) / rate)
        return Effect.sync(() => clearTimeout(timer))
      })
  }
  return {
    clock,
    jump: (milliseconds: number) => {
      jumped += milliseconds
    }
  }
}

interface Candidate extends Leadership {
  /** Its requests hang from now on: it is cut off, and does not know. */
  readonly cut: () => void
  readonly failures: ReadonlyArray<KubeError>
  /** Resolves when `changes` says so. */
  readonly awaits: (leader: boolean) => Promise<void>
  readonly close: () => Promise<void>
}

const quick = { duration: 6000, renewDeadline: 4000, retry: 200 }

const candidate = async (
  kubeconfig: string,
  lease: Pick<LeaseOptions, "namespace" | "name" | "identity">,
  clock?: Clock.Clock
): Promise<Candidate> => {
  const scope = Scope.makeUnsafe()
  const failures: Array<KubeError> = []
  let off = false
  const program = Effect.gen(function* () {
    const real = yield* Kube
    const kube = Kube.of({
      ...real,
      request: (request) =>
        (off ? Effect.never : real.request(request)).pipe(
          Effect.timeoutOrElse({
            duration: request.timeout ?? 30_000,
            orElse: () => Effect.fail(new KubeError({ status: null, reason: "Timeout", message: "cut off", retryAfter: null }))
          })
        )
    })
    return yield* makeLeadership({ ...quick, ...lease, onFailure: (error) => failures.push(error) }).pipe(Effect.provideService(Kube, kube))
  })
  const leadership = await Effect.runPromise(
    program.pipe(
      (effect) => (clock === undefined ? effect : Effect.provideService(effect, Clock.Clock, clock)),
      Effect.provide(Kube.layer({ kubeconfig })),
      Effect.provideService(Scope.Scope, scope)
    )
  )
  let closed = false
  const close = async () => {
    if (!closed) await Effect.runPromise(Scope.close(scope, Exit.void))
    closed = true
  }
  opened.push(close)
  return {
    ...leadership,
    failures,
    cut: () => {
      off = true
    },
    awaits: (leader) =>
      Effect.runPromise(
        leadership.changes.pipe(
          Stream.filter((now) => now === leader),
          Stream.take(1),
          Stream.runDrain,
          Effect.timeoutOrElse({
            duration: 20_000,
            orElse: () => Effect.die(new Error(`${leadership.identity} is not ${leader ? "" : "no "}leader`))
          })
        )
      ),
    close
  }
}

/** Looks at all of them every few milliseconds; how often two led at once. */
const watchful = (...all: ReadonlyArray<Leadership>) => {
  let both = 0
  let looks = 0
  const timer = setInterval(() => {
    looks++
    if (all.filter((one) => one.isLeader()).length > 1) both++
  }, 3)
  opened.push(() => Promise.resolve(clearInterval(timer)))
  return {
    never: () => {
      assert.isAbove(looks, 0)
      assert.strictEqual(both, 0)
    }
  }
}

const leasePath = (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/sluice`

await onControlPlane("leader election", (plane) => {
  it("elects one; when it goes it gives the lease back, and the next need not wait for it to run out", async () => {
    const namespace = await plane.namespace("lease")
    const a = await candidate(plane.kubeconfig, { namespace, name: "sluice", identity: "a" })
    await a.awaits(true)
    const b = await candidate(plane.kubeconfig, { namespace, name: "sluice", identity: "b" })
    const seen = watchful(a, b)
    await plane.eventually(leasePath(namespace), ({ body }) => body.spec.holderIdentity === a.identity)
    assert.match(a.identity, /^a_[0-9a-f]{8}$/)
    assert.isTrue(a.isLeader())
    assert.isFalse(b.isLeader())
    const went = performance.now()
    await a.close()
    assert.isFalse(a.isLeader())
    await b.awaits(true)
    assert.isBelow(performance.now() - went, quick.duration)
    const { body } = await plane.request("GET", leasePath(namespace))
    assert.strictEqual(body.spec.leaseDurationSeconds, quick.duration / 1000)
    assert.isAtLeast(body.spec.leaseTransitions, 1)
    seen.never()
  })

  it("cut off, knows that it leads no more before another can", async () => {
    const namespace = await plane.namespace("lease")
    const a = await candidate(plane.kubeconfig, { namespace, name: "sluice", identity: "a" })
    await a.awaits(true)
    const b = await candidate(plane.kubeconfig, { namespace, name: "sluice", identity: "b" })
    const seen = watchful(a, b)
    a.cut()
    const cut = performance.now()
    await a.awaits(false)
    assert.isBelow(performance.now() - cut, quick.renewDeadline + 300)
    assert.isFalse(b.isLeader())
    await b.awaits(true)
    seen.never()
    assert.isFalse(a.isLeader())
  })

  it("does without true clocks: one that is an hour off and runs at 1.3 takes nothing from a leader that renews, and overlaps with none that is cut off", async () => {
    const namespace = await plane.namespace("lease")
    const a = await candidate(plane.kubeconfig, { namespace, name: "sluice", identity: "a" })
    await a.awaits(true)
    const b = await candidate(plane.kubeconfig, { namespace, name: "sluice", identity: "b" }, clockOf(1.3).clock)
    const seen = watchful(a, b)
    const renewals = new Set<string>()
    await plane.eventually(leasePath(namespace), ({ body }) => renewals.add(body.spec.renewTime).size > 12)
    assert.isTrue(a.isLeader())
    a.cut()
    await b.awaits(true)
    seen.never()
  })

  it("that was stopped knows it in the moment it goes on, before anything else has run", async () => {
    const namespace = await plane.namespace("lease")
    const { clock, jump } = clockOf(1)
    const a = await candidate(plane.kubeconfig, { namespace, name: "sluice", identity: "a" }, clock)
    await a.awaits(true)
    jump(20_000)
    assert.isFalse(a.isLeader())
    // Nobody took it meanwhile.
    await a.awaits(true)
  })

  it("gives way to whoever is written into the lease, until that one has not renewed it for as long as it says", async () => {
    const namespace = await plane.namespace("lease")
    const a = await candidate(plane.kubeconfig, { namespace, name: "sluice", identity: "a" })
    await a.awaits(true)
    const took = performance.now()
    await plane.request("PATCH", leasePath(namespace), { body: { spec: { holderIdentity: "thief", leaseDurationSeconds: 3 } } })
    await a.awaits(false)
    assert.strictEqual(a.holder(), "thief")
    await a.awaits(true)
    assert.isAtLeast(performance.now() - took, 3000)
  })

  it("without the right leads never, and says why", async () => {
    const namespace = await plane.namespace("lease")
    await plane.serviceAccount(namespace, "nobody")
    const kubeconfig = plane.kubeconfigFor(await plane.token(namespace, "nobody"), namespace)
    const a = await candidate(kubeconfig, { namespace, name: "sluice", identity: "a" })
    while (!a.failures.some(({ status }) => status === 403)) await new Promise((resolve) => setImmediate(resolve))
    assert.isFalse(a.isLeader())
  })
})
