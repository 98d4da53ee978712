// Faults 6, 7 and 8, and operators that are all gone: a second controller, a leader that is stopped, clocks that differ. Traffic does not notice.
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, beforeAll, expect, it } from "vitest"
import { onControlPlane } from "../cluster/shared.ts"
import { until } from "../operator/operator.ts"
import { type Relay, relayTo } from "../sources/relay.ts"
import { type Intermediary, intermediary } from "./intermediary.ts"
import { type Outside, openOutside, permit } from "./outside.ts"
import { operatorsDown } from "./scenario.ts"
import { type Any, answer, controller, figures, openShop, routeOutside, type Shop } from "./shop.ts"

const none = { failed: 0, reasons: {} }

await onControlPlane("the operators", (plane) => {
  let shop: Shop
  let between: Intermediary
  let way: Relay
  let outside: Outside
  let policy = ""
  beforeAll(async () => {
    outside = await openOutside(answer)
    between = await intermediary(plane)
    way = await relayTo({ ...plane, port: between.port, ca: between.ca })
    shop = await openShop(plane, { operators: 2, nameserver: outside.names.address, kubeconfig: way.kubeconfig })
    policy = await permit(plane, shop.namespace, outside)
    await routeOutside(shop, outside)
  }, 240_000)
  afterAll(async () => {
    await shop?.close()
    await way?.close()
    await between?.close()
    await outside?.close()
    if (policy !== "") await plane.request("DELETE", policy)
  })
  const loads = () => [{ perSecond: 50 }, ...(outside.origin === null ? [] : [{ path: "/outside", perSecond: 50 }])]

  it("whose leader is stopped for 20 s: the other one, whose clock is half an hour ahead and runs at 1.3, leads not before the first has given up, and the first writes nothing when it goes on", async ({
    annotate
  }) => {
    const [first] = shop.operators
    const second = await shop.startOperator(1, {
      node: [`--import=${join(import.meta.dirname, "skew.ts")}`],
      // The other way is the first one's alone: whatever it writes is seen there.
      kubeconfig: plane.kubeconfig
    })
    const leads = (one = second) => one.metric("sluice_operator_leader")
    await until("the proxy is connected to both", async () => (await second.metric("sluice_link_proxies")) === 1, 30_000)
    expect(await leads()).toBe(0)
    expect(await leads(first)).toBe(1)
    let [took, live, late, before] = [0, 0, 0, 0]
    const report = await shop.during(
      async () => {
        const stopped = performance.now()
        first!.child.kill("SIGSTOP")
        try {
          await shop.makeRoute("stopped")
          await Promise.all([
            until("the second leads", async () => (await leads()) === 1, 22_000).then(() => {
              took = Math.round(performance.now() - stopped)
              late = performance.now() - between.renewed()
              before = between.writes()
            }),
            shop.live("stopped", 30_000).then((milliseconds) => {
              live = milliseconds
            })
          ])
          await delay(Math.max(0, 20_000 - (performance.now() - stopped)))
        } finally {
          first!.child.kill("SIGCONT")
        }
        await until("the first knows", async () => (await leads(first)) === 0)
        await shop.makeRoute("after")
        await shop.live("after")
        await until("its status is written", async () => (await shop.conditions(shop.routePath("after")))["Accepted"] === "True Accepted")
      },
      ...loads()
    )
    await annotate(`7, 8: ${figures(report)}; the second leads after ${took} ms, a route made meanwhile is live after ${live} ms`)
    expect(report).toMatchObject(none)
    // For 10 s from its last renewal on the first would have written.
    expect(late).toBeGreaterThan(10_000)
    expect(between.writes()).toBe(before)
    expect(await leads()).toBe(1)
  }, 90_000)

  it("all gone for a minute: the proxy serves, asks for names, is restarted and serves again; what was made meanwhile is live when they are back", async ({
    annotate
  }) => {
    const { report, live } = await operatorsDown(shop, outside.names, outside.name, 60_000, loads())
    await annotate(`operators gone: ${figures(report)}; live ${live} ms after they are back`)
    expect(report).toMatchObject(none)
  }, 150_000)

  // The last: what was taken back again and again is written less often for a while.
  it("share an object with another controller that takes their entry away: it is written again, no more often than that needs, and both are there at the end", async ({
    annotate
  }) => {
    const path = shop.routePath("origin")
    const parents = async (): Promise<ReadonlyArray<Any>> => (await shop.get(path)).status.parents
    const foreign = { parentRef: { name: "web" }, controllerName: "example.com/other", conditions: [] as ReadonlyArray<Any> }
    // Of whichever leads.
    const writes = async () => {
      const each = await Promise.all(shop.operators.map((one) => one.metric("sluice_status_writes_total", { kind: "HTTPRoute" })))
      return each.reduce((sum, one) => sum + one, 0)
    }
    const before = await writes()
    let theirs = 0
    const report = await shop.during(async () => {
      while (theirs < 40) {
        const said = { type: "Accepted", status: "False", reason: `Round${++theirs}`, message: "", observedGeneration: 1 }
        const conditions = [{ ...said, lastTransitionTime: "2026-01-01T00:00:00Z" }]
        await plane.request("PATCH", `${path}/status`, { body: { status: { parents: [{ ...foreign, conditions }] } } })
        await delay(40)
      }
      await until(
        "both are there",
        async () => {
          const found = (await parents()).map((one) => one.controllerName)
          return found.includes(controller) && found.includes("example.com/other")
        },
        40_000
      )
    })
    const ours = (await writes()) - before
    await annotate(`6: ${figures(report)}; ${theirs} writes of theirs, ${ours} of ours`)
    expect(report).toMatchObject(none)
    // A write that met theirs was refused, and is decided anew: two for each at the most.
    expect(ours).toBeLessThanOrEqual(2 * theirs + 2)
    expect((await parents()).find((one) => one.controllerName === "example.com/other").conditions[0].reason).toBe(`Round${theirs}`)
  }, 90_000)
})
