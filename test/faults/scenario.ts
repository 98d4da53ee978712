// Faults that come in a short form for every run of the tests and in a long one (test/soak/faults.test.ts): the same steps, other times.
import { setTimeout as delay } from "node:timers/promises"
import { expect } from "vitest"
import type { ControlPlane } from "../cluster/control.ts"
import type { DnsServer } from "../support/dns.ts"
import type { LoadReport } from "../support/load.ts"
import { type LoadOn, type Shop, together } from "./shop.ts"

/** Fault 1, `rounds` times. Each time: killed for so long, started again, and then a route is made; milliseconds until each of them was served. */
export const apiServerKilled = async (plane: ControlPlane, shop: Shop, rounds: number, milliseconds: number) => {
  const live: Array<number> = []
  const report = await shop.during(async () => {
    for (let round = 0; round < rounds; round++) {
      await plane.apiServer.kill()
      await delay(milliseconds)
      await plane.apiServer.restart()
      await shop.makeRoute(`round-${round}`)
      live.push(await shop.live(`round-${round}`, 5_000))
    }
  })
  return { report, live }
}

/**
 * Every operator is killed. In the middle of that time the proxy is killed too and starts again from its state folder: load stops for that moment, as there
 * is no other pod. Names of `names` are looked up anew all the while.
 */
export const operatorsDown = async (shop: Shop, names: DnsServer, name: string, milliseconds: number, loads: ReadonlyArray<LoadOn>) => {
  await Promise.all(shop.operators.map((one) => one.kill()))
  const half = async () => {
    const asked = names.count(name)
    await delay(milliseconds / 2)
    await names.asked(name, asked + 2)
    expect(await shop.proxy().ready()).toBe(true)
  }
  const reports: Array<LoadReport> = [await shop.during(half, ...loads)]
  await shop.restartProxy()
  reports.push(await shop.during(half, ...loads))
  await shop.makeRoute("meanwhile")
  let live = 0
  reports.push(
    await shop.during(
      async () => {
        for (const at of shop.operators.keys()) await shop.startOperator(at)
        live = await shop.live("meanwhile")
      },
      ...loads
    )
  )
  return { report: together(reports), live }
}
