// Routes of bytes over TCP: what one side says reaches the other as it is, ends as ends, resets as resets; who fails to connect is passed over while nothing was sent.
import { once } from "node:events"
import type { Socket } from "node:net"
import { afterEach, describe, expect, it } from "vitest"
import { defaultLimits, defaultTimeouts } from "#src/snapshot/behaviour.ts"
import type { Listener, StreamRoute } from "#src/snapshot/listener.ts"
import type { Share } from "#src/snapshot/route.ts"
import type { Upstream } from "#src/snapshot/upstream.ts"
import { dialBytes, restOf, serveBytes } from "../support/bytes.ts"
import { makeAuthority } from "../support/certificates.ts"
import { at, handNames, named, until } from "../support/live.ts"
import { freePort, freePorts } from "../support/port.ts"
import { silentHost } from "../support/silent.ts"
import { startTold } from "../support/told.ts"
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

const serve = async (script: (socket: Socket) => void) => {
  const made = await serveBytes(script)
  closes.push(() => made[Symbol.asyncDispose]())
  return made
}

const dial = async (port: number): Promise<Socket> => {
  const socket = await dialBytes(port)
  closes.push(() => socket.destroy())
  return socket
}

/** What a client is told that says nothing itself. */
const told = async (port: number) => {
  const client = await dial(port)
  client.end()
  return restOf(client)
}

const tcp = { protocol: "tcp" } satisfies Partial<Upstream>

const mode = (action: StreamRoute["action"]): Listener["mode"] => ({
  _tag: "Stream",
  tls: null,
  route: { source: { kind: "TCPRoute", namespace: "test", name: "bytes", section: null }, hostname: "*", action }
})

const listener = (to: ReadonlyArray<Share>, more: Partial<ListenerSketch> = {}): ListenerSketch => ({
  hosts: {},
  mode: mode({ _tag: "Forward", retry: "Default", cache: null, to }),
  ...more
})

describe("a TCP route", () => {
  it("passes bytes both ways, an end as an end, and says so in one line", async () => {
    const origin = await serve((socket) => {
      socket.write("hello, ")
      socket.on("data", (piece: Buffer) => socket.write(piece.toString("latin1").toUpperCase()))
      // After the client's end there may be more to say.
      socket.on("end", () => socket.end("!"))
    })
    const proxy = await own({ listeners: { bytes: listener([share("a")]) }, upstreams: { a: { endpoints: [at(origin.port)], spec: tcp } } })
    const client = await dial(proxy.port())
    const heard = restOf(client)
    client.end("world")
    expect(await heard).toEqual({ text: "hello, WORLD!", clean: true })
    const line = await proxy.logged(({ protocol }) => protocol === "TCP")
    expect(line).toMatchObject({
      ...{ gateway: "test/gateway", listener: "bytes", route: "TCPRoute/test/bytes", upstream: "Service test/a", client: "127.0.0.1" },
      ...{ status: 0, bytes_in: 5, bytes_out: 13, address: `127.0.0.1:${origin.port}` }
    })
    expect(line.reason).toBeUndefined()
    expect(await proxy.metric("sluice_streams_total", { route: "TCPRoute/test/bytes", upstream: "Service test/a" })).toBe(1)
    expect(await proxy.metric("sluice_stream_sent_bytes_total", { route: "TCPRoute/test/bytes" })).toBe(13)
    expect(await proxy.metric("sluice_requests_total", { route: "TCPRoute/test/bytes" })).toBe(0)
    expect(await proxy.metric("sluice_requests_active", {})).toBe(0)
  })

  it("passes over an endpoint that refuses, and a backend that does, while nothing was sent", async () => {
    const origin = await serve((socket) => socket.end("here"))
    const closed = await freePort()
    const proxy = await own({
      listeners: {
        within: listener([share("both")], { port: await freePort() }),
        beyond: listener([share("dead", { standbys: [share("a", { weight: 0 })] })], { port: await freePort() })
      },
      upstreams: {
        both: { endpoints: [at(closed), at(origin.port)], spec: tcp },
        dead: { endpoints: [at(closed)], spec: tcp },
        a: { endpoints: [at(origin.port)], spec: tcp }
      }
    })
    for (let n = 0; n < 4; n++) expect(await told(proxy.port("within"))).toEqual({ text: "here", clean: true })
    expect(await told(proxy.port("beyond"))).toEqual({ text: "here", clean: true })
    expect(await proxy.logged(({ listener }) => listener === "beyond")).toMatchObject({ upstream: "Service test/a", attempts: 2 })
  })

  it("resets the client whose backend cannot be reached, names why, and counts it", async () => {
    const closed = await freePort()
    const proxy = await own({ listeners: { bytes: listener([share("a")]) }, upstreams: { a: { endpoints: [at(closed)], spec: tcp } } })
    expect(await told(proxy.port())).toEqual({ text: "", clean: false })
    expect(await proxy.logged(() => true)).toMatchObject({ reason: "connect_refused", flag: "UF", upstream: "Service test/a", status: 0 })
    expect(await proxy.metric("sluice_failures_total", { reason: "connect_refused", route: "TCPRoute/test/bytes" })).toBe(1)
  })

  it("gives up a host that does not answer, and asks another", async () => {
    const silent = await silentHost()
    closes.push(silent.close)
    const origin = await serve((socket) => socket.end("here"))
    const timeouts = { ...defaultTimeouts, connect: 5_000 }
    const proxy = await own({
      listeners: { bytes: listener([share("a")]) },
      upstreams: { a: { endpoints: [at(silent.port), at(origin.port)], spec: { ...tcp, timeouts } } }
    })
    const both = await Promise.all([told(proxy.port()), told(proxy.port())])
    expect(both.map(({ text }) => text)).toEqual(["here", "here"])
  })

  it("tells a reset of either side to the other as a reset", async () => {
    const origin = await serve((socket) => socket.once("data", () => socket.resetAndDestroy()))
    const proxy = await own({ listeners: { bytes: listener([share("a")]) }, upstreams: { a: { endpoints: [at(origin.port)], spec: tcp } } })
    const first = await dial(proxy.port())
    first.write("x")
    expect(await restOf(first)).toEqual({ text: "", clean: false })
    expect(await proxy.logged(() => true)).toMatchObject({ reason: "upstream_reset" })

    const met = new Promise<Error | null>((resolve) => {
      origin.server.once("connection", (socket: Socket) => {
        socket.once("error", resolve)
        socket.once("close", () => resolve(null))
      })
    })
    const second = await dial(proxy.port())
    await until(() => origin.sockets.size === 1)
    second.resetAndDestroy()
    expect(await met).toMatchObject({ code: "ECONNRESET" })
    expect(await proxy.logged(({ reason }) => reason === "client_abort")).toMatchObject({ detail: "the client reset the connection" })
  })

  it("has its shares by weight, those without a backend included", async () => {
    const [a, b] = [await serve((socket) => socket.end("a")), await serve((socket) => socket.end("b"))]
    const missing = share(null, { weight: 1, why: "backend_not_found" })
    const proxy = await own({
      listeners: { bytes: listener([share("a", { weight: 2 }), share("b", { weight: 0 }), missing]) },
      upstreams: { a: { endpoints: [at(a.port)], spec: tcp }, b: { endpoints: [at(b.port)], spec: tcp } }
    })
    const counts: Record<string, number> = {}
    for (let n = 0; n < 120; n++) {
      const { text } = await told(proxy.port())
      counts[text] = (counts[text] ?? 0) + 1
    }
    // Two in three of 120: five standard deviations are 26.
    expect(Object.keys(counts).sort()).toEqual(["", "a"])
    expect(Math.abs(counts["a"]! - 80)).toBeLessThan(27)
    expect(await proxy.logged(({ reason }) => reason !== undefined)).toMatchObject({ reason: "backend_not_found" })
  })

  it("holds back a backend whose client does not read, and loses nothing", async () => {
    const size = 32 * 1024 * 1024
    const block = Buffer.alloc(1024 * 1024, "x")
    let given = 0
    const origin = await serve((socket) => {
      const more = (): void => {
        while (given < size) {
          given += block.length
          if (!socket.write(block)) return void socket.once("drain", more)
        }
        socket.end()
      }
      more()
    })
    const proxy = await own({ listeners: { bytes: listener([share("a")]) }, upstreams: { a: { endpoints: [at(origin.port)], spec: tcp } } })
    const client = await dial(proxy.port())
    client.pause()
    // Stands still: what the kernel's buffers and ours hold, and no more.
    let before = -1
    while (given !== before) {
      before = given
      for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
    }
    expect(given).toBeLessThan(size)
    let got = 0
    client.on("data", (piece: Buffer) => {
      got += piece.length
    })
    client.resume()
    await once(client, "end")
    expect(got).toBe(size)
  })

  it("lets a client speak on whose backend has ended", async () => {
    let heard = ""
    const origin = await serve((socket) => {
      socket.end("no more from me")
      socket.on("data", (piece: Buffer) => {
        heard += piece.toString("latin1")
      })
    })
    const proxy = await own({ listeners: { bytes: listener([share("a")]) }, upstreams: { a: { endpoints: [at(origin.port)], spec: tcp } } })
    const client = await dial(proxy.port())
    expect(await restOf(client)).toEqual({ text: "no more from me", clean: true })
    client.write("but from ")
    await until(() => heard === "but from ")
    client.end("me")
    const line = await proxy.logged(({ protocol }) => protocol === "TCP")
    expect([heard, line["bytes_in"], line.reason]).toEqual(["but from me", 11, undefined])
  })

  it("passes on the end of a client that says nothing and ends before its backend is connected", async () => {
    const origin = await serve((socket) => socket.on("end", () => socket.end("you ended")).resume())
    const names = handNames()
    const proxy = await own(
      { listeners: { bytes: listener([share("a")]) }, upstreams: { a: { endpoints: [named("db.example", origin.port)], spec: tcp } } },
      { names }
    )
    const client = await dial(proxy.port())
    const heard = restOf(client)
    client.end()
    while ((await proxy.metric("sluice_connections_active", {})) === 0) await new Promise(setImmediate)
    await once(client, "finish")
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
    names.set("db.example", { addresses: ["127.0.0.1"] })
    expect(await heard).toEqual({ text: "you ended", clean: true })
  })

  it("ends a connection on which nothing moves for the idle time of its backend", async () => {
    const origin = await serve((socket) => socket.resume())
    const proxy = await own({
      listeners: { bytes: listener([share("a")]) },
      upstreams: { a: { endpoints: [at(origin.port)], spec: { ...tcp, timeouts: { ...defaultTimeouts, idle: 100 } } } }
    })
    await told(proxy.port())
    expect(await proxy.logged(() => true)).toMatchObject({ reason: "stream_idle", flag: "SI" })
  })

  it("counts its connections against the limits of the backend, until they end", async () => {
    const origin = await serve((socket) => socket.write("in"))
    const proxy = await own({
      listeners: { bytes: listener([share("a")]) },
      upstreams: { a: { endpoints: [at(origin.port)], spec: { ...tcp, limits: { ...defaultLimits, maxConnections: 1, maxPending: 0 } } } }
    })
    const first = await dial(proxy.port())
    await once(first, "data")
    expect(await told(proxy.port())).toEqual({ text: "", clean: false })
    expect(await proxy.logged(() => true)).toMatchObject({ reason: "overflow", flag: "UO" })
    first.resetAndDestroy()
    await until(() => proxy.proxy.describe()!.upstreams[0]!.description.pool.active === 0)
    const second = await dial(proxy.port())
    expect((await once(second, "data")).toString()).toBe("in")
  })

  it("turns away who comes beyond the limit of its listener", async () => {
    const origin = await serve((socket) => socket.write("in"))
    const proxy = await own({
      listeners: { bytes: listener([share("a")], { limits: { connections: 1 } }) },
      upstreams: { a: { endpoints: [at(origin.port)], spec: tcp } }
    })
    const first = await dial(proxy.port())
    await once(first, "data")
    expect((await told(proxy.port())).text).toBe("")
    expect(await proxy.logged(() => true)).toMatchObject({ reason: "overload" })
  })

  it("goes on over updates and through a drain, which takes no new one", async () => {
    const origin = await serve((socket) => socket.on("data", (piece: Buffer) => socket.write(piece)))
    const port = await freePort()
    const other = await freePort()
    const sketch = (n: number): Sketch => ({
      listeners: {
        bytes: listener([share(n % 2 === 0 ? "a" : "b")], { port }),
        web: { port: other, hosts: { [`${n}.example`]: [] } }
      },
      upstreams: { a: { endpoints: [at(origin.port)], spec: tcp }, b: { endpoints: [at(origin.port)], spec: tcp } }
    })
    const proxy = await own(sketch(0))
    const client = await dial(port)
    const echo = async (text: string) => {
      client.write(text)
      let heard = ""
      while (heard.length < text.length) heard += (await once(client, "data")).toString()
      expect(heard).toBe(text)
    }
    for (let n = 1; n <= 200; n++) {
      await proxy.publish(sketch(n))
      if (n % 20 === 0) await echo(`after ${n}`)
    }
    const drained = proxy.run(proxy.proxy.drain({ propagation: 0, deadline: 60_000 }))
    await until(() => proxy.proxy.describe()!.listeners.every(({ bound }) => bound) && proxy.proxy.describe()!.draining)
    await echo("draining")
    await expect(dial(port)).rejects.toMatchObject({ code: "ECONNREFUSED" })
    client.resetAndDestroy()
    await drained
  })

  it("that is still there at the deadline of a drain is reset", async () => {
    const origin = await serve((socket) => socket.write("in"))
    const proxy = await own({ listeners: { bytes: listener([share("a")]) }, upstreams: { a: { endpoints: [at(origin.port)], spec: tcp } } })
    const client = await dial(proxy.port())
    await once(client, "data")
    const over = restOf(client)
    await proxy.run(proxy.proxy.drain({ propagation: 0, deadline: 50 }))
    expect(await over).toEqual({ text: "", clean: false })
    expect(await proxy.logged(({ protocol }) => protocol === "TCP")).toMatchObject({ reason: "draining" })
  })

  it("speaks TLS to a backend that has it, and tells who its client is by the PROXY protocol", async () => {
    const authority = await makeAuthority()
    const leaf = await authority.leaf({ dns: ["db.example"] })
    await using told = await startTold(leaf)
    const names = handNames()
    names.set("db.example", { addresses: ["127.0.0.1"] })
    const proxy = await own(
      {
        listeners: { bytes: listener([share("a")]) },
        upstreams: {
          a: {
            endpoints: [named("db.example", told.port, { tls: true })],
            spec: {
              ...{ ...tcp, proxyProtocol: "V1" },
              tls: { ca: "System", names: [], client: null, verify: true, minVersion: "TLSv1.2", maxVersion: "TLSv1.3" }
            }
          }
        }
      },
      { names, roots: [authority.certificate] }
    )
    const client = await dial(proxy.port())
    client.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    expect((await once(client, "data")).toString()).toContain(`PROXY TCP4 127.0.0.1 127.0.0.1 ${client.localPort} ${proxy.port()}`)
    expect(told.heads).toHaveLength(1)
  })

  it("goes nowhere it may not: a forbidden address, settings that are of HTTP, a route that is refused, none at all (law 15)", async () => {
    const origin = await serve((socket) => socket.end("in"))
    const endpoints = [at(origin.port)]
    const ports = await freePorts(5)
    const proxy = await own({
      listeners: {
        forbidden: listener([share("forbidden")], { port: ports[0]! }),
        web: listener([share("web")], { port: ports[1]! }),
        credential: listener([share("credential")], { port: ports[2]! }),
        refused: { hosts: {}, mode: mode({ _tag: "Refuse", why: "invalid_kind" }), port: ports[3]! },
        nobody: { hosts: {}, mode: { _tag: "Stream", tls: null, route: null }, port: ports[4]! }
      },
      upstreams: {
        forbidden: { endpoints, spec: { ...tcp, addresses: { cluster: [], allowLoopback: false, egress: null } } },
        web: { endpoints },
        credential: {
          endpoints,
          spec: { ...tcp, credential: { kind: "Static", header: "Authorization", form: "Bearer", secret: "token" } }
        }
      }
    })
    const reasons: Record<string, unknown> = {}
    for (const name of ["forbidden", "web", "credential", "refused", "nobody"]) {
      expect((await told(proxy.port(name))).text).toBe("")
      reasons[name] = (await proxy.logged(({ listener }) => listener === name)).reason
    }
    const bad = "invalid_backend"
    expect(reasons).toEqual({ forbidden: "address_denied", web: bad, credential: bad, refused: "invalid_kind", nobody: "no_route" })
    expect(origin.sockets.size).toBe(0)
    expect(proxy.acks.at(-1)!.refused.map(({ id, reason }) => `${id}: ${reason}`)).toEqual([
      "web: TCPRoute test/bytes: the protocol http1 is not served by a route of bytes",
      "credential: TCPRoute test/bytes: credentials are of HTTP, a route of bytes sends none"
    ])
  })

  it("keeps a client at one endpoint where the backend hashes by its address", async () => {
    const origins = await Promise.all(["a", "b", "c"].map((name) => serve((socket) => socket.end(name))))
    const proxy = await own({
      listeners: { bytes: listener([share("a")]) },
      upstreams: {
        a: {
          endpoints: origins.map(({ port }) => at(port)),
          spec: { ...tcp, balance: { _tag: "ConsistentHash", by: { _tag: "Source" } } }
        }
      }
    })
    const heard = new Set<string>()
    for (let n = 0; n < 12; n++) heard.add((await told(proxy.port())).text)
    expect(heard.size).toBe(1)
  })
})
