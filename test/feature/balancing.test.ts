// Balancing as people write it and look at it: slow start, a cookie with attributes, zones, served by `sluice run`.
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

/** The first endpoint is in zone eu-1, the second in eu-2. */
const manifest = (name: string, ports: ReadonlyArray<number>, balancing: string) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: ${name}, namespace: shop}
spec:
  endpoints: [${ports.map((port, n) => `{ip: {address: 127.0.0.1, port: ${port}}, zone: eu-${n + 1}}`).join(", ")}]
  loadBalancer: ${balancing}
  circuitBreaker: {retryBudget: {percent: {numerator: 1, denominator: 8}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{matches: [{path: {value: /${name}}}], backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: ${name}}]}]
`

it("an endpoint that has just joined warms up, seen at /upstreams; a cookie has its attributes; explain says both, and the budget of retries", async () => {
  await using a = await startOrigin()
  const [port, admin] = [await freePort(), await freePort()]
  const page = (ports: ReadonlyArray<number>) =>
    gateway(port) +
    manifest("slowly", ports, "{type: LeastRequest, slowStart: {window: 1h, minWeightPercent: 5}}") +
    manifest(
      "placed",
      [a.port],
      "{type: ConsistentHash, consistentHash: {type: Cookie, tableSize: 1021, cookie: {name: place, ttl: 1h, attributes: {SameSite: Strict}}}}"
    )
  using place = folder({ "m.yaml": page([a.port]) })
  const child = serving(place, { admin: `127.0.0.1:${admin}` })
  try {
    await child.line(/Gateway shop\/edge: http:/)
    const { headers } = await ask(port, "/placed")
    expect(headers["set-cookie"]?.[0]).toMatch(/^place=[0-9a-f-]{36}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Strict$/)
    expect((await ask(port, "/slowly")).status).toBe(200)
    const shown = JSON.parse((await ask(admin, "/upstreams")).body) as ReadonlyArray<{
      readonly target: string
      readonly endpoints: ReadonlyArray<{ readonly addresses: ReadonlyArray<{ readonly warming: number | null }> }>
    }>
    expect(shown.find(({ target }) => target.includes("slowly"))!.endpoints[0]!.addresses[0]!.warming).toBe(0.05)
    const told = await sluice(["explain", `http://localhost:${port}/slowly`, "--allow-loopback", join(place.path, "m.yaml")])
    expect(told.out).toContain("least request of two; who joins has its full share after 3600000 ms")
    expect(told.out).toContain("12.5 % of the requests, 3 at the least")
    const hashed = await sluice(["explain", `http://localhost:${port}/placed`, "--allow-loopback", join(place.path, "m.yaml")])
    expect(hashed.out).toContain("consistent hash of cookie place, given to clients that have none, a table of 1021")
  } finally {
    await child.end("SIGKILL")
  }
}, 60_000)

it("an endpoint in the zone of the process comes first; the other serves a request that names it, and all when that is gone", async () => {
  const near = await startOrigin()
  await using far = await startOrigin()
  const [port, admin] = [await freePort(), await freePort()]
  const balancing = "{type: RoundRobin, zoneAware: {preferLocal: {}}, endpointOverride: {extractFrom: [{header: X-To}]}}"
  using place = folder({ "m.yaml": gateway(port) + manifest("zoned", [far.port, near.port], balancing) })
  const child = serving(place, { admin: `127.0.0.1:${admin}`, flags: ["--zone=eu-2"] })
  try {
    await child.line(/Gateway shop\/edge: http:/)
    for (let n = 0; n < 6; n++) expect((await ask(port, "/zoned")).status).toBe(200)
    expect([near.requests, far.requests]).toEqual([6, 0])
    const { body } = await ask(admin, "/clusters")
    expect(body).toContain(`127.0.0.1:${near.port}::zone::eu-2`)
    expect(body).toContain(`127.0.0.1:${far.port}::priority::0`)
    expect((await ask(port, "/zoned", { headers: { "x-to": `192.0.2.1:80, 127.0.0.1:${far.port}` } })).status).toBe(200)
    expect([near.requests, far.requests]).toEqual([6, 1])
    await near.close()
    for (let n = 0; n < 6; n++) expect((await ask(port, "/zoned")).status).toBe(200)
    expect(far.requests).toBe(7)
    const told = await sluice(["explain", `http://localhost:${port}/zoned`, "--allow-loopback", join(place.path, "m.yaml")])
    expect(told.out).toContain("round robin; those of the proxy's own zone first; an address that a request names in x-to before all")
  } finally {
    await child.end("SIGKILL")
  }
}, 60_000)
