// The long forms of faults: the API server is killed twenty times for thirty seconds, and every operator is gone for ten minutes.
import { afterAll, beforeAll, expect, it } from "vitest"
import type { ControlPlane } from "../cluster/control.ts"
import { withClusterPrograms } from "../cluster/shared.ts"
import { type Installation, openInstallation, system } from "../faults/installation.ts"
import { type Outside, openOutside, permit } from "../faults/outside.ts"
import { apiServerKilled, operatorsDown } from "../faults/scenario.ts"
import { answer, figures, openShop, routeOutside, type Shop } from "../faults/shop.ts"
import type { Relay } from "../sources/relay.ts"

const none = { failed: 0, reasons: {} }

await withClusterPrograms("faults that last", () => {
  let installation: Installation
  let plane: ControlPlane
  let way: Relay
  let outside: Outside
  let shop: Shop
  beforeAll(async () => {
    installation = await openInstallation()
    ;({ plane, way } = installation)
    outside = await openOutside(answer)
    shop = await openShop(plane, { kubeconfig: way.kubeconfig, system, operators: 2, nameserver: outside.names.address })
    await shop.startOperator(1)
    await permit(plane, shop.namespace, outside)
    await routeOutside(shop, outside)
  })
  afterAll(async () => {
    await shop?.close()
    await outside?.close()
    await installation?.close()
  })
  const loads = () => [{ perSecond: 50 }, ...(outside.origin === null ? [] : [{ path: "/outside", perSecond: 50 }])]

  it("the API server, killed twenty times for thirty seconds", async ({ annotate }) => {
    const { report, live } = await apiServerKilled(plane, shop, 20, 30_000)
    await annotate(`1: ${figures(report)}; live after ${live} ms`)
    expect(report).toMatchObject(none)
  })

  it("every operator, gone for ten minutes", async ({ annotate }) => {
    const { report, live } = await operatorsDown(shop, outside.names, outside.name, 600_000, loads())
    await annotate(`operators gone: ${figures(report)}; live ${live} ms after they are back`)
    expect(report).toMatchObject(none)
  })
})
