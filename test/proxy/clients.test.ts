// Client certificates: whom a listener admits, whatever else is on its port, whatever the client did before, and when the listener's mind changes.
import { once } from "node:events"
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Authority, expired, type IssuedCertificate, makeAuthority } from "../support/certificates.ts"
import { freePort } from "../support/port.ts"
import { raw, startProxy, type TestProxy } from "./harness.ts"
import { connect as connectHttp2 } from "./http2client.ts"
import { type ListenerSketch, material, type Sketch } from "./sketch.ts"

let site: Authority
let ours: Authority
let others: Authority
let good: IssuedCertificate
let foreign: IssuedCertificate
let old: IssuedCertificate
let serving: IssuedCertificate
let open: TestProxy | undefined

beforeAll(async () => {
  ;[site, ours, others] = await Promise.all([makeAuthority("site"), makeAuthority("ours"), makeAuthority("others")])
  ;[good, foreign, old, serving] = await Promise.all([
    ours.leaf({ dns: ["client"], usage: "client" }),
    others.leaf({ dns: ["client"], usage: "client" }),
    expired(ours, { dns: ["client"], usage: "client" }),
    ours.leaf({ dns: ["client"], usage: "server" })
  ])
})
afterAll(() => open?.[Symbol.asyncDispose]())

const names = ["a.site.test", "b.site.test"]
const certificate = async () => material("site", await site.leaf({ dns: names }), names)
/** As translate makes it of a bundle. */
const bundle = (id: string, authority: Authority, digest = id) => ({
  id,
  ref: { source: { kind: "Gateway", namespace: "test", name: "gateway", section: null }, digest },
  chain: authority.certificate,
  key: null,
  names: [],
  expires: "2099-01-01T00:00:00Z"
})

const listener = (hostname: string | undefined, port: number, clients?: ListenerSketch["clients"]): ListenerSketch => ({
  ...(hostname === undefined ? {} : { hostname }),
  port,
  certificates: ["site"],
  ...(clients === undefined ? {} : { clients }),
  hosts: {
    [hostname ?? "*"]: [{ action: { _tag: "Redirect", status: 302, to: { scheme: null, hostname: "served", port: null, path: null } } }]
  }
})

const shown = (pair: IssuedCertificate | null): ConnectionOptions => (pair === null ? {} : { cert: pair.chain, key: pair.key })
const asked = (host: string) => `GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`

/** The status of a request on a connection of its own; "cut": there was none. */
const visit = async (port: number, pair: IssuedCertificate | null, more: ConnectionOptions = {}, host = "a.site.test"): Promise<string> => {
  const options = { servername: host, ca: site.certificate, ...shown(pair), ...more }
  const client = await raw(port, options).catch(() => null)
  if (client === null) return "cut"
  using _ = client
  client.send(asked(host).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
  return /^HTTP\/1\.1 (\d+)/.exec((await client.closed).text)?.[1] ?? "cut"
}

const sketched = async (listeners: Sketch["listeners"], ...materials: NonNullable<Sketch["materials"]>): Promise<Sketch> => ({
  listeners,
  materials: [await certificate(), ...materials]
})

describe("a listener that requires a client certificate", () => {
  it.each(["TLSv1.2", "TLSv1.3"] as const)("serves who shows one that its authority signed, and nobody else (%s)", async (version) => {
    const port = await freePort()
    await using proxy = await startProxy(
      await sketched({ web: listener(undefined, port, { ca: "ca", auth: "Require" }) }, bundle("ca", ours))
    )
    expect(proxy.acks[0]!.refused).toEqual([])
    const only = { minVersion: version, maxVersion: version }
    expect(await visit(port, good, only)).toBe("302")
    expect(await visit(port, good, { ...only, servername: "", checkServerIdentity: () => undefined })).toBe("302")
    for (const pair of [null, foreign, old, serving]) expect(await visit(port, pair, only)).toBe("cut")
    expect(await visit(port, null, { ...only, servername: "", checkServerIdentity: () => undefined })).toBe("cut")
    const refused = await proxy.logged((line) => line.reason === "downstream_tls")
    expect(refused.detail).toBe("the client showed no certificate")
    expect((await proxy.logged((line) => /CERT_HAS_EXPIRED/.test(String(line.detail)))).reason).toBe("downstream_tls")
  })

  it("resumes no session: one that began without a certificate, or at another listener, would pass for verified", async () => {
    const port = await freePort()
    const clients = { ca: "ca", auth: "Require" } as const
    await using _ = await startProxy(
      await sketched({ a: listener("a.site.test", port, clients), b: listener("b.site.test", port) }, bundle("ca", ours))
    )
    for (const version of ["TLSv1.2", "TLSv1.3"] as const)
      for (const [first, host] of [
        [good, "a.site.test"],
        [null, "b.site.test"]
      ] as const) {
        const options = { host: "127.0.0.1", port, servername: host, ca: site.certificate, minVersion: version, maxVersion: version }
        const socket = connect({ ...options, ...shown(first) })
        const sessions: Array<Buffer> = []
        socket.on("session", (session: Buffer) => sessions.push(session))
        await once(socket, "secureConnect")
        socket.write(asked(host))
        await once(socket, "data")
        const session = sessions.at(-1) ?? socket.getSession()
        socket.destroy()
        if (session === undefined) continue
        expect(await visit(port, null, { session, minVersion: version, maxVersion: version })).toBe("cut")
        const again = connect({ ...options, ...shown(good), session })
        await once(again, "secureConnect")
        expect(again.isSessionReused()).toBe(false)
        again.destroy()
      }
  })

  it("says nothing of the others of its port, which admit anyone, and cannot be had through them", async () => {
    const port = await freePort()
    await using _ = await startProxy(
      await sketched(
        { a: listener("a.site.test", port, { ca: "ca", auth: "Require" }), b: listener("b.site.test", port) },
        bundle("ca", ours)
      )
    )
    expect(await visit(port, null, {}, "b.site.test")).toBe("302")
    expect(await visit(port, null, {}, "a.site.test")).toBe("cut")
    using client = await raw(port, { servername: "b.site.test", ca: site.certificate })
    client.send(asked("a.site.test"))
    await client.until(/^HTTP\/1\.1 421 /)
  })

  it("without authorities fails every handshake, and says so", async () => {
    const port = await freePort()
    for (const ca of [null, "missing"]) {
      await using proxy = await startProxy(await sketched({ web: listener(undefined, port, { ca, auth: "Require" }) }))
      expect(proxy.acks[0]!.refused.find(({ table }) => table === "listeners")!.reason).toContain(
        "nothing to verify client certificates against"
      )
      expect(await visit(port, good)).toBe("cut")
    }
  })
})

it("a listener that allows anyone asks, and serves whatever is shown", async () => {
  const port = await freePort()
  await using _ = await startProxy(await sketched({ web: listener(undefined, port, { ca: "ca", auth: "Allow" }) }, bundle("ca", ours)))
  for (const pair of [good, foreign, old, null]) expect(await visit(port, pair)).toBe("302")
})

describe("a listener that changes its mind", () => {
  it("sends who is connected already to a new connection, and asks there", async () => {
    const port = await freePort()
    await using proxy = await startProxy(await sketched({ web: listener(undefined, port) }, bundle("ca", ours)))
    using early = await raw(port, { servername: "a.site.test", ca: site.certificate, ...shown(good) })
    early.send(asked("a.site.test"))
    await early.until(/^HTTP\/1\.1 302 /)
    await proxy.publish(await sketched({ web: listener(undefined, port, { ca: "ca", auth: "Require" }) }, bundle("ca", ours)))
    early.send(asked("a.site.test"))
    await early.until(/HTTP\/1\.1 421 /)
    expect(await visit(port, null)).toBe("cut")
    expect(await visit(port, good)).toBe("302")
    using later = await raw(port, { servername: "a.site.test", ca: site.certificate, ...shown(good) })
    await proxy.publish(await sketched({ web: listener(undefined, port) }, bundle("ca", ours)))
    later.send(asked("a.site.test"))
    await later.until(/^HTTP\/1\.1 302 /)
    expect(await visit(port, null)).toBe("302")
    // And resumes again.
    const options = { host: "127.0.0.1", port, servername: "a.site.test", ca: site.certificate, maxVersion: "TLSv1.2" } as const
    const first: TLSSocket = connect(options)
    await once(first, "secureConnect")
    const session = first.getSession()!
    first.destroy()
    const second: TLSSocket = connect({ ...options, session })
    await once(second, "secureConnect")
    expect(second.isSessionReused()).toBe(true)
    second.destroy()
  })

  it("verifies new connections against the new authorities alone", async () => {
    const port = await freePort()
    const clients = { ca: "ca", auth: "Require" } as const
    await using proxy = await startProxy(await sketched({ web: listener(undefined, port, clients) }, bundle("ca", ours)))
    expect([await visit(port, good), await visit(port, foreign)]).toEqual(["302", "cut"])
    await proxy.publish(await sketched({ web: listener(undefined, port, clients) }, bundle("ca", others, "another")))
    expect([await visit(port, good), await visit(port, foreign)]).toEqual(["cut", "302"])
  })
})

describe("over HTTP/2", () => {
  const secure = (pair: IssuedCertificate | null, servername: string) => ({ servername, ca: site.certificate, ...shown(pair) })
  const head = (host: string) => ({ ":path": "/", ":authority": host })

  it("each stream of a connection whose client was verified is served, and nobody else has one", async () => {
    const port = await freePort()
    await using proxy = await startProxy(
      await sketched({ web: listener(undefined, port, { ca: "ca", auth: "Require" }) }, bundle("ca", ours))
    )
    await using client = await connectHttp2(port, secure(good, "a.site.test"))
    const answers = await Promise.all(["a.site.test", "b.site.test", "a.site.test"].map((host) => client.ask(head(host))))
    expect(answers.map(({ status }) => status)).toEqual([302, 302, 302])
    expect(await proxy.logged(({ status }) => status === 302)).toMatchObject({ protocol: "HTTP/2" })
    for (const pair of [null, foreign, old, serving]) {
      const served = connectHttp2(port, secure(pair, "a.site.test")).then(async (other) => {
        await using _ = other
        return await other.ask(head("a.site.test"))
      })
      await expect(served).rejects.toThrow()
    }
    expect(proxy.lines.filter(({ status }) => status === 302).length).toBe(3)
  })

  it("a listener that asks is not had through one of its port that does not: 421, whatever the client has shown", async () => {
    const port = await freePort()
    await using proxy = await startProxy(
      await sketched(
        { a: listener("a.site.test", port, { ca: "ca", auth: "Require" }), b: listener("b.site.test", port) },
        bundle("ca", ours)
      )
    )
    for (const pair of [null, good]) {
      await using client = await connectHttp2(port, secure(pair, "b.site.test"))
      const answers = await Promise.all(["b.site.test", "a.site.test", "b.site.test"].map((host) => client.ask(head(host))))
      expect(answers.map(({ status }) => status)).toEqual([302, 421, 302])
    }
    expect(await proxy.logged(({ status }) => status === 421)).toMatchObject({ reason: "misdirected", protocol: "HTTP/2" })
  })

  it("one that changes its mind sends who is connected to a new connection, and serves them all when it changes it back", async () => {
    const port = await freePort()
    const asking = await sketched({ web: listener(undefined, port, { ca: "ca", auth: "Require" }) }, bundle("ca", ours))
    const open = await sketched({ web: listener(undefined, port) }, bundle("ca", ours))
    await using proxy = await startProxy(open)
    await using early = await connectHttp2(port, secure(good, "a.site.test"))
    const status = async (client: typeof early) => (await client.ask(head("a.site.test"))).status
    expect(await status(early)).toBe(302)
    await proxy.publish(asking)
    expect(await status(early)).toBe(421)
    expect(await proxy.logged((line) => line.status === 421)).toMatchObject({
      ...{ reason: "misdirected", detail: "the client showed no certificate when it connected", protocol: "HTTP/2" }
    })
    await using later = await connectHttp2(port, secure(good, "a.site.test"))
    expect(await status(later)).toBe(302)
    await proxy.publish(open)
    expect([await status(early), await status(later)]).toEqual([302, 302])
  })
})
