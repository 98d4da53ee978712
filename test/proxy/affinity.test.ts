// What ties a request to an endpoint, from the client's bytes to the endpoint that answers: each key, a cookie that is given, and what has no key.
import { request as httpRequest } from "node:http"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { trustProxies } from "#src/proxy/forwarded.ts"
import type { HashKey } from "#src/snapshot/balance.ts"
import type { Filter } from "#src/snapshot/route.ts"
import { makeAuthority } from "../support/certificates.ts"
import { at } from "../support/live.ts"
import { type Origin, standard, startOrigin } from "../support/origin.ts"
import { type Answer, type Ask, ask, startProxy, type TestProxy } from "./harness.ts"
import { exact, material } from "./sketch.ts"

let origins: ReadonlyArray<Origin>
let proxy: TestProxy

const keys: Readonly<Record<string, HashKey>> = {
  source: { _tag: "Source" },
  header: { _tag: "Headers", names: ["x-user"] },
  headers: { _tag: "Headers", names: ["x-user", "x-tenant"] },
  query: { _tag: "Query", names: ["user"] },
  cookie: { _tag: "Cookie", name: "session", mint: null },
  given: { _tag: "Cookie", name: "place", mint: 3600 },
  session: { _tag: "Cookie", name: "place", mint: 0 },
  strict: {
    ...{ _tag: "Cookie", name: "place", mint: 60 },
    attributes: [
      { name: "SameSite", value: "Strict" },
      { name: "path", value: "/shop" },
      { name: "Partitioned", value: "" }
    ]
  }
}
const edits: Readonly<Record<string, Filter>> = {
  replaced: { _tag: "Headers", on: "Request", edits: [{ _tag: "Set", name: "X-User", value: "everybody" }] },
  dropped: { _tag: "Headers", on: "Response", edits: [{ _tag: "Remove", name: "Set-Cookie" }] }
}

beforeAll(async () => {
  origins = await Promise.all([1, 2, 3, 4].map(() => startOrigin()))
  const authority = await makeAuthority()
  const pair = await authority.leaf({ dns: ["a.example"] })
  const hosts = {
    "*": [
      ...Object.keys(keys).map((id) => ({ path: exact(`/${id}`), to: id })),
      { path: exact("/edited"), to: "header", filters: [edits["replaced"]!] },
      { path: exact("/dropped"), to: "given", filters: [edits["dropped"]!] },
      { path: exact("/nobody"), to: "nobody" }
    ]
  }
  proxy = await startProxy(
    {
      listeners: { web: { hosts }, tls: { hosts, port: 0, certificates: ["pair"] } },
      upstreams: {
        ...Object.fromEntries(
          Object.entries(keys).map(([id, by]) => [
            id,
            { endpoints: origins.map(({ port }) => at(port)), spec: { balance: { _tag: "ConsistentHash" as const, by } } }
          ])
        ),
        nobody: { endpoints: [], spec: { balance: { _tag: "ConsistentHash", by: keys["given"]! } } }
      },
      materials: [material("pair", pair, ["a.example"])]
    },
    { trust: trustProxies(["127.0.0.1"]).trust }
  )
})
afterAll(async () => {
  await proxy.close()
  await Promise.all(origins.map((origin) => origin.close()))
})

/** Who answers each of these requests. */
const placesOf = async (path: string, asks: ReadonlyArray<Ask>, target = path): Promise<ReadonlyArray<number>> => {
  const places: Array<number> = []
  for (const options of asks) {
    const before = origins.map(({ requests }) => requests)
    const { status } = await ask(proxy.port("web"), target, options)
    assert.strictEqual(status, 200)
    places.push(origins.findIndex(({ requests }, n) => requests > before[n]!))
  }
  return places
}
const several = <A>(make: (n: number) => A): ReadonlyArray<A> => Array.from({ length: 64 }, (_, n) => make(n))
const spread = (places: ReadonlyArray<number>): number => new Set(places).size

describe.each([
  ["header", (n: number): Ask => ({ headers: { "X-User": `user-${n}` } })],
  ["headers", (n: number): Ask => ({ headers: { "X-User": "same", "x-tenant": `tenant-${n}` } })],
  ["cookie", (n: number): Ask => ({ headers: { cookie: `theme=dark; session=s${n}` } })],
  ["given", (n: number): Ask => ({ headers: { cookie: `place=s${n}` } })],
  ["source", (n: number): Ask => ({ headers: { "x-forwarded-for": `203.0.113.${n}` } })]
])("by %s", (id, options) => {
  it("equal keys go to one endpoint, others spread over all", async () => {
    const first = await placesOf(`/${id}`, several(options))
    assert.strictEqual(spread(first), 4)
    assert.deepEqual(await placesOf(`/${id}`, several(options)), first)
  })
})

it("by a query parameter, compared decoded", async () => {
  const asked = async (write: (n: number) => string) => {
    const places: Array<number> = []
    for (let n = 0; n < 64; n++) places.push(...(await placesOf("/query", [{}], `/query?page=${n}&user=${write(n)}`)))
    return places
  }
  const first = await asked((n) => `a+${n}`)
  assert.strictEqual(spread(first), 4)
  assert.deepEqual(await asked((n) => `%61%20${n}`), first)
})

it("a client that is not behind a trusted proxy is its own address, whatever it says", async () => {
  const said = (n: number) =>
    new Promise<string>((resolve, reject) => {
      const headers = { "x-forwarded-for": `203.0.113.${n}` }
      httpRequest(
        { host: "127.0.0.1", localAddress: "127.0.0.9", port: proxy.port("web"), path: "/source", agent: false, headers },
        (response) => {
          response.resume()
          response.on("end", () => resolve(""))
        }
      )
        .on("error", reject)
        .end()
    })
  const before = origins.map(({ requests }) => requests)
  for (let n = 0; n < 12; n++) await said(n)
  assert.deepEqual(
    origins.map(({ requests }, n) => requests - before[n]!).filter((count) => count > 0),
    [12]
  )
})

it.each(["header", "headers", "query", "cookie"])("without a key of %s a request goes to any endpoint", async (id) => {
  assert.strictEqual(
    spread(
      await placesOf(
        `/${id}`,
        Array.from({ length: 80 }, () => ({}))
      )
    ),
    4
  )
})

it("of several headers the absent ones are part of the key", async () => {
  const one = { headers: { "x-user": "a" } }
  const places = await placesOf("/headers", [one, one, one, one])
  assert.strictEqual(spread(places), 1)
})

it("the key is what the client sent, not what a filter made of it", async () => {
  const asks = several((n) => ({ headers: { "x-user": `user-${n}` } }))
  assert.deepEqual(await placesOf("/edited", asks), await placesOf("/header", asks))
})

describe("a cookie that is given", () => {
  const cookieOf = ({ headers }: Answer): string => {
    assert.lengthOf(headers["set-cookie"] ?? [], 1)
    return headers["set-cookie"]![0]!
  }

  it("leads back to the endpoint that answered, and is given once", async () => {
    const seen = new Set<number>()
    for (let n = 0; n < 40; n++) {
      const before = origins.map(({ requests }) => requests)
      const cookie = cookieOf(await ask(proxy.port("web"), "/given"))
      const place = origins.findIndex(({ requests }, at) => requests > before[at]!)
      assert.match(cookie, /^place=[0-9a-f-]{36}; Path=\/; Max-Age=3600; HttpOnly$/)
      const again = { headers: { cookie: cookie.split(";")[0]! } }
      assert.deepEqual(await placesOf("/given", [again]), [place])
      assert.isUndefined((await ask(proxy.port("web"), "/given", again)).headers["set-cookie"])
      seen.add(place)
    }
    assert.strictEqual(seen.size, 4)
  })

  it("of no lifetime is a session's; an empty one is none", async () => {
    const options = { headers: { cookie: "place=" } }
    assert.match(cookieOf(await ask(proxy.port("web"), "/session", options)), /^place=[0-9a-f-]{36}; Path=\/; HttpOnly$/)
  })

  it("has the attributes that are said, in place of the usual ones that they name", async () => {
    assert.match(
      cookieOf(await ask(proxy.port("web"), "/strict")),
      /^place=[0-9a-f-]{36}; Max-Age=60; HttpOnly; SameSite=Strict; path=\/shop; Partitioned$/
    )
  })

  it("is for TLS alone where it came over TLS", async () => {
    const answer = await ask(proxy.port("tls"), "/given", { tls: { rejectUnauthorized: false, servername: "a.example" } })
    assert.match(cookieOf(answer), /; HttpOnly; Secure$/)
  })

  it("is not sent where a filter removes it, nor with an answer that no endpoint gave", async () => {
    assert.isUndefined((await ask(proxy.port("web"), "/dropped")).headers["set-cookie"])
    const answer = await ask(proxy.port("web"), "/nobody")
    assert.strictEqual(answer.status, 503)
    assert.isUndefined(answer.headers["set-cookie"])
  })

  it("stands beside the cookies of the endpoint", async () => {
    for (const origin of origins) origin.script = (incoming) => incoming.reply({ headers: [["Set-Cookie", "own=1"]] })
    try {
      assert.deepEqual(
        (await ask(proxy.port("web"), "/given")).headers["set-cookie"]?.map((cookie) => cookie.split("=")[0]),
        ["own", "place"]
      )
    } finally {
      for (const origin of origins) origin.script = standard
    }
  })
})
