// Without an API server the operator is not ready, asks on, and goes when it is told.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { kubeconfigText } from "../cluster/access.ts"
import { makeAuthority } from "../support/certificates.ts"
import { freePorts } from "../support/port.ts"
import { startOperator, until } from "./operator.ts"

it("waits for an API server that is down", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-alone-"))
  const [port = 0] = await freePorts(1)
  const kubeconfig = join(folder, "config")
  writeFileSync(kubeconfig, kubeconfigText(`https://127.0.0.1:${port}`, (await makeAuthority()).certificate, "token"))
  const operator = await startOperator({ kubeconfig }, "sluice-system", { wait: false })
  try {
    await until("it says what it waits for", () => /cannot be read or made/.test(operator.log()))
    expect(await operator.ready()).toBe(false)
    expect(await operator.stop()).toBe(0)
  } finally {
    await operator.kill()
    rmSync(folder, { recursive: true })
  }
})
