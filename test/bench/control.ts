// The control plane's own figures, with the real parts: decode → apply → translate → publish → a proxy that binds and swaps its tables.
import { spawn } from "node:child_process"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { Effect, Exit, Result, Scope } from "effect"
import { decodeObject } from "#schemas/decode.ts"
import { noAccessLog } from "#src/proxy/accesslog.ts"
import { makeProxy } from "#src/proxy/proxy.ts"
import { makeMetrics } from "#src/report/metrics.ts"
import { makePublisher } from "#src/snapshot/published.ts"
import type { Change, Decoded } from "#src/state/change.ts"
import { apply, type ClusterState, empty } from "#src/state/state.ts"
import { makeTranslate, type Translation } from "#src/translate/translate.ts"
import { trustRoots } from "#src/upstream/dial/roots.ts"
import { Names } from "#src/upstream/discovery/names.ts"
import { freePorts } from "../support/port.ts"
import { median, rss } from "./measure.ts"
import type { FigureRow } from "./row.ts"
import { until } from "./stage.ts"

export interface ControlOptions {
  readonly launcher: string
  readonly folder: string
  readonly quick: boolean
}

const gateway = (port: number) => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "Gateway",
  metadata: { name: "bench", namespace: "bench" },
  spec: { gatewayClassName: "sluice", listeners: [{ name: "http", protocol: "HTTP", port }] }
})

const gatewayClass = {
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "GatewayClass",
  metadata: { name: "sluice" },
  spec: { controllerName: "sluice.dev/gateway-controller" }
}

const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "bench", labels: { "kubernetes.io/metadata.name": "bench" } } }

const backend = (n: number) => ({
  apiVersion: "gateway.sluice.dev/v1alpha1",
  kind: "Backend",
  metadata: { name: `backend-${n}`, namespace: "bench" },
  spec: { endpoints: [{ ip: { address: "127.0.0.1", port: 19000 + (n % 1000) } }] }
})

/** Ten routes a host: `hosts` hosts carry `count` routes. */
const route = (n: number, hosts: number, path = `/service-${n}`) => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name: `route-${n}`, namespace: "bench" },
  spec: {
    parentRefs: [{ name: "bench" }],
    hostnames: [`host-${n % hosts}.example`],
    rules: [
      {
        matches: [{ path: { type: "PathPrefix", value: path } }],
        backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: `backend-${n % 100}` }]
      }
    ]
  }
})

const decoded = (raw: unknown): Decoded => {
  const object = decodeObject(raw)
  if (object._tag !== "Decoded") throw new Error(`the benchmark's own object does not decode: ${JSON.stringify(object)}`)
  if (Result.isFailure(object.value)) throw new Error(`the benchmark's own object is refused: ${JSON.stringify(object.value.failure)}`)
  return { meta: object.meta, value: object.value }
}

const world = (routes: number, hosts: number, port: number): ClusterState => {
  const replaced = (kind: string, objects: ReadonlyArray<unknown>): Change => ({ _tag: "Replaced", kind, objects: objects.map(decoded) })
  const changes: ReadonlyArray<Change> = [
    replaced("GatewayClass.gateway.networking.k8s.io", [gatewayClass]),
    replaced("Namespace", [namespace]),
    replaced("Gateway.gateway.networking.k8s.io", [gateway(port)]),
    replaced(
      "Backend.gateway.sluice.dev",
      Array.from({ length: 100 }, (_, n) => backend(n))
    ),
    replaced(
      "HTTPRoute.gateway.networking.k8s.io",
      Array.from({ length: routes }, (_, n) => route(n, hosts))
    )
  ]
  return changes.reduce(apply, empty)
}

const makeSettings = () => ({
  controllerName: "sluice.dev/gateway-controller",
  role: "Standalone" as const,
  listenAddress: "127.0.0.1",
  clusterDomain: "cluster.local",
  clusterCidrs: [],
  allowLoopback: true,
  unixDirectories: []
})

const only = (translation: Translation) => {
  const served = [...translation.gateways.values()][0]
  if (served === undefined) throw new Error("no Gateway was translated")
  return served
}

/** From scratch, and from one changed route to swapped tables in a proxy that has its listener bound. */
export const changes = (quick: boolean) =>
  Effect.gen(function* () {
    const translate = makeTranslate(makeSettings())
    const [port = 0] = yield* Effect.promise(() => freePorts(1))
    const base = world(5000, 500, port)
    const whole: Array<number> = []
    for (let n = 0; n < (quick ? 3 : 7); n++) {
      const began = performance.now()
      translate(base)
      whole.push(performance.now() - began)
    }

    const scope = yield* Scope.make()
    const publisher = yield* makePublisher
    const acknowledged = new Map<number, () => void>()
    const names = yield* Names
    yield* makeProxy({
      name: "bench",
      gateway: { namespace: "bench", name: "bench" },
      follow: publisher.follow,
      onAck: (ack) => acknowledged.get(ack.sequence)?.(),
      onReport: () => {},
      names,
      roots: trustRoots([]),
      metrics: makeMetrics({ version: "bench" }),
      log: noAccessLog
    }).pipe(Scope.provide(scope))

    let state = base
    let translation = translate(base)
    let sequence = 0
    const publish = Effect.fnUntraced(function* () {
      const served = only(translation)
      const taken = new Promise<void>((resolve) => acknowledged.set(++sequence, resolve))
      yield* publisher.publish(served.snapshot, served.material)
      yield* Effect.promise(() => taken)
    })
    yield* publish()

    const steps: Array<number> = []
    const pure: Array<number> = []
    for (let n = 0; n < (quick ? 60 : 300); n++) {
      const object = decoded(route((n * 37) % 5000, 500, `/changed-${n}`))
      const began = performance.now()
      state = apply(state, { _tag: "Upserted", object })
      translation = translate(state, translation)
      pure.push(performance.now() - began)
      yield* publish()
      steps.push(performance.now() - began)
    }
    yield* Scope.close(scope, Exit.void)
    return { whole: median(whole), change: median(steps), slowest: Math.max(...steps.slice(10)), pure: median(pure) }
  }).pipe(Effect.scoped, Effect.provide(Names.layer({ nameservers: [] })))

/** Resident memory of `sluice run` with 10,000 routes, once it is ready. */
const memory = async (options: ControlOptions): Promise<number> => {
  const [port = 0, health = 0] = await freePorts(2)
  const file = join(options.folder, "ten-thousand.json")
  const items = [
    gateway(port),
    ...Array.from({ length: 100 }, (_, n) => backend(n)),
    ...Array.from({ length: 10_000 }, (_, n) => route(n, 1000))
  ]
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }))
  const child = spawn(
    options.launcher,
    [
      "run",
      file,
      "--allow-loopback",
      "--listen-address",
      "127.0.0.1",
      "--admin-address",
      "off",
      "--health-address",
      `127.0.0.1:${health}`,
      "--access-log",
      "off",
      "--state-folder",
      join(options.folder, "state-memory")
    ],
    { stdio: ["ignore", "ignore", "inherit"] }
  )
  try {
    await until("sluice with 10,000 routes is ready", async () => (await fetch(`http://127.0.0.1:${health}/readyz`)).status === 200)
    // Nothing tells that what the start took was given back (src/cli/garbage.ts, a quarter of a second after it): what is held then stays.
    await delay(3_000)
    return rss(child.pid ?? 0)
  } finally {
    const gone = new Promise((resolve) => child.once("exit", resolve))
    child.kill("SIGTERM")
    await gone
  }
}

export const controlPlane = async (options: ControlOptions): Promise<ReadonlyArray<FigureRow>> => {
  const figures = await Effect.runPromise(changes(options.quick))
  const resident = await memory(options)
  return [
    { work: "translate 5,000 routes over 500 hosts, from nothing", figure: `${figures.whole.toFixed(0)} ms`, bar: "500 ms" },
    {
      work: "one changed route among 5,000 over 500 hosts, from `Change` to swapped tables",
      figure: `${figures.change.toFixed(2)} ms (slowest ${figures.slowest.toFixed(1)}; apply and translate ${figures.pure.toFixed(2)})`,
      bar: "5 ms"
    },
    {
      work: "RSS of `sluice run` with 10,000 routes over 1,000 hosts",
      figure: `${((resident * 1024 * 1024) / 1e6).toFixed(0)} MB`,
      bar: "200 MB"
    }
  ]
}
