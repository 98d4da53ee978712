// Health as people write it and look at it: a Backend served by `sluice run`, its admin port and `explain`.
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { type Script, startOrigin } from "../support/origin.ts"
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

const good: Script = (incoming) => incoming.reply({})

/** Asks until the page holds it, with traffic on a port meanwhile. */
const shows = async (port: number, path: string, text: string, traffic: number | null = null): Promise<void> => {
  const deadline = performance.now() + 20_000
  for (;;) {
    const { body } = await ask(port, path)
    if (body.includes(text)) return
    if (traffic !== null) await ask(traffic, "/")
    if (performance.now() > deadline) throw new Error(`${path} never has ${text}: ${body}`)
  }
}

it("an address that fails is out, said by explain, /clusters, /upstreams and the Backend's condition, and in again when it is well", async () => {
  await using bad = await startOrigin({ script: (incoming) => incoming.reply({ status: 500 }) })
  await using well = await startOrigin({ script: good })
  const [port, admin] = [await freePort(), await freePort()]
  const health = "outlier: {consecutive5XxErrors: 2, baseEjectionTime: 2s}"
  using place = folder({ "m.yaml": `${gateway(port)}${manifest([bad.port, well.port], health)}` })
  const child = serving(place, { admin: `127.0.0.1:${admin}` })
  try {
    await child.line(/Gateway shop\/edge: http:/)
    for (let n = 0; n < 6; n++) await ask(port, "/")
    expect([bad.requests, well.requests]).toEqual([2, 4])
    await shows(admin, "/clusters", `127.0.0.1:${bad.port}::health_flags::/failed_outlier_check`, port)
    await shows(admin, "/clusters", `127.0.0.1:${well.port}::health_flags::healthy`)
    await shows(admin, "/upstreams", '"too many errors in a row"', port)
    bad.script = good
    await shows(admin, "/clusters", `127.0.0.1:${bad.port}::health_flags::healthy`)
    const before = bad.requests
    for (let n = 0; n < 4; n++) expect((await ask(port, "/")).status).toBe(200)
    expect(bad.requests - before).toBe(2)
    const told = await sluice(["explain", `http://localhost:${port}/`, "--allow-loopback", join(place.path, "m.yaml")])
    expect(told.out).toContain(
      "outlier   out for 2s after 2 errors in a row, at most 50 % of the addresses; ignored when more than 50 % are out"
    )
    expect(told.out).toMatch(/set by +Backend shop\/search.*outlier/)
  } finally {
    await child.end("SIGKILL")
  }
}, 60_000)

it("an address that fails its looks is out, said by explain, /clusters and the metrics, and in again when it is well", async () => {
  await using failing = await startOrigin({ script: (incoming) => incoming.reply({ status: 503 }) })
  await using well = await startOrigin({ script: good })
  const [port, admin, metrics] = [await freePort(), await freePort(), await freePort()]
  const health = "healthCheck: {type: HTTP, http: {path: /healthz}, interval: 100ms, timeout: 5s}"
  using place = folder({ "m.yaml": `${gateway(port)}${manifest([failing.port, well.port], health)}` })
  const child = serving(place, { admin: `127.0.0.1:${admin}`, health: `127.0.0.1:${metrics}` })
  try {
    await child.line(/Gateway shop\/edge: http:/)
    await shows(admin, "/clusters", `127.0.0.1:${failing.port}::health_flags::/failed_active_hc`)
    for (let n = 0; n < 6; n++) expect((await ask(port, "/")).status).toBe(200)
    expect(failing.seen.every(({ target }) => target === "/healthz")).toBe(true)
    await shows(metrics, "/metrics", 'sluice_upstream_probes_total{gateway="shop/edge",upstream="Backend shop/search",result="failed"}')
    failing.script = good
    await shows(admin, "/clusters", `127.0.0.1:${failing.port}::health_flags::healthy`)
    for (let n = 0; n < 4; n++) await ask(port, "/")
    expect(failing.seen.some(({ target }) => target === "/")).toBe(true)
    const told = await sluice(["explain", `http://localhost:${port}/`, "--allow-loopback", join(place.path, "m.yaml")])
    expect(told.out).toContain(
      "health    GET /healthz every 100ms, answered 200 within 5s; out after 3, in after 1; ignored when more than 50 % are out"
    )
    expect(told.out).toMatch(/set by +Backend shop\/search.*health/)
  } finally {
    await child.end("SIGKILL")
  }
}, 60_000)

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
