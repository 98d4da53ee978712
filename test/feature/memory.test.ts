// A process that is given too little memory for what its clients want answers 503 in time, finishes what it took, and serves again.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { serving } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { startOrigin } from "../support/origin.ts"
import { freePorts } from "../support/port.ts"

const manifest = (port: number, origin: number) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec: {gatewayClassName: sluice, listeners: [{name: http, protocol: HTTP, port: ${port}}]}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: slow}
spec: {connections: {maxConnections: 5000}, endpoints: [{ip: {address: 127.0.0.1, port: ${origin}}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: slow}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: slow}]}]
`

it("too many requests under way for the heap: 503 for what comes then, an answer for all that was taken, and no end of the process", async () => {
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  await using origin = await startOrigin({
    script: async ({ reply }) => {
      await held
      await reply({ body: "served" })
    }
  })
  const [port = 0] = await freePorts(1)
  const folder = mkdtempSync(join(tmpdir(), "sluice-memory-"))
  writeFileSync(join(folder, "m.yaml"), manifest(port, origin.port))
  const child = serving({ path: folder }, { env: { NODE_OPTIONS: "--max-old-space-size=80 --max-semi-space-size=8" } })
  try {
    await child.line(/Gateway default\/edge: http:/)
    const headers = Object.fromEntries(Array.from({ length: 30 }, (_, n) => [`x-${n}`, `${n}`.padEnd(1_000, "x")]))
    const counts = { taken: 0, refused: 0, other: "" }
    const asked: Array<Promise<void>> = []
    const one = () =>
      ask(port, "/", { headers }).then(
        ({ status }) => {
          if (status === 200) counts.taken++
          else if (status === 503) counts.refused++
          else counts.other = String(status)
        },
        (error: Error) => {
          counts.other = error.message
        }
      )
    const short = child.line(/memory is short, requests are answered 503 until there is more: heap: \d+ of \d+ MB in use/)
    let known = false
    short.then(
      () => {
        known = true
      },
      () => {}
    )
    // Twenty at a time, each batch when the one before has arrived: what is taken is at the origin, what is not has its answer.
    while (!known && asked.length < 4_000) {
      const before = origin.requests + counts.refused
      for (let n = 0; n < 20; n++) asked.push(one())
      await Promise.race([origin.until(({ requests }) => requests + counts.refused >= before + 20), short])
    }
    await short
    const refused = await ask(port, "/")
    expect(refused.status).toBe(503)
    expect(refused.headers["retry-after"]).toBe("1")
    release()
    await Promise.all(asked)
    expect(counts.other).toBe("")
    expect(counts.taken).toBe(origin.requests)
    await child.line(/memory: there is enough again/)
    expect((await ask(port, "/")).status).toBe(200)
  } finally {
    await child.end("SIGKILL")
    rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)
