// `sluice run` put together: manifests → pipeline → one proxy a Gateway, with the admin and health ports. Lives in one scope; drains before it closes.
import { Effect, type Scope, Stream, SubscriptionRef } from "effect"
import { kinds } from "#schemas/kinds.ts"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { BindError } from "../admin/server.ts"
import { makePipeline, type Pipeline } from "../pipeline.ts"
import { digestKey, type StateFolderError } from "../sources/digestkey.ts"
import { manifests } from "../sources/manifests.ts"
import type { Problem } from "../sources/problem.ts"
import { makeTranslate } from "../translate/translate.ts"
import { type DataPlaneOptions, makeDataPlane } from "./dataplane.ts"
import { locator } from "./evaluation.ts"
import { collectAfterStart } from "./garbage.ts"
import { explainer } from "./inquiry.ts"
import type { Serving } from "./lifetime.ts"
import { makeNarrator } from "./narrator.ts"
import { translateSettings } from "./translation.ts"

export interface StandaloneOptions extends DataPlaneOptions {
  readonly paths: ReadonlyArray<string>
  readonly stdin: string | null
}

const keyOfGateway = (key: ObjectKey) => {
  const { namespace, name } = parseKey(key)
  return { namespace, name }
}

export const makeStandalone = Effect.fnUntraced(function* (
  options: StandaloneOptions
): Effect.fn.Return<Serving, StateFolderError | BindError, Scope.Scope> {
  const { settings, journal } = options
  const key = yield* digestKey(settings.stateFolder)
  const plane = yield* makeDataPlane({ ...options, statusesTold: true })
  const problems = yield* SubscriptionRef.make<ReadonlyArray<Problem>>([])
  const narrator = makeNarrator(journal)

  const pipeline: Pipeline = yield* makePipeline({
    source: manifests({ paths: options.paths, stdin: options.stdin, key, problems }),
    translate: makeTranslate(translateSettings(settings)),
    kinds,
    serve: Effect.fnUntraced(function* (gateway, publisher) {
      const proxy = yield* plane.serve({
        gateway: keyOfGateway(gateway),
        follow: publisher.follow,
        onAck: (ack) => pipeline.onAck(gateway, ack),
        onReport: (report) => pipeline.onReport(gateway, report)
      })
      return { run: proxy.run, drain: plane.retire(proxy) }
    })
  })

  let started = false
  let collected = false
  yield* plane.open(
    {
      statuses: () =>
        Object.fromEntries(
          [...SubscriptionRef.getUnsafe(pipeline.statuses)].map(([object, { generation, entries }]) => [object, { generation, entries }])
        ),
      explain: explainer(
        () => [...pipeline.published().values()],
        () => locator(pipeline.state()).ofSource,
        plane.tools
      )
    },
    () => started
  )

  const narrating = Effect.all(
    [
      SubscriptionRef.changes(problems).pipe(
        Stream.buffer({ capacity: 1, strategy: "sliding" }),
        Stream.runForEach((now) => Effect.sync(() => narrator.problems(now)))
      ),
      SubscriptionRef.changes(pipeline.statuses).pipe(
        Stream.buffer({ capacity: 1, strategy: "sliding" }),
        Stream.runForEach((now) =>
          Effect.suspend(() => {
            narrator.statuses(now)
            // All that a start makes has been made once the first acknowledgements are settled; what is under way with them is let go of a moment later.
            if (collected || !started || !plane.proxies().every((proxy) => proxy.ready())) return Effect.void
            collected = true
            return Effect.andThen(Effect.sleep("250 millis"), Effect.sync(collectAfterStart))
          })
        )
      ),
      SubscriptionRef.changes(pipeline.ignored).pipe(
        Stream.buffer({ capacity: 1, strategy: "sliding" }),
        Stream.runForEach((now) => Effect.sync(() => narrator.ignored(now)))
      ),
      pipeline.started.pipe(
        Effect.andThen(
          Effect.sync(() => {
            started = true
            if (pipeline.published().size === 0)
              journal.write(
                "warning",
                "no Gateway of class sluice in these manifests: nothing is served yet. Write one, its listeners say what is opened"
              )
          })
        )
      )
    ],
    { concurrency: "unbounded", discard: true }
  )

  return {
    run: Effect.all([pipeline.run, narrating], { concurrency: "unbounded", discard: true }).pipe(Effect.andThen(Effect.never)),
    drain: Effect.all([plane.drain, pipeline.departed], { concurrency: "unbounded", discard: true })
  }
})
