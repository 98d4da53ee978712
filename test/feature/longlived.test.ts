// Streams that last, with clients that are not ours: updates of the configuration do not touch them, silence within their backend's time neither, and a drain ends each in the
// words of what it speaks: a WebSocket by a Close that says 1001, events by the end of their body, calls of gRPC by GOAWAY and UNAVAILABLE.
import { once } from "node:events"
import { createServer } from "node:http"
import * as http2 from "node:http2"
import type { AddressInfo } from "node:net"
import type { Duplex } from "node:stream"
import { credentials } from "@grpc/grpc-js"
import { Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { afterEach, expect, it } from "vitest"
import { defaultTimeouts } from "#src/snapshot/behaviour.ts"
import { raw, startProxy, type TestProxy } from "../proxy/harness.ts"
import { prefix, type RuleSketch, type Sketch } from "../proxy/sketch.ts"
import { at, until } from "../support/live.ts"
import {
  type EventOrigin,
  type Lasting,
  openChat,
  openEvents,
  openEvents2,
  openWebSocket,
  startChat,
  startEventOrigin
} from "../support/longlived.ts"
import { frame, startWebSocketOrigin, type WebSocketOrigin } from "../support/websocket.ts"

const closes: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closes.splice(0).reverse()) await close()
})

const kept = <A extends AsyncDisposable | Disposable>(one: A): A => {
  closes.push(() => (Symbol.asyncDispose in one ? one[Symbol.asyncDispose]() : one[Symbol.dispose]()))
  return one
}

interface Site {
  readonly chat: { readonly port: number }
  readonly events: EventOrigin
  readonly sockets: WebSocketOrigin
  /** The n-th configuration: rules, listeners, other backends and their endpoints come and go. */
  readonly sketch: (more?: ReadonlyArray<RuleSketch>, n?: number) => Sketch
  readonly proxy: TestProxy
  /** One of each. */
  readonly all: () => Promise<ReadonlyArray<Lasting>>
  readonly session: http2.ClientHttp2Session
}

const site = async (): Promise<Site> => {
  const [chat, events, sockets] = [kept(await startChat()), kept(await startEventOrigin()), kept(await startWebSocketOrigin())]
  const sketch: Site["sketch"] = (more = [], n = 0) => {
    const other = [at(events.port), ...(n % 2 === 0 ? [] : [at(events.port, { weight: 2 })])]
    return {
      listeners: {
        web: {
          hosts: {
            "*": [
              ...more,
              { path: prefix("/test.Echo"), to: "chat" },
              { path: prefix("/socket"), to: "sockets", filters: n % 3 === 0 ? [] : [{ _tag: "Headers", on: "Response", edits: [] }] },
              { path: prefix("/"), to: "events" }
            ],
            ...(n % 5 === 0 ? {} : { [`h${n % 5}.example`]: [{ to: `other${n % 7}` }] })
          }
        },
        ...(n % 3 === 0 ? { extra: { hostname: "extra.example", hosts: { "extra.example": [{ to: `other${n % 7}` }] } } } : {})
      },
      upstreams: {
        chat: { endpoints: [at(chat.port)], spec: { protocol: "h2c" } },
        events: { endpoints: [at(events.port)] },
        sockets: { endpoints: [at(sockets.port)] },
        [`other${n % 7}`]: { endpoints: other, spec: { of: { namespace: "test", target: `other${n % 11}` } } }
      }
    }
  }
  const proxy = kept(await startProxy(sketch()))
  const port = proxy.port("web")
  const session = http2.connect(`http://127.0.0.1:${port}`)
  session.on("error", () => {})
  closes.push(() => session.destroy())
  return {
    ...{ chat, events, sockets, sketch, proxy, session },
    all: async () => {
      const call = kept(openChat(`127.0.0.1:${port}`, credentials.createInsecure()))
      const all = [
        await openWebSocket(`ws://127.0.0.1:${port}/socket`),
        await openEvents(port, "/one", events),
        await openEvents2(session, "/two", events),
        call
      ]
      for (const one of all) await one.say("hello")
      return all
    }
  }
}

it("1,000 updates, while they tick, end none of them and lose nothing they say", async () => {
  const { proxy, sketch, all } = await site()
  const streams = await all()
  let running = true
  const ticks = streams.map(async (one) => {
    let count = 0
    for (; running; count++) await one.say(`${one.name} ${count}`)
    return count
  })
  // A stream that ends fails its tick, not the updates.
  const ticking = Promise.all(ticks)
  ticking.catch(() => {})
  for (let n = 1; n <= 1000; n++) await proxy.publish(sketch([{ path: prefix(`/gone/${n}`), to: "events" }], n))
  running = false
  for (const count of await ticking) expect(count).toBeGreaterThan(100)
  expect(proxy.proxy.ack()!.refused).toEqual([])
}, 120_000)

it("a silent call is ended after its backend's time, and no other call of the connection with it", async () => {
  const chat = kept(await startChat())
  const idle = (milliseconds: number | "Disabled") => ({
    endpoints: [at(chat.port)],
    spec: { protocol: "h2c" as const, timeouts: { ...defaultTimeouts, idle: milliseconds } }
  })
  const proxy = kept(
    await startProxy({
      listeners: { web: { hosts: { "quick.test": [{ to: "quick" }], "patient.test": [{ to: "patient" }] } } },
      upstreams: { quick: idle(200), patient: idle("Disabled") }
    })
  )
  const session = http2.connect(`http://127.0.0.1:${proxy.port()}`)
  session.on("error", () => {})
  closes.push(() => session.destroy())
  const call = (authority: string) => {
    const headers = {
      ":method": "POST",
      ":path": "/test.Echo/Chat",
      ":authority": authority,
      "content-type": "application/grpc",
      te: "trailers"
    }
    const stream = session.request(headers, { endStream: false })
    stream.on("error", () => {})
    const say = () => {
      stream.write(Buffer.from("\0\0\0\0\x02hi"))
      return once(stream, "data")
    }
    return { stream, say }
  }
  const [quick, patient] = [call("quick.test"), call("patient.test")]
  await Promise.all([quick.say(), patient.say()])
  await new Promise((resolve) => quick.stream.once("close", resolve))
  expect(quick.stream.rstCode).toBe(http2.constants.NGHTTP2_INTERNAL_ERROR)
  expect((await proxy.logged(({ host }) => host === "quick.test")).reason).toBe("stream_idle")
  expect(String((await patient.say())[0])).toBe("\0\0\0\0\x02hi")
})

/** A drain by a clock that stands: what ends before `cut` is called has ended by its words alone. */
const draining = (proxy: TestProxy, during: (cut: () => Promise<void>) => Promise<void>): Promise<void> =>
  proxy.run(
    Effect.gen(function* () {
      const services = yield* Effect.context<never>()
      const ended = yield* Effect.forkChild(proxy.proxy.drain({ propagation: 0, deadline: 10_000 }), { startImmediately: true })
      yield* TestClock.adjust(8_999)
      yield* Effect.promise(() => during(() => Effect.runPromiseWith(services)(TestClock.adjust(1_000))))
      yield* Fiber.join(ended)
    }).pipe(Effect.provide(TestClock.layer()))
  )

it("a drain lets them speak until shortly before its deadline, and then ends each in its own words", async () => {
  const { proxy, all, session, sockets } = await site()
  const streams = await all()
  const told = once(session, "goaway")
  await draining(proxy, async (farewell) => {
    expect((await told)[0]).toBe(http2.constants.NGHTTP2_NO_ERROR)
    for (const one of streams) await one.say("not yet")
    await farewell()
    expect(await Promise.all(streams.map(({ ended }) => ended))).toEqual([
      { code: 1001, wasClean: true },
      { complete: true },
      { complete: true, code: http2.constants.NGHTTP2_NO_ERROR },
      { code: 14, details: "The gateway is going away." }
    ])
  })
  // Its origin was told as well, and may tell who uses it.
  await until(() => sockets.closes.length === 1)
  expect(sockets.closes).toEqual([1001])
  await proxy.logged(({ reason }) => reason === "draining")
  expect(proxy.lines.map(({ reason }) => reason)).toEqual(streams.map(() => "draining"))
  expect(await proxy.metric("sluice_requests_active", {})).toBe(0)
})

it("a Close stands between two frames, never inside one, and nothing follows it; a call that waits for its answer has one", async () => {
  const upgraded = Promise.withResolvers<Duplex>()
  const origin = createServer().on("upgrade", (_, socket) => {
    socket.on("error", () => {})
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: x\r\n\r\n")
    upgraded.resolve(socket)
  })
  origin.listen(0, "127.0.0.1")
  await once(origin, "listening")
  closes.push(() => origin.close())
  const { proxy, session, sketch } = await site()
  const { port } = origin.address() as AddressInfo
  const usual = sketch([{ path: prefix("/mine"), to: "mine" }])
  await proxy.publish({ ...usual, upstreams: { ...usual.upstreams, mine: { endpoints: [at(port)] } } })
  using client = await raw(proxy.port("web"))
  client.send(
    "GET /mine HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
  )
  await client.until(/\r\n\r\n$/)
  const long = frame(2, Buffer.alloc(30_000, "l"))
  const socket = await upgraded.promise
  socket.write(long.subarray(0, 10_000))
  await client.until(/l{9000}$/)
  const waiting = session.request(
    { ":path": "/test.Echo/Chat", ":method": "POST", "content-type": "application/grpc", te: "trailers" },
    { endStream: false }
  )
  const answer = once(waiting, "response") as Promise<[http2.IncomingHttpHeaders]>
  await draining(proxy, async (farewell) => {
    await farewell()
    // A call without an answer yet has one of ours.
    expect((await answer)[0]).toMatchObject({ ":status": 200, "grpc-status": "14" })
    expect(client.received().endsWith("l")).toBe(true)
    socket.write(Buffer.concat([long.subarray(10_000), frame(1, Buffer.from("never told"))]))
    const { text, clean } = await client.closed
    expect(text.endsWith("l\x88\x02\x03\xe9")).toBe(true)
    expect([text.length - text.indexOf("\r\n\r\n") - 4, clean]).toEqual([long.length + 4, true])
    socket.end()
  })
})
