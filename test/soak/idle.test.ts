// The long form of "equal state, no write": a cluster in which nothing changes for IDLE_MINUTES (10), with a new list of everything in it.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { onServedShop } from "../bench/served.ts"
import { startOrigins } from "../bench/shop.ts"
import { idle } from "../bench/statuses.ts"
import { withClusterPrograms } from "../cluster/shared.ts"

const minutes = Number(process.env["IDLE_MINUTES"] ?? "10")
const routes = 300

await withClusterPrograms("an idle cluster", () => {
  it("is not written to", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-idle-"))
    const origins = await startOrigins()
    if (origins === null) return expect.fail("this machine has no IPv4 address besides loopback")
    const launcher = join(import.meta.dirname, "..", "..", "bin", "sluice")
    try {
      await onServedShop({ launcher, folder }, routes, origins, async ({ stage, operator }) => {
        expect(await idle(stage.plane, operator, minutes * 60)).toBe(0)
      })
    } finally {
      origins.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
