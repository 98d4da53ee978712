// A pipeline over changes that a test says, with a clock of its own: what it published, opened and closed, and how often it translated.
import { Effect, type Fiber, Queue, Stream, SubscriptionRef } from "effect"
import { decodeObject } from "#schemas/decode.ts"
import { kinds } from "#schemas/kinds.ts"
import type { ObjectKey } from "#schemas/meta.ts"
import { makePipeline, type Pipeline } from "#src/pipeline.ts"
import type { Publisher } from "#src/snapshot/published.ts"
import type { Change, Decoded } from "#src/state/change.ts"
import { controllerName, type TranslateSettings } from "#src/translate/settings.ts"
import { makeTranslate, type Translate } from "#src/translate/translate.ts"

export const settings: TranslateSettings = {
  controllerName,
  role: "Standalone",
  listenAddress: "127.0.0.1",
  clusterDomain: "cluster.local",
  clusterCidrs: [],
  allowLoopback: false,
  unixDirectories: []
}

export const decoded = (raw: unknown): Decoded => {
  const object = decodeObject(raw)
  if (object._tag !== "Decoded") throw new Error(JSON.stringify(object))
  return object
}

export const gatewayClass = decoded({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "GatewayClass",
  metadata: { name: "sluice" },
  spec: { controllerName }
})
export const namespace = decoded({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } })
export const gateway = (name = "edge", port = 8080, listener: object = { protocol: "HTTP" }, generation = 1) =>
  decoded({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name, namespace: "shop", generation },
    spec: { gatewayClassName: "sluice", listeners: [{ name: "http", port, ...listener }] }
  })
export const route = (name: string, path: string, generation = 1) =>
  decoded({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name, namespace: "shop", generation },
    spec: {
      parentRefs: [{ name: "edge" }],
      rules: [
        {
          matches: [{ path: { type: "Exact", value: path } }],
          filters: [{ type: "RequestRedirect", requestRedirect: { statusCode: 302 } }]
        }
      ]
    }
  })

/** What is listed at the start, and waited for. */
export const listed = kinds.filter((kind) => kind.need !== "Demanded" && kind.need !== "Selected").map((kind) => kind.groupKind)
export const replaced = (objects: ReadonlyArray<Decoded>, of: ReadonlyArray<string> = listed): ReadonlyArray<Change> =>
  of.map((kind) => ({ _tag: "Replaced", kind, objects: objects.filter((object) => object.meta.key.startsWith(`${kind}/`)) }))

export const edge: ObjectKey = "Gateway.gateway.networking.k8s.io/shop/edge"
export const routeKey = (name: string): ObjectKey => `HTTPRoute.gateway.networking.k8s.io/shop/${name}`

export interface Rig {
  readonly pipeline: Pipeline
  /** Says changes in one array, and lets everything run that needs no time to pass. */
  readonly say: (...changes: ReadonlyArray<Change>) => Effect.Effect<void>
  readonly publishers: Map<ObjectKey, Publisher>
  readonly events: Array<string>
  readonly translations: () => number
  readonly interests: () => ReadonlySet<ObjectKey>
  readonly running: Fiber.Fiber<never>
}

export const settle = Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true })

/** translate: Sluice's own unless given. */
export const rig = (
  serveDrain: Effect.Effect<void> = Effect.void,
  serveRun: Effect.Effect<never> = Effect.never,
  translate: Translate = makeTranslate(settings)
) =>
  Effect.gen(function* () {
    const changes = yield* Queue.unbounded<ReadonlyArray<Change>>()
    const publishers = new Map<ObjectKey, Publisher>()
    const events: Array<string> = []
    let translations = 0
    let interest: ReadonlySet<ObjectKey> = new Set()
    const pipeline = yield* makePipeline({
      source: (interests) =>
        Stream.merge(
          Stream.fromQueue(changes).pipe(Stream.flatMap((array) => Stream.fromIterable(array))),
          interests.pipe(
            Stream.tap((next) =>
              Effect.sync(() => {
                interest = next
              })
            ),
            Stream.drain
          )
        ),
      translate: (state, previous) => {
        translations++
        return translate(state, previous)
      },
      kinds,
      serve: (key, publisher) =>
        Effect.gen(function* () {
          publishers.set(key, publisher)
          events.push(`open ${key}`)
          yield* Effect.addFinalizer(() => Effect.sync(() => events.push(`closed ${key}`)))
          return { run: serveRun, drain: serveDrain.pipe(Effect.andThen(Effect.sync(() => events.push(`drained ${key}`)))) }
        })
    })
    const running = yield* Effect.forkScoped(pipeline.run)
    const say = (...said: ReadonlyArray<Change>) => Queue.offer(changes, said).pipe(Effect.andThen(settle))
    const made: Rig = { pipeline, say, publishers, events, translations: () => translations, interests: () => interest, running }
    return made
  })

export const versionOf = ({ publishers }: Rig, key = edge) => publishers.get(key)?.current()?.snapshot.version ?? null
export const sequenceOf = ({ publishers }: Rig, key = edge) => publishers.get(key)?.current()?.sequence ?? 0
export const statusOf = ({ pipeline }: Rig, key: ObjectKey, type: string) => {
  const verdict = SubscriptionRef.getUnsafe(pipeline.statuses).get(key)
  const condition = verdict?.entries.flatMap((entry) => entry.conditions).find((one) => one.type === type)
  return condition === undefined ? null : `${condition.status} ${condition.reason}`
}
