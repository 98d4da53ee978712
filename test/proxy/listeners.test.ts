// Listeners: who serves a request when several share a port, with which certificate, and what happens when one cannot be had.

import { X509Certificate } from "node:crypto"
import { once } from "node:events"
import { createServer } from "node:net"
import type { TLSSocket } from "node:tls"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Listener } from "#src/snapshot/listener.ts"
import { type Authority, makeAuthority } from "../support/certificates.ts"
import { at } from "../support/live.ts"
import { type Origin, startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { ask, raw, startProxy, talk } from "./harness.ts"
import { type ListenerSketch, material, type Sketch } from "./sketch.ts"

let origin: Origin
let authority: Authority

beforeAll(async () => {
  origin = await startOrigin()
  authority = await makeAuthority()
})
afterAll(() => origin.close())

const upstreams = () => ({ origin: { endpoints: [at(origin.port)] } })

/** A listener whose one host redirects to a host that names the listener: which one answered is read from Location. */
const marked = (name: string, hostname?: string, more: Partial<ListenerSketch> = {}): ListenerSketch => ({
  ...(hostname === undefined ? {} : { hostname }),
  hosts: {
    [hostname ?? "*"]: [
      {
        action: { _tag: "Redirect", status: 302, to: { scheme: null, hostname: `${name}.answered`, port: null, path: null } }
      }
    ]
  },
  ...more
})

const answeredBy = (text: string): string =>
  /Location: https?:\/\/(\w+)\.answered/.exec(text)?.[1] ?? /^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? text

describe("isolation", () => {
  it("gives a Host to the most specific listener, and to no wider one when that has no route", async () => {
    await using proxy = await startProxy({
      listeners: {
        any: marked("any"),
        wide: marked("wide", "*.example"),
        wider: marked("wider", "*.a.example"),
        exact: { hostname: "x.a.example", hosts: { "x.a.example": [{ path: { type: "Exact", value: "/only" }, to: "origin" }] } }
      },
      upstreams: upstreams()
    })
    expect(new Set(["any", "wide", "wider", "exact"].map((id) => proxy.port(id))).size).toBe(1)
    const host = async (name: string, path = "/") =>
      answeredBy(await talk(proxy.port(), `GET ${path} HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`))
    expect(await host("other")).toBe("any")
    expect(await host("b.example")).toBe("wide")
    expect(await host("c.b.example")).toBe("wide")
    expect(await host("example")).toBe("any")
    expect(await host("y.a.example:8080")).toBe("wider")
    expect(await host("Y.A.Example.")).toBe("wider")
    expect(await host("x.a.example", "/only")).toBe("200")
    expect(await host("x.a.example")).toBe("404")
  })

  // What the operator itself refuses is no refusal of the proxy.
  const unserved: ReadonlyArray<readonly [string, Listener["mode"], ReadonlyArray<string>]> = [
    ["cannot be read", { _tag: "Unknown", tls: null, problem: "mode is not one of Http" }, ["listeners kept"]],
    ["the operator does not serve", { _tag: "Refused", tls: null, problem: "the listener is not served" }, []]
  ]
  it.each(unserved)(
    "answers 500 for the hosts of a listener that %s, and for no others; no wider listener has them (law 15)",
    async (_, mode, refusals) => {
      const wide = { any: marked("any"), wide: marked("wide", "*.a.example") }
      const kept = { hostname: "x.a.example", hosts: {}, mode }
      await using proxy = await startProxy({ listeners: { kept, ...wide } })
      expect(proxy.acks[0]!.refused.map(({ table, id }) => `${table} ${id}`)).toEqual(refusals)
      const host = async (name: string) =>
        answeredBy(await talk(proxy.port("any"), `GET / HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n\r\n`))
      expect(await Promise.all(["x.a.example", "y.a.example", "a.example"].map(host))).toEqual(["500", "wide", "any"])
      expect((await proxy.logged((line) => line.reason === "invalid_listener")).listener).toBe("kept")
      // It is a refusal, not a port that could not be opened: nothing is tried again for it.
      expect(proxy.proxy.describe()!.listeners.map(({ id }) => id)).toEqual(["any", "wide"])
      await proxy.publish({ listeners: wide })
      expect(await host("x.a.example")).toBe("wide")
      await proxy.publish({ listeners: { ...wide, kept } })
      expect(await host("x.a.example")).toBe("500")
    }
  )

  it("inside a listener falls from a host without a matching rule to the next wider one", async () => {
    await using proxy = await startProxy({
      listeners: {
        web: {
          hosts: {
            "a.example": [{ path: { type: "Exact", value: "/exact" }, to: "origin" }],
            "*.example": [{ path: { type: "Exact", value: "/wide" }, to: "origin" }],
            "*": [{ path: { type: "Exact", value: "/any" }, to: "origin" }]
          }
        }
      },
      upstreams: upstreams()
    })
    const status = async (path: string) => (await ask(proxy.port(), path, { headers: { Host: "a.example" } })).status
    expect(await Promise.all(["/exact", "/wide", "/any", "/none"].map(status))).toEqual([200, 200, 200, 404])
  })
})

describe("TLS", () => {
  const pairOf = async (id: string, ...dns: ReadonlyArray<string>) => material(id, await authority.leaf({ dns }), dns)

  const tlsSketch = async (): Promise<Sketch> => ({
    listeners: {
      a: marked("a", "a.site.test", { certificates: ["a"] }),
      wide: marked("wide", "*.site.test", { certificates: ["wide", "long"] }),
      other: marked("other", "other.test", { certificates: ["other"] })
    },
    materials: [
      await pairOf("a", "a.site.test"),
      await pairOf("wide", "*.site.test"),
      await pairOf("long", "long.site.test"),
      await pairOf("other", "other.test")
    ]
  })

  const shake = async (port: number, servername: string, more: object = {}) => {
    const client = await raw(port, { servername, ca: authority.certificate, ALPNProtocols: ["http/1.1"], ...more })
    const socket = client.socket as TLSSocket
    return { client, socket, names: new X509Certificate(socket.getPeerCertificate().raw).subjectAltName }
  }

  it("chooses the certificate with the longest name that matches SNI, and speaks http/1.1", async () => {
    await using proxy = await startProxy(await tlsSketch())
    for (const [servername, names] of [
      ["a.site.test", "DNS:a.site.test"],
      ["A.SITE.TEST", "DNS:a.site.test"],
      ["b.site.test", "DNS:*.site.test"],
      ["long.site.test", "DNS:long.site.test"],
      ["other.test", "DNS:other.test"]
    ] as const) {
      const shaken = await shake(proxy.port(), servername)
      using _ = shaken.client
      expect([servername, shaken.names]).toEqual([servername, names])
      expect(shaken.socket.alpnProtocol).toBe("http/1.1")
    }
  })

  it("closes a handshake that no listener is for: SNI of nobody, none at all, old versions; downstream_tls", async () => {
    await using proxy = await startProxy(await tlsSketch())
    for (const more of [
      { servername: "nobody.invalid" },
      { servername: "" },
      { servername: "a.site.test", maxVersion: "TLSv1.1", minVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" }
    ]) {
      await expect(shake(proxy.port(), more.servername, { rejectUnauthorized: false, ...more })).rejects.toThrow()
    }
    await proxy.logged((line) => line.reason === "downstream_tls" && line.status === 0)
    expect(await proxy.metric("sluice_failures_total", { reason: "downstream_tls" })).toBe(3)
  })

  it("takes AEAD ciphers only", async () => {
    await using proxy = await startProxy(await tlsSketch())
    await expect(shake(proxy.port(), "a.site.test", { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" })).rejects.toThrow()
    const shaken = await shake(proxy.port(), "a.site.test", { maxVersion: "TLSv1.2" })
    using _ = shaken.client
    expect(shaken.socket.getCipher().name).toMatch(/GCM|CHACHA/)
  })

  it("without SNI serves the listener of every host", async () => {
    const pair = await pairOf("any", "any.test")
    await using proxy = await startProxy({ listeners: { any: marked("any", undefined, { certificates: ["any"] }) }, materials: [pair] })
    const shaken = await shake(proxy.port(), "", { checkServerIdentity: () => undefined })
    using _ = shaken.client
    expect(shaken.names).toBe("DNS:any.test")
  })

  it("fails the handshake for a host whose listener has no certificate or is not served, whoever is wider (law 15)", async () => {
    await using proxy = await startProxy({
      listeners: {
        any: marked("any", undefined, { certificates: ["other"] }),
        bare: marked("bare", "bare.test", { certificates: ["missing"] }),
        passthrough: { hostname: "passthrough.test", hosts: {}, mode: { _tag: "Tls", tls: null, routes: [] } },
        refused: { hostname: "refused.test", hosts: {}, mode: { _tag: "Refused", tls: null, problem: "the listener is not served" } }
      },
      materials: [await pairOf("other", "other.test")]
    })
    const port = proxy.port("any")
    for (const servername of ["bare.test", "passthrough.test", "refused.test"])
      await expect(shake(port, servername, { rejectUnauthorized: false })).rejects.toThrow()
    const { client } = await shake(port, "other.test")
    using _ = client
    client.send("GET / HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n")
    expect(answeredBy((await client.closed).text)).toBe("any")
  })

  it("answers 421 where SNI and Host choose different listeners, 404 where Host has none", async () => {
    await using proxy = await startProxy(await tlsSketch())
    const sent = async (servername: string, host: string) => {
      const { client } = await shake(proxy.port(), servername)
      using _ = client
      client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
      return answeredBy((await client.closed).text)
    }
    expect(await sent("a.site.test", "a.site.test")).toBe("a")
    expect(await sent("b.site.test", "c.site.test")).toBe("wide")
    // Another listener matches Host better than the one SNI chose.
    expect(await sent("b.site.test", "a.site.test")).toBe("421")
    expect(await sent("a.site.test", "b.site.test")).toBe("421")
    expect(await sent("other.test", "a.site.test")).toBe("421")
    expect(await sent("a.site.test", "nobody.invalid")).toBe("404")
    expect((await proxy.logged((line) => line.reason === "misdirected")).tls).toBe("TLSv1.3")
  })

  it("swaps a certificate for the next handshake and leaves open connections alone", async () => {
    const sketch = await tlsSketch()
    await using proxy = await startProxy(sketch)
    const before = await shake(proxy.port(), "a.site.test")
    using _ = before.client
    const serial = before.socket.getPeerCertificate().serialNumber
    const renewed = await pairOf("a", "a.site.test")
    await proxy.publish({ ...sketch, materials: [renewed, ...sketch.materials!.slice(1)] })
    const after = await shake(proxy.port(), "a.site.test")
    using __ = after.client
    expect(after.socket.getPeerCertificate().serialNumber).not.toBe(serial)
    before.client.send("GET / HTTP/1.1\r\nHost: a.site.test\r\n\r\n")
    expect(answeredBy(await before.client.until(/\r\n\r\n/))).toBe("a")
  })

  it("keeps the old pair, and says so, when OpenSSL does not take the new one", async () => {
    const sketch = await tlsSketch()
    await using proxy = await startProxy(sketch)
    const one = await authority.leaf({ dns: ["a.site.test"] })
    const two = await authority.leaf({ dns: ["a.site.test"] })
    const mismatched = material("a", { chain: one.chain, key: two.key }, ["a.site.test"])
    const ack = await proxy.publish({ ...sketch, materials: [mismatched, ...sketch.materials!.slice(1)] })
    expect(ack.refused).toEqual([{ table: "secrets", id: "a", reason: expect.stringContaining("OpenSSL") }])
    expect(JSON.stringify(ack)).not.toContain("PRIVATE")
    const shaken = await shake(proxy.port(), "a.site.test")
    using _ = shaken.client
    expect(shaken.names).toBe("DNS:a.site.test")
    const healed = await proxy.publish(sketch)
    expect(healed.refused).toEqual([])
  })

  it("refuses a certificate whose bytes did not come, and serves the others", async () => {
    const sketch = await tlsSketch()
    const missing = material("other", await authority.leaf({ dns: ["other.test"] }), ["other.test"])
    await using proxy = await startProxy({ ...sketch, materials: [...sketch.materials!.slice(0, 3)] })
    expect(proxy.acks[0]!.refused.map(({ table, id }) => `${table} ${id}`).sort()).toEqual(["listeners other", "secrets other"])
    const shaken = await shake(proxy.port("a"), "a.site.test")
    using _ = shaken.client
    expect((await proxy.publish({ ...sketch, materials: [...sketch.materials!.slice(0, 3), missing] })).refused).toEqual([])
  })

  it("forgets a refusal with what was refused", async () => {
    const sketch = await tlsSketch()
    await using proxy = await startProxy({ ...sketch, materials: sketch.materials!.slice(0, 3) })
    expect(proxy.acks[0]!.refused.map(({ id }) => id).sort()).toEqual(["other", "other"])
    const { other: _, ...rest } = sketch.listeners
    expect((await proxy.publish({ ...sketch, listeners: rest, materials: sketch.materials!.slice(0, 3) })).refused).toEqual([])
  })

  it("closes a client that never finishes its handshake", async () => {
    await using proxy = await startProxy(await tlsSketch(), {
      limits: { times: { head: 1_000, handshake: 200, keepAlive: 1_000 } }
    })
    using client = await raw(proxy.port())
    await client.closed
    expect((await proxy.logged((line) => line.reason === "downstream_tls")).detail).toContain("TIMEOUT")
  })

  it("has nothing more of a client that left before its handshake or within it, as a check of a load balancer does", async () => {
    await using proxy = await startProxy(await tlsSketch(), {
      limits: { times: { head: 600_000, handshake: 600_000, keepAlive: 600_000 } }
    })
    for (const said of [[], [0x16, 0x03, 0x01]]) {
      using client = await raw(proxy.port())
      await expect.poll(() => proxy.metric("sluice_connections_active", {})).toBe(1)
      client.socket.end(Buffer.from(said))
      await client.closed
      await expect.poll(() => proxy.metric("sluice_connections_active", {})).toBe(0)
    }
    await proxy.run(proxy.proxy.drain({ propagation: 0, deadline: 600_000 }))
    expect(proxy.lines.filter((line) => line.reason === "downstream_tls")).toEqual([])
  })
})

describe("binding", () => {
  it("refuses a listener whose port is taken, serves the others, and binds it when the port is free", async () => {
    const blocker = createServer().listen(0, "127.0.0.1")
    await once(blocker, "listening")
    const { port } = blocker.address() as { port: number }
    await using proxy = await startProxy({ listeners: { taken: marked("taken", undefined, { port }), free: marked("free") } })
    expect(proxy.acks[0]!.refused).toEqual([{ table: "listeners", id: "taken", reason: expect.stringContaining("EADDRINUSE") }])
    expect((await ask(proxy.port("free"), "/")).status).toBe(302)
    blocker.close()
    await proxy.until(() => proxy.acks.at(-1)!.refused.length === 0)
    expect((await ask(port, "/")).status).toBe(302)
  })

  it("refuses what it does not serve, and nothing else", async () => {
    await using proxy = await startProxy({
      listeners: {
        web: marked("web"),
        unread: { hosts: {}, mode: { _tag: "Unknown", tls: null, problem: "mode is not one of Http" } }
      }
    })
    expect(proxy.acks[0]!.refused.map(({ id }) => id)).toEqual(["unread"])
    expect((await ask(proxy.port("web"), "/")).status).toBe(302)
  })

  it("gives a port that listeners of different kinds want to the first of them", async () => {
    const port = await freePort()
    const bytes: Listener["mode"] = { _tag: "Stream", tls: null, route: null }
    await using proxy = await startProxy({
      listeners: { web: marked("web", undefined, { port }), bytes: { hosts: {}, port, mode: bytes } }
    })
    const reason = `127.0.0.1:${port} is HTTP and TCP at once: the listener named first has it`
    expect(proxy.acks[0]!.refused).toEqual([{ table: "listeners", id: "bytes", reason }])
    expect((await ask(port, "/")).status).toBe(302)
  })

  it("turns a port from plain to TLS, and gives it up when its listener goes", async () => {
    const port = await freePort()
    const pair = material("a", await authority.leaf({ dns: ["a.example"] }), ["a.example"])
    await using proxy = await startProxy({ listeners: { web: marked("plain", undefined, { port }) } })
    expect((await ask(port, "/")).headers.location).toContain("plain")
    const ack = await proxy.publish({
      listeners: { web: marked("secure", undefined, { port, certificates: ["a"] }) },
      materials: [pair]
    })
    expect(ack.refused).toEqual([])
    const answer = await ask(port, "/", { tls: { ca: authority.certificate, servername: "a.example" } })
    expect(answer.headers.location).toMatch(/^https:\/\/secure/)
    await proxy.publish({ listeners: { elsewhere: marked("elsewhere") } })
    await expect(ask(port, "/", { tls: { ca: authority.certificate, servername: "a.example" } })).rejects.toThrow("ECONNREFUSED")
  })
})

describe("limits", () => {
  it("one connection more than allowed is answered 503 and closed; one that leaves makes room", async () => {
    await using proxy = await startProxy({ listeners: { web: marked("web", undefined, { limits: { connections: 2 } }) } })
    const first = await raw(proxy.port())
    using second = await raw(proxy.port())
    using third = await raw(proxy.port())
    const { text } = await third.closed
    expect(text).toMatch(/^HTTP\/1\.1 503 .*Retry-After: 1\r\n/s)
    expect((await proxy.logged((line) => line.reason === "overload")).status).toBe(503)
    second.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await second.until(/302/)
    first.socket.destroy()
    await proxy.until(() => true)
    for (;;) {
      const answer = await ask(proxy.port(), "/").catch(() => null)
      if (answer?.status === 302) break
    }
  })

  it("an idle kept connection is closed after its time", async () => {
    await using proxy = await startProxy(
      { listeners: { web: marked("web") } },
      { limits: { times: { head: 10_000, handshake: 1_000, keepAlive: 150 } } }
    )
    using client = await raw(proxy.port())
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await client.until(/302/)
    expect((await client.closed).clean).toBe(true)
  })

  it("a client that stalls in its upload is told 408, and one that trickles too", async () => {
    await using proxy = await startProxy(
      { listeners: { web: { hosts: { "*": [{ to: "origin" }] } } }, upstreams: upstreams() },
      { limits: { upload: { bytes: null, window: 200, rate: 100 } } }
    )
    using client = await raw(proxy.port())
    client.send("POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc")
    await client.until(/^HTTP\/1\.1 408 /)
    expect((await proxy.logged((line) => line.reason === "body_timeout")).bytes_in).toBe(3)
  })
})
