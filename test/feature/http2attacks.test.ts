// What is known to hurt servers of HTTP/2, against `sluice run` as a process of its own: each attack is ended or bounded, few of its requests reach the
// backend, memory stays small, and the next honest client is served.
import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { Decoder } from "#src/http2/decoder.ts"
import { folder, type Running, serving } from "../cli/program.ts"
import { block, flag, greeting, headers, number, parse, plain, preface, raw, setting, type } from "../http2/wire.ts"
import { ask } from "../proxy/harness.ts"
import { type Origin, standard, startOrigin } from "../support/origin.ts"
import { freePorts } from "../support/port.ts"

const MiB = 1024 * 1024

let origin: Origin
let running: Running
let port = 0
let files: ReturnType<typeof folder>

const manifest = (on: number, to: number) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge}
spec: {gatewayClassName: sluice, listeners: [{name: http, protocol: HTTP, port: ${on}}]}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: origin}
spec: {connections: {maxConnections: 5000}, endpoints: [{ip: {address: 127.0.0.1, port: ${to}}}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: origin}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: origin}]}]
`

beforeAll(async () => {
  origin = await startOrigin({
    script: async (exchange) => {
      if (exchange.request.target !== "/hang") return standard(exchange)
      await exchange.closed
    }
  })
  const [free = 0] = await freePorts(1)
  port = free
  files = folder({ "m.yaml": manifest(port, origin.port) })
  running = serving({ path: files.path })
  await running.line(/Gateway default\/edge: http:/)
})
afterAll(async () => {
  await running.end()
  await origin.close()
  files[Symbol.dispose]()
})

/** Resident memory of the process, and the most it has been since `forget`. */
const memory = (name: "VmRSS" | "VmHWM"): number => {
  const status = readFileSync(`/proc/${running.child.pid}/status`, "utf8")
  return Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024
}

let before = 0
let asked = 0
beforeEach(async () => {
  await ask(port, "/warm")
  before = memory("VmRSS")
  asked = origin.requests
})

/** Nothing is left of the attack but this. */
const unharmed = async (requests: number, growth: number) => {
  expect((await ask(port, "/after")).status).toBe(200)
  expect(origin.requests - asked - 1).toBeLessThanOrEqual(requests)
  expect(memory("VmRSS") - before).toBeLessThan(growth)
}

interface Attacker extends Disposable {
  readonly socket: Socket
  /** Writes as fast as it is read; → false: the connection has ended. */
  readonly send: (bytes: Uint8Array) => Promise<boolean>
  /** Frames that have come. */
  readonly frames: () => ReturnType<typeof parse>
  readonly closed: Promise<void>
}

const attacker = async (): Promise<Attacker> => {
  const socket = connect({ host: "127.0.0.1", port })
  const came: Array<Buffer> = []
  socket.on("error", () => {})
  socket.on("data", (chunk: Buffer) => came.push(chunk))
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()))
  await new Promise<void>((resolve) => socket.once("connect", resolve))
  return {
    socket,
    closed,
    frames: () => parse(Buffer.concat(came)),
    send: (bytes) =>
      new Promise((resolve) => {
        if (socket.destroyed || !socket.writable) return resolve(false)
        const done = (sent: boolean) => () => {
          socket.off("drain", drained)
          socket.off("close", ended)
          resolve(sent)
        }
        const drained = done(true)
        const ended = done(false)
        if (socket.write(bytes)) return resolve(true)
        socket.on("drain", drained)
        socket.on("close", ended)
      }),
    [Symbol.dispose]: () => socket.destroy()
  }
}

const pathed = (path: string) => [...plain.slice(0, 6), ":path", path]

/** Sends pieces until the connection is ended, which it has to be. */
const untilEnded = async (piece: (at: number) => Uint8Array, most: number): Promise<Attacker> => {
  using one = await attacker()
  await one.send(greeting)
  for (let at = 0; at < most; at++) if (!(await one.send(piece(at)))) break
  await one.closed
  return one
}

/** The status of each stream, once there are so many. */
const answersOf = (one: Attacker, count: number): Promise<ReadonlyMap<number, string>> => {
  const answers = (): ReadonlyMap<number, string> => {
    const decoder = new Decoder()
    const found = new Map<number, string>()
    for (const { stream, payload, ...frame } of one.frames())
      if (frame.type === type.headers)
        decoder.decode(payload, 0, payload.length, { field: (name, value) => name === ":status" && found.set(stream, value) })
    return found
  }
  return new Promise((resolve, reject) => {
    const look = () => {
      try {
        const found = answers()
        if (found.size >= count) resolve(found)
      } catch {
        // A frame is not whole yet.
      }
    }
    one.socket.on("data", look)
    void one.closed.then(() => reject(new Error("the connection was closed")))
    look()
  })
}

const code = (one: Attacker): number | undefined => {
  const frames = one.frames().filter((frame) => frame.type === type.goaway)
  return frames.at(-1)?.payload.readUInt32BE(4)
}

const calm = 11

describe("floods that end their connection", () => {
  it("rapid reset: 20,000 requests that are reset at once", async () => {
    const one = await untilEnded(
      (at) => Buffer.concat([headers(at * 2 + 1, true, ...plain), raw(type.rst, 0, at * 2 + 1, number(8))]),
      20_000
    )
    expect(code(one) ?? calm).toBe(calm)
    await unharmed(200, 64 * MiB)
  })

  it("made-you-reset: requests that break a rule once they are under way", async () => {
    const one = await untilEnded(
      (at) => Buffer.concat([headers(at * 2 + 1, true, ...pathed("/hang")), raw(type.window, 0, at * 2 + 1, number(0))]),
      20_000
    )
    expect(code(one) ?? calm).toBe(calm)
    await unharmed(200, 64 * MiB)
  })

  const pieces: ReadonlyArray<readonly [name: string, piece: Buffer]> = [
    ["PING", Buffer.concat(Array.from({ length: 100 }, () => raw(type.ping, 0, 0, "12345678")))],
    ["SETTINGS", Buffer.concat(Array.from({ length: 100 }, () => raw(type.settings, 0, 0, setting([4, 0]))))],
    ["PRIORITY", Buffer.concat(Array.from({ length: 100 }, () => raw(type.priority, 0, 1, Buffer.alloc(5))))],
    [
      "CONTINUATION",
      Buffer.concat([raw(type.headers, flag.end, 1, block(...plain)), ...Array.from({ length: 100 }, () => raw(type.continuation, 0, 1))])
    ]
  ]
  for (const [name, piece] of pieces) {
    it(`${name}`, async () => {
      const one = await untilEnded(() => piece, 2_000)
      expect(code(one) ?? calm).toBe(calm)
      await unharmed(0, 64 * MiB)
    })
  }

  it("empty DATA", async () => {
    const empty = Buffer.concat(Array.from({ length: 100 }, () => raw(type.data, 0, 1)))
    const one = await untilEnded((at) => (at === 0 ? headers(1, false, ...pathed("/hang")) : empty), 2_000)
    expect(code(one) ?? calm).toBe(calm)
    await unharmed(1, 64 * MiB)
  })
})

describe("hoards that are bounded", () => {
  it("20,000 streams that are opened and never finished", async () => {
    const one = await untilEnded((at) => headers(at * 2 + 1, false, ...pathed("/hang")), 20_000)
    expect(code(one) ?? calm).toBe(calm)
    await unharmed(100, 64 * MiB)
  })

  it("a window of 0 and large answers: what waits is a bounded part of them", async () => {
    const several = await Promise.all(Array.from({ length: 5 }, attacker))
    try {
      for (const one of several) {
        await one.send(Buffer.concat([preface, raw(type.settings, 0, 0, setting([4, 0]))]))
        for (let id = 1; id < 200; id += 2) await one.send(headers(id, true, ...pathed("/bytes/10000000")))
      }
      await origin.until((now) => now.requests - asked >= 500)
      // An honest one in between, as long as that takes.
      for (let at = 0; at < 50; at++) expect((await ask(port, "/between")).status).toBe(200)
      expect(memory("VmRSS") - before).toBeLessThan(256 * MiB)
      // Nothing of any answer was sent, and each has its head.
      for (const one of several) expect(one.frames().filter((frame) => frame.type === type.data)).toEqual([])
    } finally {
      for (const one of several) one.socket.destroy()
    }
    expect((await ask(port, "/after")).status).toBe(200)
  })

  it("heads that name a large field of the table thousands of times: 431 each, and little is kept", async () => {
    using one = await attacker()
    const long = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xbd, 0x1d]), Buffer.from("v".repeat(3_900))])
    await one.send(Buffer.concat([greeting, raw(type.headers, 5, 1, Buffer.concat([block(...plain), long]))]))
    const bomb = Buffer.concat([block(...plain), Buffer.alloc(15_000, 0xbe)])
    for (let id = 3; id < 2_003; id += 2) await one.send(raw(type.headers, 5, id, bomb))
    await unharmed(1, 64 * MiB)
    const answers = await answersOf(one, 1_001)
    expect([answers.get(1), new Set([...answers].filter(([id]) => id > 1).map(([, status]) => status))]).toEqual(["200", new Set(["431"])])
  })
})
