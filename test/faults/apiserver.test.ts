// Faults 1, 3, 11 and 13: the API server dies, forgets, waits for a slow etcd, or is not there at all. Traffic does not notice.
import { setTimeout as delay } from "node:timers/promises"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { ControlPlane } from "../cluster/control.ts"
import { withClusterPrograms } from "../cluster/shared.ts"
import { until } from "../operator/operator.ts"
import type { Relay } from "../sources/relay.ts"
import { type Installation, openInstallation, system } from "./installation.ts"
import { apiServerKilled } from "./scenario.ts"
import { figures, gatewayApi, openShop, type Shop } from "./shop.ts"

const none = { failed: 0, reasons: {} }

await withClusterPrograms("the API server", () => {
  let installation: Installation
  let plane: ControlPlane
  let way: Relay
  let shop: Shop
  /** How many collections are watched when all is well. */
  let kinds: number
  beforeAll(async () => {
    installation = await openInstallation()
    ;({ plane, way } = installation)
    shop = await openShop(plane, { kubeconfig: way.kubeconfig, system })
    kinds = await watching()
  }, 240_000)
  afterAll(async () => {
    await shop?.close()
    await installation?.close()
  })
  const operator = () => shop.operators[0]!
  const lists = () => operator().metric("sluice_kube_watch_lists_total")
  const watching = () => operator().metric("sluice_kube_watch_state", { state: "Watching" })
  const waiting = () => operator().metric("sluice_status_waiting")

  it("killed three times for ten seconds: no request fails, and what is made when it is back is live within 5 s", async ({ annotate }) => {
    const { report, live } = await apiServerKilled(plane, shop, 3, 10_000)
    await annotate(`1: ${figures(report)}; live after ${live.join(", ")} ms`)
    expect(report).toMatchObject(none)
  }, 90_000)

  it("killed, and what it remembered is compacted away: at most one list of each kind, deletions are noticed, statuses are written only where something changed", async ({
    annotate
  }) => {
    const attached = async () => (await shop.get(shop.gatewayPath)).status.listeners[0].attachedRoutes as number
    const allWatched = () => until("every kind is watched", async () => (await watching()) === kinds)
    await allWatched()
    await shop.makeRoute("goes")
    const routes = (await shop.get(`${gatewayApi}/namespaces/${shop.namespace}/httproutes`)).items.length
    await shop.live("goes")
    await until("it has its status", async () => (await shop.conditions(shop.routePath("goes")))["Accepted"] !== undefined)
    await until("it is counted", async () => (await attached()) === routes)
    const unchanged = ["origin", "round-0"].map(shop.routePath)
    const versions = () => Promise.all(unchanged.map(async (path) => (await shop.get(path)).metadata.resourceVersion))
    const stood = await versions()
    const before = await lists()
    const written = await operator().metric("sluice_status_writes_total")
    let live = 0
    const report = await shop.during(async () => {
      way.shut()
      await plane.request("DELETE", shop.routePath("goes"))
      await shop.makeRoute("comes")
      // Another kind moves on, so that the place of every watch is before all that is remembered.
      await shop.make("/api/v1", "configmaps", { metadata: { name: "later" } })
      await plane.compact()
      await plane.apiServer.restart()
      way.open()
      live = await shop.live("comes", 5_000)
      await shop.gone("goes", 5_000)
      await allWatched()
      await until("the route has its status", async () => (await shop.conditions(shop.routePath("comes")))["Accepted"] !== undefined)
      await until("the routes are counted", async () => (await attached()) === routes)
    })
    await annotate(`3: ${figures(report)}; live after ${live} ms; ${(await lists()) - before} lists of ${kinds} kinds`)
    expect(report).toMatchObject(none)
    expect((await lists()) - before).toBeLessThanOrEqual(kinds)
    // The route, and the Gateway that counts it.
    expect((await operator().metric("sluice_status_writes_total")) - written).toBeLessThanOrEqual(3)
    expect(await versions()).toEqual(stood)
  }, 60_000)

  it("with an etcd that stands still for two seconds again and again: writes wait, come to an end, and nothing grows", async ({
    annotate
  }) => {
    const written = await operator().metric("sluice_status_writes_total", { result: "ok" })
    const size = await operator().metric("process_resident_memory_bytes")
    // Words that wait for their five minutes.
    const idle = await waiting()
    let edits = 0
    let most = 0
    const report = await shop.during(async () => {
      let slow = true
      const editing = async () => {
        while (slow) {
          const body = { spec: { hostnames: [`n${++edits}.example`] } }
          await plane.request("PATCH", shop.routePath("comes"), { body })
          most = Math.max(most, await waiting())
        }
      }
      const edited = Promise.all([editing(), editing()])
      for (let burst = 0; burst < 4; burst++) {
        await plane.etcd.freeze()
        await delay(2_000)
        plane.etcd.thaw()
        await delay(500)
      }
      await until("there was something to write", () => edits > 10)
      slow = false
      await edited
      const { generation } = (await shop.get(shop.routePath("comes"))).metadata
      await until("the last edit has its status", async () => {
        const { status } = await shop.get(shop.routePath("comes"))
        return status.parents[0].conditions[0].observedGeneration === generation
      })
      await until("nothing more waits than before", async () => (await waiting()) <= idle)
    })
    const writes = (await operator().metric("sluice_status_writes_total", { result: "ok" })) - written
    const grown = (await operator().metric("process_resident_memory_bytes")) - size
    await annotate(`11: ${figures(report)}; ${edits} edits, ${writes} writes, at most ${most} waiting, ${Math.round(grown / 1e6)} MB more`)
    expect(report).toMatchObject(none)
    expect(writes).toBeLessThanOrEqual(edits + 2)
    expect(most).toBeLessThan(10)
    expect(grown).toBeLessThan(64e6)
    expect(await operator().metric("sluice_operator_leader")).toBe(1)
  }, 60_000)

  it("down at the start of an operator, which is not ready and asks on; a proxy that is restarted meanwhile serves from its state", async ({
    annotate
  }) => {
    await plane.apiServer.kill()
    await operator().kill()
    await shop.restartProxy()
    let live = 0
    const report = await shop.during(async () => {
      const again = await shop.startOperator(0, { wait: false })
      await until("it says what it waits for", () => /cannot be read or made/.test(again.log()))
      const begun = way.begun()
      await until("it asks on", () => way.begun() >= begun + 3)
      expect(await again.ready()).toBe(false)
      await plane.apiServer.restart()
      await until("it is ready", again.ready)
      await shop.makeRoute("after")
      live = await shop.live("after", 30_000)
    })
    await annotate(`13: ${figures(report)}; live after ${live} ms`)
    expect(report).toMatchObject(none)
  }, 60_000)
})
