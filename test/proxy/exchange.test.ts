// One request through the proxy, over real sockets: what the origin sees, what the client sees, what the log says.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { at } from "../support/live.ts"
import { type Origin, standard, startOrigin } from "../support/origin.ts"
import { ask, raw, startProxy, type TestProxy, talk } from "./harness.ts"
import { exact, prefix, type Sketch, share } from "./sketch.ts"

let origin: Origin
let proxy: TestProxy

const header = (body: string, name: string): string | undefined =>
  (JSON.parse(body).headers as ReadonlyArray<[string, string]>).find(([key]) => key.toLowerCase() === name)?.[1]

const sketch = (): Sketch => ({
  listeners: {
    web: {
      hosts: {
        "*": [
          {
            path: exact("/edited"),
            to: "origin",
            filters: [
              {
                _tag: "Headers",
                on: "Request",
                edits: [
                  { _tag: "Set", name: "X-Set", value: "yes" },
                  { _tag: "Remove", name: "X-Gone" }
                ]
              },
              {
                _tag: "Headers",
                on: "Response",
                edits: [
                  { _tag: "Add", name: "X-Answer", value: "edited" },
                  { _tag: "Remove", name: "Content-Type" }
                ]
              }
            ]
          },
          {
            path: prefix("/old"),
            to: "origin",
            filters: [{ _tag: "Rewrite", hostname: "new.example", path: { _tag: "ReplacePrefixMatch", value: "/new" } }]
          },
          {
            path: prefix("/moved"),
            action: { _tag: "Redirect", status: 301, to: { scheme: "https", hostname: null, port: null, path: null } }
          },
          { path: prefix("/weights"), to: [share("origin", { weight: 1 }), share(null, { weight: 1, why: "backend_not_found" })] },
          { path: prefix("/"), to: "origin" }
        ]
      }
    }
  },
  upstreams: { origin: { endpoints: [at(origin.port)] } }
})

beforeAll(async () => {
  origin = await startOrigin()
  proxy = await startProxy(sketch())
})
afterAll(async () => {
  await proxy.close()
  await origin.close()
})

describe("a request", () => {
  it("goes on as it came, with the backend's own Host, and is logged", async () => {
    const answer = await ask(proxy.port(), "/hello?q=1&r=a%2Fb", { headers: { "X-Test": "a", Host: "shop.example" } })
    expect(answer.status).toBe(200)
    const seen = JSON.parse(answer.body)
    expect(seen.method).toBe("GET")
    expect(seen.target).toBe("/hello?q=1&r=a%2Fb")
    expect(seen.headers).toContainEqual(["X-Test", "a"])
    expect(header(answer.body, "host")).toBe(`127.0.0.1:${origin.port}`)
    const line = await proxy.logged((line) => line.path === "/hello")
    expect(line).toMatchObject({
      status: 200,
      gateway: "test/gateway",
      listener: "web",
      client: "127.0.0.1",
      method: "GET",
      host: "shop.example",
      protocol: "HTTP/1.1",
      route: "HTTPRoute/test/route",
      upstream: "Service test/origin",
      address: `127.0.0.1:${origin.port}`,
      bytes_out: answer.body.length
    })
    expect(line).not.toHaveProperty("reason")
    expect(JSON.stringify(line)).not.toContain("q=1")
  })

  it("takes its body along, whole, with a length or chunked", async () => {
    const body = "x".repeat(200_000)
    for (const headers of [{ "Content-Length": "200000" }, { "Transfer-Encoding": "chunked" }]) {
      const answer = await ask(proxy.port(), "/upload", { method: "POST", body, headers })
      expect(JSON.parse(answer.body)).toMatchObject({ method: "POST", size: 200_000 })
    }
    expect((await proxy.logged((line) => line.path === "/upload")).bytes_in).toBe(200_000)
  })

  it("loses hop-by-hop fields and what Connection nominates, both ways", async () => {
    origin.script = (exchange) =>
      exchange.request.target === "/hops"
        ? exchange.reply({
            headers: [
              ["Connection", "X-Private"],
              ["X-Private", "1"],
              ["Keep-Alive", "timeout=5"],
              ["Proxy-Authenticate", "Basic"],
              ["X-Seen", exchange.request.head.replaceAll("\r\n", "|")]
            ],
            body: "ok"
          })
        : Promise.resolve()
    const text = await talk(
      proxy.port(),
      "GET /hops HTTP/1.1\r\nHost: a\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nTE: trailers\r\nProxy-Authorization: Basic x\r\nX-Kept: 1\r\n\r\n"
    )
    const seen = /X-Seen: (.*)\r\n/.exec(text)![1]!.toLowerCase()
    expect(seen).toContain("x-kept: 1")
    for (const gone of ["x-mine", "te:", "proxy-authorization"]) expect(seen).not.toContain(gone)
    const head = text
      .slice(0, text.indexOf("\r\n\r\n"))
      .replace(/X-Seen.*\r\n/, "")
      .toLowerCase()
    for (const gone of ["x-private", "proxy-authenticate", "timeout=5\r\n"]) expect(head).not.toContain(gone)
    origin.script = standard
  })

  it("keeps repeated fields, their order and case, and Set-Cookie lines apart", async () => {
    origin.script = (exchange) =>
      exchange.reply({
        headers: [
          ["Set-Cookie", "a=1"],
          ["X-ODD-Case", "1"],
          ["Set-Cookie", "b=2, c"],
          ["__proto__", "kept"]
        ]
      })
    const { rawHeaders } = await ask(proxy.port(), "/cookies")
    origin.script = standard
    const pairs = rawHeaders.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${rawHeaders[index + 1]}`] : []))
    expect(pairs.filter((pair) => pair.startsWith("Set-Cookie"))).toEqual(["Set-Cookie: a=1", "Set-Cookie: b=2, c"])
    expect(pairs).toContain("X-ODD-Case: 1")
    expect(pairs).toContain("__proto__: kept")
  })

  it("gets a Date when the answer has none", async () => {
    expect((await ask(proxy.port(), "/dated")).headers.date).toMatch(/GMT$/)
  })

  it("by HEAD gets the head and no body, and the connection goes on", async () => {
    const text = await talk(
      proxy.port(),
      "HEAD /bytes/5 HTTP/1.1\r\nHost: a\r\n\r\nGET /status/204 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    expect(text).toMatch(/^HTTP\/1.1 200 .*\r\nContent-Length: 5\r\n.*\r\n\r\nHTTP\/1.1 204 /s)
  })

  it("of HTTP/1.0 is answered without chunks and closed", async () => {
    const text = await talk(proxy.port(), "GET /drip/2/1 HTTP/1.0\r\nHost: a\r\n\r\n")
    expect(text).toMatch(/^HTTP\/1.1 200 /)
    expect(text.toLowerCase()).not.toContain("transfer-encoding")
    expect(text.endsWith("\r\n\r\ndata: 1\n\ndata: 2\n\n")).toBe(true)
  })

  it("on a kept connection is followed by the next, in order, pipelined or not", async () => {
    const text = await talk(
      proxy.port(),
      "GET /delay/40 HTTP/1.1\r\nHost: a\r\n\r\nGET /status/201 HTTP/1.1\r\nHost: a\r\n\r\nGET /status/202 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    )
    expect([...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)).toEqual(["200", "201", "202"])
  })

  it("OPTIONS * is answered here", async () => {
    const text = await talk(proxy.port(), "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    expect(text).toMatch(/^HTTP\/1.1 204 .*Allow: GET, HEAD/s)
  })

  it("with Expect: 100-continue is told to continue, and the upstream is not asked", async () => {
    using client = await raw(proxy.port())
    client.send("POST /expect HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\nConnection: close\r\n\r\n")
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
    client.send("abc")
    const { text } = await client.closed
    expect(text).toContain('"size":3')
    expect(text).not.toContain("Expect")
  })

  it("that is refused with Expect is not told to continue, and the connection closes", async () => {
    const text = await talk(proxy.port(), "POST /moved HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    expect(text).toMatch(/^HTTP\/1\.1 301 .*Connection: close/s)
  })
})

describe("filters", () => {
  it("edit the request and the response", async () => {
    const answer = await ask(proxy.port(), "/edited", { headers: { "X-Gone": "1" } })
    expect(header(answer.body, "x-set")).toBe("yes")
    expect(header(answer.body, "x-gone")).toBeUndefined()
    expect(answer.headers["x-answer"]).toBe("edited")
    expect(answer.headers["content-type"]).toBeUndefined()
  })

  it("rewrite host and path, and leave the query", async () => {
    const { body } = await ask(proxy.port(), "/old/thing?a=b")
    expect(JSON.parse(body).target).toBe("/new/thing?a=b")
    expect(header(body, "host")).toBe("new.example")
  })

  it("redirect with the listener's words", async () => {
    const answer = await ask(proxy.port(), "/moved/here?x=1", { headers: { Host: "shop.example:8080" } })
    expect(answer.status).toBe(301)
    expect(answer.headers.location).toBe("https://shop.example/moved/here?x=1")
  })

  it("weigh: half of the traffic of a missing backend answers 500, the other half serves", async () => {
    const statuses = new Map<number, number>()
    for (let n = 0; n < 60; n++) {
      const { status } = await ask(proxy.port(), "/weights")
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    expect([...statuses.keys()].sort()).toEqual([200, 500])
    // 60 fair coins outside of 10..50: less than one run in ten million.
    expect(statuses.get(500)).toBeGreaterThan(9)
    expect(statuses.get(500)).toBeLessThan(51)
    expect((await proxy.logged((line) => line.path === "/weights" && line.status === 500)).reason).toBe("backend_not_found")
  })
})

describe("trailers", () => {
  it("reach a client that reads them, and no other", async () => {
    origin.script = (exchange) =>
      exchange.reply({
        chunked: true,
        body: "x",
        trailers: [
          ["X-Sum", "1"],
          ["Set-Cookie", "a=1"]
        ]
      })
    const asked = await talk(proxy.port(), "GET /t HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n")
    const silent = await talk(proxy.port(), "GET /t HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    origin.script = standard
    expect(asked).toMatch(/\r\n0\r\nX-Sum: 1\r\n\r\n$/)
    expect(silent).toMatch(/\r\n0\r\n\r\n$/)
  })
})

describe("behind a proxy that is trusted", () => {
  it("the log names the client, wherever the request goes on to", async () => {
    const spec = (external: boolean) => ({ endpoints: [at(origin.port)], spec: { external } })
    const rules = [{ path: exact("/inside"), to: "inside" }, { path: exact("/outside"), to: "outside" }, { path: exact("/none") }]
    await using trusting = await startProxy(
      { listeners: { web: { hosts: { "*": rules } } }, upstreams: { inside: spec(false), outside: spec(true) } },
      { trust: (address) => address === "127.0.0.1" }
    )
    for (const path of ["/inside", "/outside", "/none"]) {
      await ask(trusting.port(), path, { headers: { "X-Forwarded-For": "192.0.2.1, 203.0.113.9" } })
      expect([path, (await trusting.logged((line) => line.path === path))["client"]]).toEqual([path, "203.0.113.9"])
    }
  })
})
