// What a Backend says once nobody is left who can serve: when, how it is written, and what is kept of it. And when not.
import { Agent } from "node:http"
import { describe, expect, it } from "vitest"
import { defaultFailover, type FailoverResponse } from "#src/snapshot/behaviour.ts"
import type { Filter } from "#src/snapshot/route.ts"
import type { Endpoint, Upstream } from "#src/snapshot/upstream.ts"
import { at, handNames, named } from "../support/live.ts"
import { type Origin, type Script, startOrigin } from "../support/origin.ts"
import { ask, startProxy, type TestProxyOptions } from "./harness.ts"
import { type RuleSketch, type Sketch, share } from "./sketch.ts"

const response: FailoverResponse = { status: 503, contentType: "text/html; charset=utf-8", body: "<p>später" }

/** An address of this machine at which nobody listens. */
const nobody = at(9, { ip: "127.77.1.1" })

const withAnswer = (more: Partial<Upstream["failover"]> = {}): Partial<Upstream> => ({
  failover: { ...defaultFailover, returnAfter: 0, response, ...more }
})

const sketch = (
  endpoints: ReadonlyArray<Endpoint>,
  spec: Partial<Upstream>,
  {
    standbys = {},
    rule = {},
    filters = []
  }: { readonly standbys?: Sketch["upstreams"]; readonly rule?: RuleSketch; readonly filters?: ReadonlyArray<Filter> } = {}
): Sketch => ({
  listeners: {
    web: { hosts: { "*": [{ to: [share("a", { filters, standbys: Object.keys(standbys ?? {}).map((id) => share(id)) })], ...rule }] } }
  },
  upstreams: { a: { endpoints, spec }, ...standbys }
})

const started = (made: Sketch, options: TestProxyOptions = {}) => startProxy(made, options)

const gone: Script = ({ reset }) => reset()
const busy: Script = ({ reply }) => reply({ status: 503, body: "busy" })

describe("the answer when nobody is left", () => {
  it("is that of the Backend, whole, with what the log and the metrics say of it", async () => {
    await using proxy = await started(sketch([nobody], withAnswer()))
    const { status, headers, body } = await ask(proxy.port(), "/x")
    expect([status, headers["content-type"], headers["content-length"]]).toEqual([503, "text/html; charset=utf-8", "10"])
    expect(Buffer.from(body, "latin1").toString()).toBe("<p>später")
    const line = await proxy.logged(({ path }) => path === "/x")
    expect(line).toMatchObject({ status: 503, reason: "connect_refused", upstream: "Service test/a" })
    expect(line.detail).toMatch(/; answered by failover\.response$/)
    expect(await proxy.metric("sluice_upstream_failover_responses_total", { upstream: "Service test/a" })).toBe(1)
    // A request that comes while nobody can be reached waits for no connection of its own, and the log has the same cause.
    expect((await ask(proxy.port(), "/y", { method: "POST", body: "kept" })).status).toBe(503)
    const next = await proxy.logged(({ path }) => path === "/y")
    expect([next.reason, next.endpoint]).toEqual(["connect_refused", undefined])
    expect(await proxy.metric("sluice_upstream_failover_responses_total", { upstream: "Service test/a" })).toBe(2)
  })

  it("has no body for HEAD, none where it says none, and keeps the connection", async () => {
    await using proxy = await started(sketch([nobody], withAnswer()))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    try {
      const sockets = new Set<number | undefined>()
      for (const method of ["HEAD", "GET", "HEAD"]) {
        const { status, headers, body } = await ask(proxy.port(), "/", { method, agent })
        expect([status, headers["content-length"], body.length]).toEqual([503, "10", method === "HEAD" ? 0 : 10])
        sockets.add(Object.values(agent.freeSockets)[0]?.[0]?.localPort)
      }
      expect(sockets.size).toBe(1)
    } finally {
      agent.destroy()
    }
    for (const status of [204, 304, 200]) {
      await using bare = await started(sketch([nobody], withAnswer({ response: { status, contentType: "text/plain", body: "" } })))
      const { headers, ...answer } = await ask(bare.port(), "/")
      expect([answer.status, answer.body, headers["content-type"], headers["content-length"]]).toEqual([
        status,
        "",
        undefined,
        status === 200 ? "0" : undefined
      ])
    }
  })

  it("is edited as every answer of the route is", async () => {
    const filters: ReadonlyArray<Filter> = [{ _tag: "Headers", on: "Response", edits: [{ _tag: "Set", name: "x-by", value: "edge" }] }]
    await using proxy = await started(sketch([nobody], withAnswer(), { filters }))
    expect((await ask(proxy.port(), "/")).headers["x-by"]).toBe("edge")
  })

  it("follows what may go on to another tier, and nothing else", async () => {
    const road = async (script: Script, spec: Partial<Upstream>, rule: RuleSketch = {}) => {
      const origin = await startOrigin({ script })
      const proxy = await started(sketch([at(origin.port)], spec, { rule }))
      const said = async (method: string) => {
        const { status, body } = await ask(proxy.port(), "/", method === "POST" ? { method, body: "x" } : { method })
        return `${status} ${body.length}`
      }
      const told = [await said("GET"), await said("POST")]
      await proxy.close()
      await origin.close()
      return told
    }
    const own = `503 ${Buffer.byteLength(response.body)}`
    // A connection that dies after the request: a POST may have arrived.
    const [get, post] = await road(gone, withAnswer())
    expect(get).toBe(own)
    expect(post).not.toBe(own)
    // A status that the Backend names; one that the rule's retries name, for any method.
    expect(await road(busy, withAnswer())).toEqual(["503 4", "503 4"])
    expect(await road(busy, withAnswer({ codes: [503] }))).toEqual([own, "503 4"])
    const retry = { codes: [503], attempts: 1, backoff: 1, longest: 1, perTry: "Default" } as const
    const retried: RuleSketch = { action: { _tag: "Forward", retry, cache: null, to: [share("a")] } }
    expect(await road(busy, withAnswer(), retried)).toEqual([own, own])
    // No answer within the time of one try; the time of the whole request is over whoever would answer.
    expect((await road(() => {}, withAnswer(), { deadlines: { backendRequest: 300 } }))[0]).toBe(own)
    expect((await road(() => {}, withAnswer(), { deadlines: { request: 300 } }))[0]).toMatch(/^504 /)
  })

  it("comes after every backend that stands behind, and is not theirs", async () => {
    await using last = await startOrigin({ script: ({ reply }) => reply({ body: "standby" }) })
    const theirs = { response: { ...response, status: 599 } }
    const standbys = { b: { endpoints: [nobody], spec: withAnswer(theirs) }, c: { endpoints: [at(last.port)], spec: withAnswer(theirs) } }
    await using proxy = await started(sketch([nobody], withAnswer(), { standbys }))
    expect((await ask(proxy.port(), "/")).body).toBe("standby")
    await last.close()
    expect((await ask(proxy.port(), "/")).status).toBe(503)
    expect(await proxy.metric("sluice_upstream_failover_responses_total", {})).toBe(1)
  })

  it("is given though a tier behind is out of health: no request goes round and round", async () => {
    const looks = { _tag: "Http", method: "GET", path: "/look", host: null, expected: [200] } as const
    const by = (look: number): Script => {
      return ({ request, reply }) => reply({ status: request.target === "/look" ? look : 503, body: "busy" })
    }
    await using a = await startOrigin({ script: by(200) })
    await using b = await startOrigin({ script: by(500) })
    const times = { port: null, interval: 100, timeout: 5_000, unhealthyThreshold: 1, healthyThreshold: 1, panic: 50 }
    await using proxy = await started(
      sketch([at(a.port), at(b.port, { tier: 1 })], { ...withAnswer({ codes: [503], spill: 100 }), health: { probe: looks, ...times } })
    )
    await proxy.until(() => proxy.proxy.describe()!.upstreams[0]!.facts.healthy === 1)
    const { body } = await ask(proxy.port(), "/x")
    expect(Buffer.from(body, "latin1").toString()).toBe("<p>später")
    expect(a.seen.filter(({ target }) => target === "/x").length).toBe(1)
    expect(b.seen.filter(({ target }) => target === "/x").length).toBe(0)
  })

  it("is not given for an answer of who may be asked once alone", async () => {
    await using origin = await startOrigin({ script: busy })
    const retry = { codes: [], attempts: 0, backoff: 1, longest: 10, perTry: "Default" } as const
    await using proxy = await started(sketch([at(origin.port)], { ...withAnswer({ codes: [503] }), retry }))
    expect((await ask(proxy.port(), "/x")).body).toBe("busy")
  })

  it("ends with the first connection that can be made, which no client waits for, trusted or not", async () => {
    const before = await startOrigin()
    const { port } = before
    await before.close()
    await using proxy = await started(sketch([at(port)], withAnswer({ returnAfter: 3_600_000 })))
    expect((await ask(proxy.port(), "/")).status).toBe(503)
    const origin: Origin = await startOrigin({ port, script: ({ reply }) => reply({ body: "back" }) })
    try {
      await origin.until(({ connections }) => connections > 0)
      expect(origin.requests).toBe(0)
      let body = ""
      while (body !== "back") body = (await ask(proxy.port(), "/")).body
    } finally {
      await origin.close()
    }
  })

  it("is not given while a first answer of the DNS is awaited, and is at once when there is none", async () => {
    await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "found" }) })
    const names = handNames()
    await using proxy = await started(sketch([named("api.test", origin.port)], withAnswer()), { names })
    const waiting = ask(proxy.port(), "/waits")
    await proxy.until(() => names.watched().length > 0)
    names.set("api.test", { addresses: ["127.0.0.1"] })
    expect((await waiting).body).toBe("found")
    names.set("api.test", { state: "Failed", reason: "dns_nxdomain", detail: "NXDOMAIN for api.test" })
    expect((await ask(proxy.port(), "/gone")).status).toBe(503)
    expect(await proxy.logged(({ path }) => path === "/gone")).toMatchObject({ reason: "dns_nxdomain" })
  })

  it("does not come in the place of one who can serve a part, or of a failure where nobody says one", async () => {
    await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "here" }) })
    await using proxy = await started(sketch([nobody, at(origin.port)], withAnswer({ spill: 100 })))
    for (let n = 0; n < 40; n++) expect((await ask(proxy.port(), "/")).body).toBe("here")
    await using without = await started(sketch([nobody], withAnswer({ response: null })))
    const { status, headers } = await ask(without.port(), "/")
    expect([status, headers["content-type"]]).toEqual([503, "text/plain; charset=utf-8"])
  })
})
