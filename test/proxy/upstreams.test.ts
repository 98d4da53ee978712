// What an update says to upstreams that stay: new material, new endpoints, nothing for the others.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { UpstreamTls } from "#src/snapshot/upstream.ts"
import { type Authority, makeAuthority } from "../support/certificates.ts"
import { at, handNames, named } from "../support/live.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { ask, startProxy } from "./harness.ts"
import { material, type Sketch } from "./sketch.ts"

const tls: UpstreamTls = { ca: ["ca"], names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" }

let authority: Authority
let stranger: Authority
let origin: Origin
let plain: Origin
beforeAll(async () => {
  authority = await makeAuthority()
  stranger = await makeAuthority("a stranger")
  const { chain, key } = await authority.leaf({ dns: ["api.example"] })
  origin = await startOrigin({ tls: { cert: chain, key } })
  plain = await startOrigin()
})
afterAll(async () => {
  await origin.close()
  await plain.close()
})

const bundle = (from: Authority) => material("ca", { chain: from.certificate, key: "" }, [])

describe("an upstream that stays", () => {
  it("trusts whom its bundle names from the next connection on, and is the same upstream", async () => {
    const names = handNames()
    names.set("api.example", { addresses: ["127.0.0.1"] })
    const sketch = (trusted: Authority): Sketch => ({
      listeners: { web: { hosts: { "*": [{ to: "secure" }] } } },
      upstreams: { secure: { endpoints: [named("api.example", origin.port, { tls: true })], spec: { tls } } },
      materials: [bundle(trusted)]
    })
    await using proxy = await startProxy(sketch(authority), { names })
    expect((await ask(proxy.port(), "/")).status).toBe(200)
    const before = origin.connections
    await proxy.publish(sketch(stranger))
    expect((await ask(proxy.port(), "/")).status).toBe(502)
    expect((await proxy.logged((line) => line.status === 502)).reason).toBe("tls_unknown_ca")
    await proxy.publish(sketch(authority))
    expect((await ask(proxy.port(), "/")).status).toBe(200)
    expect(origin.connections).toBeGreaterThan(before)
    const [upstream] = proxy.proxy.describe()!.upstreams
    expect(upstream!.description.pool.requests).toBe(2)
  })

  it("keeps its connections when only its endpoints change, and when nothing of it does", async () => {
    const sketch = (more: number): Sketch => ({
      listeners: { web: { hosts: { "*": [{ to: "plain" }] } } },
      upstreams: {
        plain: { endpoints: [at(plain.port), ...Array.from({ length: more }, () => at(plain.port, { weight: 0 }))] },
        [`other-${more}`]: { endpoints: [] }
      }
    })
    await using proxy = await startProxy(sketch(0))
    const before = plain.connections
    for (let n = 0; n < 4; n++) {
      await proxy.publish(sketch(n))
      expect((await ask(proxy.port(), "/")).status).toBe(200)
    }
    expect(plain.connections).toBe(before + 1)
  })
})
