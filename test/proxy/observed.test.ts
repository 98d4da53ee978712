// What the proxy sees and tells: phases and pools in metrics, facts in reports, versions in acks.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { UpstreamTls } from "#src/snapshot/upstream.ts"
import { type Authority, makeAuthority } from "../support/certificates.ts"
import { at, handNames, named } from "../support/live.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { ask, startProxy } from "./harness.ts"
import { material, type Sketch } from "./sketch.ts"

const tls: UpstreamTls = { ca: "System", names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" }

let authority: Authority
let origin: Origin
let plain: Origin
beforeAll(async () => {
  authority = await makeAuthority()
  const { chain, key } = await authority.leaf({ dns: ["api.example"] })
  origin = await startOrigin({ tls: { cert: chain, key } })
  plain = await startOrigin()
})
afterAll(async () => {
  await origin.close()
  await plain.close()
})

const sketch = (): Sketch => ({
  listeners: { web: { hosts: { "*": [{ to: "secure" }] } } },
  upstreams: { secure: { endpoints: [named("api.example", origin.port, { tls: true })], spec: { tls } } }
})

const started = async () => {
  const names = handNames()
  names.set("api.example", { addresses: ["127.0.0.1"] })
  return { names, proxy: await startProxy(sketch(), { names, roots: [authority.certificate] }) }
}

describe("metrics", () => {
  it("count connects, handshakes, pool and requests, each by its labels", async () => {
    await using proxy = (await started()).proxy
    for (let n = 0; n < 3; n++) expect((await ask(proxy.port(), "/bytes/7")).status).toBe(200)
    const labels = { gateway: "test/gateway", upstream: "Service test/secure" }
    await proxy.logged((line) => line.path === "/bytes/7")
    const value = (name: string, more: Record<string, string> = {}) => proxy.metric(name, { ...labels, ...more })
    expect(await value("sluice_requests_total", { code: "200", listener: "web", route: "HTTPRoute/test/route" })).toBe(3)
    expect(await value("sluice_response_body_bytes_total")).toBe(21)
    expect(await value("sluice_request_duration_seconds_count")).toBe(3)
    expect(await value("sluice_upstream_head_duration_seconds_count")).toBe(3)
    expect(await proxy.metric("sluice_upstream_connect_duration_seconds_count", { gateway: "test/gateway", result: "ok" })).toBe(1)
    expect(await proxy.metric("sluice_upstream_tls_duration_seconds_count", { gateway: "test/gateway", result: "ok" })).toBe(1)
    expect(await value("sluice_upstream_dials_total")).toBe(1)
    expect(await value("sluice_upstream_reused_total")).toBe(2)
    expect(await value("sluice_upstream_connections", { state: "idle" })).toBe(1)
    expect(await value("sluice_upstream_addresses")).toBe(1)
    expect(await value("sluice_upstream_resolution", { state: "Fresh" })).toBe(1)
    expect(await value("sluice_upstream_certificate_expiry_days")).toBeGreaterThan(1)
    expect(await proxy.metric("sluice_connections_total", { gateway: "test/gateway" })).toBe(3)
    expect(await proxy.metric("sluice_requests_active", { gateway: "test/gateway" })).toBe(0)
    expect(await proxy.metric("sluice_ready", { gateway: "test/gateway" })).toBe(1)
  })

  it("tell the days of the certificates that are served, by Secret", async () => {
    const pair = { ...material("pair", await authority.leaf({ dns: ["a.example"] }), ["a.example"]) }
    const expires = new Date(Date.now() + 10 * 86_400_000).toISOString()
    await using proxy = await startProxy({
      listeners: { web: { certificates: ["pair"], hosts: {} } },
      materials: [{ ...pair, expires }]
    })
    expect(await proxy.metric("sluice_certificate_expiry_days", { certificate: "test/pair" })).toBeCloseTo(10, 1)
  })
})

describe("reports", () => {
  it("follow changes of state, never traffic", async () => {
    const { names, proxy } = await started()
    await using _ = proxy
    await proxy.until(() => proxy.reports.length > 0)
    expect(proxy.reports.at(-1)!.upstreams.get("secure")).toMatchObject({ resolution: "Fresh", addresses: 1, lastFailure: null })
    await ask(proxy.port(), "/")
    await proxy.until(() => proxy.reports.at(-1)!.upstreams.get("secure")!.certificateExpires !== null)
    const told = proxy.reports.length
    for (let n = 0; n < 20; n++) await ask(proxy.port(), "/")
    names.set("api.example", { addresses: ["127.0.0.1"], state: "Stale", reason: "dns_servfail", detail: "SERVFAIL for api.example" })
    await proxy.until(() => proxy.reports.at(-1)!.upstreams.get("secure")!.resolution === "Stale")
    expect(proxy.reports.length).toBe(told + 1)
    await proxy.publish({ listeners: {} })
    await proxy.until(() => proxy.reports.at(-1)!.upstreams.size === 0)
  })
})

describe("acks", () => {
  it("say ready only when each name was tried once, and stay ready for a later slow name", async () => {
    const names = handNames()
    await using proxy = await startProxy(sketch(), { names, roots: [authority.certificate] })
    expect(proxy.acks.map(({ ready }) => ready)).toEqual([false])
    expect(proxy.proxy.ready()).toBe(false)
    names.set("api.example", { addresses: ["127.0.0.1"] })
    await proxy.until(() => proxy.acks.length === 2)
    expect(proxy.acks[1]).toMatchObject({ ready: true, sequence: 1, refused: [] })
    const slow = { endpoints: [named("slow.example", 80)] }
    const next = sketch()
    const ack = await proxy.publish({ ...next, upstreams: { ...next.upstreams, slow } })
    expect(ack).toMatchObject({ ready: true, sequence: 2 })
  })

  it("name the version that is served", async () => {
    await using proxy = await startProxy({
      listeners: { web: { hosts: { "*": [{ to: "plain" }] } } },
      upstreams: { plain: { endpoints: [at(plain.port)] } }
    })
    const { version, sequence } = proxy.proxy.describe()!
    expect(proxy.acks.at(-1)).toMatchObject({ version, sequence, proxy: "proxy-0" })
  })
})
