// The long form of "equal state, no write": a cluster in which nothing changes for IDLE_MINUTES (10), with a new list of everything in it.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { fillShop, startOrigins } from "../bench/shop.ts"
import { openStage, type Process, until } from "../bench/stage.ts"
import { idle } from "../bench/statuses.ts"
import { withClusterPrograms } from "../cluster/shared.ts"

const minutes = Number(process.env["IDLE_MINUTES"] ?? "10")
const routes = 300

await withClusterPrograms("an idle cluster", () => {
  it("is not written to", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-idle-"))
    const origins = await startOrigins()
    if (origins === null) return expect.fail("this machine has no IPv4 address besides loopback")
    const stage = await openStage({ launcher: join(import.meta.dirname, "..", "..", "bin", "sluice"), folder })
    const running: Array<Process> = []
    try {
      await fillShop(stage.plane, routes, origins)
      const operator = stage.startOperator()
      const proxy = stage.startProxy()
      running.push(operator, proxy)
      await proxy.ready()
      const written = () => operator.metric("sluice_status_writes_total", { kind: "HTTPRoute" })
      await until("every route has its status", async () => (await written()) >= routes)
      expect(await idle(stage.plane, operator, minutes * 60)).toBe(0)
    } finally {
      for (const one of running) await one.stop()
      await stage.stop()
      origins.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
