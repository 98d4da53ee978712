// The data plane of a process, whoever tells it what to serve: names, roots, metrics, the ports for people and probes, and a proxy for each Gateway. Shared by
// `sluice run` and `sluice proxy`; knows no Kubernetes, no manifests.
import { hostname } from "node:os"
import { Context, Effect, Layer, type Scope } from "effect"
import { type BindError, serveAdmin, serveHealth } from "../admin/server.ts"
import type { AdminSources } from "../admin/view.ts"
import type { Settings } from "../config/settings.ts"
import type { AccessLog } from "../proxy/accesslog.ts"
import { makeDoors } from "../proxy/doors.ts"
import { trustProxies } from "../proxy/forwarded.ts"
import { makeMemory } from "../proxy/memory.ts"
import { dnsObserver, sampleNames } from "../proxy/observers.ts"
import { type GatewayProxy, makeProxy, type ProxyOptions } from "../proxy/proxy.ts"
import { makeMetrics } from "../report/metrics.ts"
import type { Listener } from "../snapshot/listener.ts"
import { trustRoots } from "../upstream/dial/roots.ts"
import { Names } from "../upstream/discovery/names.ts"
import { parseNameserver } from "../upstream/discovery/nameserver.ts"
import { collect } from "./garbage.ts"
import type { Journal } from "./journal.ts"
import { openPort } from "./port.ts"
import type { ProbeTools } from "./probe.ts"
import { sluiceVersion } from "./runtime.ts"

export interface DataPlaneOptions {
  readonly settings: Settings
  /** PEM texts of `--trust-bundle`. */
  readonly bundles: ReadonlyArray<string>
  readonly log: AccessLog
  readonly journal: Journal
  /** This process writes the statuses too, and tells them in its journal: names that do not resolve are not told twice. */
  readonly statusesTold?: boolean
}

export interface DataPlane {
  readonly metrics: ReturnType<typeof makeMetrics>
  /** For `explain --probe`. */
  readonly tools: ProbeTools
  readonly proxies: () => ReadonlyArray<GatewayProxy>
  /** Serves a Gateway until the scope closes. */
  readonly serve: (
    gateway: Pick<ProxyOptions, "gateway" | "follow" | "onAck" | "onReport">
  ) => Effect.Effect<GatewayProxy, never, Scope.Scope>
  /** The Gateway is gone while the process stays: a bounded wait. */
  readonly retire: (proxy: GatewayProxy) => Effect.Effect<void>
  /** The admin and the health port. ready: besides that every proxy is. */
  readonly open: (sources: Pick<AdminSources, "statuses" | "explain">, ready: () => boolean) => Effect.Effect<void, BindError, Scope.Scope>
  /** Law 20, of all Gateways at once. */
  readonly drain: Effect.Effect<void>
}

/** What a listener is called by people who want to try it. */
const schemeOf = ({ mode, bind }: Listener): string =>
  mode._tag === "Stream" ? bind.transport : mode._tag === "Tls" ? "tls" : mode.tls === null ? "http" : "https"

const listenerLine = (scheme: string, bind: string, host: string | null): string =>
  `${scheme}://${host === null || host.startsWith("*") ? bind.replace(/^0\.0\.0\.0:|^\[::\]:/, "localhost:") : `${host}:${bind.slice(bind.lastIndexOf(":") + 1)}`} (bound on ${bind})`

export const makeDataPlane = Effect.fnUntraced(function* (options: DataPlaneOptions): Effect.fn.Return<DataPlane, never, Scope.Scope> {
  const { settings, journal, log } = options
  const metrics = makeMetrics({ version: sluiceVersion() })
  const doors = makeDoors()
  const roots = trustRoots(options.bundles)
  const nameservers = settings.nameservers.map(parseNameserver).filter((one) => one !== null)
  // Built into this scope: provided, the layer would close with the lookup of its service.
  const names = Context.get(
    yield* Layer.build(
      Names.layer({
        nameservers,
        roots,
        observer: dnsObserver(metrics),
        toldElsewhere: options.statusesTold === true,
        folder: settings.stateFolder
      })
    ),
    Names
  )
  const stopSampling = sampleNames(metrics, names.counts)
  yield* Effect.addFinalizer(() => Effect.sync(stopSampling))
  const memory = yield* makeMemory({
    collect,
    onChange: (short) =>
      short === null
        ? journal.write("info", "memory: there is enough again, requests are served")
        : journal.write("warning", `memory is short, requests are answered 503 until there is more: ${short}`)
  })
  const proxies = new Map<GatewayProxy, string>()
  const announced = new Map<GatewayProxy, string>()
  yield* Effect.sync(() => metrics.sampled("logDropped", () => [[[], log.dropped()]]))

  /** Where a Gateway is served, when that is news. */
  const announce = (proxy: GatewayProxy | null, label: string) => {
    const seen = proxy === null || !proxies.has(proxy) ? null : proxy.describe()
    if (proxy === null || seen === null) return
    const lines = seen.listeners.map(({ id, bind, bound }) => {
      const listener = seen.snapshot.listeners.get(id)
      const refusal = seen.refused.find((one) => one.id === id)?.reason ?? "not bound yet"
      return bound
        ? listenerLine(listener === undefined ? "http" : schemeOf(listener), bind, listener?.hostname ?? null)
        : `${bind} NOT open: ${refusal}`
    })
    const text = lines.join("; ")
    if (announced.get(proxy) === text) return
    announced.set(proxy, text)
    journal.write(text.includes("NOT open") ? "warning" : "info", `${label}: ${text === "" ? "no listener to serve" : text}`)
  }

  return {
    metrics,
    tools: {
      names,
      roots,
      // As they are when a probe runs: nothing is bound yet.
      get own() {
        return doors.own()
      }
    },
    proxies: () => [...proxies.keys()],
    serve: Effect.fnUntraced(function* (given) {
      const label = `Gateway ${given.gateway.namespace}/${given.gateway.name}`
      let made: GatewayProxy | null = null
      const proxy = yield* makeProxy({
        ...given,
        name: hostname(),
        onAck: (ack) => {
          given.onAck(ack)
          // After the call that acknowledged has come back: the listeners are described from what it set.
          queueMicrotask(() => announce(made, label))
        },
        names,
        roots,
        zone: settings.zone,
        metrics,
        log,
        doors,
        memory,
        trust: trustProxies(settings.trustedProxies).trust,
        limits: { drainDeadline: settings.drainDeadline }
      })
      made = proxy
      proxies.set(proxy, label)
      announce(proxy, label)
      return proxy
    }),
    retire: (proxy) =>
      Effect.suspend(() => {
        journal.write("info", `${proxies.get(proxy)}: gone, draining`)
        proxies.delete(proxy)
        announced.delete(proxy)
        return proxy.drain({ propagation: 0, deadline: settings.drainDeadline })
      }),
    // Before any listener: a process that cannot be asked anything should not begin to serve.
    open: Effect.fnUntraced(function* (sources, ready) {
      const admin = yield* openPort(journal, "admin", settings.admin, (at) =>
        serveAdmin(at, {
          ...sources,
          gateways: () => [...proxies.keys()].map((proxy) => proxy.describe()).filter((one) => one !== null)
        })
      )
      const health = yield* openPort(journal, "health", settings.health, (at) =>
        serveHealth(at, { ready: () => ready() && [...proxies.keys()].every((proxy) => proxy.ready()), metrics })
      )
      for (const [owner, at] of Object.entries({ admin, health })) if (at !== null) doors.set(owner, [at])
    }),
    drain: Effect.suspend(() =>
      Effect.forEach([...proxies.keys()], (proxy) => proxy.drain({ propagation: settings.drainDelay, deadline: settings.drainDeadline }), {
        concurrency: "unbounded",
        discard: true
      })
    )
  }
})
