// The routes of the cluster's figures, ten a host, and the origins that they lead to: one answers "even", one "odd", so that a changed backend is seen.
import { Agent, createServer, request, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { networkInterfaces } from "node:os"
import type { ControlPlane } from "../cluster/control.ts"
import { fillCustom, type Made } from "./fill.ts"
import { gateway, gatewayApi, namespace, ownApi } from "./stage.ts"

const backends = 100

export const routesKind = { group: "gateway.networking.k8s.io", plural: "httproutes" } as const
export const routesPath = `${gatewayApi}/namespaces/${namespace}/httproutes`
export const routePath = (n: number) => `${routesPath}/route-${n}`
export const hostOf = (n: number, routes: number) => `host-${n % Math.ceil(routes / 10)}.example`

/** One rule: a field of the answer tells its revision, the backend's number which origin answers. */
export const rulesOf = (n: number, revision: string, backend: number) => [
  {
    matches: [{ path: { type: "PathPrefix", value: `/service-${n}` } }],
    filters: [{ type: "ResponseHeaderModifier", responseHeaderModifier: { set: [{ name: "x-revision", value: revision }] } }],
    backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: `backend-${backend % backends}` }]
  }
]

export const routeOf = (n: number, routes: number, rules: unknown = rulesOf(n, "0", n)): Made => ({
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "HTTPRoute",
  metadata: { name: `route-${n}` },
  spec: { parentRefs: [{ name: gateway.name }], hostnames: [hostOf(n, routes)], rules }
})

export interface Origins {
  readonly address: string
  readonly ports: readonly [even: number, odd: number]
  readonly stop: () => void
}

const listen = (server: Server, address: string) =>
  new Promise<number>((resolve, reject) => {
    server.once("error", reject)
    server.listen(0, address, () => resolve((server.address() as AddressInfo).port))
  })

/** Loopback is never dialled by a proxy that an operator tells what to serve: the origins are on another address of this machine; null: it has none. */
export const startOrigins = async (): Promise<Origins | null> => {
  const address = Object.values(networkInterfaces())
    .flatMap((all) => all ?? [])
    .find(({ family, internal }) => family === "IPv4" && !internal)?.address
  if (address === undefined) return null
  const servers = ["even", "odd"].map((body) => createServer((_, response) => response.end(body)))
  const [even = 0, odd = 0] = await Promise.all(servers.map((server) => listen(server, address)))
  return {
    address,
    ports: [even, odd],
    stop: () => {
      for (const server of servers) {
        server.closeAllConnections()
        server.close()
      }
    }
  }
}

export const fillShop = async (plane: ControlPlane, routes: number, { address, ports }: Origins): Promise<void> => {
  await fillCustom(
    plane,
    `${ownApi}/namespaces/${namespace}/backends`,
    "backends",
    Array.from({ length: backends }, (_, n) => ({
      apiVersion: "gateway.sluice.dev/v1alpha1",
      kind: "Backend",
      metadata: { name: `backend-${n}` },
      spec: { protocol: "HTTP", endpoints: [{ ip: { address, port: ports[n % 2] } }] }
    }))
  )
  await fillCustom(
    plane,
    routesPath,
    "httproutes",
    Array.from({ length: routes }, (_, n) => routeOf(n, routes))
  )
}

export interface Client {
  /** `STATUS REVISION BODY`, as in `200 7 even`. */
  readonly ask: (n: number) => Promise<string>
  readonly close: () => void
}

/** A client of the proxy, on kept-alive connections. */
export const openClient = (port: number, routes: number): Client => {
  const agent = new Agent({ keepAlive: true })
  return {
    ask: (n) =>
      new Promise((resolve, reject) => {
        const options = { agent, port, host: "127.0.0.1", path: `/service-${n}`, headers: { host: hostOf(n, routes) } }
        const sent = request(options, (response) => {
          let body = ""
          response.setEncoding("utf8").on("data", (chunk: string) => {
            body += chunk
          })
          response.once("error", reject)
          response.once("end", () => resolve(`${response.statusCode} ${response.headers["x-revision"] ?? "-"} ${body}`))
        })
        sent.once("error", reject)
        sent.end()
      }),
    close: () => agent.destroy()
  }
}
