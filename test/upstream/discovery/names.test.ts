import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Logger, Scope } from "effect"
import { TestClock } from "effect/testing"
import { type DnsContract, defaultDns } from "#src/snapshot/behaviour.ts"
import type { AddressPolicy } from "#src/snapshot/upstream.ts"
import { trustRoots } from "#src/upstream/dial/roots.ts"
import type { NamesOptions } from "#src/upstream/discovery/names.ts"
import { defaultTimings } from "#src/upstream/discovery/query.ts"
import type { DnsObserver, Resolution } from "#src/upstream/discovery/resolution.ts"
import { makeAuthority } from "../../support/certificates.ts"
import { startDnsServer } from "../../support/dns.ts"
import { dnsServer, namesOf, steady, until } from "./watching.ts"

const loose: AddressPolicy = { cluster: [], allowLoopback: true, egress: null }
const strict: AddressPolicy = { cluster: [], allowLoopback: false, egress: null }

const contract = (change: Partial<DnsContract> = {}): DnsContract => ({ ...defaultDns, ...change })

describe("a watch", () => {
  it.effect("resolves, refreshes when the TTL says, and follows the answer through the grace", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.host("a.example", ["203.0.113.1", "2001:db8::1"], 60)
      const names = yield* namesOf(server)
      const watch = yield* names.watch("A.Example.", contract(), strict, "shop")
      yield* watch.settled
      expect(watch.current()).toMatchObject({ state: "Fresh", addresses: ["2001:db8::1", "203.0.113.1"], ttlMs: 60_000 })
      server.host("a.example", ["203.0.113.2"], 60)
      yield* TestClock.adjust("59 seconds")
      expect(server.count("a.example", "A")).toBe(1)
      yield* TestClock.adjust("1 second")
      const moved = yield* until(watch, ({ draining }) => draining.length > 0)
      expect(moved.addresses).toEqual(["203.0.113.2", "2001:db8::1", "203.0.113.1"])
      yield* TestClock.adjust("30 seconds")
      expect(yield* until(watch, ({ draining }) => draining.length === 0)).toMatchObject({ addresses: ["203.0.113.2"] })
    }).pipe(Effect.provide(steady))
  )

  it.effect("TTL 0 is asked for again after five seconds, not at once", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.host("a.example", ["203.0.113.1"], 0)
      const names = yield* namesOf(server)
      const watch = yield* names.watch("a.example", contract(), strict, "shop")
      yield* watch.settled
      yield* TestClock.adjust("4900 millis")
      expect(server.count("a.example", "A")).toBe(1)
      yield* TestClock.adjust("100 millis")
      yield* Effect.promise(() => server.asked("a.example", 2, "A"))
    }).pipe(Effect.provide(steady))
  )

  it.effect("a dead resolver: held, stale, gone, and back", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.host("a.example", ["203.0.113.1"], 5)
      const names = yield* namesOf(server, { timings: { perTry: 250, tries: 2 } })
      const watch = yield* names.watch("a.example", contract(), strict, "shop")
      yield* watch.settled
      server.answer("a.example", "A", { drop: true })
      server.answer("a.example", "AAAA", { drop: true })
      yield* TestClock.adjust("5 seconds")
      expect(yield* until(watch, ({ failures }) => failures > 0)).toMatchObject({
        state: "Fresh",
        reason: "dns_timeout",
        addresses: ["203.0.113.1"]
      })
      yield* TestClock.adjust("30 seconds")
      expect(yield* until(watch, ({ state }) => state === "Stale")).toMatchObject({ addresses: ["203.0.113.1"] })
      yield* TestClock.adjust("10 minutes")
      expect(yield* until(watch, ({ state }) => state === "Failed")).toMatchObject({ addresses: [], reason: "dns_timeout" })
      server.host("a.example", ["203.0.113.9"], 5)
      yield* TestClock.adjust("31 seconds")
      expect(yield* until(watch, ({ state }) => state === "Fresh")).toMatchObject({ addresses: ["203.0.113.9"], reason: null, failures: 0 })
    }).pipe(Effect.provide(steady))
  )

  it.effect("a resolver that is down at the start is failed, then found", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.answer("a.example", "A", [{ rcode: "SERVFAIL" }, { addresses: ["203.0.113.1"] }])
      server.answer("a.example", "AAAA", [{ rcode: "SERVFAIL" }, { nodata: true }])
      const names = yield* namesOf(server)
      const watch = yield* names.watch("a.example", contract(), strict, "shop")
      yield* watch.settled
      expect(watch.current()).toMatchObject({ state: "Failed", reason: "dns_servfail", detail: "SERVFAIL for a.example" })
      yield* TestClock.adjust("1 second")
      expect(yield* until(watch, ({ state }) => state === "Fresh")).toMatchObject({ addresses: ["203.0.113.1"] })
    }).pipe(Effect.provide(steady))
  )

  it.effect("A is usable while AAAA dawdles, and AAAA joins when it comes", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.answer("a.example", "A", { addresses: ["203.0.113.1"] })
      server.answer("a.example", "AAAA", { addresses: ["2001:db8::1"], delay: 150 })
      const names = yield* namesOf(server, { timings: { perTry: 5_000, tries: 1 } })
      const watch = yield* names.watch("a.example", contract(), strict, "shop")
      yield* watch.settled
      expect(watch.current()).toMatchObject({ state: "Fresh", addresses: ["203.0.113.1"] })
      expect(yield* until(watch, ({ addresses }) => addresses.length === 2)).toMatchObject({ draining: [] })
    })
  )

  it.effect("a refresh whose AAAA dawdles takes nothing away meanwhile", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.answer("a.example", "A", { addresses: ["203.0.113.1"], ttl: 5 })
      server.answer("a.example", "AAAA", [
        { addresses: ["2001:db8::1"], ttl: 5 },
        { addresses: ["2001:db8::1", "2001:db8::2"], ttl: 5, delay: 150 }
      ])
      const names = yield* namesOf(server, { timings: { perTry: 5_000, tries: 1 } })
      const watch = yield* names.watch("a.example", contract(), strict, "shop")
      yield* watch.settled
      const heard: Array<Resolution> = []
      watch.subscribe((resolution) => heard.push(resolution))
      yield* TestClock.adjust("5 seconds")
      yield* until(watch, ({ addresses }) => addresses.length === 3)
      expect(heard.flatMap(({ draining }) => draining)).toEqual([])
    }).pipe(Effect.provide(steady))
  )

  it.effect("NXDOMAIN of a name never seen is kept as long as its SOA says", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.answer("a.example", "A", { rcode: "NXDOMAIN", soa: { ttl: 20, minimum: 900 } })
      server.answer("a.example", "AAAA", { rcode: "NXDOMAIN", soa: { ttl: 20, minimum: 900 } })
      const names = yield* namesOf(server)
      const watch = yield* names.watch("a.example", contract(), strict, "shop")
      yield* watch.settled
      expect(watch.current()).toMatchObject({ state: "Failed", reason: "dns_nxdomain" })
      yield* TestClock.adjust("19 seconds")
      expect(server.count("a.example", "A")).toBe(1)
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => server.asked("a.example", 2, "A"))
    }).pipe(Effect.provide(steady))
  )
})

describe("single flight", () => {
  it.effect("a thousand watchers of one name ask once, and the last to leave ends it", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.host("a.example", ["203.0.113.1"], 5)
      const names = yield* namesOf(server)
      const scope = yield* Scope.make()
      const watches = yield* Effect.forEach(Array.from({ length: 1_000 }), () => names.watch("a.example", contract(), strict, "shop")).pipe(
        Scope.provide(scope)
      )
      yield* watches[999]!.settled
      expect(server.count("a.example")).toBe(2)
      expect(names.watched()).toMatchObject([{ name: "a.example", watchers: 1_000, resolution: { state: "Fresh" } }])
      yield* Scope.close(scope, Exit.void)
      expect(names.watched()).toEqual([])
      yield* TestClock.adjust("10 minutes")
      expect(server.count("a.example")).toBe(2)
    })
  )

  it.effect("another contract is another watch; equal contracts are one whatever their identity", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.host("a.example", ["203.0.113.1"])
      const names = yield* namesOf(server)
      for (const each of [contract(), contract(), contract({ family: "IPv4" })])
        yield* (yield* names.watch("a.example", each, strict, "shop")).settled
      expect(names.watched().map(({ watchers }) => watchers)).toEqual([2, 1])
      expect(server.count("a.example", "AAAA")).toBe(1)
    })
  )

  it.live("a thousand names on one resolver all settle", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      const all = Array.from({ length: 1_000 }, (_, i) => `n${i}.example`)
      for (const [i, name] of all.entries()) server.host(name, [`203.0.${i >> 8}.${i & 255}`])
      const names = yield* namesOf(server, { timings: { perTry: 2_000, tries: 3 } })
      const watches = yield* Effect.forEach(all, (name) => names.watch(name, contract(), strict, "shop"))
      yield* Effect.forEach(watches, ({ settled }) => settled, { discard: true })
      expect(watches.filter((watch) => watch.current().state === "Fresh")).toHaveLength(1_000)
    })
  )
})

describe("subscribers", () => {
  it.effect("hear changes, not refreshes that change nothing; a failing one does not silence the others", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.host("a.example", ["203.0.113.1", "203.0.113.2"], 5)
      const names = yield* namesOf(server)
      const watch = yield* names.watch("a.example", contract(), strict, "shop")
      yield* watch.settled
      const heard: Array<ReadonlyArray<string>> = []
      watch.subscribe(() => {
        throw new Error("a bad listener")
      })
      const stop = watch.subscribe(({ addresses }) => heard.push(addresses))
      server.host("a.example", ["203.0.113.2", "203.0.113.1"], 5)
      yield* TestClock.adjust("5 seconds")
      yield* Effect.promise(() => server.asked("a.example", 2, "AAAA"))
      server.host("a.example", ["203.0.113.3"], 5)
      // The refresh that changed nothing must have ended before the next is due.
      yield* Effect.callback<void>((resume) => {
        const poll = () => (watch.current().asOf >= 5_000 ? resume(Effect.void) : setImmediate(poll))
        poll()
      })
      yield* TestClock.adjust("5 seconds")
      yield* until(watch, ({ draining }) => draining.length === 2)
      expect(heard).toEqual([["203.0.113.3", "203.0.113.1", "203.0.113.2"]])
      stop()
      yield* TestClock.adjust("30 seconds")
      yield* until(watch, ({ draining }) => draining.length === 0)
      expect(heard).toHaveLength(1)
    }).pipe(Effect.provide(steady))
  )

  it.effect("metrics hear every question and every change of state", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.host("a.example", ["203.0.113.1"], 5)
      const questions: Array<string> = []
      const states: Array<string> = []
      const observer: DnsObserver = {
        onQuery: (type, seconds, failure) => void (seconds >= 0 && questions.push(`${type} ${failure}`)),
        onState: (name, from, to) => void states.push(`${name} ${from} ${to}`)
      }
      const names = yield* namesOf(server, { observer })
      yield* (yield* names.watch("a.example", contract(), strict, "shop")).settled
      expect(questions.sort()).toEqual(["A null", "AAAA nodata"])
      expect(states).toEqual(["a.example Pending Fresh"])
    })
  )
})

describe("the journal", () => {
  const warned = (options: NamesOptions) =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
        if (logLevel === "Warn") lines.push(String(Array.isArray(message) ? message[0] : message))
      })
      const server = yield* dnsServer
      server.answer("a.example", "A", { rcode: "NXDOMAIN" })
      server.answer("a.example", "AAAA", { rcode: "NXDOMAIN" })
      yield* Effect.gen(function* () {
        const names = yield* namesOf(server, options)
        yield* (yield* names.watch("a.example", contract(), strict, "shop")).settled
        yield* Effect.yieldNow
      }).pipe(Effect.provide(Logger.layer([logger])))
      return lines
    })

  it.effect("is told of a name that does not resolve, unless statuses tell it", () =>
    Effect.gen(function* () {
      expect(yield* warned({})).toEqual(["a.example cannot be resolved: NXDOMAIN for a.example"])
      expect(yield* warned({ toldElsewhere: true })).toEqual([])
    })
  )
})

describe("nameservers", () => {
  it.effect("of the contract are asked instead of the process's own", () =>
    Effect.gen(function* () {
      const [own, theirs] = [yield* dnsServer, yield* dnsServer]
      own.host("a.example", ["203.0.113.1"])
      theirs.host("a.example", ["203.0.113.2"])
      const names = yield* namesOf(own)
      const watch = yield* names.watch("a.example", contract({ nameservers: [theirs.address] }), loose, "shop")
      yield* watch.settled
      expect(watch.current().addresses).toEqual(["203.0.113.2"])
      expect(own.queries).toHaveLength(0)
      expect(names.watched()).toMatchObject([{ nameservers: [theirs.address] }])
    })
  )

  it.effect("of a backend are asked over TLS, trusting the process's roots, and shown whole", () =>
    Effect.gen(function* () {
      const authority = yield* Effect.promise(() => makeAuthority())
      const tls = yield* Effect.promise(() => authority.leaf({ dns: ["dns.example"] }))
      const server = yield* Effect.acquireRelease(
        Effect.promise(() => startDnsServer({ tls })),
        ({ close }) => Effect.promise(close)
      )
      server.host("a.example", ["203.0.113.2", "2001:db8::2"])
      const nameservers = [`${server.secure}#dns.example`]
      const names = yield* namesOf(server, { roots: trustRoots([authority.certificate], () => []), timings: defaultTimings })
      const watch = yield* names.watch("a.example", contract({ nameservers }), loose, "shop")
      yield* watch.settled
      expect(watch.current()).toMatchObject({ state: "Fresh", addresses: ["2001:db8::2", "203.0.113.2"] })
      expect(server.queries.map(({ transport }) => transport)).toEqual(["tls", "tls"])
      expect(server.handshakes()).toBe(1)
      expect(names.watched()).toMatchObject([{ nameservers }])
    })
  )

  it.effect("that a tenant points at loopback or metadata are never asked", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      const names = yield* namesOf(server)
      for (const nameserver of [server.address, `tls@${server.address}`, "169.254.169.254", "[::ffff:127.0.0.1]:53", "dns.example"]) {
        const watch = yield* names.watch("a.example", contract({ nameservers: [nameserver] }), strict, "shop")
        yield* watch.settled
        expect(watch.current()).toMatchObject({ state: "Failed", reason: "address_denied", addresses: [] })
      }
      expect(server.queries).toHaveLength(0)
      expect(names.watched()).toEqual([])
    })
  )

  it.effect("none at all is told, and asked for again later", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      const names = yield* namesOf(server, { nameservers: [], resolvConf: "/nonexistent/resolv.conf" })
      const watch = yield* names.watch("a.example", contract(), strict, "shop")
      yield* watch.settled
      expect(watch.current()).toMatchObject({ state: "Failed", detail: "there is no nameserver to ask" })
    })
  )
})

describe("what is no name", () => {
  it.effect.each(["127.0.0.1", "0x7f.1", "2130706433", "a..b", "", "::1"])("%s is never asked for", (text) =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      const names = yield* namesOf(server)
      const watch = yield* names.watch(text, contract(), strict, "shop")
      yield* watch.settled
      expect(watch.current()).toMatchObject({
        state: "Failed",
        reason: "dns_nxdomain",
        detail: expect.stringContaining("is not a DNS name")
      })
      expect(server.queries).toHaveLength(0)
    })
  )
})
