// The way out of an upstream's connections: through a proxy that is asked for a tunnel, and from an address that is given.
import { assert, describe, it } from "vitest"
import type { EgressRules } from "#src/snapshot/egress.ts"
import type { Material } from "#src/snapshot/secret.ts"
import type { Endpoint, Hop, UpstreamTls } from "#src/snapshot/upstream.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startForwardProxy } from "../support/forwardproxy.ts"
import { at, exchange, handNames, liveUpstream, named, specOf } from "../support/live.ts"
import { startOrigin } from "../support/origin.ts"
import { silentHost } from "../support/silent.ts"
import { material as materialOf } from "./dial/dialler.ts"

const hop = (port: number, more: Partial<Hop> = {}): Hop => ({
  at: { _tag: "Address", ip: "127.0.0.1", port },
  tls: null,
  certificateName: null,
  authorization: null,
  ...more
})
const proxied = (name: string, port: number, more: Partial<Endpoint> = {}): Endpoint => named(name, port, { proxied: true, ...more })
const trust: UpstreamTls = { ca: ["ca"], names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" }
const login = (text: string): Material => materialOf("login", { chain: "", key: `Basic ${Buffer.from(text).toString("base64")}` })
const policy = (egress: EgressRules | null) => ({ cluster: [], allowLoopback: true, egress })
const enforce = (...allow: EgressRules["allow"]): EgressRules => ({ mode: "Enforce", allow, permitPrivate: false, sources: [] })

describe("through a proxy", () => {
  it("goes a tunnel to the name, which nobody here resolves; a tunnel is used again", async () => {
    await using origin = await startOrigin({ script: (incoming) => incoming.reply({ body: "hello" }) })
    await using proxy = await startForwardProxy()
    proxy.host("api.example", origin.port)
    const names = handNames()
    await using upstream = await liveUpstream({ endpoints: [proxied("api.example", 8080)], spec: { via: [hop(proxy.port)] }, names })
    for (const path of ["/a", "/b"]) assert.strictEqual((await exchange(upstream, { path })).body.toString(), "hello")
    assert.deepEqual(
      proxy.asked.map(({ authority }) => authority),
      ["api.example:8080"]
    )
    assert.strictEqual(proxy.asked[0]?.headers.host, "api.example:8080")
    assert.deepEqual(
      origin.seen.map(({ target, headers }) => [target, headers.find(([name]) => name === "host")?.[1]]),
      [
        ["/a", "api.example:8080"],
        ["/b", "api.example:8080"]
      ]
    )
    assert.isEmpty(names.watched())
  })

  it("goes TLS to the endpoint, whose certificate is the endpoint's, not the proxy's; over TLS to the proxy too, whose own is verified", async () => {
    const authority = await makeAuthority()
    const [leaf, proxys] = [await authority.leaf({ dns: ["api.example"] }), await authority.leaf({ dns: ["proxy.example"] })]
    const ca = materialOf("ca", { chain: authority.certificate })
    await using origin = await startOrigin({
      tls: { cert: leaf.chain, key: leaf.key },
      script: (incoming) => incoming.reply({ body: "safe" })
    })
    await using plain = await startForwardProxy()
    await using over = await startForwardProxy({ tls: { cert: proxys.chain, key: proxys.key } })
    const through = async (via: Hop) => {
      for (const proxy of [plain, over]) {
        proxy.host("api.example", origin.port)
        proxy.host("other.example", origin.port)
      }
      const live = (name: string) =>
        liveUpstream({ endpoints: [proxied(name, 443, { tls: true })], tls: trust, spec: { via: [via] }, material: () => ca })
      await using good = await live("api.example")
      await using wrong = await live("other.example")
      const [answer, refused] = [await exchange(good), await exchange(wrong)]
      return [answer.failure?.reason ?? answer.body.toString(), refused.failure?.reason]
    }
    assert.deepEqual(await through(hop(plain.port)), ["safe", "tls_name_mismatch"])
    assert.deepEqual(await through(hop(over.port, { tls: trust, certificateName: "proxy.example" })), ["safe", "tls_name_mismatch"])
    const before = over.asked.length
    assert.deepEqual(await through(hop(over.port, { tls: trust, certificateName: "else.example" })), [
      "tls_name_mismatch",
      "tls_name_mismatch"
    ])
    assert.strictEqual(over.asked.length, before)
    assert.deepEqual(
      origin.seen.map(({ servername }) => servername),
      ["api.example", "api.example"]
    )
  })

  it("goes with the credentials of the Secret, to the proxy only; a Secret that changes is used at once", async () => {
    await using origin = await startOrigin({ script: (incoming) => incoming.reply({}) })
    await using proxy = await startForwardProxy({ login: "gateway:s3cret-canary" })
    proxy.host("api.example", origin.port)
    await using upstream = await liveUpstream({
      endpoints: [proxied("api.example", 80)],
      spec: { via: [hop(proxy.port, { authorization: "login" })] },
      material: () => login("gateway:wrong-canary")
    })
    const refused = await exchange(upstream)
    assert.deepEqual([refused.failure?.reason, refused.failure?.sent], ["proxy_refused", "None"])
    assert.include(refused.failure?.detail, "answered 407")
    assert.include(refused.failure?.detail, "does not take these credentials")
    upstream.setMaterial(() => login("gateway:s3cret-canary"))
    assert.strictEqual((await exchange(upstream)).status, 200)
    assert.isFalse(origin.seen.some(({ headers }) => headers.some(([name]) => name.toLowerCase() === "proxy-authorization")))
    upstream.setMaterial(() => {
      throw new Error("gone")
    })
    const gone = await exchange(upstream)
    assert.deepEqual([gone.failure?.reason, gone.failure?.detail.includes("credentialsRef")], ["proxy_refused", true])
    assert.notInclude(JSON.stringify([refused.failure, gone.failure, upstream.describe(), upstream.facts()]), "canary")
  })

  it("that makes no way is told by what it said, and another endpoint is tried", async () => {
    await using origin = await startOrigin({ script: (incoming) => incoming.reply({}) })
    const told = async (answer: string | null, timeouts = {}) => {
      await using proxy = await startForwardProxy({ answer: () => answer })
      await using upstream = await liveUpstream({ endpoints: [proxied("api.example", 443)], spec: { via: [hop(proxy.port)] }, timeouts })
      const { failure } = await exchange(upstream)
      return [failure?.reason, failure?.detail.replace(/127\.0\.0\.1:\d+/, "P"), failure?.sent]
    }
    assert.deepEqual(await told("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"), [
      "proxy_refused",
      "the proxy P answered 403 when it was asked for api.example:443",
      "None"
    ])
    assert.deepEqual(await told("HTTP/1.1 407 No\r\n\r\n"), [
      "proxy_refused",
      "the proxy P answered 407 when it was asked for api.example:443: it wants credentials (egressPath.proxy.credentialsRef)",
      "None"
    ])
    assert.deepEqual(await told("SSH-2.0-OpenSSH\r\n\r\n"), ["proxy_refused", "P does not answer as an HTTP proxy", "None"])
    assert.deepEqual(await told(`HTTP/1.1 200 OK\r\nX: ${"x".repeat(20_000)}`), [
      "proxy_refused",
      "P does not answer as an HTTP proxy",
      "None"
    ])
    assert.deepEqual(await told(""), ["proxy_refused", "the proxy P closed the connection when it was asked for api.example:443", "None"])
    await using proxy = await startForwardProxy({ answer: () => "HTTP/1.1 502 Bad Gateway\r\n\r\n" })
    await using both = await liveUpstream({ endpoints: [proxied("api.example", 443), at(origin.port)], spec: { via: [hop(proxy.port)] } })
    for (let n = 0; n < 2; n++) assert.strictEqual((await exchange(both)).status, 200)
  })

  it("that answers nothing costs the connect timeout", async () => {
    const silent = await silentHost()
    await using proxy = await startForwardProxy({ answer: () => "HTTP/1.1 103 Early Hints\r\n\r\n" })
    await using dead = await liveUpstream({
      endpoints: [proxied("api.example", 80)],
      spec: { via: [hop(silent.port)] },
      timeouts: { connect: 150 }
    })
    await using upstream = await liveUpstream({ endpoints: [proxied("api.example", 80)], spec: { via: [hop(proxy.port)] } })
    assert.strictEqual((await exchange(dead)).failure?.reason, "connect_timeout")
    assert.strictEqual((await exchange(upstream)).failure?.reason, "proxy_refused")
    await silent.close()
  })

  it("goes nothing that the proxy or its target may not be", async () => {
    await using origin = await startOrigin({ script: (incoming) => incoming.reply({}) })
    await using proxy = await startForwardProxy()
    proxy.host("api.example", origin.port)
    const told = async (endpoint: Endpoint, addresses: ReturnType<typeof policy>, via = hop(proxy.port)) => {
      await using upstream = await liveUpstream({ endpoints: [endpoint], spec: { via: [via], addresses } })
      const { failure, status } = await exchange(upstream)
      return failure?.reason ?? status
    }
    const here = { hosts: [], ports: [], cidrs: ["127.0.0.0/8"] }
    const api = { hosts: ["api.example"], ports: [443], cidrs: [] }
    const endpoint = proxied("api.example", 443)
    assert.strictEqual(await told(endpoint, policy(enforce(here, api))), 200)
    assert.strictEqual(await told(endpoint, policy(enforce(here))), "egress_denied")
    assert.strictEqual(await told(endpoint, policy(enforce(api))), "egress_denied")
    assert.strictEqual(await told(proxied("api.example", 80), policy(enforce(here, api))), "egress_denied")
    // Where the name leads is the proxy's to know: an entry that says where it may lead does not hold here.
    assert.strictEqual(await told(endpoint, policy(enforce(here, { ...api, cidrs: ["203.0.113.0/24"] }))), "egress_denied")
    const literal = at(80, { ip: "169.254.169.254", proxied: true })
    assert.strictEqual(await told(literal, policy(null)), "address_denied")
    assert.strictEqual(await told(endpoint, { ...policy(null), allowLoopback: false }), "address_denied")
    assert.deepEqual(
      proxy.asked.map(({ authority }) => authority),
      ["api.example:443"]
    )
  })

  it("of a name goes by our own DNS, and what is said of the endpoint is of the proxy's name", async () => {
    await using origin = await startOrigin({ script: (incoming) => incoming.reply({}) })
    await using proxy = await startForwardProxy()
    proxy.host("api.example", origin.port)
    const names = handNames()
    const via = hop(proxy.port, { at: { _tag: "Name", name: "proxy.example", port: proxy.port, srv: false } })
    await using upstream = await liveUpstream({ endpoints: [proxied("api.example", 443)], spec: { via: [via] }, names })
    const waiting = exchange(upstream)
    names.set("proxy.example", { addresses: ["127.0.0.1"] })
    assert.strictEqual((await waiting).status, 200)
    assert.deepEqual(names.watched(), ["proxy.example"])
    const told = upstream.facts().endpoints?.[0]
    assert.deepEqual([told?.name, told?.resolution, told?.addresses], ["api.example:443", "Fresh", 1])
    assert.strictEqual((await exchange(upstream)).peer?.address, `127.0.0.1:${proxy.port}`)
  })

  it("goes none but the endpoints that are said to", async () => {
    await using origin = await startOrigin({ script: (incoming) => incoming.reply({}) })
    await using proxy = await startForwardProxy()
    await using upstream = await liveUpstream({ endpoints: [at(origin.port)], spec: { via: [hop(proxy.port)] } })
    assert.strictEqual((await exchange(upstream)).status, 200)
    assert.isEmpty(proxy.peers)
    // One that is said to, and no proxy is there, goes nowhere.
    await using none = await liveUpstream({ endpoints: [at(origin.port, { proxied: true })], spec: specOf({ endpoints: [] }) })
    assert.strictEqual((await exchange(none)).failure?.reason, "proxy_refused")
  })
})

describe("from an address", () => {
  it("of the family that is dialled; a family without one is not dialled", async () => {
    const peers: Array<string> = []
    await using origin = await startOrigin({
      script: (incoming) => incoming.reply({}),
      accept: (_, socket) => peers.push(socket.remoteAddress ?? "") > 0
    })
    const told = async (sourceAddresses: ReadonlyArray<string>) => {
      await using upstream = await liveUpstream({ endpoints: [at(origin.port)], spec: { sourceAddresses } })
      const { failure, status } = await exchange(upstream)
      return failure === null ? status : `${failure.reason}: ${failure.detail}`
    }
    assert.strictEqual(await told(["::1", "127.0.0.9"]), 200)
    assert.deepEqual(peers, ["127.0.0.9"])
    assert.strictEqual(
      await told(["::1"]),
      "connect_unreachable: 127.0.0.1 is not dialled: egressPath.sourceAddresses has no address of its family"
    )
    assert.match(
      String(await told(["192.0.2.77"])),
      /^connect_unreachable: 127.0.0.1:\d+ from 192.0.2.77 cannot be dialled: that is no address of this machine/
    )
    assert.deepEqual(peers, ["127.0.0.9"])
  })

  it("goes to the proxy, too", async () => {
    await using origin = await startOrigin({ script: (incoming) => incoming.reply({}) })
    await using proxy = await startForwardProxy()
    proxy.host("api.example", origin.port)
    await using upstream = await liveUpstream({
      endpoints: [proxied("api.example", 80)],
      spec: { via: [hop(proxy.port)], sourceAddresses: ["127.0.0.8"] }
    })
    assert.strictEqual((await exchange(upstream)).status, 200)
    assert.deepEqual(proxy.peers, ["127.0.0.8"])
  })
})
