// What the origin sees of a valid request is what node:http, a parser of other hands, reads in the same bytes: method, target, fields and body.
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as fc from "fast-check"
import { afterAll, assert, beforeAll, it } from "vitest"
import { raw, startProxy, type TestProxy } from "../proxy/harness.ts"
import { at } from "../support/live.ts"
import { type Origin, startOrigin } from "../support/origin.ts"

interface Seen {
  readonly method: string
  readonly target: string
  readonly fields: ReadonlyArray<readonly [string, string]>
  readonly body: string
}

const ours = new Set(["host", "connection", "content-length", "transfer-encoding"])
let proxy: TestProxy
let origin: Origin
const reference = createServer({ maxHeaderSize: 65_536 })
const arrived = new Map<string, Seen>()
const read = new Map<string, Seen>()

const idOf = (fields: Seen["fields"]): string => fields.find(([name]) => name === "X-Id")?.[1] ?? ""

beforeAll(async () => {
  origin = await startOrigin({
    script: async (exchange) => {
      const body = (await exchange.read()).toString("latin1")
      const fields = exchange.request.headers.filter(([name]) => !ours.has(name.toLowerCase()))
      arrived.set(idOf(fields), { method: exchange.request.method, target: exchange.request.target, fields, body })
      await exchange.reply({ body: "ok" })
    }
  })
  proxy = await startProxy({
    listeners: { web: { hosts: { "*": [{ to: "origin" }] } } },
    upstreams: { origin: { endpoints: [at(origin.port)] } }
  })
  reference.maxHeadersCount = 0
  reference.on("request", (request, response) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const fields = request.rawHeaders
        .flatMap((name, n) => (n % 2 === 0 ? [[name, request.rawHeaders[n + 1]!] as const] : []))
        .filter(([name]) => !ours.has(name.toLowerCase()))
      read.set(idOf(fields), { method: request.method!, target: request.url!, fields, body: Buffer.concat(chunks).toString("latin1") })
      response.end("ok")
    })
  })
  reference.listen(0, "127.0.0.1")
  await once(reference, "listening")
})
afterAll(async () => {
  await proxy.close()
  await origin.close()
  reference.close()
})

const characters = (from: string) => fc.constantFrom(...from)
const text = (from: string, minLength: number, maxLength: number) => fc.string({ unit: characters(from), minLength, maxLength })
const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
const visible = Array.from({ length: 94 }, (_, n) => String.fromCharCode(n + 33)).join("")
const value = text(`${visible}\x80\xe4\xff \t`, 0, 60).map((content) => content.replace(/^[ \t]+|[ \t]+$/g, ""))
const field = fc.tuple(
  text(`${alphabet}-!#$%&'*+.^\`|~`, 1, 24).map((name) => `X-${name}`),
  value,
  fc.constantFrom("", " ", "\t", "  "),
  fc.constantFrom("", " ", "\t ")
)
const target = fc
  .tuple(text(`${alphabet}-._~!$&'()*+,;=:@/`, 0, 40), fc.option(text(`${alphabet}-._~!$&'()*+,;=:@/?%`, 0, 30)))
  .map(([path, query]) => `/p${path.replaceAll("/.", "/")}${query === null ? "" : `?${query}`}`)
const body = fc.oneof(
  fc.constant({ framing: "None" as const, parts: [] as Array<string> }),
  fc.record({
    framing: fc.constantFrom("Length" as const, "Chunked" as const),
    parts: fc.array(text(`${visible}\r\n\0\xff`, 1, 300), { maxLength: 5 })
  })
)
const valid = fc.record({
  method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "REPORT"),
  target,
  fields: fc.array(field, { maxLength: 12 }),
  host: fc.constantFrom("example.com", "EXAMPLE.com:8080", "[::1]:80", "127.0.0.1"),
  body,
  cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 })
})

const bytesOf = ({ method, target, fields, host, body }: typeof valid extends fc.Arbitrary<infer A> ? A : never, id: string): string => {
  const content = body.parts.join("")
  const framing =
    body.framing === "None" ? "" : body.framing === "Length" ? `Content-Length: ${content.length}\r\n` : "Transfer-Encoding: chunked\r\n"
  const lines = fields.map(([name, content, before, after]) => `${name}:${before}${content}${after}\r\n`).join("")
  const sent =
    body.framing === "Chunked"
      ? `${body.parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("")}0\r\n\r\n`
      : body.framing === "None"
        ? ""
        : content
  return `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nX-Id: ${id}\r\n${lines}${framing}\r\n${sent}`
}

const send = async (port: number, bytes: string, cuts: ReadonlyArray<number>): Promise<string> => {
  using client = await raw(port)
  client.socket.setNoDelay(true)
  let from = 0
  for (const to of [...cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b), bytes.length]) {
    if (to > from) await new Promise<void>((resolve) => client.socket.write(bytes.slice(from, to), "latin1", () => setImmediate(resolve)))
    from = Math.max(from, to)
  }
  return await client.until(/\r\n\r\n(ok|2\r\nok\r\n0\r\n\r\n)|^HTTP\/1\.1 [45]/)
}

it("property: random valid requests arrive as node:http reads them", async () => {
  let count = 0
  await fc.assert(
    fc.asyncProperty(valid, async (request) => {
      const id = String(++count)
      const bytes = bytesOf(request, id)
      const [answer] = await Promise.all([
        send(proxy.port(), bytes, request.cuts),
        send((reference.address() as AddressInfo).port, bytes, [])
      ])
      assert.match(answer, /^HTTP\/1\.1 200 /, bytes)
      assert.isDefined(read.get(id), bytes)
      assert.deepEqual(arrived.get(id), read.get(id), bytes)
    }),
    { numRuns: 400 }
  )
}, 60_000)
