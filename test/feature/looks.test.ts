// Looks with content as people write them, and a share of failures: a Backend served by `sluice run`, its admin port and `explain`.
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const manifest = (ports: ReadonlyArray<number>, health: string) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: search, namespace: shop}
spec:
  endpoints: [${ports.map((port) => `{ip: {address: 127.0.0.1, port: ${port}}}`).join(", ")}]
  ${health}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: search}]}]
`

const shows = async (port: number, path: string, text: string): Promise<void> => {
  const deadline = performance.now() + 20_000
  for (;;) {
    const { body } = await ask(port, path)
    if (body.includes(text)) return
    if (performance.now() > deadline) throw new Error(`${path} never has ${text}: ${body}`)
  }
}

it("an address whose answer does not hold what is awaited is out, and one that fails too large a share of its requests", async () => {
  await using degraded = await startOrigin({
    script: async (incoming) => incoming.reply({ body: `{"was":${await incoming.read()},"state":"degraded"}` })
  })
  let healthy = true
  await using well = await startOrigin({
    script: (incoming) =>
      incoming.request.target === "/deep" || healthy ? incoming.reply({ body: '{"state":"ready"}' }) : incoming.reply({ status: 500 })
  })
  const [port, admin, metrics] = [await freePort(), await freePort(), await freePort()]
  const health = `outlier: {consecutive5XxErrors: 0, failurePercentageThreshold: 30, interval: 500ms, baseEjectionTime: 1h}
  healthCheck:
    type: HTTP
    interval: 100ms
    timeout: 10s
    http:
      path: /deep
      method: POST
      requestBody: {type: Text, text: '"asked"'}
      expectedResponse: {type: Text, text: '"state":"ready"'}`
  using place = folder({ "m.yaml": `${gateway(port)}${manifest([degraded.port, well.port], health)}` })
  const child = serving(place, { admin: `127.0.0.1:${admin}`, health: `127.0.0.1:${metrics}` })
  try {
    await child.line(/Gateway shop\/edge: http:/)
    await shows(admin, "/clusters", `127.0.0.1:${degraded.port}::health_flags::/failed_active_hc`)
    expect((await ask(port, "/")).body).toBe('{"state":"ready"}')
    healthy = false
    degraded.script = (incoming) => incoming.reply({ body: '{"state":"ready"}' })
    await shows(admin, "/clusters", `127.0.0.1:${degraded.port}::health_flags::healthy`)
    const deadline = performance.now() + 20_000
    const ejected = 'sluice_upstream_ejections_total{gateway="shop/edge",upstream="Backend shop/search",why="share"} 1'
    while (!(await ask(metrics, "/metrics")).body.includes(ejected)) {
      for (let n = 0; n < 40; n++) await ask(port, "/")
      if (performance.now() > deadline) throw new Error("never ejected")
    }
    await shows(admin, "/clusters", `127.0.0.1:${well.port}::health_flags::/failed_outlier_check`)
    for (let n = 0; n < 4; n++) expect((await ask(port, "/")).status).toBe(200)
    const told = await sluice(["explain", `http://localhost:${port}/`, "--allow-loopback", join(place.path, "m.yaml")])
    expect(told.out).toContain("POST /deep and 7 bytes every 100ms, answered 200 with content that holds 15 bytes within 10s")
    expect(told.out).toContain("out for 1h after 30 % errors in 500ms (of 10 requests or more)".replace("1h", "3600s"))
  } finally {
    await child.end("SIGKILL")
  }
}, 60_000)
