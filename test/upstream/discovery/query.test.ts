import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { trustRoots } from "#src/upstream/dial/roots.ts"
import type { Lookup } from "#src/upstream/discovery/lookup.ts"
import { lookup } from "#src/upstream/discovery/lookup.ts"
import type { Answer, QuestionType } from "#src/upstream/discovery/message.ts"
import { type Nameserver, parseNameserver } from "#src/upstream/discovery/nameserver.ts"
import { query } from "#src/upstream/discovery/query.ts"
import { silentObserver } from "#src/upstream/discovery/resolution.ts"
import { makeSecureNameservers } from "#src/upstream/discovery/secure.ts"
import { type DnsServer, type Reply, startDnsServer } from "../../support/dns.ts"

const secure = makeSecureNameservers(trustRoots())
let server: DnsServer
let second: DnsServer
beforeAll(async () => {
  server = await startDnsServer()
  second = await startDnsServer()
})
afterAll(() => Promise.all([server.close(), second.close()]))

const quick = { perTry: 500, tries: 2 }
const at = (...servers: ReadonlyArray<DnsServer>): ReadonlyArray<Nameserver> => servers.map(({ address }) => parseNameserver(address)!)

const asked = (name: string, type: QuestionType = "A", servers = at(server), timings = quick): Promise<Answer> =>
  new Promise((resolve) => {
    query(servers, name, type, timings, secure, resolve)
  })

let made = 0
const fresh = (reply: Reply | ReadonlyArray<Reply>, type: QuestionType = "A", on = server): string => {
  const name = `n${made++}.example`
  on.answer(name, type, reply)
  return name
}

describe("answers", () => {
  it("addresses with the smallest TTL", async () => {
    expect(await asked(fresh({ addresses: ["203.0.113.1", "203.0.113.2"], ttl: 30 }))).toEqual({
      _tag: "Addresses",
      addresses: ["203.0.113.1", "203.0.113.2"],
      ttl: 30
    })
    expect(await asked(fresh({ addresses: ["2001:DB8:0::1"] }, "AAAA"), "AAAA")).toMatchObject({ addresses: ["2001:db8::1"] })
  })
  it("TTL 0 and a TTL of a day come through as they are", async () => {
    expect(await asked(fresh({ addresses: ["203.0.113.1"], ttl: 0 }))).toMatchObject({ ttl: 0 })
    expect(await asked(fresh({ addresses: ["203.0.113.1"], ttl: 86_400 }))).toMatchObject({ ttl: 86_400 })
  })
  it("a TTL with the top bit set is zero", async () => {
    expect(await asked(fresh({ addresses: ["203.0.113.1"], ttl: 0xffff_ffff }))).toMatchObject({ ttl: 0 })
  })
  it("a mapped address in an AAAA answer is the IPv4 address it is", async () => {
    expect(await asked(fresh({ addresses: ["::ffff:127.0.0.1"] }, "AAAA"), "AAAA")).toMatchObject({ addresses: ["127.0.0.1"] })
  })
  it("64 addresses at most", async () => {
    const many = Array.from({ length: 80 }, (_, i) => `203.0.113.${i + 1}`)
    const name = fresh({ truncated: true, whole: { addresses: many } })
    const answer = await asked(name)
    expect(answer._tag === "Addresses" && answer.addresses.length).toBe(64)
  })
  it("EDNS with 1232 bytes is offered; a server that does not know it is asked without", async () => {
    const name = "old.example"
    server.answer(name, "A", (question) => (question.edns === null ? { addresses: ["203.0.113.9"] } : { rcode: "FORMERR" }))
    expect(await asked(name)).toMatchObject({ addresses: ["203.0.113.9"] })
    expect(server.queries.filter((each) => each.name === name).map(({ edns }) => edns)).toEqual([1232, null])
  })
})

describe("CNAMEs", () => {
  it("are followed within the answer, at the smallest TTL of the chain", async () => {
    server.answer("c1.example", "A", { cname: "C2.example", ttl: 20 })
    server.answer("c2.example", "A", { cname: "c3.example", ttl: 300 })
    server.answer("c3.example", "A", { addresses: ["203.0.113.3"], ttl: 60 })
    expect(await asked("c1.example")).toEqual({ _tag: "Addresses", addresses: ["203.0.113.3"], ttl: 20 })
  })
  it("eight are followed, nine are not", async () => {
    for (let i = 0; i < 12; i++)
      server.answer(`d${i}.example`, "A", i === 11 ? { addresses: ["203.0.113.3"] } : { cname: `d${i + 1}.example` })
    expect(await asked("d3.example")).toMatchObject({ _tag: "Addresses" })
    expect(await asked("d2.example")).toMatchObject({ _tag: "Failed", class: "other" })
  })
  it("a loop is an error, not a hang", async () => {
    server.answer("l1.example", "A", { cname: "l2.example" })
    server.answer("l2.example", "A", { cname: "l1.example" })
    expect(await asked("l1.example")).toMatchObject({ _tag: "Failed", class: "other", detail: expect.stringContaining("loops") })
  })
  it("addresses of a name outside the chain are not believed", async () => {
    const name = fresh({
      records: [
        { type: "A", name: "victim.example", ttl: 60, data: "203.0.113.66" },
        { type: "CNAME", name: "victim.example", ttl: 60, data: "evil.example" }
      ]
    })
    expect(await asked(name)).toEqual({ _tag: "Nodata", ttl: null })
  })
})

describe("negative answers", () => {
  it("NXDOMAIN and NODATA carry min(SOA MINIMUM, SOA TTL)", async () => {
    expect(await asked(fresh({ rcode: "NXDOMAIN", soa: { ttl: 900, minimum: 60 } }))).toEqual({ _tag: "Nxdomain", ttl: 60 })
    expect(await asked(fresh({ nodata: true, soa: { ttl: 10, minimum: 60 } }))).toEqual({ _tag: "Nodata", ttl: 10 })
    expect(await asked(fresh({ nodata: true }))).toEqual({ _tag: "Nodata", ttl: null })
  })
  it.each([
    [{ rcode: "SERVFAIL" }, "servfail"],
    [{ rcode: "REFUSED" }, "refused"],
    [{ rcode: "NOTIMP" }, "other"],
    [{ drop: true }, "timeout"]
  ] as ReadonlyArray<readonly [Reply, string]>)("%j is %s", async (reply, kind) => {
    expect(await asked(fresh(reply))).toMatchObject({ _tag: "Failed", class: kind })
  })
})

describe("transport", () => {
  it("a truncated answer is asked for again over TCP", async () => {
    const name = fresh({ truncated: true, whole: { addresses: ["203.0.113.5"] } })
    expect(await asked(name)).toMatchObject({ addresses: ["203.0.113.5"] })
    expect(server.queries.filter((each) => each.name === name).map(({ transport }) => transport)).toEqual(["udp", "tcp"])
  })
  it("tcp@ never uses UDP", async () => {
    const name = fresh({ addresses: ["203.0.113.5"] })
    expect(await asked(name, "A", [parseNameserver(`tcp@${server.address}`)!])).toMatchObject({ _tag: "Addresses" })
    expect(server.queries.filter((each) => each.name === name).map(({ transport }) => transport)).toEqual(["tcp"])
  })
  it("ids are random and every question has a port of its own", async () => {
    const name = fresh({ addresses: ["203.0.113.5"] })
    for (let i = 0; i < 8; i++) await asked(name)
    const ids = new Set(server.queries.filter((each) => each.name === name).map(({ id }) => id))
    expect(ids.size).toBeGreaterThan(4)
  })
  it("a lost answer is asked for again, and a late one still counts", async () => {
    const name = fresh([{ drop: true }, { addresses: ["203.0.113.6"] }])
    expect(await asked(name)).toMatchObject({ addresses: ["203.0.113.6"] })
    expect(server.count(name)).toBe(2)
    const late = fresh([{ addresses: ["203.0.113.7"], delay: 750 }, { drop: true }])
    expect(await asked(late, "A", at(server), { perTry: 500, tries: 2 })).toMatchObject({ addresses: ["203.0.113.7"] })
  })
  it.each(["id", "question", "garbage", "query"] as const)("an answer with the wrong %s is not believed", async (forged) => {
    expect(await asked(fresh({ forged, as: { addresses: ["203.0.113.66"] } }))).toMatchObject({ _tag: "Failed", class: "timeout" })
  })
  it("a port where nobody listens is told at once", async () => {
    const gone = await startDnsServer()
    await gone.close()
    const began = performance.now()
    expect(await asked("x.example", "A", at(gone), { perTry: 5_000, tries: 3 })).toMatchObject({
      class: "timeout",
      detail: expect.stringContaining("ECONNREFUSED")
    })
    expect(performance.now() - began).toBeLessThan(2_000)
  })
  it("no nameserver at all is told", async () => {
    expect(await asked("x.example", "A", [])).toMatchObject({ _tag: "Failed", detail: "there is no nameserver to ask" })
  })
})

describe("several nameservers race", () => {
  const both = (a: Reply, b: Reply): string => {
    const name = fresh(a)
    second.answer(name, "A", b)
    return name
  }
  const good: Reply = { addresses: ["203.0.113.8"] }
  it("a dead one does not delay", async () => {
    const began = performance.now()
    expect(await asked(both({ drop: true }, good), "A", at(server, second), { perTry: 5_000, tries: 3 })).toMatchObject({
      _tag: "Addresses"
    })
    expect(performance.now() - began).toBeLessThan(2_000)
  })
  it.each([{ rcode: "NXDOMAIN" }, { rcode: "SERVFAIL" }, { rcode: "REFUSED" }] as ReadonlyArray<Reply>)(
    "%j of one is not the end while another may know",
    async (bad) => {
      expect(await asked(both(bad, { ...good, delay: 30 }), "A", at(server, second), { perTry: 1_000, tries: 2 })).toMatchObject({
        _tag: "Addresses"
      })
    }
  )
  it("when all fail the plainest failure is told", async () => {
    expect(await asked(both({ rcode: "REFUSED" }, { rcode: "NXDOMAIN" }), "A", at(server, second))).toMatchObject({ _tag: "Nxdomain" })
    expect(await asked(both({ rcode: "REFUSED" }, { rcode: "SERVFAIL" }), "A", at(server, second))).toMatchObject({ class: "servfail" })
    expect(await asked(both({ rcode: "NXDOMAIN" }, { drop: true }), "A", at(server, second))).toMatchObject({ _tag: "Nxdomain" })
  })
})

describe("A and AAAA together", () => {
  const looked = (name: string): Promise<{ readonly early: Answer | null; readonly all: Lookup }> =>
    new Promise((resolve) => {
      let early: Answer | null = null
      lookup(
        at(server),
        name,
        "Both",
        { perTry: 5_000, tries: 1 },
        secure,
        silentObserver,
        (answer) => (early = answer),
        (all) => resolve({ early, all })
      )
    })
  it("are asked at once, and both come back", async () => {
    const name = `n${made++}.example`
    server.host(name, ["203.0.113.1", "2001:db8::1"])
    const { early, all } = await looked(name)
    expect(early).toBeNull()
    expect(all).toMatchObject({ A: { _tag: "Addresses" }, AAAA: { _tag: "Addresses" } })
  })
  it("a slow AAAA lets a good A through after the resolution delay", async () => {
    const name = fresh({ addresses: ["203.0.113.1"] })
    server.answer(name, "AAAA", { addresses: ["2001:db8::1"], delay: 150 })
    const { early, all } = await looked(name)
    expect(early).toMatchObject({ addresses: ["203.0.113.1"] })
    expect(all.AAAA).toMatchObject({ addresses: ["2001:db8::1"] })
  })
  it("a cancelled lookup calls nobody and holds no socket", async () => {
    const name = fresh({ addresses: ["203.0.113.1"], delay: 50 })
    let called = 0
    const running = lookup(
      at(server),
      name,
      "Both",
      quick,
      secure,
      silentObserver,
      () => called++,
      () => called++
    )
    await server.asked(name, 2)
    running.cancel()
    running.cancel()
    await asked(fresh({ addresses: ["203.0.113.1"], delay: 80 }), "A", at(server), { perTry: 1_000, tries: 1 })
    expect(called).toBe(0)
  })
})
