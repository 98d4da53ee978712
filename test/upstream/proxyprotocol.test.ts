// Connections that begin by telling whose request they carry: none carries another's, and what follows the header is as it would be without.
import { assert, describe, it } from "vitest"
import { makeAuthority } from "../support/certificates.ts"
import { startForwardProxy } from "../support/forwardproxy.ts"
import { at, exchange, liveUpstream, named } from "../support/live.ts"
import { silentHost } from "../support/silent.ts"
import { startTold } from "../support/told.ts"
import { material } from "./dial/dialler.ts"

const client = (n: number) => ({ source: `198.51.100.${n}`, sourcePort: 1000 + n, destination: "203.0.113.1", destinationPort: 443 })
const line = (n: number) => `PROXY TCP4 198.51.100.${n} 203.0.113.1 ${1000 + n} 443`

describe("an upstream with the PROXY protocol", () => {
  it("answers each client over a connection of its own, however they come together", async () => {
    await using told = await startTold()
    await using upstream = await liveUpstream({ endpoints: [at(told.port)], spec: { proxyProtocol: "V1" }, limits: { maxConnections: 3 } })
    const numbers = Array.from({ length: 20 }, (_, n) => n)
    const answers = await Promise.all(numbers.map(async (n) => (await exchange(upstream, { client: client(n) })).body.toString()))
    assert.deepEqual(answers, numbers.map(line))
    assert.strictEqual((await exchange(upstream, { client: client(1) })).body.toString(), line(1))
    assert.strictEqual((await exchange(upstream, { client: client(2) })).body.toString(), line(2))
    assert.strictEqual(told.heads.length, 22)
    assert.deepEqual([upstream.describe().pool.idle, upstream.describe().pool.reused], [0, 0])
  })

  it("gives the connection of a client that left to nobody", async () => {
    const silent = await silentHost()
    await using upstream = await liveUpstream({
      endpoints: [at(silent.port)],
      spec: { proxyProtocol: "V1" },
      limits: { maxConnections: 1 }
    })
    const left = exchange(upstream, { client: client(1) })
    while (upstream.describe().pool.dialling === 0) await new Promise(setImmediate)
    left.attempt.abort()
    const other = exchange(upstream, { client: client(2) })
    silent.wake()
    while (upstream.describe().pool.dials < 2) await new Promise(setImmediate)
    assert.deepEqual([upstream.describe().pool.dialling, upstream.describe().pool.active], [1, 0])
    other.attempt.abort()
    await silent.close()
  })

  it("tells before TLS, and through the tunnel of a proxy", async () => {
    const authority = await makeAuthority()
    const leaf = await authority.leaf({ dns: ["api.example"] })
    await using told = await startTold(leaf)
    await using proxy = await startForwardProxy()
    proxy.host("api.example", told.port)
    await using upstream = await liveUpstream({
      endpoints: [named("api.example", 443, { tls: true, proxied: true })],
      tls: { ca: ["ca"], names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" },
      material: () => material("ca", { chain: authority.certificate }),
      spec: {
        proxyProtocol: "V1",
        via: [{ at: { _tag: "Address", ip: "127.0.0.1", port: proxy.port }, tls: null, certificateName: null, authorization: null }]
      }
    })
    assert.strictEqual((await exchange(upstream, { client: client(7) })).body.toString(), line(7))
    assert.strictEqual((await exchange(upstream)).body.toString(), "PROXY UNKNOWN")
    assert.deepEqual(told.heads, [line(7), "PROXY UNKNOWN"])
  })
})
