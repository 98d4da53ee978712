// A start with ten thousand routes and fifty thousand endpoints: how long, and how much memory.
import { randomUUID } from "node:crypto"
import { fillCustom, inParallel } from "./fill.ts"
import { cpu } from "./measure.ts"
import type { FigureRow } from "./row.ts"
import { routeOf, routesPath } from "./shop.ts"
import { create, gateway, namespace, openStage, type Process, type StageOptions, until } from "./stage.ts"

const perSlice = 100

const service = (n: number) => ({
  metadata: { name: `service-${n}` },
  spec: { ports: [{ name: "http", port: 80, targetPort: 8080 }] }
})

/** As the endpoint controller writes it. */
const slice = (n: number) => ({
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  metadata: {
    name: `service-${n}-abcde`,
    labels: { "kubernetes.io/service-name": `service-${n}`, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io" }
  },
  addressType: "IPv4",
  ports: [{ name: "http", port: 8080, protocol: "TCP" }],
  endpoints: Array.from({ length: perSlice }, (_, at) => {
    const number = n * perSlice + at
    return {
      addresses: [`10.${128 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: `node-${number % 1000}`,
      targetRef: { kind: "Pod", namespace, name: `service-${n}-${at}`, uid: randomUUID() }
    }
  })
})

const rules = (n: number, services: number) => [
  { matches: [{ path: { type: "PathPrefix", value: `/service-${n}` } }], backendRefs: [{ name: `service-${n % services}`, port: 80 }] }
]

const seconds = (milliseconds: number) => `${(milliseconds / 1_000).toFixed(1)} s`

/** Endpoints come in Services of one slice of a hundred. */
export const starting = async (options: StageOptions, routes: number, endpoints: number): Promise<ReadonlyArray<FigureRow>> => {
  const stage = await openStage(options)
  const running: Array<Process> = []
  try {
    const { plane } = stage
    const services = endpoints / perSlice
    await inParallel(services, 8, async (n) => {
      await create(plane, `/api/v1/namespaces/${namespace}/services`, service(n))
      await create(plane, `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`, slice(n))
    })
    await fillCustom(
      plane,
      routesPath,
      "httproutes",
      Array.from({ length: routes }, (_, n) => routeOf(n, routes, rules(n, services)))
    )

    const began = performance.now()
    const operator = stage.startOperator()
    const proxy = stage.startProxy()
    running.push(operator, proxy)
    const [operatorReady, proxyReady] = await Promise.all([operator.ready(180_000), proxy.ready(180_000)])
    const atReady = { operator: operator.memory(), proxy: proxy.memory() }
    const used = `CPU until then: operator ${cpu(operator.pid).toFixed(1)} s, proxy ${cpu(proxy.pid).toFixed(1)} s`
    // Not that nothing waits: words that changed wait for five minutes.
    const writes = () => operator.metric("sluice_status_writes_total", { kind: "HTTPRoute", result: "ok" })
    await until("every route has its status", async () => (await writes()) >= routes, 300_000, 200)
    const counted = async () => (await plane.request("GET", gateway.path)).body.status?.listeners?.[0]?.attachedRoutes
    await until("every route is counted", async () => (await counted()) === routes, 300_000, 200)
    const written = performance.now() - began
    const line = (one: Process, then: { readonly now: number; readonly most: number }) =>
      `${one.memory().now.toFixed(0)} MB (${then.now.toFixed(0)} when ready, at most ${one.memory().most.toFixed(0)})`
    const what = `${routes.toLocaleString("en")} routes and ${endpoints.toLocaleString("en")} endpoints`
    return [
      {
        work: `start with ${what}, operator and proxy at once, until both are ready`,
        figure: `${seconds(Math.max(operatorReady, proxyReady))} (operator ${seconds(operatorReady)}; ${used}); every status written after ${seconds(written)}`,
        bar: "30 s"
      },
      { work: "RSS of the operator then", figure: line(operator, atReady.operator), bar: "600 MB" },
      { work: "RSS of the proxy then", figure: line(proxy, atReady.proxy), bar: "400 MB" }
    ]
  } finally {
    for (const one of running) await one.stop()
    await stage.stop()
  }
}
