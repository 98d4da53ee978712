import { once } from "node:events"
import type { AddressInfo, Socket } from "node:net"
import { createSecureContext, createServer } from "node:tls"
import { Result } from "effect"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import type { UpstreamTls } from "#src/snapshot/upstream.ts"
import { tlsReason } from "#src/upstream/dial/failure.ts"
import type { Identity } from "#src/upstream/dial/identity.ts"
import type { DialOutcome } from "#src/upstream/dial/plan.ts"
import { certificatesOf, trustRoots } from "#src/upstream/dial/roots.ts"
import { tlsContext } from "#src/upstream/dial/tls.ts"
import { type Authority, expired, type IssuedCertificate, makeAuthority, notYetValid, selfSigned } from "../../support/certificates.ts"
import { contextOf, dialled, material, named, noRoots, type Origin, planTo, spec, tcpOrigin, tlsOrigin } from "./dialler.ts"

let ca: Authority
let other: Authority
let good: IssuedCertificate
const origins: Array<Origin> = []

beforeAll(async () => {
  ca = await makeAuthority("Test Root")
  other = await makeAuthority("Somebody Else")
  good = await ca.leaf({ dns: ["origin.example"] })
})
afterEach(async () => {
  await Promise.all(origins.splice(0).map((origin) => origin.close()))
})

const serve = async (certificate: IssuedCertificate, options = {}): Promise<Origin> => {
  const origin = await tlsOrigin(certificate, options)
  origins.push(origin)
  return origin
}

const attempt = async (
  origin: Origin,
  {
    tls = spec(),
    identity = named("origin.example"),
    trust = ca,
    handshake = 5_000
  }: { tls?: UpstreamTls; identity?: Identity; trust?: Authority; handshake?: number } = {},
  client?: IssuedCertificate
): Promise<DialOutcome> => {
  const held = [material("ca", { chain: trust.certificate }), ...(client === undefined ? [] : [material("client", client)])]
  const outcome = await dialled(
    planTo(origin.port, { identity, tls: contextOf(tls, ...held), timeouts: { connect: 5_000, tlsHandshake: handshake } })
  )
  if (outcome._tag === "Dialled") await firstWord(outcome.socket)
  return outcome
}

/** The origin says hello to whom it accepts; null: it did. Otherwise the error that came instead: with TLS 1.3 a client certificate is judged after our side is done. */
const firstWord = (socket: Socket): Promise<Error | null> =>
  new Promise((resolve) => {
    const end = (error: Error | null) => {
      socket.destroy()
      resolve(error)
    }
    socket.once("data", () => end(null))
    socket.once("error", end)
    socket.once("close", () => end(new Error("closed without a word")))
  })

const reason = (outcome: DialOutcome): string => (outcome._tag === "Dialled" ? "accepted" : outcome.reason)

describe("what is accepted", () => {
  it("a certificate of a trusted authority for the name", async () => {
    const outcome = await attempt(await serve(good))
    expect(outcome).toMatchObject({
      _tag: "Dialled",
      address: "127.0.0.1",
      tls: { protocol: "TLSv1.3", subject: "CN=origin.example", issuer: "CN=Test Root", names: ["dns:origin.example"], resumed: false }
    })
  })
  it("a chain over an intermediate", async () => {
    const middle = await ca.intermediate("Middle")
    expect(reason(await attempt(await serve(await middle.leaf({ dns: ["origin.example"] }))))).toBe("accepted")
  })
  it("an intermediate as the trust anchor", async () => {
    const middle = await ca.intermediate("Middle")
    expect(reason(await attempt(await serve(await middle.leaf({ dns: ["origin.example"] })), { trust: middle }))).toBe("accepted")
  })
  it("a wildcard for one label", async () => {
    const origin = await serve(await ca.leaf({ dns: ["*.wild.example"] }))
    expect(reason(await attempt(origin, { identity: named("a.wild.example") }))).toBe("accepted")
    expect(reason(await attempt(origin, { identity: named("a.b.wild.example") }))).toBe("tls_name_mismatch")
    expect(reason(await attempt(origin, { identity: named("wild.example") }))).toBe("tls_name_mismatch")
  })
  it("an IP SAN for an address without a name, and no SNI is sent", async () => {
    const origin = await serve(await ca.leaf({ ip: ["127.0.0.1"], commonName: "box" }))
    const identity: Identity = { ...named("x"), sni: null, certificateName: "127.0.0.1" }
    expect(reason(await attempt(origin, { identity }))).toBe("accepted")
    expect(origin.names).toEqual([false])
    expect(reason(await attempt(origin, { identity: { ...identity, certificateName: "127.0.0.2" } }))).toBe("tls_name_mismatch")
  })
  it("any one of several subject alternative names, URI ones included", async () => {
    const origin = await serve(await ca.leaf({ dns: ["pod.example"], uri: ["spiffe://trust/ns/a"] }))
    for (const names of [["uri:spiffe://trust/ns/a"], ["dns:nope.example", "uri:spiffe://trust/ns/a"], ["dns:pod.example"]])
      expect(reason(await attempt(origin, { tls: spec({ names }) }))).toBe("accepted")
    for (const names of [["uri:spiffe://trust/ns/b"], ["uri:spiffe://trust/ns"], ["dns:spiffe://trust/ns/a"], ["dns:origin.example"]])
      expect(reason(await attempt(origin, { tls: spec({ names }) }))).toBe("tls_name_mismatch")
  })
  it("anything, when verification is off", async () => {
    expect(reason(await attempt(await serve(await selfSigned({ dns: ["x.example"] })), { tls: spec({ verify: false }) }))).toBe("accepted")
  })
  it("TLS 1.2, with AEAD suites", async () => {
    const outcome = await attempt(await serve(good, { maxVersion: "TLSv1.2" }))
    expect(outcome).toMatchObject({ tls: { protocol: "TLSv1.2", cipher: expect.stringMatching(/GCM|CHACHA/) } })
  })
})

describe("renegotiation", () => {
  it("that an upstream asks for is refused: what was verified stays who it is", async () => {
    const server = createServer({ cert: good.chain, key: good.key, maxVersion: "TLSv1.2" })
    server.on("tlsClientError", () => {})
    const asked = new Promise<Error | null>((resolve) => {
      server.on("secureConnection", (socket) => {
        socket.on("error", resolve)
        socket.renegotiate({}, resolve)
      })
    })
    server.listen(0, "127.0.0.1")
    await once(server, "listening")
    const { port } = server.address() as AddressInfo
    const outcome = await dialled(planTo(port, { tls: contextOf(spec(), material("ca", { chain: ca.certificate })) }))
    expect(reason(outcome)).toBe("accepted")
    if (outcome._tag === "Dialled") outcome.socket.resume()
    expect(await asked).toMatchObject({ code: expect.stringContaining("RENEGOTIATION") })
    if (outcome._tag === "Dialled") outcome.socket.destroy()
    server.close()
  })
})

describe("no wrong accept: each refusal has its label and names the host", () => {
  const rows: ReadonlyArray<readonly [string, () => Promise<IssuedCertificate>, string, RegExp]> = [
    ["expired", () => expired(ca, { dns: ["origin.example"] }), "tls_expired", /origin\.example expired on \d{4}/],
    ["not yet valid", () => notYetValid(ca, { dns: ["origin.example"] }), "tls_not_yet_valid", /origin\.example is valid from \d{4}/],
    [
      "another name",
      () => ca.leaf({ dns: ["other.example"] }),
      "tls_name_mismatch",
      /certificate of origin\.example is for other\.example/
    ],
    ["a name with ours inside", () => ca.leaf({ dns: ["origin.example.evil.example", "xorigin.example"] }), "tls_name_mismatch", /is for/],
    ["our name as common name only", () => ca.leaf({ commonName: "origin.example" }), "tls_name_mismatch", /no SAN/],
    [
      "common name ours, SAN another's",
      () => ca.leaf({ commonName: "origin.example", dns: ["other.example"] }),
      "tls_name_mismatch",
      /other\.example/
    ],
    [
      "our name as URI",
      () => ca.leaf({ uri: ["https://origin.example"], commonName: "x" }),
      "tls_name_mismatch",
      /https:\/\/origin\.example/
    ],
    ["a wildcard for a whole domain", () => ca.leaf({ dns: ["*.example", "*"] }), "tls_name_mismatch", /is for/],
    [
      "an authority nobody trusts",
      () => other.leaf({ dns: ["origin.example"] }),
      "tls_unknown_ca",
      /issued by Somebody Else that is not trusted/
    ],
    ["self-signed", () => selfSigned({ dns: ["origin.example"] }), "tls_self_signed", /origin\.example shows a self-signed certificate/],
    ["for clients only", () => ca.leaf({ dns: ["origin.example"], usage: "client" }), "tls_handshake", /not for servers/],
    [
      "a leaf that signs",
      async () => {
        const middle = await other.intermediate("Middle")
        return middle.leaf({ dns: ["origin.example"] })
      },
      "tls_unknown_ca",
      /not trusted/
    ],
    [
      "an intermediate that is missing",
      async () => {
        const leaf = await (await ca.intermediate("Middle")).leaf({ dns: ["origin.example"] })
        return { ...leaf, chain: leaf.certificate }
      },
      "tls_unknown_ca",
      /issued by Middle/
    ]
  ]
  it.each(rows)("%s", async (_, make, label, words) => {
    const outcome = await attempt(await serve(await make()))
    expect(reason(outcome)).toBe(label)
    if (outcome._tag === "Failed") expect(outcome.detail).toMatch(words)
  })

  it("a partial wildcard", async () => {
    const origin = await serve(await ca.leaf({ dns: ["ori*.site.example", "*gin.site.example"] }))
    expect(reason(await attempt(origin, { identity: named("origin.site.example") }))).toBe("tls_name_mismatch")
  })
  it("verification without a name to verify refuses before a byte is sent", async () => {
    const origin = await serve(good)
    const outcome = await attempt(origin, { identity: { ...named("x"), sni: null, certificateName: null } })
    expect(reason(outcome)).toBe("tls_name_mismatch")
    expect(origin.sockets.size).toBe(0)
  })
  it("no common version", async () => {
    const outcome = await attempt(await serve(good, { maxVersion: "TLSv1.2" }), { tls: spec({ minVersion: "TLSv1.3" }) })
    expect(reason(outcome)).toBe("tls_handshake")
    expect(outcome).toMatchObject({ detail: expect.stringContaining("share no TLS version") })
  })
  it("no common suite: CBC is not offered", async () => {
    expect(reason(await attempt(await serve(good, { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES128-SHA256" })))).toBe("tls_handshake")
  })
  it("a port that does not speak TLS", async () => {
    const origin = await tcpOrigin({}, (socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"))
    origins.push(origin)
    const outcome = await attempt(origin)
    expect(outcome).toMatchObject({ reason: "tls_handshake", detail: expect.stringContaining("does not speak TLS") })
  })
  it("a port that hangs up", async () => {
    const origin = await tcpOrigin({}, (socket) => socket.destroy())
    origins.push(origin)
    expect(await attempt(origin)).toMatchObject({ reason: "tls_handshake", detail: expect.stringMatching(/closed the connection/) })
  })
  it("a port that says nothing: the handshake has its own clock", async () => {
    const origin = await tcpOrigin()
    origins.push(origin)
    expect(await attempt(origin, { handshake: 60 })).toMatchObject({ reason: "tls_timeout", detail: expect.stringContaining("60 ms") })
  })
})

describe("client certificates", () => {
  it("are shown when asked for", async () => {
    const client = await ca.leaf({ dns: ["client.example"], usage: "client" })
    const origin = await serve(good, { ca: ca.certificate, requestCert: true, rejectUnauthorized: true, maxVersion: "TLSv1.2" })
    expect(reason(await attempt(origin, { tls: spec({ client: "client" }) }, client))).toBe("accepted")
  })
  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "missing or of a stranger over %s: never served; the handshake or the first read fails",
    async (version) => {
      const origin = await serve(good, { ca: ca.certificate, requestCert: true, rejectUnauthorized: true, maxVersion: version })
      const stranger = await other.leaf({ dns: ["client.example"] })
      const held = [material("ca", { chain: ca.certificate }), material("client", stranger)]
      for (const client of ["client", null]) {
        const outcome = await dialled(planTo(origin.port, { tls: contextOf(spec({ client }), ...held) }))
        if (outcome._tag === "Failed") expect(outcome.reason).toMatch(/^tls_(client_rejected|handshake)$/)
        else {
          const error = await firstWord(outcome.socket)
          expect(error).not.toBeNull()
          expect(["tls_client_rejected", null]).toContain(tlsReason(error!))
        }
      }
    }
  )
  it("the alerts that are about our certificate", () => {
    for (const code of [
      "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
      "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA",
      "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE",
      "ERR_SSL_TLSV1_ALERT_ACCESS_DENIED"
    ])
      expect(tlsReason({ code })).toBe("tls_client_rejected")
    expect(tlsReason({ code: "ECONNRESET" })).toBeNull()
  })
})

describe("sessions", () => {
  it("are resumed for the same name, and the name is checked again", async () => {
    const origin = await serve(good)
    const context = contextOf(spec(), material("ca", { chain: ca.certificate }))
    const connect = async (identity: Identity) => {
      const outcome = await dialled(planTo(origin.port, { tls: context, identity }))
      if (outcome._tag !== "Dialled") return outcome
      // TLS 1.3 tickets come after the handshake, with the first bytes.
      await firstWord(outcome.socket)
      return outcome
    }
    expect(await connect(named("origin.example"))).toMatchObject({ tls: { resumed: false } })
    expect(await connect(named("origin.example"))).toMatchObject({ tls: { resumed: true, names: ["dns:origin.example"] } })
    expect(await connect(named("other.example"))).toMatchObject({ _tag: "Failed", reason: "tls_name_mismatch" })
  })
  it("do not cross contexts: another trust starts anew and refuses", async () => {
    const origin = await serve(good)
    const first = contextOf(spec(), material("ca", { chain: ca.certificate }))
    const outcome = await dialled(planTo(origin.port, { tls: first }))
    if (outcome._tag === "Dialled") outcome.socket.destroy()
    const second = contextOf(spec(), material("ca", { chain: other.certificate }))
    expect(await dialled(planTo(origin.port, { tls: second }))).toMatchObject({ reason: "tls_unknown_ca" })
  })
})

describe("contexts", () => {
  const lookup =
    (...held: ReadonlyArray<ReturnType<typeof material>>) =>
    (id: string) =>
      held.find((each) => each.id === id)!
  it("equal settings share one secure context, not the sessions; a changed Secret makes another", async () => {
    const bundle = material("ca", { chain: ca.certificate })
    const a = Result.getOrThrow(tlsContext(spec(), lookup(bundle), noRoots))
    const b = Result.getOrThrow(tlsContext(spec({ names: ["dns:x.example"] }), lookup(bundle), noRoots))
    expect(b.secure).toBe(a.secure)
    expect(b.key).not.toBe(a.key)
    expect(b.sessions).not.toBe(a.sessions)
    const c = Result.getOrThrow(tlsContext(spec(), lookup(material("ca", { chain: other.certificate })), noRoots))
    expect(c.secure).not.toBe(a.secure)
    expect(c.key).not.toBe(a.key)
  })
  it("what cannot work is told, without key bytes", async () => {
    const bundle = material("ca", { chain: ca.certificate })
    const otherKey = material("client", { chain: good.chain, key: (await ca.leaf({ dns: ["a.example"] })).key })
    const cases: ReadonlyArray<readonly [UpstreamTls, ReadonlyArray<ReturnType<typeof material>>, RegExp]> = [
      [spec({ ca: [] }), [], /empty list/],
      [spec(), [material("ca", { chain: "not a certificate" })], /no PEM certificate/],
      [
        spec(),
        [material("ca", { chain: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" })],
        /certificate 1 of 1 cannot be read/
      ],
      [spec({ client: "client" }), [bundle, material("client", { chain: good.chain })], /no private key/],
      [spec({ client: "client" }), [bundle, otherKey], /client certificate: .*mismatch/],
      [spec({ minVersion: "TLSv1.3", maxVersion: "TLSv1.2" }), [bundle], /above/]
    ]
    for (const [tls, held, words] of cases) {
      const made = tlsContext(tls, lookup(...held), noRoots)
      expect(Result.isFailure(made)).toBe(true)
      if (Result.isFailure(made)) {
        expect(made.failure.detail).toMatch(words)
        expect(JSON.stringify(made.failure)).not.toContain("PRIVATE KEY")
      }
    }
  })
  it("lookups that throw are told by id", () => {
    const made = tlsContext(
      spec(),
      () => {
        throw new Error("gone")
      },
      noRoots
    )
    expect(Result.isFailure(made) && made.failure).toMatchObject({ id: "ca" })
  })
})

describe("System roots", () => {
  it("are the machine's store where it has one, else the bundled; extra bundles are added", async () => {
    const stored = trustRoots([other.certificate], (type) => (type === "system" ? [ca.certificate, ca.certificate] : [good.certificate]))
    expect(stored.from).toBe("system")
    expect(stored.certificates).toHaveLength(2)
    const bare = trustRoots([], (type) => (type === "system" ? [] : [ca.certificate]))
    expect(bare).toMatchObject({ from: "bundled", certificates: [ca.certificate] })
    expect(bare.digest).not.toBe(stored.digest)
  })
  it("verify an upstream whose CA is only in the extra bundle", async () => {
    const origin = await serve(good)
    const system = spec({ ca: "System" })
    const with_ = Result.getOrThrow(tlsContext(system, () => material("x", good), trustRoots([ca.certificate])))
    const without = Result.getOrThrow(tlsContext(system, () => material("x", good), trustRoots()))
    const outcome = await dialled(planTo(origin.port, { tls: with_ }))
    expect(outcome._tag).toBe("Dialled")
    if (outcome._tag === "Dialled") outcome.socket.destroy()
    expect(await dialled(planTo(origin.port, { tls: without }))).toMatchObject({ reason: "tls_unknown_ca" })
  })
  it("a PEM text is read certificate by certificate", () => {
    expect(certificatesOf(`# comment\n${ca.certificate}junk\n${good.key}${other.certificate}`)).toHaveLength(2)
    expect(() => createSecureContext({ ca: [...certificatesOf(ca.certificate)] })).not.toThrow()
  })
})

afterAll(() => {
  expect(origins).toHaveLength(0)
})
