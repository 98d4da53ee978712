// An upstream over its life: endpoints and names change, addresses drain, TLS material is swapped, and nobody in the middle of a request notices.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { assert, beforeAll, describe, it } from "vitest"
import type { Material, MaterialLookup } from "#src/snapshot/secret.ts"
import { sealPublic } from "#src/snapshot/secret.ts"
import type { UpstreamTls } from "#src/snapshot/upstream.ts"
import { noOwnAddresses, ownAddresses } from "#src/upstream/dial/own.ts"
import { type Authority, makeAuthority } from "../support/certificates.ts"
import { at, exchange, handNames, liveUpstream, named, specOf, until } from "../support/live.ts"
import { drip, echo, startOrigin } from "../support/origin.ts"

const who = { kind: "Secret", namespace: "test", name: "pair", section: null }

const bundle = (id: string, pem: string, version: string): Material => ({
  id,
  ref: { source: who, digest: version },
  chain: pem,
  key: null,
  names: [],
  expires: "2036-01-01T00:00:00Z"
})

const pair = (id: string, chain: string, key: string, version: string): Material => ({
  ...bundle(id, chain, version),
  key: sealPublic(Buffer.from(key))
})

const lookup =
  (...materials: ReadonlyArray<Material>): MaterialLookup =>
  (id) => {
    const found = materials.find((material) => material.id === id)
    if (found === undefined) throw new Error(`no material ${id}`)
    return found
  }

const tls: UpstreamTls = { ca: ["ca"], names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" }

describe("an address that left the answer", () => {
  it("takes no new request, and its stream finishes", async () => {
    await using one = await startOrigin({ host: "127.0.0.1", script: drip(10, 20) })
    await using _two = await startOrigin({ host: "127.0.0.2", port: one.port, script: echo })
    const names = handNames()
    names.set("moving.test", { addresses: ["127.0.0.1"] })
    await using upstream = await liveUpstream({ endpoints: [named("moving.test", one.port)], names })
    const long = exchange(upstream)
    await long.head
    names.set("moving.test", { addresses: ["127.0.0.2"] })
    for (let n = 0; n < 4; n++) assert.strictEqual((await exchange(upstream)).peer?.address, `127.0.0.2:${one.port}`)
    const [endpoint] = upstream.describe().endpoints
    assert.deepEqual(
      endpoint?.addresses.map(({ address, draining, active }) => ({ address, draining, active })),
      [
        { address: `127.0.0.1:${one.port}`, draining: true, active: 1 },
        { address: `127.0.0.2:${one.port}`, draining: false, active: 0 }
      ]
    )
    const outcome = await long
    assert.isNull(outcome.failure)
    assert.include(outcome.body.toString(), "data: 10")
    await one.until(({ open }) => open === 0)
    await until(() => upstream.describe().endpoints[0]?.addresses.length === 1)
    assert.strictEqual(one.requests, 1)
  })

  it("closes its idle connections at once", async () => {
    await using origin = await startOrigin()
    const names = handNames()
    names.set("moving.test", { addresses: ["127.0.0.1"] })
    await using upstream = await liveUpstream({ endpoints: [named("moving.test", origin.port)], names })
    await exchange(upstream)
    names.set("moving.test", { addresses: [] })
    await origin.until(({ open }) => open === 0)
  })

  it("keeps serving when the answer is only stale (law 7)", async () => {
    await using origin = await startOrigin()
    const names = handNames()
    names.set("stale.test", { addresses: ["127.0.0.1"] })
    await using upstream = await liveUpstream({ endpoints: [named("stale.test", origin.port)], names })
    names.set("stale.test", { state: "Stale", addresses: ["127.0.0.1"], reason: "dns_servfail", detail: "SERVFAIL for stale.test" })
    assert.strictEqual((await exchange(upstream)).status, 200)
    assert.deepInclude(upstream.facts(), { resolution: "Stale", detail: "SERVFAIL for stale.test", addresses: 1, healthy: 1 })
  })
})

describe("endpoints that change", () => {
  it("keep the connections and watches of those that stay", async () => {
    await using one = await startOrigin()
    await using two = await startOrigin()
    const names = handNames()
    names.set("stays.test", { addresses: ["127.0.0.1"] })
    await using upstream = await liveUpstream({ endpoints: [named("stays.test", one.port), named("goes.test", 1)], names })
    await exchange(upstream)
    assert.deepEqual(names.watched(), ["stays.test", "goes.test"])
    upstream.setEndpoints([named("stays.test", one.port, { weight: 7 }), at(two.port)])
    await until(() => names.watched().length === 1)
    assert.deepEqual(names.watched(), ["stays.test"])
    for (let n = 0; n < 16; n++) assert.isNull((await exchange(upstream)).failure)
    assert.deepEqual([one.connections, two.connections, two.requests], [1, 1, 2])
  })

  it("down to none answer 503 no_endpoints, and the long request finishes", async () => {
    await using origin = await startOrigin({ script: drip(5, 20) })
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)] })
    const long = exchange(upstream)
    await long.head
    upstream.setEndpoints([])
    assert.strictEqual((await exchange(upstream)).failure?.reason, "no_endpoints")
    assert.isNull((await long).failure)
    await origin.until(({ open }) => open === 0)
    upstream.setEndpoints([at(origin.port)])
    assert.strictEqual((await exchange(upstream)).status, 200)
  })
})

describe("TLS material", () => {
  let first: Authority
  let second: Authority
  beforeAll(async () => {
    first = await makeAuthority("first")
    second = await makeAuthority("second")
  })

  it("is swapped while requests run: new connections use the new, running ones finish on the old", async () => {
    const client = async (authority: Authority, name: string) => authority.leaf({ commonName: name, usage: "client" })
    const [server, a, b] = [
      await first.leaf({ dns: ["localhost"], ip: ["127.0.0.1"] }),
      await client(first, "client-a"),
      await client(first, "client-b")
    ]
    const subjects: Array<string> = []
    await using origin = await startOrigin({
      tls: { cert: server.chain, key: server.key, ca: first.certificate, requestCert: true, rejectUnauthorized: true },
      script: async (incoming) => {
        const { socket } = incoming
        subjects.push(
          "getPeerCertificate" in socket ? ((socket as import("node:tls").TLSSocket).getPeerCertificate().subject.CN as string) : ""
        )
        if (incoming.request.target === "/long") await drip(10, 20)(incoming)
        else await incoming.reply({})
      }
    })
    const ca = bundle("ca", first.certificate, "ca-1")
    await using upstream = await liveUpstream({
      endpoints: [at(origin.port, { tls: true })],
      tls: { ...tls, client: "pair" },
      material: lookup(ca, pair("pair", a.chain, a.key, "pair-1"))
    })
    await exchange(upstream)
    const long = exchange(upstream, { path: "/long" })
    await long.head
    upstream.setMaterial(lookup(ca, pair("pair", a.chain, a.key, "pair-1")))
    assert.isTrue(upstream.describe().pool.active === 1)
    upstream.setMaterial(lookup(ca, pair("pair", b.chain, b.key, "pair-2")))
    for (let n = 0; n < 3; n++) assert.isNull((await exchange(upstream)).failure)
    assert.include((await long).body.toString(), "data: 10")
    assert.deepEqual(subjects, ["client-a", "client-a", "client-b", "client-b", "client-b"])
    assert.strictEqual(origin.connections, 2)
    assert.isNotNull(upstream.facts().certificateExpires)
    assert.include(upstream.describe().endpoints[0]?.addresses[0]?.tls?.issuer, "first")
  })

  it("that no longer trusts the peer refuses new connections, with the label", async () => {
    const server = await first.leaf({ ip: ["127.0.0.1"] })
    await using origin = await startOrigin({ tls: { cert: server.chain, key: server.key } })
    await using upstream = await liveUpstream({
      endpoints: [at(origin.port, { tls: true })],
      tls,
      material: lookup(bundle("ca", first.certificate, "1"))
    })
    assert.strictEqual((await exchange(upstream)).status, 200)
    upstream.setMaterial(lookup(bundle("ca", second.certificate, "2")))
    assert.include(["tls_unknown_ca", "tls_self_signed"], (await exchange(upstream)).failure?.reason)
    assert.strictEqual(upstream.facts().lastFailure, (await exchange(upstream)).failure?.reason)
    upstream.setMaterial(lookup(bundle("ca", first.certificate, "3")))
    assert.strictEqual((await exchange(upstream)).status, 200)
    assert.isNull(upstream.facts().lastFailure)
  })

  it("that is missing fails the requests and says so, without a crash", async () => {
    await using upstream = await liveUpstream({ endpoints: [at(1, { tls: true })], tls, material: lookup() })
    const { failure } = await exchange(upstream)
    assert.strictEqual(failure?.reason, "tls_handshake")
    assert.include(failure?.detail, "ca")
  })
})

describe("an upstream that left the tables", () => {
  it("is released when nobody holds it, not before", async () => {
    await using upstream = await liveUpstream({ endpoints: [] })
    const one = upstream.hold()
    const two = upstream.hold()
    let released = false
    const waiting = Effect.runPromise(upstream.released).then(() => {
      released = true
    })
    one[Symbol.dispose]()
    one[Symbol.dispose]()
    two[Symbol.dispose]()
    assert.strictEqual(upstream.holders, 0)
    const three = upstream.hold()
    upstream.retire()
    await new Promise(setImmediate)
    assert.isFalse(released)
    assert.isTrue(upstream.retired)
    three[Symbol.dispose]()
    await waiting
  })

  it("closes every connection and fails every request when its scope closes", async () => {
    await using origin = await startOrigin({ script: (incoming) => incoming.closed })
    const upstream = await liveUpstream({ endpoints: [at(origin.port)], limits: { maxConnections: 1 } })
    const running = [exchange(upstream), exchange(upstream)]
    await origin.until(({ requests }) => requests === 1)
    await upstream.close()
    const outcomes = await Promise.all(running)
    assert.deepEqual(
      outcomes.map(({ failure }) => failure?.reason),
      ["upstream_reset", "upstream_unsent"]
    )
    await origin.until(({ open }) => open === 0)
    assert.strictEqual((await exchange(upstream)).failure?.reason, "no_endpoints")
  })
})

describe("what is told", () => {
  it("is ready when each name was tried once", async () => {
    const names = handNames()
    await using upstream = await liveUpstream({ endpoints: [named("a.test", 80), named("b.test", 80), at(1)], names })
    let ready = false
    const waiting = Effect.runPromise(upstream.ready).then(() => {
      ready = true
    })
    names.set("a.test", { addresses: ["127.0.0.1"] })
    await new Promise(setImmediate)
    assert.isFalse(ready)
    names.set("b.test", { state: "Failed", reason: "dns_nxdomain", detail: "NXDOMAIN for b.test" })
    await waiting
    assert.deepInclude(upstream.facts(), { resolution: "Failed", detail: "NXDOMAIN for b.test", addresses: 2 })
  })

  it("a defect in a watch does not leave the name unwatched", async () => {
    const names = handNames()
    names.set("a.test", { addresses: ["127.0.0.1"] })
    let watches = 0
    const failing: typeof names = {
      ...names,
      watch: (...asked) => (++watches === 1 ? Effect.die(new Error("a bug of ours")) : names.watch(...asked))
    }
    await using upstream = await liveUpstream({ endpoints: [named("a.test", 80)], names: failing })
    assert.strictEqual(upstream.facts().resolution, "Pending")
    await until(() => upstream.facts().resolution === "Fresh")
    assert.strictEqual(watches, 2)
  })

  it("is that literals need no resolution", async () => {
    await using upstream = await liveUpstream({ endpoints: [at(1)] })
    await Effect.runPromise(upstream.ready)
    assert.deepInclude(upstream.facts(), { resolution: "NotNeeded", detail: "", addresses: 1, healthy: 1, lastFailure: null })
  })

  it("is a refusal, with the rule, for a name that leads only where nobody may go: nothing is dialled", async () => {
    await using origin = await startOrigin()
    const names = handNames()
    names.set("inside.test", { addresses: ["127.0.0.1", "169.254.169.254"] })
    await using upstream = await liveUpstream({
      endpoints: [named("inside.test", origin.port)],
      names,
      spec: { addresses: { cluster: [], allowLoopback: false, egress: null } }
    })
    const { failure } = await exchange(upstream)
    assert.strictEqual(failure?.reason, "address_denied")
    assert.strictEqual(upstream.facts().resolution, "Refused")
    assert.include(upstream.facts().detail, "loopback")
    assert.deepInclude(upstream.describe().pool, { dials: 0 })
    assert.strictEqual(origin.connections, 0)
  })

  it("is a refusal when a listener of ours opens at the address, and is none any more when it has closed", async () => {
    await using origin = await startOrigin()
    let own = noOwnAddresses
    const endpoint = at(origin.port)
    await using upstream = await liveUpstream({ endpoints: [endpoint], own: () => own, limits: { maxRequestsPerConnection: 1 } })
    assert.strictEqual((await exchange(upstream)).status, 200)
    own = ownAddresses([{ address: "127.0.0.1", port: origin.port }])
    assert.strictEqual((await exchange(upstream)).failure?.reason, "address_denied")
    assert.deepInclude(upstream.facts(), { resolution: "Refused", addresses: 0 })
    assert.include(upstream.facts().detail, "this gateway's own address")
    own = noOwnAddresses
    assert.strictEqual((await exchange(upstream)).status, 200)
    assert.strictEqual(upstream.facts().resolution, "NotNeeded")
    assert.strictEqual(origin.connections, 2)
  })

  it("changes only when something changed, never for traffic", async () => {
    await using origin = await startOrigin()
    let told = 0
    const dials: Array<string> = []
    await using upstream = await liveUpstream({
      endpoints: [at(origin.port)],
      observer: { onFacts: () => told++, onDial: (_, outcome) => dials.push(outcome._tag) }
    })
    const before = told
    for (let n = 0; n < 5; n++) await exchange(upstream)
    assert.strictEqual(told, before)
    assert.deepEqual(dials, ["Dialled"])
    await origin.close()
    await until(() => upstream.describe().pool.idle === 0)
    for (let n = 0; n < 3; n++) await exchange(upstream)
    assert.strictEqual(told, before + 1)
  })

  it("is one address for a Unix socket, which is dialled as it is written", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-"))
    const path = join(folder, "origin.sock")
    await using origin = await startOrigin({ path })
    await using upstream = await liveUpstream({ endpoints: [at(0, { at: { _tag: "Unix", path } })] })
    const outcome = await exchange(upstream)
    assert.strictEqual(outcome.status, 200)
    assert.strictEqual(outcome.peer?.address, path)
    assert.strictEqual(origin.seen[0]?.header("host"), "localhost")
    assert.deepInclude(upstream.facts(), { resolution: "NotNeeded", addresses: 1 })
    rmSync(folder, { recursive: true })
  })

  it("names its spec", async () => {
    await using upstream = await liveUpstream({ endpoints: [at(1)] })
    assert.deepEqual(upstream.spec, specOf({ endpoints: [] }))
    assert.deepInclude(upstream.describe(), { id: "test", namespace: "test", target: "test", retired: false, holders: 0 })
  })
})
