import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { type DnsContract, defaultDns } from "#src/snapshot/behaviour.ts"
import { answered, type Lifetime, passed, unborn, viewed, wakeAt } from "#src/upstream/discovery/lifetime.ts"
import type { Lookup } from "#src/upstream/discovery/lookup.ts"
import type { Answer } from "#src/upstream/discovery/message.ts"

const second = 1_000
const minute = 60 * second
const good = (...addresses: ReadonlyArray<string>): Answer => ({ _tag: "Addresses", addresses, ttl: 60 })
const goodFor = (ttl: number, ...addresses: ReadonlyArray<string>): Answer => ({ _tag: "Addresses", addresses, ttl })
const nodata: Answer = { _tag: "Nodata", ttl: null }
const nxdomain: Answer = { _tag: "Nxdomain", ttl: null }
const failure = (kind: "servfail" | "refused" | "timeout" | "other"): Answer => ({
  _tag: "Failed",
  class: kind,
  detail: `${kind} for a.example`
})

/** A name whose time is a number that the test turns. chance 0.5: no jitter. */
class Name {
  life: Lifetime = unborn
  now = 0
  readonly contract: DnsContract
  constructor(change: Partial<DnsContract> = {}) {
    this.contract = { ...defaultDns, ...change }
  }
  answer(A: Answer | null, AAAA: Answer | null = nodata, chance = 0.5): this {
    const lookup: Lookup = { A, AAAA }
    this.life = answered(this.life, lookup, { name: "a.example", contract: this.contract, now: this.now, chance, ipv6Usable: true })
    return this
  }
  after(milliseconds: number): this {
    this.now += milliseconds
    this.life = passed(this.life, this.contract, this.now)
    return this
  }
  get seen() {
    return viewed(this.life, this.contract, this.now)
  }
  get next() {
    return this.life.nextQuery - this.now
  }
}

describe("success", () => {
  it.each([
    [0, 5 * second],
    [3, 5 * second],
    [60, minute],
    [86_400, 5 * minute]
  ])("a TTL of %i s is refreshed after %i ms", (ttl, expected) => {
    const name = new Name().answer(goodFor(ttl, "203.0.113.1"))
    expect(name.next).toBe(expected)
    expect(name.seen).toMatchObject({ state: "Fresh", addresses: ["203.0.113.1"], ttlMs: expected, reason: null, detail: "", failures: 0 })
  })
  it("refreshes are spread by ten percent each way", () => {
    expect(new Name().answer(good("203.0.113.1"), nodata, 0).next).toBe(54 * second)
    expect(new Name().answer(good("203.0.113.1"), nodata, 1).next).toBe(66 * second)
  })
  it("the shorter TTL of the two families decides", () => {
    expect(new Name().answer(goodFor(60, "203.0.113.1"), goodFor(20, "2001:db8::1")).next).toBe(20 * second)
  })
  it("the same members stay the same list, whatever their order", () => {
    const name = new Name().answer(good("203.0.113.1", "203.0.113.2"))
    const before = name.seen.addresses
    expect(name.after(minute).answer(good("203.0.113.2", "203.0.113.1")).seen.addresses).toBe(before)
  })
})

describe("families", () => {
  it("AAAA SERVFAIL with a good A is good", () => {
    expect(new Name().answer(good("203.0.113.1"), failure("servfail")).seen).toMatchObject({
      state: "Fresh",
      addresses: ["203.0.113.1"],
      reason: null
    })
  })
  it("a family that fails for once keeps what was known of it", () => {
    const name = new Name().answer(good("203.0.113.1"), good("2001:db8::1")).after(minute).answer(good("203.0.113.1"), failure("timeout"))
    expect(name.seen.addresses).toContain("2001:db8::1")
    expect(name.seen.draining).toEqual([])
    expect(name.after(11 * minute).answer(good("203.0.113.1"), failure("timeout")).seen.draining).toEqual(["2001:db8::1"])
  })
  it("Preferred takes one family unless it is empty", () => {
    const name = (family: DnsContract["family"]) => new Name({ family })
    expect(name("IPv4Preferred").answer(good("203.0.113.1"), good("2001:db8::1")).seen.addresses).toEqual(["203.0.113.1"])
    expect(name("IPv4Preferred").answer(nodata, good("2001:db8::1")).seen.addresses).toEqual(["2001:db8::1"])
    expect(name("IPv6Preferred").answer(good("203.0.113.1"), good("2001:db8::1")).seen.addresses).toEqual(["2001:db8::1"])
    expect(name("IPv6").answer(null, good("2001:db8::1")).seen.addresses).toEqual(["2001:db8::1"])
  })
})

describe("an address that left the answer", () => {
  it("stays for new connections during the grace, behind the others, then goes", () => {
    const name = new Name().answer(good("203.0.113.1", "203.0.113.2")).after(minute).answer(good("203.0.113.2", "203.0.113.3"))
    expect(name.seen).toMatchObject({ state: "Fresh", addresses: ["203.0.113.2", "203.0.113.3", "203.0.113.1"], draining: ["203.0.113.1"] })
    expect(wakeAt(name.life, name.contract, name.now) - name.now).toBe(30 * second)
    expect(name.after(29 * second).seen.addresses).toHaveLength(3)
    expect(name.after(second).seen).toMatchObject({ addresses: ["203.0.113.2", "203.0.113.3"], draining: [] })
  })
  it("that comes back is as if it never left", () => {
    const name = new Name()
      .answer(good("203.0.113.1"))
      .after(minute)
      .answer(good("203.0.113.2"))
      .after(10 * second)
      .answer(good("203.0.113.1", "203.0.113.2"))
    expect(name.seen).toMatchObject({ draining: [] })
    expect(name.after(minute).seen.addresses).toHaveLength(2)
  })
  it("goes at once where the grace is none", () => {
    expect(new Name({ obsoleteGrace: 0 }).answer(good("203.0.113.1")).after(minute).answer(good("203.0.113.2")).seen.addresses).toEqual([
      "203.0.113.2"
    ])
  })
  it("a name that changes wholly each time stays bounded", () => {
    const name = new Name({ obsoleteGrace: 600 * minute })
    for (let round = 0; round < 40; round++)
      name.answer(good(...Array.from({ length: 8 }, (_, i) => `10.${round}.0.${i}`))).after(5 * second)
    expect(name.seen.addresses).toHaveLength(64)
    expect(name.life.leaving.length).toBeLessThanOrEqual(64)
    expect(name.seen.addresses).toEqual(expect.arrayContaining([...name.seen.draining]))
  })
})

describe("DNS never empties a working backend (law 7)", () => {
  it.each([
    ["NXDOMAIN", nxdomain, nxdomain, "dns_nxdomain"],
    ["NODATA", nodata, nodata, "dns_empty"],
    ["SERVFAIL", failure("servfail"), failure("servfail"), "dns_servfail"],
    ["REFUSED", failure("refused"), failure("refused"), "dns_refused"],
    ["a dead resolver", failure("timeout"), failure("timeout"), "dns_timeout"],
    ["NODATA and SERVFAIL", nodata, failure("servfail"), "dns_servfail"],
    ["an odd rcode", failure("other"), failure("other"), "dns_servfail"]
  ])("%s: held fresh for 30 s, stale for 10 min, then gone", (_, A, AAAA, reason) => {
    const name = new Name().answer(good("203.0.113.1")).after(minute).answer(A, AAAA)
    expect(name.seen).toMatchObject({ state: "Fresh", addresses: ["203.0.113.1"], reason, failures: 1 })
    expect(name.after(29_999).answer(A, AAAA).seen.state).toBe("Fresh")
    expect(name.after(1).seen).toMatchObject({ state: "Stale", addresses: ["203.0.113.1"], reason })
    expect(name.after(10 * minute - 1).answer(A, AAAA).seen).toMatchObject({ state: "Stale", addresses: ["203.0.113.1"] })
    expect(name.after(1).seen).toMatchObject({ state: "Failed", addresses: [], reason })
    expect(name.answer(good("203.0.113.2")).seen).toMatchObject({
      state: "Fresh",
      addresses: ["203.0.113.2"],
      draining: [],
      reason: null,
      failures: 0
    })
  })
  it("each class has its own hold", () => {
    const hold = { nxdomain: second, refused: 2 * second, servfail: 3 * second, timeout: 4 * second, other: 5 * second }
    const name = new Name({ hold }).answer(good("203.0.113.1")).after(minute).answer(failure("refused"))
    expect(name.after(1_999).seen.state).toBe("Fresh")
    expect(name.after(1).seen.state).toBe("Stale")
  })
  it("a good answer in between starts the hold anew", () => {
    const name = new Name()
      .answer(good("203.0.113.1"))
      .after(minute)
      .answer(failure("timeout"))
      .after(25 * second)
      .answer(good("203.0.113.1"))
    expect(
      name
        .after(20 * second)
        .answer(failure("timeout"))
        .after(29 * second).seen.state
    ).toBe("Fresh")
  })
  it("the edges wake the watcher though no query is due", () => {
    const name = new Name({ hold: { ...defaultDns.hold, timeout: 500 } })
      .answer(good("203.0.113.1"))
      .after(minute)
      .answer(failure("timeout"))
    expect(wakeAt(name.life, name.contract, name.now) - name.now).toBe(500)
  })
})

describe("never resolved", () => {
  it("is failed at once, with the reason", () => {
    expect(new Name().seen.state).toBe("Pending")
    expect(new Name().answer(nxdomain, nxdomain).seen).toMatchObject({
      state: "Failed",
      addresses: [],
      reason: "dns_nxdomain",
      detail: "NXDOMAIN for a.example"
    })
  })
  it("a negative answer is cached as its SOA says, within the refresh bounds", () => {
    const negative = (ttl: number | null): Answer => ({ _tag: "Nxdomain", ttl })
    expect(new Name().answer(negative(60), negative(60)).next).toBe(minute)
    expect(new Name().answer(negative(0), negative(0)).next).toBe(5 * second)
    expect(new Name().answer(negative(null), negative(null)).next).toBe(5 * second)
    expect(new Name().answer(negative(86_400), negative(3_600)).next).toBe(5 * minute)
  })
  it("other failures are asked again after 1, 2, 4 … 30 s", () => {
    const name = new Name()
    const waits = Array.from({ length: 7 }, () => {
      name.answer(failure("timeout"), failure("timeout"))
      const wait = name.next
      name.after(wait)
      return wait / second
    })
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30])
  })
})

describe("properties", () => {
  const answers = fc.constantFrom<Answer>(
    good("203.0.113.1"),
    good("203.0.113.2", "203.0.113.3"),
    nodata,
    nxdomain,
    failure("servfail"),
    failure("timeout")
  )
  it("whatever is answered and however time passes: bounded, consistent, never empty within hold and stale limit", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(answers, answers, fc.integer({ min: 0, max: 120 })), { minLength: 1, maxLength: 30 }), (steps) => {
        const name = new Name()
        let lastGood: number | null = null
        for (const [A, AAAA, seconds] of steps) {
          name.after(seconds * second).answer(A, AAAA === A ? AAAA : nodata)
          if (A._tag === "Addresses") lastGood = name.now
          const seen = name.seen
          expect(seen.addresses.length).toBeLessThanOrEqual(64)
          expect(new Set(seen.addresses).size).toBe(seen.addresses.length)
          for (const address of seen.draining) expect(seen.addresses).toContain(address)
          expect(name.next).toBeGreaterThan(0)
          expect(wakeAt(name.life, name.contract, name.now)).toBeGreaterThan(name.now)
          if (lastGood !== null && name.now - lastGood < defaultDns.staleLimit) expect(seen.addresses.length).toBeGreaterThan(0)
        }
      })
    )
  })
})
