// Filters and sessions for clients of HTTP/2: what they are for those of HTTP/1.1, on the streams of one connection.
import { createHash, randomBytes } from "node:crypto"
import { once } from "node:events"
import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2"
import { buffer } from "node:stream/consumers"
import { afterAll, beforeAll, expect, it } from "vitest"
import { at } from "../support/live.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { startProxy, type TestProxy } from "./harness.ts"
import { prefix } from "./sketch.ts"

let origins: ReadonlyArray<Origin>
let shadow: Origin
let proxy: TestProxy
let client: ClientHttp2Session
const copied: Array<string> = []

const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex")

beforeAll(async () => {
  origins = await Promise.all(
    ["0", "1", "2"].map((name) =>
      startOrigin({
        // An answer before the end of the body would end the copy, too.
        script: async ({ body, reply }) => {
          await buffer(body)
          await reply({ body: name })
        }
      })
    )
  )
  shadow = await startOrigin({
    script: async ({ body, reply }) => {
      copied.push(digest(await buffer(body)))
      await reply({})
    }
  })
  const cors = {
    _tag: "Cors",
    origins: ["https://a.example"],
    credentials: false,
    methods: ["PUT"],
    headers: [],
    expose: [],
    maxAge: 5
  } as const
  const by = { _tag: "Cookie", name: "seat", path: "/", permanent: false } as const
  proxy = await startProxy({
    listeners: {
      web: {
        hosts: {
          "*": [
            { path: prefix("/cors"), to: "all", filters: [cors] },
            { path: prefix("/mirror"), to: "all", filters: [{ _tag: "Mirror", to: "shadow", fraction: 1 }] },
            { path: prefix("/session"), to: "all", session: { key: "k", by, lifetime: null } }
          ]
        }
      }
    },
    upstreams: { all: { endpoints: origins.map(({ port }) => at(port)) }, shadow: { endpoints: [at(shadow.port)] } }
  })
  client = connect(`http://127.0.0.1:${proxy.port()}`)
  await once(client, "connect")
})
afterAll(async () => {
  client.destroy()
  await proxy.close()
  for (const origin of [...origins, shadow]) await origin.close()
})

const ask = async (headers: OutgoingHttpHeaders, body?: Buffer) => {
  const stream = client.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  const [head] = (await once(stream, "response")) as [IncomingHttpHeaders]
  return { head, body: (await buffer(stream)).toString() }
}

it("a browser's question is answered without the backend", async () => {
  const before = origins.map(({ requests }) => requests)
  const asked = { ":method": "OPTIONS", ":path": "/cors", origin: "https://a.example", "access-control-request-method": "PUT" }
  const { head } = await ask(asked)
  expect([head[":status"], head["access-control-allow-origin"], head["access-control-allow-methods"]]).toEqual([
    204,
    "https://a.example",
    "PUT"
  ])
  expect(origins.map(({ requests }) => requests)).toEqual(before)
  expect((await ask({ ":path": "/cors", origin: "https://a.example" })).head["access-control-allow-origin"]).toBe("https://a.example")
  expect((await ask({ ":path": "/cors", origin: "https://b.example" })).head["access-control-allow-origin"]).toBeUndefined()
})

it("a copy has the whole body", async () => {
  const bytes = randomBytes(200_000)
  expect((await ask({ ":method": "PUT", ":path": "/mirror" }, bytes)).head[":status"]).toBe(200)
  await expect.poll(() => copied, { timeout: 10_000 }).toEqual([digest(bytes)])
})

it("a session holds, its cookie among others that come apart", async () => {
  const first = await ask({ ":path": "/session" })
  const [given] = first.head["set-cookie"]!
  const cookie = ["a=1", given!.split(";")[0]!, "b=2"]
  const again = await Promise.all(Array.from({ length: 9 }, () => ask({ ":path": "/session", cookie })))
  expect(new Set(again.map(({ body }) => body))).toEqual(new Set([first.body]))
  expect(again.every(({ head }) => head["set-cookie"] === undefined)).toBe(true)
})
