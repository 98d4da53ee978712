// Tokens (RFC 6749 section 4.4): one asking for all, again before the end, never used after it, and from nobody but the verified token endpoint.
import { assert, describe, it, vi } from "vitest"
import type { Credential, OAuth2Credential } from "#src/snapshot/upstream.ts"
import type { UpstreamRequest } from "#src/upstream/attempt.ts"
import { OAuth2Authentication } from "#src/upstream/credential/oauth2.ts"
import type { Elsewhere } from "#src/upstream/elsewhere.ts"
import { exchange, until } from "../../support/live.ts"
import type { Exchange, Origin } from "../../support/origin.ts"
import { secretsOf, secured } from "./secured.ts"

const oauth2 =
  (more: Partial<OAuth2Credential> = {}) =>
  (port: number): Credential => ({
    kind: "OAuth2",
    endpoint: { name: "token.vendor.test", port, target: "/oauth2/token?tenant=a", ca: "System" },
    client: "shop",
    authentication: "Basic",
    scopes: [],
    audience: null,
    secret: "s",
    ...more
  })

type Answer = (exchange: Exchange, asked: number) => void | Promise<void>

const json = (exchange: Exchange, body: unknown, status = 200) =>
  exchange.reply({ status, headers: [["Content-Type", "application/json"]], body: JSON.stringify(body) })
const numbered: Answer = (exchange, asked) => json(exchange, { access_token: `t-${asked}`, token_type: "Bearer", expires_in: 100 })

/** API and token endpoint are one server with two names. The clock stands, from a moment of its own on. */
const world = async (answer: Answer = numbered, more: Partial<OAuth2Credential> = {}, secrets: Record<string, string> = { s: "p:w d" }) => {
  const bodies: Array<string> = []
  let asked = 0
  let clock = 1_000_000
  const watch = { count: () => {} }
  let told = 0
  const play = { answer, api: (exchange: Exchange): void | Promise<void> => exchange.reply({ body: "ok" }) }
  const road = await secured(oauth2(more), secretsOf(secrets), {
    origin: {
      script: async (exchange) => {
        if (!exchange.request.target.startsWith("/oauth2")) return play.api(exchange)
        bodies.push((await exchange.read()).toString())
        return play.answer(exchange, ++asked)
      }
    },
    live: { now: () => clock, observer: { onDial: () => {}, onFacts: () => watch.count() } }
  })
  let last = road.upstream.facts().lastFailure
  watch.count = () => {
    const { lastFailure } = road.upstream.facts()
    if (lastFailure !== last) told++
    last = lastFailure
  }
  const of = (origin: Origin, token: boolean) => origin.seen.filter(({ target }) => target.startsWith("/oauth2") === token)
  return Object.assign(road, {
    play,
    bodies,
    pass: (milliseconds: number) => {
      clock += milliseconds
    },
    asked: () => asked,
    /** How often the state of its credential was told. */
    told: () => told,
    askings: () => of(road.origin, true),
    sent: () => of(road.origin, false).map(({ header }) => header("authorization")),
    problem: () => road.upstream.describe().authentication!.problem
  })
}
const reasonOf = async (road: Awaited<ReturnType<typeof world>>) => (await exchange(road.upstream)).failure?.reason ?? null

describe("a token", () => {
  it("is asked for with the client credentials when a request needs one, and sent with that one", async () => {
    await using road = await world()
    assert.strictEqual(road.asked(), 0)
    assert.strictEqual((await exchange(road.upstream, { headers: ["Authorization", "Bearer mine"] })).status, 200)
    assert.deepEqual(road.sent(), ["Bearer t-1"])
    const [asking] = road.askings()
    assert.deepEqual([asking!.method, asking!.target, asking!.servername], ["POST", "/oauth2/token?tenant=a", "token.vendor.test"])
    assert.match(asking!.header("host")!, /^token\.vendor\.test:/)
    assert.strictEqual(asking!.header("content-type"), "application/x-www-form-urlencoded")
    // Each part is form-urlencoded before the colon joins them (RFC 6749 section 2.3.1).
    assert.strictEqual(asking!.header("authorization"), `Basic ${Buffer.from("shop:p%3Aw+d").toString("base64")}`)
    assert.deepEqual(road.bodies, ["grant_type=client_credentials"])
  })

  it("for scopes and an audience, with the client in the body", async () => {
    await using road = await world(numbered, { scopes: ["a", "b"], audience: "urn:x", authentication: "Body" })
    await exchange(road.upstream)
    assert.deepEqual(road.bodies, ["grant_type=client_credentials&scope=a+b&audience=urn%3Ax&client_id=shop&client_secret=p%3Aw+d"])
    assert.isUndefined(road.askings()[0]!.header("authorization"))
  })

  it("is one for all requests that wait", async () => {
    await using road = await world(async (asking, n) => {
      await until(() => road.upstream.describe().authentication!.token!.asked === 1)
      await numbered(asking, n)
    })
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => exchange(road.upstream)))
    assert.deepEqual(new Set(outcomes.map(({ status }) => status)), new Set([200]))
    assert.deepEqual([road.asked(), new Set(road.sent())], [1, new Set(["Bearer t-1"])])
  })

  it("serves while a new one is asked for before its end", async () => {
    await using road = await world()
    await exchange(road.upstream)
    road.pass(69_000)
    await exchange(road.upstream)
    assert.strictEqual(road.asked(), 1)
    road.pass(12_000)
    await exchange(road.upstream)
    await until(() => road.asked() === 2 && road.upstream.describe().authentication!.token!.asked === 2)
    assert.strictEqual(road.sent().at(-1), "Bearer t-1")
    await until(() => road.upstream.describe().authentication!.token!.expires === new Date(1_081_000 + 95_000).toISOString())
    await exchange(road.upstream)
    assert.deepEqual([road.sent().at(-1), road.asked()], ["Bearer t-2", 2])
  })

  it("is never used after its end: the request waits for the next", async () => {
    await using road = await world()
    await exchange(road.upstream)
    road.pass(95_000)
    await exchange(road.upstream)
    assert.deepEqual(road.sent(), ["Bearer t-1", "Bearer t-2"])
  })

  it("that the upstream refuses is asked for anew, and not all the time", async () => {
    await using road = await world()
    road.play.api = (one) => one.reply({ status: 401 })
    for (let n = 0; n < 5; n++) await exchange(road.upstream)
    assert.strictEqual(road.asked(), 1)
    road.pass(10_000)
    await exchange(road.upstream)
    await exchange(road.upstream)
    await until(() => road.asked() === 2)
  })

  it("is dropped with the secret that brought it, and asked for with the new one", async () => {
    await using road = await world()
    await exchange(road.upstream)
    road.upstream.setMaterial(secretsOf({ s: "next" }))
    await exchange(road.upstream)
    assert.strictEqual(road.askings()[1]!.header("authorization"), `Basic ${Buffer.from("shop:next").toString("base64")}`)
    road.upstream.setMaterial(secretsOf({}))
    assert.strictEqual(await reasonOf(road), "credential_unavailable")
    assert.deepEqual(road.sent(), ["Bearer t-1", "Bearer t-2"])
  })
})

describe("no token, no request:", () => {
  it.each<readonly [string, Answer, RegExp]>([
    ["refused", (one) => json(one, { error: "invalid_client", error_description: "canary" }, 401), /was answered 401 \(invalid_client\)$/],
    ["an error that is none", (one) => json(one, { error: "canary" }, 400), /was answered 400$/],
    ["redirected", (one) => one.reply({ status: 307, headers: [["Location", "https://canary.test/"]] }), /redirects are not followed/],
    ["no JSON", (one) => one.reply({ body: "canary" }), /without an access_token/],
    ["no token", (one) => json(one, { token_type: "Bearer" }), /without an access_token/],
    ["a token no field can carry", (one) => json(one, { access_token: "canary\r\nX: 1", token_type: "Bearer" }), /without an access_token/],
    ["another type", (one) => json(one, { access_token: "canary", token_type: "mac" }), /other than Bearer/],
    ["over already", (one) => json(one, { access_token: "canary", token_type: "Bearer", expires_in: 0 }), /no time to come/],
    ["too much", (one) => one.reply({ body: `"canary${"x".repeat(70_000)}` }), /more than 65536 bytes/],
    ["cut", (one) => one.reset(), /failed \(upstream_reset/]
  ])("%s", async (_name, answer, why) => {
    await using road = await world(answer)
    const { failure } = await exchange(road.upstream)
    assert.deepEqual([failure?.reason, failure?.sent], ["credential_unavailable", "None"])
    assert.match(failure!.detail, why)
    assert.match(failure!.detail, /^no token: asking https:\/\/token\.vendor\.test\/oauth2\/token /)
    assert.lengthOf(road.sent(), 0)
    assert.strictEqual(road.upstream.facts().lastFailure, "credential_unavailable")
    assert.notInclude(JSON.stringify([failure, road.upstream.describe()]), "canary")
  })

  it("the token endpoint is left alone for a while after a failure, then asked again, and all is well", async () => {
    await using road = await world((one) => json(one, {}, 503))
    for (let n = 0; n < 5; n++) assert.strictEqual(await reasonOf(road), "credential_unavailable")
    assert.strictEqual(road.asked(), 1)
    road.pass(1_600)
    assert.strictEqual(await reasonOf(road), "credential_unavailable")
    assert.strictEqual(road.asked(), 2)
    road.pass(1_600)
    assert.strictEqual(await reasonOf(road), "credential_unavailable")
    assert.strictEqual(road.asked(), 2)
    road.pass(1_600)
    road.play.answer = numbered
    assert.isNull(await reasonOf(road))
    assert.deepEqual([road.asked(), road.problem(), road.upstream.facts().lastFailure], [3, null, null])
  })

  it("a refresh that fails costs nothing until the token is over", async () => {
    await using road = await world()
    await exchange(road.upstream)
    road.play.answer = (one) => json(one, {}, 500)
    road.pass(90_000)
    assert.isNull(await reasonOf(road))
    await until(() => road.upstream.describe().authentication!.token!.lastFailure !== null)
    assert.isNull(await reasonOf(road))
    assert.deepEqual([road.problem(), road.upstream.facts().lastFailure, road.told()], [null, null, 0])
    road.pass(5_000)
    assert.strictEqual(await reasonOf(road), "credential_unavailable")
    assert.deepEqual([road.upstream.facts().lastFailure, road.told()], ["credential_unavailable", 1])
  })

  it("the token endpoint's certificate is another's: not a byte of the secret", async () => {
    const endpoint = { name: "other.vendor.test", target: "/oauth2/token", ca: "System" } as const
    await using road = await secured((port) => oauth2({ endpoint: { ...endpoint, port } })(port), secretsOf({ s: "secret" }))
    const { failure } = await exchange(road.upstream)
    assert.match(failure!.detail, /tls_name_mismatch/)
    assert.deepEqual([failure!.reason, road.origin.requests], ["credential_unavailable", 0])
  })

  it("its address is judged as the upstream's own are", async () => {
    await using road = await secured(oauth2(), secretsOf({ s: "secret" }), {
      spec: { addresses: { cluster: [], allowLoopback: false, egress: null } }
    })
    const { failure } = await exchange(road.upstream)
    assert.match(failure!.detail, /address_denied/)
    assert.strictEqual(road.origin.connections, 0)
  })

  it("an endpoint that does not answer is waited for ten seconds: that asking has failed then, and the next is another", async () => {
    const released = Promise.withResolvers<void>()
    await using road = await world(() => released.promise)
    try {
      const { failure } = await exchange(road.upstream)
      assert.strictEqual(failure!.reason, "credential_unavailable")
      assert.match(failure!.detail, /token\.vendor\.test\/oauth2\/token took more than 10000 ms/)
      road.play.answer = numbered
      road.pass(1_600)
      assert.isNull(await reasonOf(road))
      assert.deepEqual([road.asked(), road.sent()], [2, ["Bearer t-2"]])
    } finally {
      released.resolve()
    }
  })

  it("of another process is waited for longer than that one waits, and an answer at once is one as well", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
    try {
      const problems: Array<string | null> = []
      let [cancelled, atOnce] = [0, false]
      const ask: Elsewhere["ask"] = (_doubted, answer) => {
        if (atOnce) answer({ value: "t", lifetime: 100_000 })
        return { cancel: () => void cancelled++ }
      }
      let clock = 0
      const token = new OAuth2Authentication(oauth2()(443) as OAuth2Credential, secretsOf({ s: "secret" }), {
        ...{ tokens: null, elsewhere: { ask, tokens: () => () => {} }, now: () => clock, random: () => 0, changed: () => {} }
      })
      const request = { method: "GET", path: "/", headers: [] } as unknown as UpstreamRequest
      token.prepare(request, (problem) => problems.push(problem))
      vi.advanceTimersByTime(19_999)
      assert.deepEqual([problems, cancelled], [[], 0])
      vi.advanceTimersByTime(1)
      assert.deepEqual([problems, cancelled], [["no token: nobody answered within 20000 ms"], 1])
      atOnce = true
      clock += 60_000
      token.prepare(request, (problem) => problems.push(problem))
      assert.deepEqual([problems.slice(1), token.held()?.value], [[null], "t"])
      token.close()
    } finally {
      vi.useRealTimers()
    }
  })

  it("a client that leaves while it waits leaves nothing behind", async () => {
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    await using road = await world(async (one, n) => {
      await held
      await numbered(one, n)
    })
    const gone = exchange(road.upstream)
    await until(() => road.asked() === 1)
    gone.attempt.abort()
    release()
    assert.isNull(await reasonOf(road))
    assert.lengthOf(road.sent(), 1)
  })
})
