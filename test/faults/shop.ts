// A shop that is served while its control plane suffers: a Gateway on a real API server, operators and a proxy as processes, an origin on a Unix socket, and
// load that counts what fails.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect } from "vitest"
import { resourceName } from "#src/operator/render/name.ts"
import type { Access } from "../cluster/access.ts"
import { type OperatorProcess, startOperator, until } from "../operator/operator.ts"
import { type LoadReport, startLoad } from "../support/load.ts"
import { startOrigin } from "../support/origin.ts"
import { freePorts } from "../support/port.ts"
import type { Outside } from "./outside.ts"
import { type ProxyProcess, startProxy } from "./proxy.ts"

// biome-ignore lint/suspicious/noExplicitAny: objects of any kind, looked into by tests
export type Any = any

export const gatewayApi = "/apis/gateway.networking.k8s.io/v1"

/** What the origin answers; load takes anything else for a failure. */
export const answer = "from the origin"

export interface ShopOptions {
  /** Whose rights the operators have, and by which way they go; the administrator's own way unless given. */
  readonly kubeconfig?: string
  /** Of the operators' objects; a new one unless given. */
  readonly system?: string
  /** How many there may ever be; the first is started with the shop. */
  readonly operators?: number
  /** Of each operator, when the shop's namespace is there; they watch that alone unless said. */
  readonly flags?: (namespace: string) => Promise<ReadonlyArray<string>>
  /** Beside the plain one; `port` is the first of as many free ones. */
  readonly listeners?: (port: number) => ReadonlyArray<unknown>
  readonly nameserver?: string
}

export interface LoadOn {
  readonly path?: string
  readonly perSecond?: number
}

export interface Shop {
  readonly namespace: string
  readonly system: string
  readonly gatewayClass: string
  /** Of the plain listener, and of those that `listeners` made. */
  readonly port: number
  readonly tlsPort: number
  /** Temporary, of this shop. */
  readonly folder: string
  readonly operators: ReadonlyArray<OperatorProcess>
  /** Another replica, or one again in the place of one that was killed; `options` as of `startOperator`, and a way of its own. */
  readonly startOperator: (
    at: number,
    options?: { readonly wait?: boolean; readonly node?: ReadonlyArray<string>; readonly kubeconfig?: string }
  ) => Promise<OperatorProcess>
  readonly proxy: () => ProxyProcess
  /** SIGKILL, and again from its state folder, as the kubelet does it; resolves when it is ready. */
  readonly restartProxy: () => Promise<void>
  readonly get: (path: string) => Promise<Any>
  /** POST to a collection, relative to the namespace: `make("/api/v1", "secrets", {...})`. */
  readonly make: (api: string, plural: string, object: object) => Promise<Any>
  readonly gatewayPath: string
  readonly routePath: (name: string) => string
  /** A route for `/NAME` that redirects: it can be seen to be live without an origin. */
  readonly makeRoute: (name: string) => Promise<void>
  readonly answers: (path: string) => Promise<number>
  /** Resolves when the route is served; milliseconds that took. */
  readonly live: (name: string, milliseconds?: number) => Promise<number>
  readonly gone: (name: string, milliseconds?: number) => Promise<number>
  /** Steady load before, while and after `body`; what it came to. 100 requests a second to the origin unless said. */
  readonly during: (body: () => Promise<void>, ...loads: ReadonlyArray<LoadOn>) => Promise<LoadReport>
  /** Of an object: its conditions as `True Reason`, by type, of our entry where there are several. */
  readonly conditions: (path: string) => Promise<Readonly<Record<string, string>>>
  readonly close: () => Promise<void>
}

/** `0 of 4012 requests failed, the slowest took 31 ms`: for the table in docs/faults.md. */
export const figures = ({ failed, requests, slowestMs, reasons }: LoadReport): string =>
  `${failed} of ${requests} requests failed${failed === 0 ? "" : ` (${JSON.stringify(reasons)})`}, the slowest took ${slowestMs} ms`

/** What several loads came to. */
export const together = (reports: ReadonlyArray<LoadReport>): LoadReport => ({
  requests: reports.reduce((sum, one) => sum + one.requests, 0),
  failed: reports.reduce((sum, one) => sum + one.failed, 0),
  reasons: Object.assign({}, ...reports.map(({ reasons }) => reasons)) as LoadReport["reasons"],
  slowestMs: Math.max(...reports.map(({ slowestMs }) => slowestMs))
})

export const controller = "sluice.dev/gateway-controller"

const conditionsOf = (status: Any): ReadonlyArray<Any> =>
  status?.conditions ?? (status?.parents ?? []).find((one: Any) => one.controllerName === controller)?.conditions ?? []

/** Opens when a first request is answered by the origin. */
export const openShop = async (plane: Access, options: ShopOptions = {}): Promise<Shop> => {
  const system = options.system ?? (await plane.namespace("system"))
  const namespace = await plane.namespace("shop")
  const gatewayClass = `sluice-${namespace}`
  const folder = mkdtempSync(join(plane.folder, "shop-"))
  const [port = 0, tlsPort = 0, ...linkPorts] = await freePorts(2 + (options.operators ?? 1))
  const gatewayPath = `${gatewayApi}/namespaces/${namespace}/gateways/web`
  const routePath = (name: string) => `${gatewayApi}/namespaces/${namespace}/httproutes/${name}`
  const get = async (path: string): Promise<Any> => (await plane.request("GET", path)).body
  const post = async (path: string, body: object): Promise<Any> => {
    const made = await plane.request("POST", path, { body })
    expect(made.status, JSON.stringify(made.body).slice(0, 2_000)).toBe(201)
    return made.body
  }
  const make: Shop["make"] = (api, plural, object) => post(`${api}/namespaces/${namespace}/${plural}`, object)
  const ours = "/apis/gateway.sluice.dev/v1alpha1"
  const route = (name: string, spec: object) =>
    make(gatewayApi, "httproutes", {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "HTTPRoute",
      metadata: { name },
      spec: { parentRefs: [{ name: "web" }], ...spec }
    })

  const socket = join(folder, "origin")
  const origin = await startOrigin({ path: socket, script: ({ reply }) => reply({ body: answer }) })
  await post(`${gatewayApi}/gatewayclasses`, {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "GatewayClass",
    metadata: { name: gatewayClass },
    spec: { controllerName: controller }
  })
  await make(ours, "gatewayparameters", {
    apiVersion: "gateway.sluice.dev/v1alpha1",
    kind: "GatewayParameters",
    metadata: { name: "shop" },
    spec: { features: { unixDirectories: [folder] } }
  })
  await make(gatewayApi, "gateways", {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "Gateway",
    metadata: { name: "web" },
    spec: {
      gatewayClassName: gatewayClass,
      infrastructure: { parametersRef: { group: "gateway.sluice.dev", kind: "GatewayParameters", name: "shop" } },
      listeners: [{ name: "http", port, protocol: "HTTP" }, ...(options.listeners?.(tlsPort) ?? [])]
    }
  })
  await make(ours, "backends", {
    apiVersion: "gateway.sluice.dev/v1alpha1",
    kind: "Backend",
    metadata: { name: "origin" },
    spec: { protocol: "HTTP", endpoints: [{ unix: { path: socket } }] }
  })
  await route("origin", { rules: [{ backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: "origin" }] }] })

  const flags = (await options.flags?.(namespace)) ?? [`--watch-namespace=${namespace}`]
  const operators: Array<OperatorProcess> = []
  const start: Shop["startOperator"] = async (at, { kubeconfig, ...more } = {}) => {
    const operator = await startOperator({ kubeconfig: kubeconfig ?? options.kubeconfig ?? plane.kubeconfig }, system, {
      flags,
      linkPort: linkPorts[at]!,
      ...more
    })
    operators[at] = operator
    return operator
  }
  let proxy: ProxyProcess | null = null
  const close = async () => {
    await Promise.all([proxy?.kill(), ...operators.map((one) => one.kill())])
    await origin.close()
    await plane.request("DELETE", `${gatewayApi}/gatewayclasses/${gatewayClass}`).catch(() => {})
  }
  const answers: Shop["answers"] = async (path) => (await fetch(`http://127.0.0.1:${port}${path}`, { redirect: "manual" })).status
  const awaited = async (what: string, name: string, status: number, milliseconds = 20_000) => {
    const began = performance.now()
    await until(`/${name} is ${what}`, async () => (await answers(`/${name}`)) === status, milliseconds)
    return Math.round(performance.now() - began)
  }

  try {
    await start(0)
    const account = resourceName("web", gatewayClass)
    await plane.eventually(`/api/v1/namespaces/${namespace}/serviceaccounts/${account}`, ({ status }) => status === 200)
    const trust = await plane.eventually(`/api/v1/namespaces/${namespace}/configmaps/sluice-ca`, ({ status }) => status === 200)
    const pod = await make("/api/v1", "pods", {
      metadata: { name: "proxy", labels: { "gateway.networking.k8s.io/gateway-name": "web" } },
      spec: { serviceAccountName: account, containers: [{ name: "proxy", image: "none" }] }
    })
    const identity = join(folder, "identity")
    mkdirSync(identity)
    writeFileSync(
      join(identity, "token"),
      await plane.token(namespace, account, { audiences: ["sluice"], pod: { name: "proxy", uid: pod.metadata.uid } })
    )
    writeFileSync(join(identity, "ca.crt"), trust.body.data["ca.crt"])
    const again = () =>
      startProxy({
        operators: linkPorts,
        gateway: `${namespace}/web`,
        identity,
        stateFolder: join(folder, "state"),
        nameserver: options.nameserver ?? "127.0.0.1:9"
      })
    proxy = await again()
    await awaited("served", "", 200)
    return {
      ...{ namespace, system, gatewayClass, port, tlsPort, folder, operators, get, make, gatewayPath, routePath, answers, close },
      startOperator: start,
      proxy: () => proxy!,
      restartProxy: async () => {
        await proxy!.kill()
        proxy = await again()
        await until("the proxy is ready again", proxy.ready)
      },
      makeRoute: (name) =>
        route(name, {
          rules: [
            {
              matches: [{ path: { type: "PathPrefix", value: `/${name}` } }],
              filters: [{ type: "RequestRedirect", requestRedirect: { hostname: "elsewhere.example", statusCode: 302 } }]
            }
          ]
        }),
      live: (name, milliseconds) => awaited("served", name, 302, milliseconds),
      gone: (name, milliseconds) => awaited("gone", name, 200, milliseconds),
      during: async (body, ...loads) => {
        const running = (loads.length === 0 ? [{}] : loads).map((load) =>
          startLoad({ host: "127.0.0.1", port, ...load, failed: (status, text) => status !== 200 || text !== answer })
        )
        try {
          await Promise.all(running.map((load) => load.more(20)))
          await body()
          await Promise.all(running.map((load) => load.more(20)))
        } finally {
          await Promise.all(running.map((load) => load.stop()))
        }
        return together(running.map((load) => load.report()))
      },
      conditions: async (path) =>
        Object.fromEntries(conditionsOf((await get(path)).status).map((one) => [one.type, `${one.status} ${one.reason}`]))
    }
  } catch (error) {
    const said = `${error instanceof Error ? error.message : error}\n${operators[0]?.log() ?? ""}\n${proxy?.log() ?? ""}`
    await close()
    throw new Error(said)
  }
}

/** `/outside` of the shop leads to that host; resolves when the name was looked up and, where there is a host, it answers. */
export const routeOutside = async (shop: Shop, { names, name, origin }: Outside): Promise<void> => {
  await shop.make("/apis/gateway.sluice.dev/v1alpha1", "backends", {
    apiVersion: "gateway.sluice.dev/v1alpha1",
    kind: "Backend",
    metadata: { name: "outside" },
    spec: { protocol: "HTTP", endpoints: [{ fqdn: { hostname: name, port: origin?.port ?? 8080 } }] }
  })
  await shop.make(gatewayApi, "httproutes", {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: "outside" },
    spec: {
      parentRefs: [{ name: "web" }],
      rules: [
        {
          matches: [{ path: { type: "PathPrefix", value: "/outside" } }],
          backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: "outside" }]
        }
      ]
    }
  })
  await names.asked(name, 1)
  if (origin !== null) await until("the host outside answers", async () => (await shop.answers("/outside")) === 200)
}
