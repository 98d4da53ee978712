// Status economics: how often a Gateway is written while many routes come and go, whether a count was ever wrong, and that nothing is written when nothing changes.
import { request } from "node:https"
import { setTimeout as delay } from "node:timers/promises"
import type { ControlPlane } from "../cluster/control.ts"
import { inParallel } from "./fill.ts"
import type { FigureRow } from "./row.ts"
import { routeOf, routePath, routesPath } from "./shop.ts"
import { create, gateway, gatewayApi, namespace, type Process, until } from "./stage.ts"

interface Watch {
  readonly stop: () => void
}

/** attachedRoutes in each version of the Gateway, as they come. */
const watchCount = async (plane: ControlPlane, onCount: (count: number) => void): Promise<Watch> => {
  const list = (await plane.request("GET", `${gatewayApi}/namespaces/${namespace}/gateways`)).body
  const path = `${gatewayApi}/namespaces/${namespace}/gateways?watch=1&resourceVersion=${list.metadata.resourceVersion}`
  return new Promise((resolve, reject) => {
    const sent = request(`${plane.url}${path}`, { ca: plane.ca, headers: { authorization: `Bearer ${plane.adminToken}` } }, (response) => {
      let rest = ""
      response.setEncoding("utf8").on("data", (chunk: string) => {
        const lines = (rest + chunk).split("\n")
        rest = lines.pop() ?? ""
        for (const line of lines) {
          const count = JSON.parse(line).object?.status?.listeners?.[0]?.attachedRoutes
          if (typeof count === "number") onCount(count)
        }
      })
      response.on("error", () => {})
      resolve({ stop: () => sent.destroy() })
    })
    sent.on("error", reject)
    sent.end()
  })
}

/** Every write of an object by the operator but Events and its lease. */
const writesOf = async (operator: Process) =>
  (await operator.metric("sluice_status_writes_total")) + (await operator.metric("sluice_provision_writes_total"))

const settled = (operator: Process) =>
  until("all statuses are written", async () => (await operator.metric("sluice_status_waiting")) === 0, 600_000, 100)

/** `routes`: how many there are already. */
export const attaching = async (plane: ControlPlane, operator: Process, routes: number, count: number): Promise<FigureRow> => {
  await settled(operator)
  const gateways = () => operator.metric("sluice_status_writes_total", { kind: "Gateway" })
  const before = await gateways()
  let [made, gone, seen, wrong] = [0, 0, routes, 0]
  let leaving = false
  const watch = await watchCount(plane, (now) => {
    // A count is of some moment: between what stood last and what was asked for by now.
    const possible = leaving ? now <= seen && now >= routes + count - gone : now >= seen && now <= routes + made
    if (!possible) wrong++
    seen = now
  })
  try {
    await inParallel(count, 16, async (n) => {
      made++
      await create(plane, routesPath, routeOf(routes + n, routes))
    })
    await until("all are counted", async () => seen === routes + count, 600_000)
    leaving = true
    await inParallel(count, 16, async (n) => {
      gone++
      await plane.request("DELETE", routePath(routes + n))
    })
    await until("none is counted", async () => seen === routes, 600_000)
    await settled(operator)
  } finally {
    watch.stop()
  }
  return {
    work: `${count.toLocaleString("en")} routes attached and detached: writes of the Gateway's status`,
    figure: `${(await gateways()) - before}; wrong counts seen: ${wrong}`,
    bar: "100; 0"
  }
}

/** What the operator wrote while nothing changed, with a list of everything in that time: etcd forgets what was, and the API server starts again. */
export const idle = async (plane: ControlPlane, operator: Process, seconds: number): Promise<number> => {
  await settled(operator)
  const lists = () => operator.metric("sluice_kube_watch_lists_total", { kind: "HTTPRoute.gateway.networking.k8s.io" })
  const version = async () => (await plane.request("GET", gateway.path)).body.metadata.resourceVersion
  const [writes, listed, stood] = [await writesOf(operator), await lists(), await version()]
  const began = performance.now()
  await plane.compact()
  await plane.apiServer.restart()
  await until("routes are listed anew", async () => (await lists()) > listed)
  // The time in which nothing is to happen is what is measured.
  await delay(Math.max(0, seconds * 1_000 - (performance.now() - began)))
  // Whoever wrote it: the Gateway is as it was, or there was a write that nobody counted.
  return Math.max((await writesOf(operator)) - writes, (await version()) === stood ? 0 : 1)
}

export const idling = async (plane: ControlPlane, operator: Process, seconds: number): Promise<FigureRow> => ({
  work: `${seconds} s in which nothing changes, with a new list of everything in them: writes`,
  figure: String(await idle(plane, operator, seconds)),
  bar: "0"
})
