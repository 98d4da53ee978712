// A credential on the wire: in place of the client's own field, to the verified peer alone, as the Secret has it now, and else nothing is sent.
import { PassThrough } from "node:stream"
import { assert, describe, it } from "vitest"
import type { Credential } from "#src/snapshot/upstream.ts"
import { systemTrust } from "#src/translate/destination.ts"
import { makeAuthority } from "../../support/certificates.ts"
import { at, exchange, handNames, liveUpstream, named } from "../../support/live.ts"
import { drip, startOrigin } from "../../support/origin.ts"
import { startTold } from "../../support/told.ts"
import { secretsOf, secured, vendors } from "./secured.ts"

const bearer: Credential = { kind: "Static", header: "Authorization", form: "Bearer", secret: "s" }
const apiKey: Credential = { kind: "Static", header: "X-Api-Key", form: "Header", secret: "s" }
const values = (headers: ReadonlyArray<readonly [string, string]>, name: string) =>
  headers.filter(([key]) => key.toLowerCase().replaceAll("_", "-") === name).map(([, value]) => value)

describe("a credential", () => {
  it("is sent, once, in place of what the client sent in that field, however that was spelt", async () => {
    await using road = await secured(apiKey, secretsOf({ s: "k-1" }))
    const headers = ["x-api-key", "mine", "X-API-KEY", "", "x_api_key", "mine", "X-Api-Keys", "other", "accept", "*/*"]
    const outcome = await exchange(road.upstream, { headers })
    assert.strictEqual(outcome.status, 200)
    const [seen] = road.origin.seen
    assert.deepEqual(values(seen!.headers, "x-api-key"), ["k-1"])
    assert.deepEqual([seen!.header("x-api-keys"), seen!.header("accept")], ["other", "*/*"])
  })

  it("whose field is written with an underscore is sent in place of every spelling, too", async () => {
    await using road = await secured({ ...apiKey, header: "X_Api_Key" }, secretsOf({ s: "k-1" }))
    await exchange(road.upstream, { headers: ["x-api-key", "mine", "X_Api_Key", "mine"] })
    assert.deepEqual(values(road.origin.seen[0]!.headers, "x-api-key"), ["k-1"])
  })

  it("leaves the caller's list as it was: another try begins with it", async () => {
    await using road = await secured(bearer, secretsOf({ s: "Bearer t" }))
    const headers = ["authorization", "Basic bWluZQ=="]
    await exchange(road.upstream, { headers })
    assert.deepEqual(headers, ["authorization", "Basic bWluZQ=="])
    assert.deepEqual(values(road.origin.seen[0]!.headers, "authorization"), ["Bearer t"])
  })

  it("goes with a body and with an upgrade too", async () => {
    await using road = await secured(bearer, secretsOf({ s: "Bearer t" }))
    const body = new PassThrough()
    body.end("abc")
    await exchange(road.upstream, { method: "POST", path: "/echo", body, contentLength: 3 })
    await exchange(road.upstream, { upgrade: "websocket" })
    assert.deepEqual(
      road.origin.seen.map((one) => one.header("authorization")),
      ["Bearer t", "Bearer t"]
    )
  })

  it("goes again with the repetition on a fresh connection", async () => {
    await using road = await secured(bearer, secretsOf({ s: "Bearer t" }), {
      origin: { script: ({ request, socket, reply }) => (request.sequence === 2 ? void socket.destroy() : reply({})) }
    })
    assert.strictEqual((await exchange(road.upstream)).status, 200)
    assert.strictEqual((await exchange(road.upstream)).status, 200)
    assert.deepEqual(
      road.origin.seen.map((one) => one.header("authorization")),
      ["Bearer t", "Bearer t", "Bearer t"]
    )
  })

  it("that has changed is used by the next request, on the connection that stands, while one under way goes on", async () => {
    await using road = await secured(bearer, secretsOf({ s: "Bearer old" }))
    await exchange(road.upstream)
    road.upstream.setMaterial(secretsOf({ s: "Bearer new" }))
    await exchange(road.upstream)
    assert.deepEqual(
      road.origin.seen.map((one) => [one.header("authorization"), one.connection]),
      [
        ["Bearer old", 1],
        ["Bearer new", 1]
      ]
    )
  })

  it("is in no description", async () => {
    await using road = await secured(bearer, secretsOf({ s: "Bearer canary" }))
    await exchange(road.upstream)
    const told = JSON.stringify([road.upstream.describe(), road.upstream.facts()])
    assert.notInclude(told, "canary")
    assert.deepEqual(road.upstream.describe().authentication, { credential: bearer, problem: null, token: null })
  })
})

describe("without its credential a request goes nowhere: credential_unavailable, and", () => {
  it("nobody is dialled where the Secret is not there; when it comes, requests go; when it goes, they end", async () => {
    await using road = await secured(bearer, secretsOf({}))
    const refused = async () => {
      const { failure } = await exchange(road.upstream, { headers: ["authorization", "Bearer mine"] })
      assert.deepEqual([failure?.reason, failure?.sent], ["credential_unavailable", "None"])
    }
    await refused()
    assert.strictEqual(road.origin.connections, 0)
    assert.match(road.upstream.describe().authentication!.problem!, /s cannot be used/)
    road.upstream.setMaterial(secretsOf({ s: "Bearer t" }))
    assert.strictEqual((await exchange(road.upstream)).status, 200)
    road.upstream.setMaterial(secretsOf({}))
    await refused()
    assert.strictEqual(road.origin.requests, 1)
  })

  it("its connection serves others where it went while one was dialled", async () => {
    await using road = await secured(bearer, secretsOf({ s: "Bearer t" }))
    const waiting = exchange(road.upstream)
    road.upstream.setMaterial(secretsOf({}))
    assert.strictEqual((await waiting).failure?.reason, "credential_unavailable")
    road.upstream.setMaterial(secretsOf({ s: "Bearer t" }))
    assert.strictEqual((await exchange(road.upstream)).status, 200)
    assert.deepEqual([road.origin.connections, road.origin.requests], [1, 1])
    const { pool } = road.upstream.describe()
    assert.deepEqual([pool.active, pool.idle], [0, 1])
  })

  it("its connection serves nobody else where it has told whose request it carries", async () => {
    const { chain, key } = await (await vendors()).leaf({ dns: ["api.vendor.test"] })
    await using told = await startTold({ chain, key })
    const names = handNames()
    names.set("api.vendor.test", { addresses: ["127.0.0.1"] })
    await using upstream = await liveUpstream({
      endpoints: [named("api.vendor.test", told.port, { tls: true })],
      spec: { credential: bearer, tls: systemTrust, proxyProtocol: "V1" },
      ...{ names, material: secretsOf({ s: "Bearer t" }), trust: [(await vendors()).certificate] }
    })
    const client = (n: number) => ({ source: `198.51.100.${n}`, sourcePort: n, destination: "203.0.113.1", destinationPort: 443 })
    const waiting = exchange(upstream, { client: client(1) })
    upstream.setMaterial(secretsOf({}))
    assert.strictEqual((await waiting).failure?.reason, "credential_unavailable")
    assert.deepEqual([upstream.describe().pool.idle, upstream.describe().pool.active], [0, 0])
    upstream.setMaterial(secretsOf({ s: "Bearer t" }))
    assert.strictEqual((await exchange(upstream, { client: client(2) })).body.toString(), "PROXY TCP4 198.51.100.2 203.0.113.1 2 443")
  })

  it.each([
    ["over plaintext", { endpoint: { tls: false }, origin: { tls: undefined } }, {}],
    ["to a peer that is not verified", { spec: { tls: { ...systemTrust, verify: false } } }, {}],
    ["under the client's Host", { spec: { identity: { host: "Request", sni: null, certificateName: null } } }, {}],
    ["under a Host that a route writes", {}, { hostOverride: "other.vendor.test" }]
  ] as const)("%s, whatever the snapshot says", async (_name, options, request) => {
    await using road = await secured(bearer, secretsOf({ s: "Bearer t" }), options as Parameters<typeof secured>[2])
    const { failure } = await exchange(road.upstream, request)
    assert.deepEqual([failure?.reason, failure?.sent], ["credential_unavailable", "None"])
    assert.strictEqual(road.origin.requests, 0)
  })

  it("a certificate of another name or authority ends the connection before", async () => {
    const others = await makeAuthority()
    const { chain, key } = await others.leaf({ dns: ["api.vendor.test"] })
    await using road = await secured(bearer, secretsOf({ s: "Bearer t" }), { origin: { tls: { cert: chain, key } } })
    assert.strictEqual((await exchange(road.upstream)).failure?.reason, "tls_unknown_ca")
    assert.strictEqual(road.origin.requests, 0)
  })
})

describe("many that wait", () => {
  it("for one connection all end when the credential goes, without a deep stack", async () => {
    await using road = await secured(bearer, secretsOf({ s: "Bearer t" }), {
      origin: { script: drip(3, 10) },
      live: { limits: { maxConnections: 1, maxPending: 5_000 } }
    })
    const first = exchange(road.upstream)
    const rest = Array.from({ length: 4_000 }, () => exchange(road.upstream))
    await first.head
    road.upstream.setMaterial(secretsOf({}))
    assert.strictEqual((await first).status, 200)
    const reasons = new Set((await Promise.all(rest)).map(({ failure }) => failure?.reason))
    assert.deepEqual([...reasons], ["credential_unavailable"])
    assert.strictEqual(road.origin.requests, 1)
  })
})

it("an upstream without a credential passes on what the client sends", async () => {
  await using origin = await startOrigin()
  await using upstream = await liveUpstream({ endpoints: [at(origin.port)] })
  await exchange(upstream, { headers: ["authorization", "Bearer mine"] })
  assert.strictEqual(origin.seen[0]!.header("authorization"), "Bearer mine")
  assert.isNull(upstream.describe().authentication)
})
