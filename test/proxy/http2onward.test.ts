// Requests that go on over HTTP/2: what a head of HTTP/1.0 becomes, how long a stream may be silent, and backends that say GOAWAY under load.
import { once } from "node:events"
import { Agent } from "node:http"
import { constants } from "node:http2"
import { type AddressInfo, createServer } from "node:net"
import { expect, it } from "vitest"
import type { RequestHead } from "#src/http2/head.ts"
import { openServer } from "#src/http2/server.ts"
import { type Http2Script, startHttp2Origin } from "../support/http2origin.ts"
import { at } from "../support/live.ts"
import { ask, raw, startProxy, type TestProxyOptions } from "./harness.ts"
import { connect } from "./http2client.ts"
import type { Sketch } from "./sketch.ts"

const sketch = (port: number): Sketch => ({
  listeners: { web: { hosts: { "*": [{ to: "origin" }] } } },
  upstreams: {
    origin: { endpoints: [at(port)], spec: { protocol: "h2c", identity: { host: "Request", sni: null, certificateName: null } } }
  }
})

const before = async (script: Http2Script, options: TestProxyOptions = {}) => {
  const origin = await startHttp2Origin(script)
  const proxy = await startProxy(sketch(origin.port), options)
  return {
    origin,
    proxy,
    async [Symbol.asyncDispose]() {
      await proxy.close()
      await origin.close()
    }
  }
}

it("a request of HTTP/1.0 that names no host has no authority", async () => {
  // Node's own server takes none without.
  const heads: Array<RequestHead> = []
  const server = createServer((socket) => {
    const session = openServer(socket, {
      onRequest: (stream, head) => {
        heads.push(head)
        stream.head(200, [], false)
        stream.data(Buffer.from("old"))
        stream.end()
        return { onHead: () => {}, onData: () => {}, onEnd: () => {}, onDrain: () => {}, onReset: () => {} }
      },
      onRefused: () => {},
      onGoaway: () => {},
      onFinished: () => {},
      onProblem: () => {}
    })
    socket.on("error", () => {})
    socket.on("data", (chunk: Buffer) => session.execute(chunk))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  await using proxy = await startProxy(sketch((server.address() as AddressInfo).port))
  using client = await raw(proxy.port())
  client.send("GET /old HTTP/1.0\r\n\r\n")
  expect((await client.closed).text).toMatch(/^HTTP\/1\.1 200 [\s\S]*\r\n\r\nold$/)
  expect(heads).toMatchObject([{ method: "GET", path: "/old", authority: null }])
  expect(heads[0]!.fields).not.toContain("host")
  server.close()
})

it("a call of gRPC may be silent before its answer begins, where an upload may not", async () => {
  await using it = await before(
    (stream, headers) => {
      if (headers[":path"] === "/upload") return void stream.resume()
      stream.once("data", (piece: Buffer) => {
        stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true })
        stream.once("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }))
        stream.end(piece)
      })
    },
    { limits: { upload: { bytes: null, window: 100, rate: 1_000 } } }
  )
  await using client = await connect(it.proxy.port())
  const call = client.session.request(
    { ":method": "POST", ":path": "/test.Echo/Chat", "content-type": "application/grpc", te: "trailers" },
    { endStream: false }
  )
  call.on("error", () => {})
  await it.origin.until(({ requests }) => requests === 1)
  // One that comes later and says nothing either has had its time: so has the call.
  const upload = client.session.request({ ":method": "POST", ":path": "/upload" }, { endStream: false })
  upload.on("error", () => {})
  expect((await it.proxy.logged(({ path }) => path === "/upload")).reason).toBe("body_timeout")
  call.write("now")
  const chunks: Array<Buffer> = []
  for await (const chunk of call) chunks.push(chunk as Buffer)
  expect(Buffer.concat(chunks).toString()).toBe("now")
})

it("a backend that says GOAWAY every hundred requests loses none of 5,000: with and without bodies, of either version of HTTP", async () => {
  const counts = new WeakMap<object, number>()
  await using it = await before((stream, headers) => {
    const { session } = stream
    const count = (counts.get(session!) ?? 0) + 1
    counts.set(session!, count)
    // What has come is served; what is on its way by now is not looked at.
    if (count === 100) session!.goaway(constants.NGHTTP2_NO_ERROR)
    let size = 0
    stream.on("data", (piece: Buffer) => {
      size += piece.length
    })
    stream.on("end", () => {
      stream.respond({ ":status": 200 })
      stream.end(`${headers[":method"]} ${size}`)
    })
  })
  const agent = new Agent({ keepAlive: true })
  await using client = await connect(it.proxy.port())
  const body = Buffer.alloc(3_000, "x")
  const failed: Array<string> = []
  let left = 5_000
  const old = async (method: "GET" | "POST") => {
    const { status, body: text } = await ask(it.proxy.port(), "/", { agent, method, ...(method === "GET" ? {} : { body }) })
    return `${status} ${text}`
  }
  const young = async (method: "GET" | "POST") => {
    const answer = await client.ask({ ":method": method, ":path": "/" }, method === "GET" ? undefined : body)
    return `${answer.status} ${answer.body}`
  }
  const asking = async (method: "GET" | "POST", one: typeof old) => {
    while (left-- > 0) {
      const answer = await one(method).catch((cause: Error) => cause.message)
      if (answer !== `200 ${method} ${method === "GET" ? 0 : body.length}`) failed.push(answer)
    }
  }
  await Promise.all([...Array(16)].map((_, n) => asking(n % 2 === 0 ? "GET" : "POST", n % 4 < 2 ? old : young)))
  agent.destroy()
  expect(failed).toEqual([])
  expect(it.origin.accepted).toBeGreaterThanOrEqual(50)
}, 60_000)
