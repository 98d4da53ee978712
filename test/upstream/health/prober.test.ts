// Looks at addresses, on real sockets: what each type asks and takes for well, how many it takes, and what a look may never do.
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import type { EgressRules } from "#src/snapshot/egress.ts"
import type { HealthCheck } from "#src/snapshot/health.ts"
import { silentObserver } from "#src/upstream/upstream.ts"
import { type Authority, makeAuthority } from "../../support/certificates.ts"
import { at, exchange, handNames, type LiveOptions, liveUpstream, named, type TestUpstream, until } from "../../support/live.ts"
import { type Origin, type Script, startOrigin } from "../../support/origin.ts"
import { freePort } from "../../support/port.ts"

const http = { _tag: "Http", method: "GET", path: "/healthz", host: null, expected: [200] } as const

const check: HealthCheck = {
  ...{ probe: http, port: null, interval: 100, timeout: 5_000 },
  ...{ unhealthyThreshold: 1, healthyThreshold: 1, panic: 50 }
}

const watched = (options: LiveOptions, more: Partial<HealthCheck> = {}): Promise<TestUpstream> =>
  liveUpstream({ ...options, spec: { ...options.spec, health: { ...check, ...more } } })

const answers =
  (status: number): Script =>
  (incoming) =>
    incoming.reply({ status })
const silent: Script = () => new Promise<void>(() => {})

const why = (upstream: TestUpstream): string | undefined => upstream.facts().health?.why
const passed = (upstream: TestUpstream): number => upstream.describe().health!.probes["passed"] ?? 0
const failed = (upstream: TestUpstream): number => upstream.describe().health!.probes["failed"] ?? 0

/** What an endpoint that is alone is found to be. */
const verdict = async (options: LiveOptions, more: Partial<HealthCheck> = {}): Promise<string> => {
  await using upstream = await watched(options, more)
  await until(() => passed(upstream) + failed(upstream) > 0)
  return why(upstream)!
}

let authority: Authority
let pair: { readonly cert: string; readonly key: string }
beforeAll(async () => {
  authority = await makeAuthority()
  const { chain, key } = await authority.leaf({ dns: ["good.test"] })
  pair = { cert: chain, key }
})
afterAll(() => {})

describe("an address that fails its looks", () => {
  it("gets no requests, until it is well again", async () => {
    await using a = await startOrigin({ script: answers(500) })
    await using b = await startOrigin({ script: answers(200) })
    await using upstream = await watched({ endpoints: [at(a.port), at(b.port)] })
    await until(() => upstream.facts().health!.out === 1 && passed(upstream) > 0)
    assert.deepInclude(upstream.facts(), { addresses: 2, healthy: 1, health: { out: 1, why: "health check: answered 500" } })
    for (let n = 0; n < 10; n++) assert.strictEqual((await exchange(upstream)).peer?.address, `127.0.0.1:${b.port}`)
    a.script = answers(200)
    await until(() => upstream.facts().healthy === 2)
    assert.strictEqual(why(upstream), "")
    const peers = new Set<string | undefined>()
    for (let n = 0; n < 4; n++) peers.add((await exchange(upstream)).peer?.address)
    assert.strictEqual(peers.size, 2)
  })

  it("takes as many failures in a row as the threshold says, and as many good looks to be back; the first look decides alone", async () => {
    await using a = await startOrigin({ script: answers(200) })
    await using upstream = await watched({ endpoints: [at(a.port)] }, { unhealthyThreshold: 3, healthyThreshold: 2 })
    await until(() => passed(upstream) > 0)
    // Two of three, and one good look between.
    let left = 2
    a.script = (incoming) => incoming.reply({ status: left-- > 0 ? 500 : 200 })
    const before = passed(upstream)
    await until(() => passed(upstream) > before && failed(upstream) === 2)
    assert.strictEqual(upstream.facts().health?.out, 0)
    a.script = answers(500)
    await until(() => upstream.facts().health?.out === 1)
    assert.strictEqual(failed(upstream), 5)
    a.script = answers(200)
    const well = passed(upstream)
    await until(() => upstream.facts().health?.out === 0)
    assert.strictEqual(passed(upstream) - well, 2)

    await using b = await startOrigin({ script: answers(500) })
    assert.strictEqual(await verdict({ endpoints: [at(b.port)] }, { unhealthyThreshold: 100 }), "health check: answered 500")
  })

  it("that is the last takes requests all the same, unless health is never ignored", async () => {
    await using a = await startOrigin({ script: answers(500) })
    for (const [panic, reason] of [
      [50, null],
      [0, "no_healthy"]
    ] as const) {
      await using upstream = await watched({ endpoints: [at(a.port)] }, { panic })
      await until(() => upstream.facts().health?.out === 1)
      assert.strictEqual((await exchange(upstream)).failure?.reason ?? null, reason)
      assert.strictEqual(upstream.describe().health?.panic, reason === null)
    }
  })

  it("leaves its requests to the next tier", async () => {
    await using a = await startOrigin({ script: answers(503) })
    await using standby = await startOrigin({ script: answers(200) })
    await using upstream = await watched({ endpoints: [at(a.port), at(standby.port, { tier: 1 })] })
    await until(() => upstream.facts().health?.out === 1)
    assert.strictEqual(upstream.facts().tier, 1)
    assert.strictEqual((await exchange(upstream)).peer?.address, `127.0.0.1:${standby.port}`)
  })

  it("is dialled by itself, and takes requests again at once when a look reaches it", async () => {
    // A port that the other address has free, too: most servers of tests live there.
    await using b = await startOrigin({ host: "127.0.0.2", port: await freePort(), script: answers(200) })
    const names = handNames()
    names.set("many.test", { addresses: ["127.0.0.1", "127.0.0.2"] })
    // Nobody is at the first: a request that is sent there goes to the second.
    await using upstream = await watched(
      { endpoints: [named("many.test", b.port)], names },
      { probe: { _tag: "Tcp" }, unhealthyThreshold: 100 }
    )
    for (let n = 0; n < 2; n++) await exchange(upstream)
    await until(() => upstream.facts().health?.out === 1)
    await using a = await startOrigin({ host: "127.0.0.1", port: b.port, script: answers(200) })
    await until(() => upstream.facts().healthy === 2)
    for (let n = 0; n < 4; n++) await exchange(upstream)
    assert.isAbove(a.requests, 0)
  })

  it("of a request is forgotten by a look that goes as far as requests do, and by no other", async () => {
    const gone = await startOrigin()
    await gone.close()
    await using b = await startOrigin({ script: answers(200) })
    await using elsewhere = await watched({ endpoints: [at(gone.port)] }, { port: b.port })
    await until(() => passed(elsewhere) > 0)
    await exchange(elsewhere)
    const before = passed(elsewhere)
    await until(() => passed(elsewhere) > before + 1)
    assert.deepInclude(elsewhere.facts(), { healthy: 0, health: { out: 0, why: "" } })
    let told = 0
    await using upstream = await watched(
      { endpoints: [at(gone.port)], observer: { onDial: () => {}, onFacts: () => told++ } },
      { unhealthyThreshold: 1_000 }
    )
    await until(() => failed(upstream) > 0)
    await using _back = await startOrigin({ port: gone.port, script: answers(200) })
    await until(() => upstream.facts().healthy === 1)
    assert.isAbove(told, 0)
  })

  it("is one of a name's by itself, and is forgotten when it leaves the answer", async () => {
    await using a = await startOrigin({ host: "127.0.0.1", script: answers(500) })
    await using b = await startOrigin({ host: "127.0.0.2", port: a.port, script: answers(200) })
    const names = handNames()
    names.set("many.test", { addresses: ["127.0.0.1", "127.0.0.2"] })
    await using upstream = await watched({ endpoints: [named("many.test", a.port)], names })
    await until(() => upstream.facts().health?.out === 1)
    for (let n = 0; n < 4; n++) assert.strictEqual((await exchange(upstream)).peer?.address, `127.0.0.2:${b.port}`)
    names.set("many.test", { addresses: ["127.0.0.2"] })
    assert.strictEqual(upstream.facts().health?.out, 0)
    await until(() => a.open === 0)
    const seen = a.requests
    const before = passed(upstream)
    await until(() => passed(upstream) >= before + 3)
    assert.strictEqual(a.requests, seen)
  })
})

describe("what a look asks", () => {
  const asked = async (endpoint: Parameters<typeof named>[2] & object, probe: Partial<typeof http> | object = {}) => {
    await using a = await startOrigin({ script: answers(200) })
    const names = handNames()
    names.set("api.test", { addresses: ["127.0.0.1"] })
    assert.strictEqual(
      await verdict({ endpoints: [named("api.test", a.port, endpoint)], names }, { probe: { ...http, ...probe } as HealthCheck["probe"] }),
      ""
    )
    const { method, target, header } = a.seen[0]!
    return `${method} ${target} ${header("host")?.replace(`:${a.port}`, ":PORT")} ${header("user-agent")} ${header("connection")}`
  }

  it("is the path with the Host that requests have, after the endpoint's own path, on a connection that it closes", async () => {
    assert.strictEqual(await asked({}), "GET /healthz api.test:PORT sluice-health-check close")
    assert.strictEqual(await asked({ pathPrefix: "/v1" }), "GET /v1/healthz api.test:PORT sluice-health-check close")
    assert.strictEqual(await asked({}, { method: "HEAD", host: "probe.test" }), "HEAD /healthz probe.test sluice-health-check close")
  })

  it("is answered well by the statuses that are expected", async () => {
    for (const [status, expected, found] of [
      [204, [200, 204], ""],
      [404, [200, 204], "health check: answered 404"],
      [503, [503], ""]
    ] as const) {
      await using a = await startOrigin({ script: answers(status) })
      assert.strictEqual(await verdict({ endpoints: [at(a.port)] }, { probe: { ...http, expected } }), found)
    }
  })

  it("fails on what is no answer: none in time, a reset, no HTTP, nobody there", async () => {
    const of = async (script: Script, timeout = 15_000): Promise<string> => {
      await using a = await startOrigin({ script })
      return await verdict({ endpoints: [at(a.port)] }, { timeout })
    }
    assert.strictEqual(await of(silent, 1_000), "health check: no answer within 1000 ms")
    assert.strictEqual(await of((incoming) => incoming.reset()), "health check: upstream_reset")
    assert.strictEqual(
      await of(async (incoming) => {
        await incoming.write("no HTTP\r\n\r\n")
      }),
      "health check: upstream_malformed"
    )
    const gone = await startOrigin()
    await gone.close()
    for (const probe of [http, { _tag: "Tcp" }] as const)
      assert.strictEqual(await verdict({ endpoints: [at(gone.port)] }, { probe }), "health check: connect_refused")
  })

  it("of type TCP is a connection and no word, of type TLS a handshake with a certificate that holds", async () => {
    await using plain = await startOrigin({ script: answers(500) })
    assert.strictEqual(await verdict({ endpoints: [at(plain.port)] }, { probe: { _tag: "Tcp" } }), "")
    assert.strictEqual(plain.requests, 0)
    await using secure = await startOrigin({ tls: pair, script: answers(200) })
    const tls = { ca: "System", names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" } as const
    const names = handNames()
    for (const [name, probe, found] of [
      ["good.test", { _tag: "Tls" }, ""],
      ["bad.test", { _tag: "Tls" }, "health check: tls_name_mismatch"],
      ["bad.test", { _tag: "Tcp" }, ""],
      ["good.test", http, ""],
      ["bad.test", http, "health check: tls_name_mismatch"]
    ] as const) {
      names.set(name, { addresses: ["127.0.0.1"] })
      const endpoints = [named(name, secure.port, { tls: true })]
      assert.strictEqual(
        await verdict({ endpoints, names, tls, trust: [authority.certificate] }, { probe }),
        found,
        `${name} ${probe._tag}`
      )
    }
    assert.strictEqual(secure.requests, 1)
    assert.strictEqual(secure.seen[0]!.servername, "good.test")
  })
})

describe("a look", () => {
  it("goes to the port that is said, and to none that a policy refuses", async () => {
    await using a = await startOrigin({ script: answers(500) })
    await using status = await startOrigin({ script: answers(200) })
    const endpoints = [at(a.port)]
    assert.strictEqual(await verdict({ endpoints }, { port: status.port }), "")
    assert.deepEqual([a.requests, status.requests > 0], [0, true])
    const egress: EgressRules = {
      ...{ mode: "Enforce", permitPrivate: true, sources: [] },
      allow: [{ hosts: [], ports: [a.port], cidrs: ["127.0.0.0/8"] }]
    }
    const spec = { addresses: { cluster: [], allowLoopback: true, egress } }
    const before = status.connections
    assert.strictEqual(await verdict({ endpoints, spec }, { port: status.port }), "health check: egress_denied")
    assert.strictEqual(status.connections, before)
  })

  it("is not made at an address that may not be dialled", async () => {
    await using a = await startOrigin({ script: answers(500) })
    await using b = await startOrigin({ script: answers(200) })
    const names = handNames()
    names.set("api.test", { addresses: ["127.0.0.1"] })
    await using clock = await watched({ endpoints: [at(b.port)] })
    await using upstream = await watched({
      endpoints: [named("api.test", a.port)],
      names,
      spec: { addresses: { cluster: [], allowLoopback: false, egress: null } }
    })
    await until(() => passed(clock) > 12)
    assert.deepEqual([a.connections, passed(upstream), failed(upstream)], [0, 0, 0])
  })

  it("is one at a time for an address, and none once the upstream has left the tables or closed", async () => {
    await using a = await startOrigin({ script: silent })
    await using b = await startOrigin({ script: answers(200) })
    await using clock = await watched({ endpoints: [at(b.port)] })
    const upstream = await watched({ endpoints: [at(a.port)] }, { timeout: 60_000 })
    await until(() => a.requests === 1 && passed(clock) > 5)
    const later = passed(clock) + 5
    await until(() => passed(clock) > later)
    assert.strictEqual(a.connections, 1)
    upstream.retire()
    await a.until(({ open }) => open === 0)
    const last = passed(clock) + 15
    await until(() => passed(clock) > last)
    assert.strictEqual(a.connections, 1)
    await upstream.close()
  })

  it("is none at an address that is found once the upstream has left the tables", async () => {
    await using a = await startOrigin({ script: answers(200) })
    await using b = await startOrigin({ host: "127.0.0.2", port: a.port, script: answers(200) })
    await using clock = await watched({ endpoints: [at(a.port)] })
    const names = handNames()
    names.set("many.test", { addresses: ["127.0.0.1"] })
    await using upstream = await watched({ endpoints: [named("many.test", a.port)], names })
    await until(() => passed(upstream) > 0)
    upstream.retire()
    names.set("many.test", { addresses: ["127.0.0.1", "127.0.0.2"] })
    assert.strictEqual(upstream.facts().addresses, 2)
    const [looks, last] = [passed(upstream), passed(clock) + 15]
    await until(() => passed(clock) > last)
    assert.deepEqual([b.connections, passed(upstream)], [0, looks])
  })

  it("is the last one where what it finds has the upstream leave the tables", async () => {
    const told = Promise.withResolvers<void>()
    await using a = await startOrigin({ script: (incoming) => told.promise.then(() => incoming.reply({ status: 500 })) })
    await using b = await startOrigin({ script: answers(200) })
    await using clock = await watched({ endpoints: [at(b.port)] })
    let leave = (): void => {}
    await using upstream = await watched({ endpoints: [at(a.port)], observer: { ...silentObserver, onFacts: () => leave() } })
    leave = () => upstream.retire()
    told.resolve()
    await until(() => upstream.facts().health?.out === 1)
    const last = passed(clock) + 15
    await until(() => passed(clock) > last)
    assert.strictEqual(failed(upstream), 1)
  })

  it("costs the upstream none of its connections, and is no dial or request of its counts", async () => {
    await using a: Origin = await startOrigin({ script: answers(200) })
    await using upstream = await watched({ endpoints: [at(a.port)], limits: { maxConnections: 1 } })
    await until(() => passed(upstream) > 1)
    assert.deepInclude(upstream.describe().pool, { dials: 0, requests: 0, active: 0 })
  })
})
