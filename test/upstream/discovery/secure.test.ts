// DNS over TLS (RFC 7858): verified, shared, and never in the clear.
import { afterEach, describe, expect, it } from "vitest"
import { trustRoots } from "#src/upstream/dial/roots.ts"
import type { Answer } from "#src/upstream/discovery/message.ts"
import { type Nameserver, parseNameserver } from "#src/upstream/discovery/nameserver.ts"
import { query } from "#src/upstream/discovery/query.ts"
import { makeSecureNameservers, type SecureNameservers } from "#src/upstream/discovery/secure.ts"
import { type Authority, expired, type IssuedCertificate, makeAuthority } from "../../support/certificates.ts"
import { type DnsServer, startDnsServer } from "../../support/dns.ts"
import { silentHost } from "../../support/silent.ts"

const closing: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const authority = await makeAuthority()

const serverWith = async (leaf: IssuedCertificate): Promise<DnsServer> => {
  const server = await startDnsServer({ tls: leaf })
  closing.push(server.close)
  server.host("a.example", ["203.0.113.1", "2001:db8::1"])
  server.host("b.example", ["203.0.113.2"])
  return server
}

const trusting = (who: Authority = authority): SecureNameservers => {
  const secure = makeSecureNameservers(trustRoots([who.certificate], () => []))
  closing.push(secure.close)
  return secure
}

const patient = { perTry: 1_000, tries: 3 }

const asked = (server: string | Nameserver, name: string, secure: SecureNameservers, timings = patient): Promise<Answer> =>
  new Promise((resolve) => {
    query([typeof server === "string" ? parseNameserver(server)! : server], name, "A", timings, secure, resolve)
  })

describe("the certificate of a nameserver", () => {
  it("is for its address", async () => {
    const server = await serverWith(await authority.leaf({ ip: ["127.0.0.1"] }))
    expect(await asked(server.secure, "a.example", trusting())).toMatchObject({ _tag: "Addresses", addresses: ["203.0.113.1"] })
    expect(server.queries.map(({ transport }) => transport)).toEqual(["tls"])
  })
  it("or for the name after #, and then its address alone is not enough", async () => {
    const server = await serverWith(await authority.leaf({ dns: ["dns.example"] }))
    expect(await asked(`${server.secure}#dns.example`, "a.example", trusting())).toMatchObject({ _tag: "Addresses" })
    const other = await serverWith(await authority.leaf({ ip: ["127.0.0.1"] }))
    expect(await asked(`${other.secure}#dns.example`, "a.example", trusting())).toMatchObject({ _tag: "Failed", class: "timeout" })
    expect(other.queries).toEqual([])
  })
  it.each([
    [
      "of an authority nobody trusts",
      async () => (await makeAuthority("Somebody else")).leaf({ ip: ["127.0.0.1"] }),
      /Somebody else that is not trusted/
    ],
    ["of another address", () => authority.leaf({ ip: ["127.0.0.2"] }), /127\.0\.0\.2/],
    ["over", () => expired(authority, { ip: ["127.0.0.1"] }), /expired/i]
  ])("%s: it is asked nothing, in TLS or in the clear, and the failure says why", async (_, leaf, words) => {
    const server = await serverWith(await leaf())
    const answer = await asked(server.secure, "a.example", trusting())
    expect(answer).toMatchObject({ _tag: "Failed", class: "timeout", detail: expect.stringMatching(words) })
    expect(answer).toMatchObject({ detail: expect.stringContaining(`nameserver ${server.secure} cannot be asked`) })
    expect(server.queries).toEqual([])
  })
})

describe("a connection", () => {
  it("is shared by questions of the moment and of the next, whose answers come in any order", async () => {
    const server = await serverWith(await authority.leaf({ ip: ["127.0.0.1"] }))
    server.answer("slow.example", "A", { addresses: ["203.0.113.3"], delay: 60 })
    const secure = trusting()
    const answers = await Promise.all(["slow.example", "a.example", "b.example"].map((name) => asked(server.secure, name, secure)))
    expect(answers).toMatchObject([{ addresses: ["203.0.113.3"] }, { addresses: ["203.0.113.1"] }, { addresses: ["203.0.113.2"] }])
    expect(await asked(server.secure, "a.example", secure)).toMatchObject({ _tag: "Addresses" })
    expect(server.handshakes()).toBe(1)
  })
  it("tells nothing of the name by the length of a question, be it short or long", async () => {
    const server = await serverWith(await authority.leaf({ ip: ["127.0.0.1"] }))
    const secure = trusting()
    for (let length = 1; length <= 63; length++) await asked(server.secure, `${"a".repeat(length)}.b.example`, secure)
    expect(server.queries).toHaveLength(63)
    expect(new Set(server.queries.map(({ size }) => size))).toEqual(new Set([128]))
    await asked(server.secure, `${"a".repeat(63)}.${"b".repeat(63)}.example`, secure)
    expect(server.queries.at(-1)?.size).toBe(256)
  })
  it("that the server closed is made anew", async () => {
    const server = await serverWith(await authority.leaf({ ip: ["127.0.0.1"] }))
    const secure = trusting()
    await asked(server.secure, "a.example", secure)
    server.hangUp()
    expect(await asked(server.secure, "b.example", secure, { perTry: 1_900, tries: 3 })).toMatchObject({ _tag: "Addresses" })
    expect(server.handshakes()).toBe(2)
  })
  it("that fell silent is not asked again: the next try goes over another", async () => {
    const server = await serverWith(await authority.leaf({ ip: ["127.0.0.1"] }))
    server.answer("c.example", "A", [{ drop: true }, { addresses: ["203.0.113.4"] }])
    expect(await asked(server.secure, "c.example", trusting(), { perTry: 1_900, tries: 3 })).toMatchObject({ addresses: ["203.0.113.4"] })
    expect(server.handshakes()).toBe(2)
  })
  it("carries an answer that is no answer to the question nowhere", async () => {
    const server = await serverWith(await authority.leaf({ ip: ["127.0.0.1"] }))
    server.answer("f.example", "A", { forged: "question", as: { addresses: ["203.0.113.66"] } })
    server.answer("g.example", "A", { forged: "id", as: { addresses: ["203.0.113.66"] } })
    const secure = trusting()
    const quick = { perTry: 60, tries: 2 }
    expect(await asked(server.secure, "f.example", secure, quick)).toMatchObject({ _tag: "Failed", class: "timeout" })
    expect(await asked(server.secure, "g.example", secure, quick)).toMatchObject({ _tag: "Failed", class: "timeout" })
  })
  it("to a host that answers nothing fails within the tries", async () => {
    const silent = await silentHost()
    closing.push(silent.close)
    const answer = await asked(`tls@127.0.0.1:${silent.port}`, "a.example", trusting(), { perTry: 50, tries: 2 })
    expect(answer).toMatchObject({ _tag: "Failed", class: "timeout" })
  })
})
