// `sluice run` put together: manifests → pipeline → one proxy a Gateway, with the admin and health ports. Lives in one scope; drains before it closes.
import { hostname } from "node:os"
import { type Cause, Context, Effect, Layer, type Scope, Stream, SubscriptionRef } from "effect"
import { kinds } from "#schemas/kinds.ts"
import { describeKey, type ObjectKey, parseKey } from "#schemas/meta.ts"
import { type BindError, serveAdmin, serveHealth } from "../admin/server.ts"
import type { Explain } from "../admin/view.ts"
import type { HostPort, Settings } from "../config.ts"
import { makePipeline, type Pipeline } from "../pipeline.ts"
import type { AccessLog } from "../proxy/accesslog.ts"
import { makeDoors } from "../proxy/doors.ts"
import { trustProxies } from "../proxy/forwarded.ts"
import { dnsObserver, sampleNames } from "../proxy/observers.ts"
import { type GatewayProxy, makeProxy } from "../proxy/proxy.ts"
import { makeMetrics } from "../report/metrics.ts"
import { digestKey, type StateFolderError } from "../sources/digestkey.ts"
import { manifests } from "../sources/manifests.ts"
import type { Problem } from "../sources/problem.ts"
import { makeTranslate } from "../translate/translate.ts"
import { trustRoots } from "../upstream/dial/roots.ts"
import { Names } from "../upstream/discovery/names.ts"
import { parseNameserver } from "../upstream/discovery/nameserver.ts"
import { locator } from "./evaluation.ts"
import { collectAfterStart } from "./garbage.ts"
import { inquire } from "./inquiry.ts"
import type { Journal } from "./journal.ts"
import { makeNarrator } from "./narrator.ts"
import { readQuestion } from "./question.ts"
import { sluiceVersion } from "./runtime.ts"
import { translateSettings } from "./session.ts"

export interface StandaloneOptions {
  readonly settings: Settings
  readonly paths: ReadonlyArray<string>
  readonly stdin: string | null
  /** PEM texts of `--trust-bundle`. */
  readonly bundles: ReadonlyArray<string>
  readonly log: AccessLog
  readonly journal: Journal
}

export interface Standalone {
  /** Never ends of itself; a defect of any part ends it. */
  readonly run: Effect.Effect<never>
  /** Law 20, of all Gateways at once. */
  readonly drain: Effect.Effect<void>
}

const keyOfGateway = (key: ObjectKey) => {
  const { namespace, name } = parseKey(key)
  return { namespace, name }
}

/** What a listener is called by people who want to try it. */
const listenerLine = (scheme: string, bind: string, host: string | null): string =>
  `${scheme}://${host === null || host.startsWith("*") ? bind.replace(/^0\.0\.0\.0:|^\[::\]:/, "localhost:") : `${host}:${bind.slice(bind.lastIndexOf(":") + 1)}`} (bound on ${bind})`

/** The admin port's questions, answered from what is served now. */
const explainer =
  (pipeline: Pipeline, tools: Parameters<typeof inquire>[3]): Explain =>
  (query) => {
    const question = readQuestion(query.get("url") ?? "", query.get("method") ?? "GET", query.getAll("header"))
    if (question._tag === "Failure") return Promise.resolve({ status: 400, body: { error: question.failure } })
    const probe = query.get("probe") === "true"
    return Effect.runPromise(
      inquire(question.success, [...pipeline.published().values()], locator(pipeline.state()).ofSource, probe ? tools : null)
    ).then((body) => ({ status: 200, body }))
  }

export const makeStandalone = Effect.fnUntraced(function* (
  options: StandaloneOptions
): Effect.fn.Return<Standalone, StateFolderError | BindError, Scope.Scope> {
  const { settings, journal } = options
  const key = yield* digestKey(settings.stateFolder)
  const metrics = makeMetrics({ version: sluiceVersion() })
  const doors = makeDoors()
  const roots = trustRoots(options.bundles)
  const nameservers = settings.nameservers.map(parseNameserver).filter((one) => one !== null)
  // Built into this scope: provided, the layer would close with the lookup of its service.
  const names = Context.get(yield* Layer.build(Names.layer({ nameservers, observer: dnsObserver(metrics) })), Names)
  const stopSampling = sampleNames(metrics, names.counts)
  yield* Effect.addFinalizer(() => Effect.sync(stopSampling))
  const problems = yield* SubscriptionRef.make<ReadonlyArray<Problem>>([])
  const proxies = new Map<ObjectKey, GatewayProxy>()
  const announced = new Map<ObjectKey, string>()
  const narrator = makeNarrator(journal)
  const bounds = { propagation: settings.drainDelay, deadline: settings.drainDeadline }

  /** Where a Gateway is served, when that is news. */
  const announce = (gateway: ObjectKey) => {
    const seen = proxies.get(gateway)?.describe() ?? null
    if (seen === null) return
    const lines = seen.listeners.map(({ id, bind, bound }) => {
      const listener = seen.snapshot.listeners.get(id)
      const tls = listener !== undefined && listener.mode._tag !== "Stream" && listener.mode.tls !== null
      const refusal = seen.refused.find((one) => one.id === id)?.reason ?? "not bound yet"
      return bound ? listenerLine(tls ? "https" : "http", bind, listener?.hostname ?? null) : `${bind} NOT open: ${refusal}`
    })
    const text = lines.join("; ")
    if (announced.get(gateway) === text) return
    announced.set(gateway, text)
    journal.write(text.includes("NOT open") ? "warning" : "info", `${describeKey(gateway)}: ${text === "" ? "no listener to serve" : text}`)
  }

  const pipeline: Pipeline = yield* makePipeline({
    source: manifests({ paths: options.paths, stdin: options.stdin, key, problems }),
    translate: makeTranslate(translateSettings(settings)),
    kinds,
    serve: Effect.fnUntraced(function* (gateway, publisher) {
      const proxy = yield* makeProxy({
        name: hostname(),
        gateway: keyOfGateway(gateway),
        follow: publisher.follow,
        onAck: (ack) => {
          pipeline.onAck(gateway, ack)
          // After the call that acknowledged has come back: the listeners are described from what it set.
          queueMicrotask(() => announce(gateway))
        },
        onReport: (report) => pipeline.onReport(gateway, report),
        names,
        roots,
        metrics,
        log: options.log,
        doors,
        trust: trustProxies(settings.trustedProxies).trust,
        limits: { drainDeadline: settings.drainDeadline }
      })
      proxies.set(gateway, proxy)
      announce(gateway)
      return {
        run: proxy.run,
        drain: Effect.suspend(() => {
          if (proxies.get(gateway) === proxy) proxies.delete(gateway)
          announced.delete(gateway)
          journal.write("info", `${describeKey(gateway)}: gone, draining`)
          return proxy.drain({ propagation: 0, deadline: settings.drainDeadline })
        })
      }
    })
  })

  yield* Effect.sync(() => metrics.sampled("logDropped", () => [[[], options.log.dropped()]]))
  const open = Effect.fnUntraced(function* (
    owner: string,
    at: HostPort | null,
    serve: (at: { readonly address: string; readonly port: number }) => ReturnType<typeof serveAdmin>
  ) {
    if (at === null) return
    const bound = yield* serve({ address: at.host, port: at.port })
    doors.set(owner, [bound])
    journal.write("info", `${owner} on http://${bound.address.includes(":") ? `[${bound.address}]` : bound.address}:${bound.port}`)
  })
  // Before any listener: a process that cannot be asked anything should not begin to serve.
  let started = false
  let collected = false
  yield* open("admin", settings.admin, (at) =>
    serveAdmin(at, {
      gateways: () => [...proxies.values()].map((proxy) => proxy.describe()).filter((one) => one !== null),
      statuses: () =>
        Object.fromEntries(
          [...SubscriptionRef.getUnsafe(pipeline.statuses)].map(([object, { generation, entries }]) => [object, { generation, entries }])
        ),
      explain: explainer(pipeline, {
        names,
        roots,
        // As they are when a probe runs: nothing is bound yet.
        get own() {
          return doors.own()
        }
      })
    })
  )
  yield* open("health", settings.health, (at) =>
    serveHealth(at, { ready: () => started && [...proxies.values()].every((proxy) => proxy.ready()), metrics })
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
          Effect.sync(() => {
            narrator.statuses(now)
            // All that a start makes has been made once the first acknowledgements are settled.
            if (collected || !started || ![...proxies.values()].every((proxy) => proxy.ready())) return
            collected = true
            collectAfterStart()
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
    drain: Effect.suspend(() =>
      Effect.all([...[...proxies.values()].map((proxy) => proxy.drain(bounds)), pipeline.departed], {
        concurrency: "unbounded",
        discard: true
      })
    )
  }
})

/** For the last words of a process that ends by a fault of its own. */
export const describeCause = (cause: Cause.Cause<unknown>): string =>
  cause.reasons
    .map((reason) => ("defect" in reason ? reason.defect : "error" in reason ? reason.error : null))
    .filter((fault) => fault !== null)
    .map((fault) => (fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)))
    .join("\n")
