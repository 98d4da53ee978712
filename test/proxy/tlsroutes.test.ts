// Routes of TLS by SNI: passed through as it came, or ended here and passed on as bytes, both beside HTTPS on one port; what asks for nobody's name gets nothing.
import { once } from "node:events"
import { connect as connectPlain, type Socket } from "node:net"
import { type ConnectionOptions, connect, createServer, type TLSSocket } from "node:tls"
import { afterEach, beforeAll, describe, expect, it } from "vitest"
import { defaultPortTimes } from "#src/proxy/port.ts"
import type { Listener, StreamRoute } from "#src/snapshot/listener.ts"
import { dialBytes, restOf, serveBytes } from "../support/bytes.ts"
import { type Authority, type IssuedCertificate, makeAuthority } from "../support/certificates.ts"
import { at } from "../support/live.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { ask, startProxy } from "./harness.ts"
import { type ListenerSketch, material, type Sketch, share } from "./sketch.ts"

let authority: Authority
let passed: IssuedCertificate
let ended: IssuedCertificate
let web: IssuedCertificate

beforeAll(async () => {
  authority = await makeAuthority()
  passed = await authority.leaf({ dns: ["pass.example"] })
  ended = await authority.leaf({ dns: ["end.example", "*.end.example"] })
  web = await authority.leaf({ dns: ["web.example"] })
})

const closes: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closes.splice(0).reverse()) await close()
})

const tcp = { protocol: "tcp" } as const

const route = (hostname: string, to: string): StreamRoute => ({
  source: { kind: "TLSRoute", namespace: "test", name: to, section: null },
  hostname,
  action: { _tag: "Forward", retry: "Default", cache: null, to: [share(to)] }
})

const listening = (hostname: string, port: number, certificate: string | null, routes: ReadonlyArray<StreamRoute>): ListenerSketch => {
  const tls = certificate === null ? null : ({ certificates: [certificate], clientCa: null, clientAuth: "None" } as const)
  const mode: Listener["mode"] = { _tag: "Tls", tls, routes }
  return { hostname, port, hosts: {}, mode }
}

/** A backend that ends TLS itself and says which protocol was agreed on. */
const secureOrigin = async () => {
  const server = createServer({ cert: passed.chain, key: passed.key, ALPNProtocols: ["mqtt"] }, (socket) => {
    socket.on("error", () => {})
    socket.write(`${socket.servername} ${socket.alpnProtocol} `)
    socket.on("data", (piece: Buffer) => socket.write(piece.toString("latin1").toUpperCase()))
    socket.on("end", () => socket.end())
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  closes.push(() => server.close())
  return (server.address() as { readonly port: number }).port
}

const plainOrigin = async () => {
  const origin = await serveBytes((socket) => {
    socket.write("plain ")
    socket.on("data", (piece: Buffer) => socket.write(piece))
    socket.on("end", () => socket.end())
  })
  closes.push(() => origin[Symbol.asyncDispose]())
  return origin
}

/** Everything on one port: passed through, ended, HTTPS. */
const mixed = async (more: { readonly handshake?: number } = {}) => {
  const port = await freePort()
  const [through, bytes] = [await secureOrigin(), await plainOrigin()]
  const origin = await startOrigin({ script: (exchange) => exchange.reply({ body: "over HTTPS" }) })
  closes.push(() => origin.close())
  const sketch: Sketch = {
    listeners: {
      pass: listening("pass.example", port, null, [route("pass.example", "through")]),
      end: listening("*.end.example", port, "ended", [route("*.end.example", "bytes")]),
      web: { hostname: "web.example", port, certificates: ["web"], hosts: { "web.example": [{ to: "web" }] } }
    },
    upstreams: {
      through: { endpoints: [at(through)], spec: tcp },
      bytes: { endpoints: [at(bytes.port)], spec: tcp },
      web: { endpoints: [at(origin.port)] }
    },
    materials: [material("ended", ended, ["*.end.example"]), material("web", web, ["web.example"])]
  }
  const times = { ...defaultPortTimes, ...more }
  const proxy = await startProxy(sketch, { limits: { times } })
  closes.push(proxy.close)
  return { port, proxy, sketch, bytes }
}

const secure = async (port: number, servername: string, more: ConnectionOptions = {}): Promise<TLSSocket> => {
  const socket = connect({ port, host: "127.0.0.1", servername, ca: authority.certificate, ...more })
  closes.push(() => socket.destroy())
  socket.on("error", () => {})
  await Promise.race([once(socket, "secureConnect"), once(socket, "close").then(() => Promise.reject(new Error("closed")))])
  return socket
}

/** The client's own first bytes, as it would send them. */
const helloOf = async (servername: string): Promise<Buffer> => {
  const received = await serveBytes(() => {})
  const [client, [socket]] = [
    connect({ port: received.port, host: "127.0.0.1", servername }),
    (await once(received.server, "connection")) as [Socket]
  ]
  client.on("error", () => {})
  const [bytes] = (await once(socket, "data")) as [Buffer]
  client.destroy()
  await received[Symbol.asyncDispose]()
  return bytes
}

describe("a port that goes by SNI", () => {
  it("passes TLS through as it came: the backend's certificate and ALPN are the client's to see", async () => {
    const { port, proxy } = await mixed()
    const client = await secure(port, "PASS.example", { ALPNProtocols: ["mqtt"] })
    expect(client.getPeerX509Certificate()!.subjectAltName).toBe("DNS:pass.example")
    const heard = restOf(client)
    client.end("hello")
    expect(await heard).toEqual({ text: "PASS.example mqtt HELLO", clean: true })
    expect(await proxy.logged(({ protocol }) => protocol === "TLS")).toMatchObject({
      ...{ listener: "pass", route: "TLSRoute/test/through", host: "pass.example", status: 0 }
    })
  })

  it("ends TLS with the certificate for the name, and passes on what is inside", async () => {
    const { port, proxy } = await mixed()
    const client = await secure(port, "a.end.example", { ALPNProtocols: ["anything"] })
    expect(client.getPeerX509Certificate()!.subjectAltName).toContain("DNS:*.end.example")
    const heard = restOf(client)
    client.end("hello")
    expect(await heard).toEqual({ text: "plain hello", clean: true })
    expect(await proxy.logged(({ protocol }) => protocol === "TLS")).toMatchObject({
      ...{ listener: "end", route: "TLSRoute/test/bytes", host: "a.end.example", tls: "TLSv1.3", bytes_in: 5, bytes_out: 11 }
    })
  })

  it("serves HTTPS beside them, with a session taken up again", async () => {
    const { port } = await mixed()
    const tls = { servername: "web.example", ca: authority.certificate }
    for (let n = 0; n < 3; n++) expect((await ask(port, "/", { headers: { host: "web.example" }, tls })).body).toBe("over HTTPS")
  })

  it("reads a ClientHello however it is cut", async () => {
    const { port, proxy } = await mixed()
    const hello = await helloOf("pass.example")
    const client = await dialBytes(port)
    closes.push(() => client.destroy())
    client.setNoDelay(true)
    for (const byte of hello) {
      client.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    const [answer] = (await once(client, "data")) as [Buffer]
    // A ServerHello: it came to the backend as it was.
    expect([answer[0], answer[5]]).toEqual([22, 2])
    client.resetAndDestroy()
    expect(await proxy.logged(({ protocol }) => protocol === "TLS")).toMatchObject({ listener: "pass", bytes_in: hello.length })
  })

  it("gives nothing to who asks for nobody's name, speaks no TLS, or says nothing in time", async () => {
    const { port, proxy } = await mixed()
    await expect(secure(port, "other.example")).rejects.toThrow()
    await expect(secure(port, "", { servername: "" })).rejects.toThrow()
    const plain = await dialBytes(port)
    plain.write("GET / HTTP/1.1\r\n\r\n")
    expect((await restOf(plain)).text).toBe("")
    expect(await proxy.logged(({ detail }) => detail === "it does not speak as TLS does")).toMatchObject({ reason: "downstream_tls" })
    const hasty = await mixed({ handshake: 100 })
    const slow = await dialBytes(hasty.port)
    slow.write(Buffer.of(22, 3))
    expect((await restOf(slow)).text).toBe("")
    expect(await hasty.proxy.logged(({ detail }) => String(detail).startsWith("no whole ClientHello"))).toMatchObject({
      reason: "downstream_tls"
    })
    // A listener without a route for the name.
    await expect(secure(port, "end.example")).rejects.toThrow()
  })

  it("begins and ceases to go by SNI without a break for HTTPS", async () => {
    const { port, proxy, sketch } = await mixed()
    const { web } = sketch.listeners as { readonly web: ListenerSketch }
    const client = await secure(port, "web.example")
    client.write("GET /slow HTTP/1.1\r\nhost: web.example\r\n\r\n")
    await once(client, "data")
    await proxy.publish({ ...sketch, listeners: { web } })
    await expect(secure(port, "pass.example")).rejects.toThrow()
    client.write("GET /again HTTP/1.1\r\nhost: web.example\r\n\r\n")
    expect(String(await once(client, "data"))).toContain("200")
    await proxy.publish(sketch)
    expect((await secure(port, "pass.example")).authorized).toBe(true)
    client.write("GET /third HTTP/1.1\r\nhost: web.example\r\n\r\n")
    expect(String(await once(client, "data"))).toContain("200")
  })

  it("takes the next certificate for new connections, while those that stand go on", async () => {
    const { port, proxy, sketch } = await mixed()
    const first = await secure(port, "a.end.example")
    const next = await authority.leaf({ dns: ["*.end.example", "next.example"] })
    await proxy.publish({ ...sketch, materials: [material("ended", next, ["*.end.example"]), ...sketch.materials!.slice(1)] })
    const second = await secure(port, "a.end.example")
    expect(second.getPeerX509Certificate()!.subjectAltName).toContain("next.example")
    const heard = restOf(first)
    first.end("still")
    expect((await heard).text).toBe("plain still")
  })

  it("without a certificate for a route that ends TLS fails its handshakes, and says so", async () => {
    const { port, proxy, sketch } = await mixed()
    const ack = await proxy.publish({ ...sketch, listeners: { ...sketch.listeners, end: listening("*.end.example", port, "missing", []) } })
    expect(ack.refused.map(({ id }) => id)).toContain("end")
    await expect(secure(port, "a.end.example")).rejects.toThrow()
    expect((await secure(port, "pass.example")).authorized).toBe(true)
  })

  it("counts a client that holds its first words back against the limit, and lets it go at a drain's deadline", async () => {
    const { port, proxy } = await mixed()
    const waiting = connectPlain({ port, host: "127.0.0.1" })
    waiting.on("error", () => {})
    waiting.write(Buffer.of(22))
    await once(waiting, "connect")
    while ((await proxy.metric("sluice_connections_active", {})) === 0) await new Promise(setImmediate)
    const over = once(waiting, "close")
    await proxy.run(proxy.proxy.drain({ propagation: 0, deadline: 100 }))
    await over
  })
})
