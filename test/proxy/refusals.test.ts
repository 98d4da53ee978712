// Requests that end here: parse, match and route failures, each with its status, its line in the log and its count.
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { RouteReason } from "#src/snapshot/reason.ts"
import { at } from "../support/live.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { raw, startProxy, type TestProxy, talk } from "./harness.ts"
import { exact, prefix, share } from "./sketch.ts"

let origin: Origin
let proxy: TestProxy

const hop = { at: { _tag: "Address", ip: "127.0.0.1", port: 3128 }, tls: null, certificateName: null, authorization: null }

/** What an upstream may say that this data plane does not do: newer operators, and fields whose time has not come. */
const unserved: Readonly<Record<string, object>> = {
  h3: { protocol: "h3" },
  via: { via: [hop, hop] },
  balance: { balance: { _tag: "Gravity" } },
  hash: { balance: { _tag: "ConsistentHash", by: { _tag: "Unknown", name: "moon" } } },
  credential: { credential: { kind: "Kerberos", secret: "token" } }
}

const routeReasons: ReadonlyArray<RouteReason> = [
  "no_backend",
  "backend_not_found",
  "invalid_kind",
  "ref_not_permitted",
  "invalid_filter",
  "invalid_backend"
]

beforeAll(async () => {
  origin = await startOrigin()
  proxy = await startProxy(
    {
      listeners: {
        web: {
          hostname: "*.example",
          hosts: {
            "a.example": [
              ...routeReasons.map((why) => ({ path: exact(`/${why}`), action: { _tag: "Refuse" as const, why } })),
              ...routeReasons.map((why) => ({ path: exact(`/share/${why}`), to: [share(null, { why })] })),
              { path: exact("/unknown"), to: "origin", filters: [{ _tag: "Unknown", name: "Future" }] },
              { path: exact("/weightless"), to: [share("origin", { weight: 0 })] },
              ...Object.keys(unserved).map((id) => ({ path: exact(`/unserved/${id}`), to: id })),
              { path: prefix("/ok"), to: "origin" }
            ]
          },
          limits: { headerBytes: 4096 }
        }
      },
      upstreams: {
        origin: { endpoints: [at(origin.port)], spec: { external: false } },
        ...Object.fromEntries(Object.entries(unserved).map(([id, spec]) => [id, { endpoints: [at(origin.port)], spec }]))
      }
    },
    { limits: { upload: { bytes: 1000, window: 30_000, rate: 240 }, times: { head: 1_000, handshake: 1_000, keepAlive: 5_000 } } }
  )
})
afterAll(async () => {
  await proxy.close()
  await origin.close()
})

const count = (reason: string) => proxy.metric("sluice_failures_total", { reason })

/** Sends bytes and expects one answer of this status, one line with this reason, and one count. */
const expectRefusal = async (bytes: string, status: number, reason: string): Promise<string> => {
  const before = await count(reason)
  const lines = proxy.lines.length
  const text = await talk(proxy.port(), bytes)
  expect(text).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(text).toContain("X-Content-Type-Options: nosniff")
  const line = await proxy.logged((line) => proxy.lines.indexOf(line) >= lines && line.reason === reason)
  expect(line.status).toBe(status)
  expect(await count(reason)).toBe(before + 1)
  return text
}

const get = (path: string, more = "", host = "a.example") => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more}Connection: close\r\n\r\n`

describe("parse", () => {
  const heads: ReadonlyArray<readonly [name: string, bytes: string, status: number, reason: string]> = [
    ["no Host", "GET / HTTP/1.1\r\n\r\n", 400, "bad_request"],
    ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "bad_request"],
    [
      "a length and chunks",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
      "bad_request"
    ],
    ["a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400, "bad_request"],
    ["a bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400, "bad_request"],
    ["HTTP/3.1", "GET / HTTP/3.1\r\nHost: a\r\n\r\n", 505, "bad_version"],
    ["a coding that is not chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, "bad_coding"],
    ["no method at all", "\u0001\u0002\r\n\r\n", 400, "bad_request"],
    ["CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405, "method_not_allowed"],
    ["TRACE", "TRACE /ok HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", 405, "method_not_allowed"],
    ["another expectation", get("/ok", "Expect: tea\r\n"), 417, "bad_expect"],
    ["a long target", get(`/ok/${"x".repeat(9000)}`), 414, "uri_too_long"],
    ["a target beyond the reader's room", get(`/ok/${"x".repeat(40_000)}`), 414, "uri_too_long"],
    ["a large head", get("/ok", `X-Large: ${"x".repeat(5000)}\r\n`), 431, "head_too_large"],
    ["a head beyond the reader's room", get("/ok", `X-Large: ${"x".repeat(40_000)}\r\n`), 431, "head_too_large"],
    ["too many fields", get("/ok", "A: 1\r\n".repeat(201)), 431, "head_too_large"]
  ]
  for (const [name, bytes, status, reason] of heads) {
    it(`${name}: ${status} ${reason}`, async () => {
      await expectRefusal(bytes, status, reason)
    })
  }

  it("a head that does not come to its end: 408 header_timeout", async () => {
    await expectRefusal("GET /ok HTTP/1.1\r\nHost:", 408, "header_timeout")
  })

  it("says in Allow what is allowed", async () => {
    expect(await talk(proxy.port(), "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")).toContain("Allow: GET, HEAD, POST")
  })

  it("closes a connection that was opened and says nothing, without a word and without a line", async () => {
    const lines = proxy.lines.length
    using client = await raw(proxy.port())
    expect(await client.closed).toEqual({ text: "", clean: true })
    expect(proxy.lines.slice(lines).filter(({ reason }) => reason === "header_timeout")).toEqual([])
  })

  it("garbage behind a request does not harm its answer", async () => {
    const text = await talk(proxy.port(), "GET /ok/delay HTTP/1.1\r\nHost: a.example\r\n\r\n\u0000garbage\r\n\r\n")
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
  })
})

describe("match", () => {
  it("no listener has the host: 404 no_listener", () => expectRefusal(get("/ok", "", "a.other"), 404, "no_listener"))
  it("no route has the host: 404 no_route", () => expectRefusal(get("/ok", "", "b.example"), 404, "no_route"))
  it("no rule has the path: 404 no_route", () => expectRefusal(get("/nothing"), 404, "no_route"))
})

describe("route", () => {
  for (const why of routeReasons) {
    it(`a rule that is refused: 500 ${why}`, () => expectRefusal(get(`/${why}`), 500, why))
    it(`a share that is refused: 500 ${why}`, () => expectRefusal(get(`/share/${why}`), 500, why))
  }
  it("no weight at all: 500 no_backend", () => expectRefusal(get("/weightless"), 500, "no_backend"))
  // Law 15: what a proxy does not understand fails closed.
  it("a rule with what is not served here: 500 invalid_filter, and the Ack says so", async () => {
    await expectRefusal(get("/unknown"), 500, "invalid_filter")
    expect(proxy.acks.at(-1)!.refused.map(({ table }) => table)).toContain("virtualHosts")
  })
  for (const id of Object.keys(unserved)) {
    it(`an upstream whose ${id} is not served here: 500 invalid_backend, and the Ack says so`, async () => {
      const before = origin.requests
      await expectRefusal(get(`/unserved/${id}`), 500, "invalid_backend")
      expect(origin.requests).toBe(before)
      expect(proxy.acks.at(-1)!.refused.filter(({ reason }) => reason.includes("not served")).length).toBe(Object.keys(unserved).length)
    })
  }
  it("too many gateways passed: 508 loop", () => expectRefusal(get("/ok", `Via: ${"1.1 sluice, ".repeat(10)}\r\n`), 508, "loop"))
})

describe("body", () => {
  it("a declared body above the limit: 413 body_too_large, without reading it", () =>
    expectRefusal("POST /ok HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nContent-Length: 1001\r\n\r\n", 413, "body_too_large"))

  it("a counted body above the limit: 413 body_too_large", async () => {
    const chunk = `200\r\n${"x".repeat(512)}\r\n`
    await expectRefusal(
      `POST /ok HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}${chunk}0\r\n\r\n`,
      413,
      "body_too_large"
    )
  })

  it("a chunk that is none: 400 bad_request, and the upstream sees no end", async () => {
    const { aborted, requests } = origin
    using client = await raw(proxy.port())
    client.send("POST /ok/chunks HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    await origin.until((origin) => origin.requests > requests)
    client.send("zz\r\n")
    expect((await client.closed).text).toMatch(/^HTTP\/1\.1 400 /)
    expect((await proxy.logged((line) => line.path === "/ok/chunks")).reason).toBe("bad_request")
    await origin.until((origin) => origin.aborted > aborted)
  })
})

it("no answer names a backend", async () => {
  const text = await talk(proxy.port(), get("/share/backend_not_found"))
  expect(text).not.toMatch(/origin|missing|Service|127\.0\.0\.1/)
})
