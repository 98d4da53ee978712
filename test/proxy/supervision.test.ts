// A proxy that follows no more must not look well: whoever owns the process joins `run`.
import { assert, it } from "@effect/vitest"
import { Cause, Deferred, Effect, Exit, Fiber, Stream } from "effect"
import { noAccessLog } from "#src/proxy/accesslog.ts"
import { makeProxy } from "#src/proxy/proxy.ts"
import { makeMetrics } from "#src/report/metrics.ts"
import { trustRoots } from "#src/upstream/dial/roots.ts"
import { handNames } from "../support/live.ts"

it.live("a defect of what it follows ends a proxy's run with it, and nothing else does", () =>
  Effect.gen(function* () {
    const broken = yield* Deferred.make<never>()
    const proxy = yield* makeProxy({
      name: "proxy-0",
      gateway: { namespace: "test", name: "gateway" },
      follow: Stream.fromEffect(Deferred.await(broken)),
      onAck: () => {},
      onReport: () => {},
      names: handNames(),
      roots: trustRoots([], () => []),
      metrics: makeMetrics({ version: "test" }),
      log: noAccessLog
    })
    const running = yield* Effect.forkChild(proxy.run, { startImmediately: true })
    yield* Effect.yieldNow
    assert.isUndefined(running.pollUnsafe())
    yield* Deferred.die(broken, new Error("the stream is broken"))
    const exit = yield* Fiber.await(running)
    assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "the stream is broken")
  })
)
