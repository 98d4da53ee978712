// Looks by grpc.health.v1: what is asked, which answers are well, in plaintext and over TLS, with a server that is not ours; and a look by HTTP at an upstream of bytes.
import { status as codes, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js"
import fc from "fast-check"
import { assert, beforeAll, describe, it } from "vitest"
import type { HealthCheck } from "#src/snapshot/health.ts"
import { checkMessage, checkPath, judgeAnswer } from "#src/upstream/health/call.ts"
import { type Authority, makeAuthority } from "../../support/certificates.ts"
import { type Http2Script, startHttp2Origin } from "../../support/http2origin.ts"
import { at, type LiveOptions, liveUpstream, until } from "../../support/live.ts"
import { startOrigin } from "../../support/origin.ts"

const check = { port: null, interval: 100, timeout: 10_000, unhealthyThreshold: 1, healthyThreshold: 1, panic: 50 }
const grpc = { _tag: "Grpc", service: "" } as const

/** What an endpoint that is alone is found to be; "": well. */
const verdict = async (options: LiveOptions, probe: HealthCheck["probe"] = grpc): Promise<string> => {
  const health = { ...check, probe }
  await using upstream = await liveUpstream({ ...options, spec: { protocol: "h2c", ...options.spec, health } })
  const probes = () => upstream.describe().health!.probes as { readonly passed: number; readonly failed: number }
  await until(() => probes().passed + probes().failed > 0)
  return upstream.facts().health!.why
}

const framed = (...message: ReadonlyArray<number>): Buffer => Buffer.from([0, 0, 0, 0, message.length, ...message])

describe("an answer of grpc.health.v1", () => {
  it.each([
    ["SERVING", framed(8, 1), "0", null],
    [
      "SERVING, with fields of later releases",
      framed(0x12, 2, 8, 0, 0x18, 0xff, 1, 0x25, 8, 0, 0, 0, 0x29, 8, 0, 0, 0, 0, 0, 0, 0, 8, 1),
      "0",
      null
    ],
    ["the last of two counts", framed(8, 2, 8, 1), "0", null],
    ["nothing said is UNKNOWN", framed(), "0", "says UNKNOWN"],
    ["NOT_SERVING", framed(8, 2), "0", "says NOT_SERVING"],
    ["SERVICE_UNKNOWN", framed(8, 3), "0", "says SERVICE_UNKNOWN"],
    ["a status of later releases", framed(8, 9), "0", "says a status of its own"],
    ["another status of gRPC", framed(8, 1), "5", "answered with gRPC status 5"],
    ["no status of gRPC", framed(8, 1), null, "an answer without a gRPC status"],
    ["a status that is none", framed(8, 1), "zero", "an answer without a gRPC status"],
    ["no message", Buffer.alloc(0), "0", "an answer that is not one of grpc.health.v1"],
    ["two messages", Buffer.concat([framed(8, 1), framed(8, 1)]), "0", "an answer that is not one of grpc.health.v1"],
    ["a compressed message", Buffer.from([1, 0, 0, 0, 2, 8, 1]), "0", "an answer that is not one of grpc.health.v1"],
    ["a message that breaks off", framed(8), "0", "an answer that is not one of grpc.health.v1"],
    ["a text that breaks off", framed(8, 1, 0x12, 9, 1), "0", "an answer that is not one of grpc.health.v1"],
    ["a group", framed(8, 1, 0x0b), "0", "an answer that is not one of grpc.health.v1"]
  ] as const)("%s", (_what, body, status, why) => assert.strictEqual(judgeAnswer(body, status), why))

  it("whatever it is, is well or has one of these words", () => {
    const known = /^(says (UNKNOWN|NOT_SERVING|SERVICE_UNKNOWN|a status of its own)|an answer that is not one of grpc\.health\.v1)$/
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const why = judgeAnswer(framed(...bytes), "0")
        assert.isTrue(why === null || known.test(why), String(why))
      })
    )
  })

  it("is asked for by a message with the service in it, however long its name", () => {
    assert.deepEqual([...checkMessage("")], [0, 0, 0, 0, 0])
    assert.deepEqual([...checkMessage("ab")], [0, 0, 0, 0, 4, 0x0a, 2, 97, 98])
    assert.deepEqual([...checkMessage("x".repeat(300)).subarray(0, 9)], [0, 0, 0, 1, 0x2f, 0x0a, 0xac, 2, 120])
  })
})

describe("a look by gRPC", () => {
  let authority: Authority
  beforeAll(async () => {
    authority = await makeAuthority()
  })

  /** grpc.health.v1 of @grpc/grpc-js: `shop.Cart` serves, `shop.Old` does not, others are not known. */
  const server = async (given: ServerCredentials, heard: Array<string>) => {
    const server = new Server()
    const bytes = (value: Buffer): Buffer => value
    const path = "/grpc.health.v1.Health/Check"
    server.addService(
      {
        check: {
          ...{ path, requestStream: false, responseStream: false },
          ...{ requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes }
        }
      },
      {
        check: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
          const service = call.request.subarray(2).toString()
          heard.push(service)
          if (service === "shop.Cart" || service === "") done(null, Buffer.from([8, 1]))
          else if (service === "shop.Old") done(null, Buffer.from([8, 2]))
          else done({ code: codes.NOT_FOUND, details: "unknown service" })
        }
      }
    )
    const port = await new Promise<number>((resolve, reject) =>
      server.bindAsync("127.0.0.1:0", given, (error, port) => (error === null ? resolve(port) : reject(error)))
    )
    return { port, [Symbol.dispose]: () => server.forceShutdown() }
  }

  it("asks a server that is not ours, and takes what it says of the service", async () => {
    const heard: Array<string> = []
    using a = await server(ServerCredentials.createInsecure(), heard)
    const of = (service: string) => verdict({ endpoints: [at(a.port)] }, { _tag: "Grpc", service })
    assert.strictEqual(await of(""), "")
    assert.strictEqual(await of("shop.Cart"), "")
    assert.strictEqual(await of("shop.Old"), "health check: says NOT_SERVING")
    assert.strictEqual(await of("shop.Gone"), "health check: answered with gRPC status 5")
    assert.deepEqual(new Set(heard), new Set(["", "shop.Cart", "shop.Old", "shop.Gone"]))
  })

  it("goes over TLS where requests do, with their names and roots", async () => {
    const leaf = await authority.leaf({ dns: ["calls.example"] })
    const pair = { private_key: Buffer.from(leaf.key), cert_chain: Buffer.from(leaf.chain) }
    using a = await server(ServerCredentials.createSsl(null, [pair]), [])
    const tls = { ca: "System", names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" } as const
    const of = (name: string) => {
      const identity = { host: "Endpoint", sni: name, certificateName: name } as const
      return verdict({ endpoints: [at(a.port, { tls: true })], tls, trust: [authority.certificate], spec: { protocol: "h2", identity } })
    }
    assert.strictEqual(await of("calls.example"), "")
    assert.match(await of("other.example"), /^health check: tls_/)
  })

  it("says what goes on the wire, and is not well by what is no call", async () => {
    const seen: Array<Readonly<Record<string, unknown>>> = []
    const of = async (script: Http2Script): Promise<string> => {
      await using a = await startHttp2Origin((stream, headers, origin) => {
        seen.push(headers)
        script(stream, headers, origin)
      })
      return await verdict({ endpoints: [at(a.port, { pathPrefix: "/v1" })] })
    }
    const trailers = { "grpc-status": "0" }
    const answer =
      (head: object, body: Uint8Array | string): Http2Script =>
      (stream) => {
        stream.respond({ ":status": 200, ...head }, { waitForTrailers: true })
        stream.on("wantTrailers", () => stream.sendTrailers(trailers))
        stream.end(body)
      }
    assert.strictEqual(await of(answer({}, framed(8, 1))), "")
    assert.deepInclude(seen[0], {
      ":method": "POST",
      ":path": `/v1${checkPath}`,
      "content-type": "application/grpc",
      te: "trailers"
    })
    assert.strictEqual(await of(answer({ ":status": 503 }, framed(8, 1))), "health check: answered 503")
    assert.strictEqual(await of(answer({}, "x".repeat(100_000))), "health check: an answer that is not one of grpc.health.v1")
    assert.strictEqual(
      await of((stream) => stream.respond({ ":status": 200, "grpc-status": "12" }, { endStream: true })),
      "health check: answered with gRPC status 12"
    )
    assert.strictEqual(await of((stream) => stream.close(8)), "health check: upstream_reset")
  })
})

it("a look by HTTP at an upstream of bytes is a request of HTTP", async () => {
  await using a = await startOrigin()
  const http = { _tag: "Http", method: "GET", path: "/healthz", host: null, expected: [200] } as const
  assert.strictEqual(await verdict({ endpoints: [at(a.port)], spec: { protocol: "tcp" } }, http), "")
  assert.strictEqual(a.seen[0]?.target, "/healthz")
})
