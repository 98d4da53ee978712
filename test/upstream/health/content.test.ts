// Looks that send and wait for content, on real sockets: what goes out, what is well, and which statuses take an address out at once.
import { createServer, type Socket } from "node:net"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import type { HealthCheck } from "#src/snapshot/health.ts"
import { type Authority, makeAuthority } from "../../support/certificates.ts"
import { at, handNames, type LiveOptions, liveUpstream, named, type TestUpstream, until } from "../../support/live.ts"
import { type Script, startOrigin } from "../../support/origin.ts"

const base64 = (text: string): string => Buffer.from(text).toString("base64")
const http = { _tag: "Http", method: "GET", path: "/healthz", host: null, expected: [200] } as const
const check = { port: null, interval: 100, timeout: 10_000, unhealthyThreshold: 1, healthyThreshold: 1, panic: 50 }

const watched = (options: LiveOptions, probe: HealthCheck["probe"], more: Partial<HealthCheck> = {}): Promise<TestUpstream> =>
  liveUpstream({ ...options, spec: { ...options.spec, health: { ...check, probe, ...more } } })

const looks = (upstream: TestUpstream) => upstream.describe().health!.probes as { readonly passed: number; readonly failed: number }
const why = (upstream: TestUpstream): string => upstream.facts().health!.why

/** What an endpoint that is alone is found to be. */
const verdict = async (options: LiveOptions, probe: HealthCheck["probe"], more: Partial<HealthCheck> = {}): Promise<string> => {
  await using upstream = await watched(options, probe, more)
  await until(() => looks(upstream).passed + looks(upstream).failed > 0)
  return why(upstream)
}

const lacks = "health check: not what is expected in the first 65536 bytes of the answer"

describe("a look by HTTP", () => {
  it("sends what is to be sent, with its length", async () => {
    const bodies: Array<string> = []
    await using a = await startOrigin({
      script: async (incoming) => {
        bodies.push((await incoming.read()).toString())
        incoming.reply({})
      }
    })
    const probe = { ...http, method: "POST", body: base64('{"deep":"ä"}') } as const
    assert.strictEqual(await verdict({ endpoints: [at(a.port)] }, probe), "")
    assert.deepEqual([a.seen[0]!.method, a.seen[0]!.header("content-length"), bodies[0]], ["POST", "13", '{"deep":"ä"}'])
  })

  it("is well when the content holds what is awaited, in however many pieces, and the status is right as well", async () => {
    const of = async (script: Script): Promise<string> => {
      await using a = await startOrigin({ script })
      return await verdict({ endpoints: [at(a.port)] }, { ...http, holds: base64("all is well") })
    }
    assert.strictEqual(await of((incoming) => incoming.reply({ body: "today all is well." })), "")
    assert.strictEqual(
      await of(async (incoming) => {
        await incoming.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nall is\r\n")
        await incoming.write("5\r\n well\r\n")
      }),
      ""
    )
    assert.strictEqual(await of((incoming) => incoming.reply({ body: "all is lost" })), lacks)
    assert.strictEqual(await of((incoming) => incoming.reply({ status: 204 })), "health check: answered 204")
    assert.strictEqual(await of((incoming) => incoming.reply({ status: 500, body: "all is well" })), "health check: answered 500")
    assert.strictEqual(await of((incoming) => incoming.reply({ body: `${"x".repeat(70_000)}all is well` })), lacks)
    assert.strictEqual(
      await of(async (incoming) => {
        await incoming.write("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nall is")
        incoming.end()
      }),
      "health check: upstream_truncated"
    )
  })

  it("takes an address out at once by a status that is not to be counted, where some are said", async () => {
    let status = 200
    await using a = await startOrigin({ script: (incoming) => incoming.reply({ status }) })
    const patient = { unhealthyThreshold: 1_000_000 }
    await using upstream = await watched({ endpoints: [at(a.port)] }, { ...http, retriable: [503] }, patient)
    await using counting = await watched({ endpoints: [at(a.port)] }, http, patient)
    await until(() => looks(upstream).passed > 0 && looks(counting).passed > 0)
    status = 503
    await until(() => looks(upstream).failed > 1)
    assert.strictEqual(why(upstream), "")
    status = 404
    await until(() => why(upstream) === "health check: answered 404")
    const before = looks(counting).failed
    await until(() => looks(counting).failed > before)
    assert.strictEqual(why(counting), "")
  })
})

/** A server that answers bytes with bytes. */
const talker = async (says: (socket: Socket) => void) => {
  const heard: Array<string> = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("data", (bytes) => heard.push(bytes.toString()))
    says(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as { readonly port: number }
  return {
    heard,
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    }
  }
}

describe("a look by TCP", () => {
  let authority: Authority
  beforeAll(async () => {
    authority = await makeAuthority()
  })
  afterAll(() => {})

  it("says what is to be said, and is well when what comes holds what is awaited", async () => {
    await using pong = await talker((socket) =>
      socket.once("data", () => {
        socket.write("-x+PO")
        socket.write("NG\r\n")
      })
    )
    const probe = { _tag: "Tcp", send: base64("PING\r\n"), receive: base64("+PONG") } as const
    assert.strictEqual(await verdict({ endpoints: [at(pong.port)] }, probe), "")
    assert.deepEqual(pong.heard, ["PING\r\n"])
    await using other = await talker((socket) => socket.end("-ERR\r\n"))
    assert.strictEqual(await verdict({ endpoints: [at(other.port)] }, probe), lacks)
    await using silent = await talker(() => {})
    assert.strictEqual(await verdict({ endpoints: [at(silent.port)] }, probe, { timeout: 200 }), "health check: no answer within 200 ms")
  })

  it("that awaits a greeting says nothing; one that awaits nothing is well when all is said", async () => {
    await using greets = await talker((socket) => socket.write("220 ready\r\n"))
    assert.strictEqual(await verdict({ endpoints: [at(greets.port)] }, { _tag: "Tcp", receive: base64("220 ") }), "")
    assert.deepEqual(greets.heard, [])
    await using listens = await talker(() => {})
    assert.strictEqual(await verdict({ endpoints: [at(listens.port)] }, { _tag: "Tcp", send: base64("QUIT") }), "")
    await until(() => listens.heard.length > 0)
    assert.strictEqual(listens.heard[0], "QUIT")
  })

  it("goes over the endpoint's TLS when there is something to say", async () => {
    const { chain, key } = await authority.leaf({ dns: ["good.test"] })
    await using a = await startOrigin({ tls: { cert: chain, key }, script: (incoming) => incoming.reply({ status: 500 }) })
    const tls = { ca: "System", names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" } as const
    const names = handNames()
    for (const name of ["good.test", "bad.test"]) names.set(name, { addresses: ["127.0.0.1"] })
    const of = (name: string, probe: HealthCheck["probe"]) =>
      verdict({ endpoints: [named(name, a.port, { tls: true })], names, tls, trust: [authority.certificate] }, probe)
    const send = base64("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert.strictEqual(await of("good.test", { _tag: "Tcp", send, receive: base64("HTTP/1.1 500") }), "")
    assert.strictEqual(await of("bad.test", { _tag: "Tcp", send }), "health check: tls_name_mismatch")
    assert.strictEqual(await of("bad.test", { _tag: "Tcp" }), "")
  })
})
