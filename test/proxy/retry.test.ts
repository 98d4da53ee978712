// Retries by the user's rule (law 8), as a client and a backend see them: what is tried again, how often, where, and what is not.
import { Agent } from "node:http"
import { describe, expect, it } from "vitest"
import { defaultLimits } from "#src/snapshot/behaviour.ts"
import type { Retry } from "#src/snapshot/retry.ts"
import type { Deadlines } from "#src/snapshot/route.ts"
import type { Setting } from "#src/snapshot/setting.ts"
import { at } from "../support/live.ts"
import { type Origin, pattern, type Script, startOrigin } from "../support/origin.ts"
import { freePorts } from "../support/port.ts"
import { type Ask, ask, startProxy, type TestProxy } from "./harness.ts"
import { type ListenerSketch, share, type UpstreamSketch } from "./sketch.ts"

interface Road extends AsyncDisposable {
  readonly origins: ReadonlyArray<Origin>
  readonly proxy: TestProxy
  readonly get: (options?: Ask) => ReturnType<typeof ask>
}

interface RoadOptions {
  readonly retry: Setting<Retry>
  readonly deadlines?: Partial<Deadlines>
  readonly spec?: UpstreamSketch["spec"]
  /** Ports where nobody listens, before the origins. */
  readonly dead?: number
  /** Of all of them; 1 each. */
  readonly weights?: ReadonlyArray<number>
}

const by = (more: Partial<Retry> = {}): Retry => ({ codes: [503], attempts: 2, backoff: 1, longest: 10_000, perTry: "Default", ...more })

const road = async (scripts: ReadonlyArray<Script>, { retry, deadlines, spec, dead = 0, weights = [] }: RoadOptions): Promise<Road> => {
  const gone = (await freePorts(dead)).map((port) => ({ port }))
  const origins = await Promise.all(scripts.map((script) => startOrigin({ script })))
  const rule = {
    action: { _tag: "Forward", retry, cache: null, to: [share("a")] },
    ...(deadlines === undefined ? {} : { deadlines })
  } as const
  const listener: ListenerSketch = { hosts: { "*": [rule] } }
  const endpoints = [...gone, ...origins].map(({ port }, index) => at(port, { weight: weights[index] ?? 1 }))
  const proxy = await startProxy({ listeners: { web: listener }, upstreams: { a: { endpoints, ...(spec === undefined ? {} : { spec }) } } })
  return {
    origins,
    proxy,
    get: (options = {}) => ask(proxy.port(), "/", options),
    async [Symbol.asyncDispose]() {
      await proxy.close()
      await Promise.all(origins.map((origin) => origin.close()))
    }
  }
}

/** The first `count` requests are answered so, the others with 200. */
const firstly = (count: number, script: Script): Script => {
  let seen = 0
  return async (incoming) => {
    if (++seen <= count) return script(incoming)
    const body = await incoming.read()
    return incoming.reply({ body: `ok ${body.length}` })
  }
}

const answers =
  (status: number, headers: ReadonlyArray<readonly [string, string]> = []): Script =>
  async (incoming) => {
    await incoming.read()
    await incoming.reply({ status, headers, body: `from ${status}` })
  }

describe("a status that the rule names", () => {
  it("is tried again, on another connection, and never seen by the client", async () => {
    await using it = await road([firstly(2, answers(503))], { retry: by() })
    expect(await it.get()).toMatchObject({ status: 200, body: "ok 0" })
    expect(it.origins[0]!.seen.map(({ connection, sequence }) => [connection, sequence])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1]
    ])
    const line = await it.proxy.logged(({ status }) => status === 200)
    expect(line).toMatchObject({ attempts: 3 })
    expect(line).not.toHaveProperty("retry_withheld")
    expect(await it.proxy.metric("sluice_upstream_retries_total", { upstream: "Service test/a" })).toBe(2)
  })

  it("is relayed when the attempts are used up: the last response, whole", async () => {
    await using it = await road([answers(503, [["X-Mine", "1"]])], { retry: by() })
    expect(await it.get()).toMatchObject({ status: 503, body: "from 503", headers: { "x-mine": "1" } })
    expect(it.origins[0]!.requests).toBe(3)
    expect(await it.proxy.logged(({ status }) => status === 503)).toMatchObject({ attempts: 3, retry_withheld: "attempts", flag: "URX" })
    expect(await it.proxy.metric("sluice_upstream_retries_withheld_total", { why: "attempts" })).toBe(1)
  })

  it("of which it names others passes through", async () => {
    await using it = await road([answers(500)], { retry: by() })
    expect(await it.get()).toMatchObject({ status: 500, body: "from 500" })
    expect(it.origins[0]!.requests).toBe(1)
  })

  it("takes a POST with it, whose body is sent again from the beginning", async () => {
    const bodies: Array<string> = []
    const script: Script = async (incoming) => {
      bodies.push((await incoming.read()).toString("latin1"))
      await incoming.reply({ status: bodies.length < 3 ? 503 : 200 })
    }
    await using it = await road([script], { retry: by() })
    const body = pattern(60_000)
    for (const headers of [{ "Content-Length": body.length }, { "Transfer-Encoding": "chunked" }]) {
      bodies.length = 0
      expect((await it.get({ method: "POST", body, headers })).status).toBe(200)
      expect(bodies.map((text) => text === body.toString("latin1"))).toEqual([true, true, true])
    }
  })

  it("that comes before the body is read is tried again with all of it", async () => {
    let count = 0
    const script: Script = async (incoming) => {
      if (++count === 1) return incoming.reply({ status: 503, close: true })
      return incoming.reply({ body: String((await incoming.read()).length) })
    }
    await using it = await road([script], { retry: by() })
    expect(await it.get({ method: "PUT", body: pattern(60_000) })).toMatchObject({ status: 200, body: "60000" })
  })

  it("is relayed where the body is larger than what is kept", async () => {
    await using it = await road([answers(503)], { retry: by() })
    expect((await it.get({ method: "POST", body: pattern(65_537) })).status).toBe(503)
    expect(it.origins[0]!.requests).toBe(1)
    expect(await it.proxy.logged(({ status }) => status === 503)).toMatchObject({ retry_withheld: "body" })
  })

  it("goes to another endpoint first, whatever its weight", async () => {
    await using it = await road([answers(503), answers(200)], { retry: by({ attempts: 1 }), weights: [1000, 1] })
    for (let n = 0; n < 9; n++) expect((await it.get()).status).toBe(200)
    expect(it.origins[0]!.requests).toBe(9)
  })

  it("goes round again when all have failed it, not back to the one that failed it last", async () => {
    await using it = await road([answers(503), firstly(1, answers(503))], { retry: by({ attempts: 3 }), weights: [1000, 1] })
    expect((await it.get()).status).toBe(200)
    expect(it.origins.map(({ requests }) => requests)).toEqual([2, 2])
  })

  it("comes back to the first endpoint when all have failed it", async () => {
    await using it = await road([firstly(1, answers(503)), firstly(1, answers(503))], { retry: by() })
    expect((await it.get()).status).toBe(200)
    expect(it.origins.map(({ requests }) => requests).sort()).toEqual([1, 2])
  })
})

describe("attempts: 0", () => {
  it("passes codes through, and tries neither a connection nor an answer twice", async () => {
    await using refused = await road([answers(200)], { retry: "Disabled", dead: 1 })
    const statuses = [(await refused.get()).status, (await refused.get()).status].sort()
    expect(statuses).toEqual([200, 503])
    await using stale = await road([firstly(99, (incoming) => (incoming.request.sequence === 1 ? incoming.reply({}) : incoming.reset()))], {
      retry: "Disabled"
    })
    expect((await stale.get()).status).toBe(200)
    expect((await stale.get()).status).toBe(503)
    expect(stale.origins[0]!.requests).toBe(2)
    const line = await stale.proxy.logged(({ status }) => status === 503)
    expect(line).toMatchObject({ reason: "upstream_reset", flag: "UC" })
    expect(line).not.toHaveProperty("retry_withheld")
  })

  it("is not what a rule without the stanza means", async () => {
    await using it = await road([answers(200)], { retry: "Default", dead: 1 })
    for (let n = 0; n < 4; n++) expect((await it.get()).status).toBe(200)
  })
})

describe("a failure before the response", () => {
  it("of the connection is tried again whatever the method, and half the endpoints gone cost nobody anything", async () => {
    await using it = await road([answers(200), answers(200)], { retry: by({ codes: [], attempts: 100 }), dead: 2 })
    for (let n = 0; n < 10; n++) expect((await it.get({ method: n % 2 === 0 ? "POST" : "GET", body: "x" })).status).toBe(200)
  })

  it("of one endpoint is not tried again there while there are others", async () => {
    await using it = await road([answers(200)], { retry: by({ attempts: 1 }), dead: 5, weights: [1000, 1000, 1000, 1000, 1000, 1] })
    expect((await it.get()).status).toBe(200)
  })

  it("of every endpoint is answered as what it was when the attempts are used up", async () => {
    await using it = await road([], { retry: by(), dead: 1 })
    expect((await it.get()).status).toBe(503)
    expect(await it.proxy.logged(({ status }) => status === 503)).toMatchObject({
      reason: "connect_refused",
      attempts: 3,
      retry_withheld: "attempts",
      flag: "UF,URX"
    })
  })

  it("once the request has left is tried again for methods that may be repeated, body or not, and for no other", async () => {
    await using it = await road([firstly(1, (incoming) => incoming.reset())], { retry: by() })
    expect((await it.get({ method: "PUT", body: "abc" })).body).toBe("ok 3")
    await using other = await road([firstly(1, (incoming) => incoming.reset())], { retry: by() })
    expect((await other.get({ method: "POST", body: "abc" })).status).toBe(503)
    expect(other.origins[0]!.requests).toBe(1)
  })
})

describe("a response that has begun", () => {
  it("is never tried again", async () => {
    const script: Script = async (incoming) => {
      await incoming.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
      incoming.reset()
    }
    await using it = await road([script], { retry: by() })
    await expect(it.get()).rejects.toThrow()
    expect(it.origins[0]!.requests).toBe(1)
    expect(await it.proxy.logged(() => true)).toMatchObject({ status: 200, reason: "upstream_truncated" })
  })
})

describe("deadlines", () => {
  const slow =
    (milliseconds: number): Script =>
    async (incoming) => {
      await incoming.delay(milliseconds)
      await incoming.reply({ status: 503, body: "slow" })
    }

  it("the request's spans all tries and the waits between them", async () => {
    await using it = await road([slow(300)], { retry: by({ attempts: 100 }), deadlines: { request: 1500 } })
    const before = performance.now()
    expect((await it.get()).status).toBe(504)
    expect(performance.now() - before).toBeLessThan(4000)
    const line = await it.proxy.logged(({ status }) => status === 504)
    expect(line.reason).toBe("request_timeout")
    expect(line["attempts"]).toBeGreaterThan(1)
  })

  it("the backend's is each try's: one that takes too long is tried again", async () => {
    await using it = await road([firstly(2, (incoming) => incoming.closed)], { retry: by(), deadlines: { backendRequest: 700 } })
    expect((await it.get()).status).toBe(200)
    expect(it.origins[0]!.requests).toBe(3)
  })

  it("the backend's begins anew with each try", async () => {
    await using it = await road([slow(1_500)], { retry: by({ attempts: 1 }), deadlines: { backendRequest: 2_500 } })
    expect(await it.get()).toMatchObject({ status: 503, body: "slow" })
    expect(await it.proxy.logged(({ status }) => status === 503)).toMatchObject({ attempts: 2, retry_withheld: "attempts" })
  })

  it("the backend's ends a POST, of which nobody knows what became", async () => {
    await using it = await road([(incoming) => incoming.closed], { retry: by(), deadlines: { backendRequest: 700 } })
    expect((await it.get({ method: "POST", body: "x" })).status).toBe(504)
    expect(it.origins[0]!.requests).toBe(1)
    expect(await it.proxy.logged(({ status }) => status === 504)).toMatchObject({
      reason: "backend_timeout",
      endpoint: `127.0.0.1:${it.origins[0]!.port}`
    })
  })

  it("the backend's ends a response under way", async () => {
    const script: Script = async (incoming) => {
      await incoming.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
      await incoming.closed
    }
    await using it = await road([script], { retry: by(), deadlines: { backendRequest: 700 } })
    await expect(it.get()).rejects.toThrow()
    expect(await it.proxy.logged(() => true)).toMatchObject({ status: 200, reason: "backend_timeout" })
    expect(it.origins[0]!.requests).toBe(1)
  })

  it("the backend's holds where nothing is to be tried twice", async () => {
    await using it = await road([(incoming) => incoming.closed], { retry: "Disabled", deadlines: { backendRequest: 700 } })
    expect((await it.get()).status).toBe(504)
    expect(it.origins[0]!.requests).toBe(1)
  })
})

describe("the wait before a try", () => {
  it("is what the rule says at least", async () => {
    await using it = await road([firstly(1, answers(503))], { retry: by({ backoff: 120 }) })
    const before = performance.now()
    expect((await it.get()).status).toBe(200)
    expect(performance.now() - before).toBeGreaterThanOrEqual(119)
  })

  it("is what the backend asks for (Retry-After), if there is time", async () => {
    await using it = await road([firstly(1, answers(503, [["Retry-After", "1"]]))], { retry: by(), deadlines: { request: 10_000 } })
    const before = performance.now()
    expect((await it.get()).status).toBe(200)
    expect(performance.now() - before).toBeGreaterThanOrEqual(999)
  })

  it("that would be longer than there is time is not begun: the response is relayed, with what it asks for", async () => {
    for (const [deadlines, asked] of [
      [{ request: 5000 }, "6"],
      [{}, "11"]
    ] as const) {
      await using it = await road([answers(503, [["Retry-After", asked]])], { retry: by(), deadlines })
      expect(await it.get()).toMatchObject({ status: 503, headers: { "retry-after": asked } })
      expect(it.origins[0]!.requests).toBe(1)
      expect(await it.proxy.logged(({ status }) => status === 503)).toMatchObject({ retry_withheld: "wait" })
    }
  })

  it("ends with the client: a request that nobody waits for is not tried again", async () => {
    await using it = await road([answers(503)], { retry: by({ backoff: 600 }) })
    const client = new AbortController()
    const gone = it.get({ signal: client.signal })
    await it.origins[0]!.until(({ requests }) => requests === 1)
    client.abort()
    await expect(gone).rejects.toThrow()
    expect(await it.proxy.logged(() => true)).toMatchObject({ reason: "client_abort" })
    // Three tries of another, with the same waits between them.
    expect((await it.get()).status).toBe(503)
    expect(it.origins[0]!.requests).toBe(4)
  })
})

describe("the budget", () => {
  it("bounds what all requests together try again: ten in a second, beyond it the response is relayed", async () => {
    await using it = await road([answers(503)], { retry: by({ codes: [503], attempts: 1, backoff: 0 }) })
    const agent = new Agent({ keepAlive: true, maxSockets: 20 })
    const asked = 40
    const before = Date.now()
    await Promise.all(Array.from({ length: asked }, () => it.get({ agent })))
    const seconds = Math.ceil((Date.now() - before) / 1000) + 1
    agent.destroy()
    expect(it.origins[0]!.requests - asked).toBeLessThanOrEqual(10 * seconds)
    expect(it.origins[0]!.requests).toBeGreaterThanOrEqual(asked + 10)
    expect(await it.proxy.metric("sluice_upstream_retries_withheld_total", { why: "budget" })).toBeGreaterThan(0)
    expect(await it.proxy.logged((line) => line["retry_withheld"] === "budget")).toMatchObject({ status: 503, flag: "URX" })
  })
})

describe("an upload that the client breaks off", () => {
  it("is not sent as if it were whole, nor again", async () => {
    await using it = await road([firstly(1, answers(503))], { retry: by() })
    const client = new AbortController()
    const gone = it.get({ method: "PUT", body: "abc", headers: { "Content-Length": 10 }, signal: client.signal })
    await it.origins[0]!.until(({ received }) => received === 3)
    client.abort()
    await expect(gone).rejects.toThrow()
    await it.origins[0]!.until(({ open }) => open === 0)
    expect(it.origins[0]!.requests).toBe(1)
    expect(await it.proxy.logged(() => true)).toMatchObject({ reason: "client_abort" })
  })
})

describe("an upstream that brings retries", () => {
  const spec = { retry: by({ attempts: 1 }) }
  it("has them for rules that say nothing, and only for those", async () => {
    await using unsaid = await road([firstly(1, answers(503))], { retry: "Default", spec })
    expect((await unsaid.get()).status).toBe(200)
    await using once = await road([answers(503)], { retry: "Disabled", spec })
    expect((await once.get()).status).toBe(503)
    expect(once.origins[0]!.requests).toBe(1)
    await using other = await road([answers(503)], { retry: by({ codes: [500] }), spec })
    expect((await other.get()).status).toBe(503)
    expect(other.origins[0]!.requests).toBe(1)
    await using none = await road([(incoming) => incoming.reset()], { retry: "Default", spec: { retry: "Disabled" } })
    expect((await none.get()).status).toBe(503)
    expect(none.origins[0]!.requests).toBe(1)
  })

  it("gives a try its time, where the rule does not", async () => {
    const timed = { retry: by({ attempts: 1, perTry: 1_000 }) }
    await using it = await road([firstly(1, (incoming) => incoming.closed)], { retry: "Default", spec: timed })
    expect((await it.get()).status).toBe(200)
    await using own = await road([firstly(1, (incoming) => incoming.delay(2_000).then(() => incoming.reply({ body: "late" })))], {
      retry: "Default",
      spec: timed,
      deadlines: { backendRequest: "Disabled" }
    })
    expect(await own.get()).toMatchObject({ status: 200, body: "late" })
  })

  it("shows its limits, and none as no bound", async () => {
    const limits = { ...defaultLimits, maxConnections: 7, maxRequests: 5 }
    await using it = await road([answers(200)], { retry: "Default", spec: { limits } })
    await it.get()
    const shown = (limit: string) => it.proxy.metric("sluice_upstream_limit", { upstream: "Service test/a", limit })
    expect(await Promise.all(["connections", "pending", "requests"].map(shown))).toEqual([7, 1024, 5])
    expect(await it.proxy.text()).toMatch(/sluice_upstream_limit\{[^}]*limit="retries"[^}]*\} \+Inf/)
    expect(await it.proxy.metric("sluice_upstream_retrying_requests", { upstream: "Service test/a" })).toBe(0)
  })
})
