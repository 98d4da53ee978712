// gRPC with a client and a server that are not ours (@grpc/grpc-js) through `sluice run`: HTTP/2 by prior knowledge on both sides.
import {
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation
} from "@grpc/grpc-js"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { folder, gateway, serving } from "../cli/program.ts"
import { until } from "../support/live.ts"
import { freePort } from "../support/port.ts"

const bytes = (value: Buffer): Buffer => value
const unary = {
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes
}
const service = {
  echo: { ...unary, path: "/test.Echo/Echo" },
  fail: { ...unary, path: "/test.Echo/Fail" },
  hang: { ...unary, path: "/test.Echo/Hang" },
  count: { ...unary, path: "/test.Echo/Count", responseStream: true },
  sum: { ...unary, path: "/test.Echo/Sum", requestStream: true },
  chat: { ...unary, path: "/test.Echo/Chat", requestStream: true, responseStream: true }
}

let hung = 0
let cancelled = 0
const serve = async () => {
  const server = new Server({ "grpc.max_receive_message_length": -1 })
  const calls = {
    echo: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      const back = new Metadata()
      for (const key of ["x-text", "x-bytes-bin"]) for (const value of call.metadata.get(key)) back.add(key, value)
      call.sendMetadata(back)
      done(null, call.request, back)
    },
    fail: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
      done({ code: call.request[0]!, details: `code ${call.request[0]} 100 %` }),
    hang: (call: ServerUnaryCall<Buffer, Buffer>) => {
      hung++
      call.on("cancelled", () => cancelled++)
    },
    count: (call: ServerWritableStream<Buffer, Buffer>) => {
      for (let n = 0; n < call.request[0]!; n++) call.write(Buffer.from([n]))
      call.end()
    },
    sum: (call: ServerReadableStream<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
      let sum = 0
      call.on("data", (piece: Buffer) => {
        sum += piece[0]!
      })
      call.on("end", () => done(null, Buffer.from([sum])))
    },
    chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
      call.on("data", (piece: Buffer) => call.write(piece))
      call.on("end", () => call.end())
    }
  } as UntypedServiceImplementation
  server.addService(service, calls)
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => (error === null ? resolve(bound) : reject(error)))
  )
  return { server, port }
}

const manifest = (port: number) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: echo, namespace: shop}
spec:
  protocol: GRPC
  endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: echo, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /test.Echo}}]
      backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: echo}]
    - matches: [{path: {type: PathPrefix, value: /nowhere}}]
      backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: nobody}]
`

let origin: Awaited<ReturnType<typeof serve>>
let place: ReturnType<typeof folder>
let child: ReturnType<typeof serving>
let client: Client

beforeAll(async () => {
  origin = await serve()
  const port = await freePort()
  place = folder({ "m.yaml": `${gateway(port)}${manifest(origin.port)}` })
  child = serving(place)
  await child.line(/Gateway shop\/edge: http:/)
  client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), { "grpc.max_receive_message_length": -1 })
}, 60_000)
afterAll(async () => {
  client?.close()
  await child?.end("SIGKILL")
  origin?.server.forceShutdown()
  place?.[Symbol.dispose]()
})

interface Called {
  readonly error: ServiceError | null
  readonly value: Buffer | undefined
  readonly metadata: Metadata
  readonly trailers: Metadata
}

const call = (path: string, message: Buffer, metadata = new Metadata(), deadline?: number): Promise<Called> =>
  new Promise((resolve) => {
    let first = new Metadata()
    let last = new Metadata()
    let answer: readonly [ServiceError | null, Buffer | undefined] | null = null
    let ended = false
    const settle = () => {
      if (answer !== null && ended) resolve({ error: answer[0], value: answer[1], metadata: first, trailers: last })
    }
    const made = client.makeUnaryRequest(
      path,
      bytes,
      bytes,
      message,
      metadata,
      deadline === undefined ? {} : { deadline },
      (error, value) => {
        answer = [error, value]
        settle()
      }
    )
    made.on("metadata", (given: Metadata) => {
      first = given
    })
    made.on("status", (given) => {
      last = given.metadata
      ended = true
      settle()
    })
  })

describe("gRPC", () => {
  it("unary, with metadata of text and of bytes both ways", async () => {
    const metadata = new Metadata()
    metadata.add("x-text", "a")
    metadata.add("x-bytes-bin", Buffer.from([0, 255, 10, 13]))
    const said = await call("/test.Echo/Echo", Buffer.from("hello"), metadata)
    expect(said.error).toBeNull()
    expect(said.value?.toString()).toBe("hello")
    for (const given of [said.metadata, said.trailers]) {
      expect(given.get("x-text")).toEqual(["a"])
      expect(given.get("x-bytes-bin")).toEqual([Buffer.from([0, 255, 10, 13])])
    }
  })

  it("streams of the server, of the client, and of both", async () => {
    const counted: Array<number> = []
    const count = client.makeServerStreamRequest("/test.Echo/Count", bytes, bytes, Buffer.from([200]))
    count.on("data", (piece: Buffer) => counted.push(piece[0]!))
    await new Promise((resolve, reject) => count.on("end", resolve).on("error", reject))
    expect(counted).toEqual(Array.from({ length: 200 }, (_, n) => n))
    const sum = await new Promise<Buffer | undefined>((resolve, reject) => {
      const stream = client.makeClientStreamRequest("/test.Echo/Sum", bytes, bytes, (error, value) =>
        error ? reject(error) : resolve(value)
      )
      for (let n = 1; n <= 20; n++) stream.write(Buffer.from([n]))
      stream.end()
    })
    expect(sum?.[0]).toBe(210)
    const chat = client.makeBidiStreamRequest("/test.Echo/Chat", bytes, bytes)
    for (let n = 0; n < 10; n++) {
      const back = new Promise<Buffer>((resolve) => chat.once("data", resolve))
      chat.write(Buffer.from([n]))
      // Each has its answer before the next is said.
      expect((await back)[0]).toBe(n)
    }
    chat.end()
    chat.resume()
    await new Promise((resolve, reject) => chat.on("end", resolve).on("error", reject))
  })

  it("tells every status that a server ends with, and its message", async () => {
    for (let code = 1; code <= 16; code++) {
      const { error } = await call("/test.Echo/Fail", Buffer.from([code]))
      expect([error?.code, error?.details]).toEqual([code, `code ${code} 100 %`])
    }
  })

  it("messages of megabytes go both ways", async () => {
    const large = Buffer.alloc(8 * 1024 * 1024, 7)
    const { error, value } = await call("/test.Echo/Echo", large)
    expect(error).toBeNull()
    expect(value?.equals(large)).toBe(true)
  })

  it("a deadline and a cancellation reach the server", async () => {
    // On a busy machine the time may be over before the call is there.
    while (hung === 0) {
      const { error } = await call("/test.Echo/Hang", Buffer.alloc(1), new Metadata(), Date.now() + 500)
      expect(error?.code).toBe(status.DEADLINE_EXCEEDED)
    }
    await until(() => cancelled === hung)
    const before = hung
    const hanging = client.makeUnaryRequest("/test.Echo/Hang", bytes, bytes, Buffer.alloc(1), () => {})
    const over = new Promise((resolve) => hanging.on("status", resolve))
    await until(() => hung > before)
    hanging.cancel()
    await over
    await until(() => cancelled === hung)
    expect((await call("/test.Echo/Echo", Buffer.from("on"))).value?.toString()).toBe("on")
  })

  it("failures of the gateway are statuses of gRPC", async () => {
    expect((await call("/other.Service/Call", Buffer.alloc(1))).error?.code).toBe(status.UNIMPLEMENTED)
    expect((await call("/nowhere/Call", Buffer.alloc(1))).error?.code).toBe(status.UNAVAILABLE)
  })
})
