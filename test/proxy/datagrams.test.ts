// Routes of UDP: each client's datagrams go to one endpoint and what that says comes back from the port that the client spoke to; sessions end by silence, refusals and updates.
import type { Socket } from "node:dgram"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { once } from "node:events"
import { afterEach, describe, expect, it } from "vitest"
import { defaultLimits, defaultTimeouts } from "#src/snapshot/behaviour.ts"
import type { StreamRoute } from "#src/snapshot/listener.ts"
import type { Share } from "#src/snapshot/route.ts"
import type { Upstream } from "#src/snapshot/upstream.ts"
import { type DatagramClient, datagramClient, serveDatagrams } from "../support/datagrams.ts"
import { at, handNames, named, until } from "../support/live.ts"
import { freePort, freePorts } from "../support/port.ts"
import { startProxy, type TestProxy } from "./harness.ts"
import { type ListenerSketch, type Sketch, share } from "./sketch.ts"

const closes: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closes.splice(0).reverse()) await close()
})

const own = async (sketch: Sketch, options?: Parameters<typeof startProxy>[1]): Promise<TestProxy> => {
  const proxy = await startProxy(sketch, options)
  closes.push(proxy.close)
  return proxy
}

const serve = async (answer: (text: string) => string | null) => {
  const server = await serveDatagrams(answer)
  closes.push(() => server[Symbol.asyncDispose]())
  return server
}

const client = async (port: number): Promise<DatagramClient> => {
  const made = await datagramClient(port)
  closes.push(() => made[Symbol.asyncDispose]())
  return made
}

const udp = { protocol: "udp" } satisfies Partial<Upstream>

const listener = (action: StreamRoute["action"] | ReadonlyArray<Share>, more: Partial<ListenerSketch> = {}): ListenerSketch => ({
  hosts: {},
  transport: "udp",
  mode: {
    _tag: "Stream",
    tls: null,
    route: {
      source: { kind: "UDPRoute", namespace: "test", name: "datagrams", section: null },
      hostname: "*",
      action: "_tag" in action ? action : { _tag: "Forward", retry: "Default", cache: null, to: action }
    }
  },
  ...more
})

/** Sockets of datagrams that are made from now on: what a network says to one of them can be said by hand. */
const socketsMade = (): ReadonlyArray<Socket> => {
  const made: Array<Socket> = []
  const note = (message: unknown) => void made.push((message as { socket: Socket }).socket)
  subscribe("udp.socket", note)
  closes.push(() => unsubscribe("udp.socket", note))
  return made
}

const sessions = (proxy: TestProxy) => proxy.metric("sluice_connections_active", {})

describe("a UDP route", () => {
  it("passes datagrams as they are, each client's on a way of its own, and answers from the port that was asked", async () => {
    const origin = await serve((text) => text.toUpperCase())
    const proxy = await own({ listeners: { in: listener([share("a")]) }, upstreams: { a: { endpoints: [at(origin.port)], spec: udp } } })
    const [one, two] = [await client(proxy.port()), await client(proxy.port())]
    expect(await one.ask("one")).toBe("ONE")
    expect(await two.ask("two")).toBe("TWO")
    expect(await one.ask("")).toBe("")
    const long = "x".repeat(40_000)
    expect(await two.ask(long)).toBe(long.toUpperCase())
    const from = (text: string) => new Set(origin.received.filter((one) => one.text === text).map((one) => one.from))
    expect(from("one")).toEqual(from(""))
    expect(from("one")).not.toEqual(from("two"))
    expect(await sessions(proxy)).toBe(2)
    expect(await proxy.metric("sluice_requests_active", {})).toBe(2)
    expect(proxy.proxy.describe()!.upstreams[0]!.description.pool.active).toBe(2)
  })

  it("ends with its client's silence, with one line", async () => {
    // Says nothing either: an answer on a busy machine might come to a session that is over.
    const origin = await serve(() => null)
    const timeouts = { ...defaultTimeouts, idle: 300 }
    const proxy = await own({
      listeners: { in: listener([share("a")]) },
      upstreams: { a: { endpoints: [at(origin.port)], spec: { ...udp, timeouts } } }
    })
    const one = await client(proxy.port())
    one.send("abc")
    await until(() => origin.received.length === 1)
    await until(() => proxy.proxy.describe()!.upstreams[0]!.description.pool.active === 0)
    const line = await proxy.logged(({ protocol }) => protocol === "UDP")
    expect(line).toMatchObject({
      ...{ route: "UDPRoute/test/datagrams", upstream: "Service test/a", address: `127.0.0.1:${origin.port}`, client: "127.0.0.1" },
      ...{ status: 0, bytes_in: 3, bytes_out: 0, listener: "in" }
    })
    expect(line.reason).toBeUndefined()
    expect(await sessions(proxy)).toBe(0)
    expect(await proxy.metric("sluice_streams_total", { route: "UDPRoute/test/datagrams" })).toBe(1)
    one.send("again")
    await until(() => origin.received.length === 2)
  })

  it("whose endpoint takes nothing says so, and the client's next datagram goes to one that does", async () => {
    const origin = await serve((text) => text)
    const closed = await freePort()
    const outlier = {
      ...{ serverErrors: null, gatewayErrors: null, localFailures: 1, baseEjection: 60_000, maxEjectionPercent: 50, panic: 0 }
    }
    const proxy = await own({
      listeners: { in: listener([share("a")]) },
      upstreams: { a: { endpoints: [at(closed), at(origin.port)], spec: { ...udp, outlier } } }
    })
    const refusal = proxy.logged(({ reason }) => reason === "connect_refused")
    // One of the two meets it.
    for (let [n, refused] = [0, false]; n < 2; n++) {
      const one = await client(proxy.port())
      const answer = one.next()
      one.send("first")
      if ((await (refused ? answer : Promise.race([answer, refusal]))) === "first") continue
      refused = true
      one.send("second")
      expect(await answer).toBe("second")
    }
    expect(await proxy.logged(({ reason }) => reason === "connect_refused")).toMatchObject({ address: `127.0.0.1:${closed}` })
    // It is out: who comes now does not even try it.
    const before = proxy.lines.length
    for (let n = 0; n < 4; n++) expect(await (await client(proxy.port())).ask("x")).toBe("x")
    await proxy.logged(() => true)
    expect(proxy.lines.slice(before).filter(({ reason }) => reason !== undefined)).toEqual([])
  })

  it("takes nothing from port 0, where nobody can be answered: only who forges a source says so", async () => {
    const origin = await serve((text) => text.toUpperCase())
    const made = socketsMade()
    const proxy = await own({ listeners: { in: listener([share("a")]) }, upstreams: { a: { endpoints: [at(origin.port)], spec: udp } } })
    const [listening] = made
    expect(listening!.address().port).toBe(proxy.port())
    listening!.emit("message", Buffer.from("forged"), { address: "127.0.0.1", family: "IPv4", port: 0, size: 6 })
    expect(await (await client(proxy.port())).ask("honest")).toBe("HONEST")
    expect(await sessions(proxy)).toBe(1)
    expect(origin.received.map(({ text }) => text)).toEqual(["honest"])
  })

  it("whose datagram is too large for the way there loses it, as in any network: nobody is blamed", async () => {
    const origin = await serve((text) => text)
    const made = socketsMade()
    const outlier = {
      ...{ serverErrors: null, gatewayErrors: null, localFailures: 1, baseEjection: 60_000, maxEjectionPercent: 100, panic: 0 }
    }
    const proxy = await own({
      listeners: { in: listener([share("a")]) },
      upstreams: { a: { endpoints: [at(origin.port)], spec: { ...udp, outlier } } }
    })
    const one = await client(proxy.port())
    expect(await one.ask("small")).toBe("small")
    const toward = made.find((socket) => {
      try {
        return socket.remoteAddress().port === origin.port
      } catch {
        return false
      }
    })
    toward!.emit("error", Object.assign(new Error("send EMSGSIZE"), { code: "EMSGSIZE" }))
    expect(await one.ask("next")).toBe("next")
    expect(new Set(origin.received.map(({ from }) => from)).size).toBe(1)
    expect(await (await client(proxy.port())).ask("other")).toBe("other")
    expect(proxy.lines).toEqual([])
  })

  it("goes by weight a client, and drops what a share without a backend takes", async () => {
    const [a, b] = [await serve(() => "a"), await serve(() => "b")]
    const proxy = await own({
      listeners: {
        in: listener([share("a", { weight: 1 }), share("b", { weight: 1 }), share(null, { weight: 1, why: "backend_not_found" })])
      },
      upstreams: { a: { endpoints: [at(a.port)], spec: udp }, b: { endpoints: [at(b.port)], spec: udp } }
    })
    const clients = await Promise.all(Array.from({ length: 90 }, () => client(proxy.port())))
    for (const one of clients) {
      one.send("1")
      one.send("2")
    }
    // Each is answered twice, or in the log.
    const answered = () => clients.filter(({ told }) => told.length === 2).length
    const dropped = () => proxy.lines.filter(({ reason }) => reason === "backend_not_found").length
    await until(() => answered() + dropped() === clients.length)
    const counts = { a: a.received.length / 2, b: b.received.length / 2 }
    // 30 each of 90; five standard deviations are 22.
    expect(Math.abs(counts.a - 30)).toBeLessThan(23)
    expect(Math.abs(counts.b - 30)).toBeLessThan(23)
    for (const { told } of clients) expect(new Set(told).size).toBeLessThan(2)
    expect(await proxy.logged(({ reason }) => reason === "backend_not_found")).toMatchObject({ protocol: "UDP" })
  })

  it("keeps what comes before the name has its first answer, and sends it then", async () => {
    const origin = await serve((text) => text)
    const names = handNames()
    const proxy = await own(
      { listeners: { in: listener([share("a")]) }, upstreams: { a: { endpoints: [named("dns.example", origin.port)], spec: udp } } },
      { names }
    )
    const one = await client(proxy.port())
    for (const text of ["1", "2", "3"]) one.send(text)
    while ((await sessions(proxy)) === 0) await new Promise(setImmediate)
    expect(origin.received).toEqual([])
    names.set("dns.example", { addresses: ["127.0.0.1"] })
    expect([await one.next(), await one.next(), await one.next()]).toEqual(["1", "2", "3"])
  })

  it("follows the table: who is heard again after its backend left goes to the next", async () => {
    const [a, b] = [await serve(() => "a"), await serve(() => "b")]
    const port = await freePort()
    const sketch = (to: string): Sketch => ({
      listeners: { in: listener([share(to)], { port }) },
      upstreams: { [to]: { endpoints: [at(to === "a" ? a.port : b.port)], spec: udp } }
    })
    const proxy = await own(sketch("a"))
    const one = await client(port)
    expect(await one.ask("x")).toBe("a")
    for (let n = 0; n < 50; n++) await proxy.publish(sketch("a"))
    expect(await one.ask("x")).toBe("a")
    expect(new Set(a.received.map(({ from }) => from)).size).toBe(1)
    await proxy.publish(sketch("b"))
    expect(await one.ask("x")).toBe("b")
    // An endpoint that leaves, of a backend that stays.
    const moved = { ...sketch("b"), upstreams: { b: { endpoints: [at(a.port)], spec: udp } } }
    await proxy.publish(moved)
    expect(await one.ask("x")).toBe("a")
  })

  it("goes to a standby while nothing was sent, and nowhere it may not (laws 5 and 15)", async () => {
    const origin = await serve((text) => text)
    const forbidden = { ...udp, addresses: { cluster: [], allowLoopback: false, egress: null } }
    const ports = await freePorts(5)
    const proxy = await own({
      listeners: {
        standby: listener([share("forbidden", { standbys: [share("a", { weight: 0 })] })], { port: ports[0]! }),
        forbidden: listener([share("forbidden")], { port: ports[1]! }),
        bytes: listener([share("tcp")], { port: ports[2]! }),
        told: listener([share("told")], { port: ports[3]! }),
        refused: listener({ _tag: "Refuse", why: "ref_not_permitted" }, { port: ports[4]! })
      },
      upstreams: {
        a: { endpoints: [at(origin.port)], spec: udp },
        forbidden: { endpoints: [at(origin.port)], spec: forbidden },
        tcp: { endpoints: [at(origin.port)], spec: { protocol: "tcp" } },
        told: { endpoints: [at(origin.port)], spec: { ...udp, proxyProtocol: "V2" } }
      }
    })
    expect(await (await client(proxy.port("standby"))).ask("here")).toBe("here")
    const before = origin.received.length
    const reasons: Record<string, unknown> = {}
    for (const name of ["forbidden", "bytes", "told", "refused"]) {
      const one = await client(proxy.port(name))
      for (let n = 0; n < 20; n++) one.send("x")
      reasons[name] = (await proxy.logged((line) => line["listener"] === name)).reason
    }
    const bad = "invalid_backend"
    expect(reasons).toEqual({ forbidden: "address_denied", bytes: bad, told: bad, refused: "ref_not_permitted" })
    expect(origin.received.length).toBe(before)
    expect(
      proxy.acks
        .at(-1)!
        .refused.map(({ id }) => id)
        .sort()
    ).toEqual(["bytes", "told"])
  })

  it("has a bound of clients: its listener's, and its backend's", async () => {
    const origin = await serve((text) => text)
    const limits = { ...defaultLimits, maxConnections: 1 }
    const proxy = await own({
      listeners: {
        few: listener([share("a")], { port: await freePort(), limits: { connections: 1 } }),
        one: listener([share("b")], { port: await freePort() })
      },
      upstreams: { a: { endpoints: [at(origin.port)], spec: udp }, b: { endpoints: [at(origin.port)], spec: { ...udp, limits } } }
    })
    for (const [name, reason] of [
      ["few", "overload"],
      ["one", "overflow"]
    ] as const) {
      const first = await client(proxy.port(name))
      expect(await first.ask("in")).toBe("in")
      const second = await client(proxy.port(name))
      for (let n = 0; n < 50; n++) second.send("out")
      expect(await proxy.logged((line) => line.reason === reason)).toMatchObject({ listener: name, protocol: "UDP" })
      expect(await first.ask("in")).toBe("in")
      expect(origin.received.filter(({ text }) => text === "out")).toEqual([])
    }
    expect(proxy.lines.filter(({ reason }) => reason !== undefined).length).toBeLessThan(10)
  })

  const draining = async (idle: number) => {
    const origin = await serve((text) => text)
    const timeouts = { ...defaultTimeouts, idle }
    const proxy = await own({
      listeners: { in: listener([share("a")]) },
      upstreams: { a: { endpoints: [at(origin.port)], spec: { ...udp, timeouts } } }
    })
    const port = proxy.port()
    const first = await client(port)
    expect(await first.ask("x")).toBe("x")
    return { origin, proxy, port, first }
  }

  it("takes nobody new at a drain, and is done when the others are silent", async () => {
    const { origin, proxy, port, first } = await draining(5_000)
    const late = await client(port)
    const drained = proxy.run(proxy.proxy.drain({ propagation: 0, deadline: 60_000 }))
    await until(() => proxy.proxy.describe()!.draining)
    late.send("late")
    expect(await first.ask("y")).toBe("y")
    await drained
    expect((await proxy.logged(({ protocol }) => protocol === "UDP")).reason).toBeUndefined()
    expect(origin.received.filter(({ text }) => text === "late")).toEqual([])
  })

  it("ends those that are left at the deadline of a drain", async () => {
    const { proxy } = await draining(60_000)
    await proxy.run(proxy.proxy.drain({ propagation: 0, deadline: 50 }))
    expect(await proxy.logged(({ protocol }) => protocol === "UDP")).toMatchObject({ reason: "draining", bytes_in: 1, bytes_out: 1 })
    expect(await proxy.metric("sluice_requests_active", {})).toBe(0)
  })

  it("shares its number with a port of TCP, and says who has it when it is taken", async () => {
    const origin = await serve((text) => text)
    const proxy = await own({
      listeners: {
        in: listener([share("a")], { port: origin.port }),
        web: { port: origin.port, hosts: {} }
      },
      upstreams: { a: { endpoints: [at(origin.port)], spec: udp } }
    })
    expect(proxy.acks[0]!.refused).toEqual([{ table: "listeners", id: "in", reason: expect.stringContaining("EADDRINUSE") }])
    const over = once(origin.socket, "close")
    origin.socket.close()
    await over
    closes.shift()
    await proxy.until(() => proxy.acks.at(-1)!.refused.length === 0)
    // Its backend is its own address, which is never sent to.
    const one = await client(origin.port)
    one.send("x")
    expect(await proxy.logged(({ protocol }) => protocol === "UDP")).toMatchObject({ reason: "address_denied" })
  })
})
