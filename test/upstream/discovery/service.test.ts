// The records of a service (RFC 2782): what is believed of an answer, and that they live as addresses do.
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { TestClock } from "effect/testing"
import fc from "fast-check"
import { defaultDns } from "#src/snapshot/behaviour.ts"
import type { Names } from "#src/upstream/discovery/names.ts"
import { readRecord, recordText, serviceRecord } from "#src/upstream/discovery/record.ts"
import { dnsServer, namesOf, steady, until } from "./watching.ts"

const policy = { cluster: [], allowLoopback: true, egress: null }
const name = "_https._tcp.api.example"

const watchOf = (names: Names["Service"], of = name) => names.watch(of, defaultDns, policy, "shop", "Service")

describe("the records of a service", () => {
  it.effect("are asked for alone, and are refreshed, kept through the grace and held as addresses are", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.answer(name, "SRV", { ttl: 60, services: [{ priority: 10, weight: 60, port: 8443, target: "A.Example." }] })
      const names = yield* namesOf(server)
      const watch = yield* watchOf(names)
      yield* watch.settled
      expect(watch.current()).toMatchObject({ state: "Fresh", addresses: ["10 60 8443 a.example"], ttlMs: 60_000 })
      expect(server.queries.map(({ type }) => type)).toEqual(["SRV"])
      server.answer(name, "SRV", [{ services: [{ port: 1, target: "b.example" }], ttl: 60 }, { rcode: "SERVFAIL" }])
      yield* TestClock.adjust("60 seconds")
      expect(yield* until(watch, ({ draining }) => draining.length > 0)).toMatchObject({
        addresses: ["0 0 1 b.example", "10 60 8443 a.example"],
        draining: ["10 60 8443 a.example"]
      })
      yield* TestClock.adjust("30 seconds")
      expect((yield* until(watch, ({ draining }) => draining.length === 0)).addresses).toEqual(["0 0 1 b.example"])
      yield* TestClock.adjust("30 seconds")
      yield* until(watch, ({ failures }) => failures > 0)
      yield* TestClock.adjust("40 seconds")
      expect(yield* until(watch, ({ state }) => state === "Stale")).toMatchObject({ addresses: ["0 0 1 b.example"] })
    }).pipe(Effect.provide(steady))
  )

  it.effect("of a target that is the root are no service, and others that nobody can dial are none", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.answer(name, "SRV", { services: [{ port: 0, target: "." }] })
      server.answer("_b._tcp.api.example", "SRV", {
        services: [
          { port: 0, target: "a.example" },
          { port: 1, target: "127.1" },
          { port: 2, target: "ok.example" },
          { port: 2, target: "OK.example." }
        ]
      })
      server.answer("_c._tcp.api.example", "SRV", { nodata: true })
      const names = yield* namesOf(server)
      const [root, mixed, none] = yield* Effect.all([
        watchOf(names),
        watchOf(names, "_b._tcp.api.example"),
        watchOf(names, "_c._tcp.api.example")
      ])
      for (const watch of [root, mixed, none]) yield* watch.settled
      expect(root.current()).toMatchObject({ state: "Failed", reason: "dns_empty", addresses: [] })
      expect(root.current().detail).toContain("no such service")
      expect(mixed.current().addresses).toEqual(["0 0 2 ok.example"])
      expect(none.current()).toMatchObject({ state: "Failed", reason: "dns_empty" })
      expect(none.current().detail).toContain("no SRV records")
    })
  )

  it.effect("behind an alias are those of the name that it leads to; of another name in the answer they are not believed", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      server.answer(name, "SRV", { cname: "_https._tcp.eu.example" })
      server.answer("_https._tcp.eu.example", "SRV", { services: [{ port: 443, target: "eu.example" }] })
      server.answer("_d._tcp.api.example", "SRV", {
        records: [
          { type: "SRV", name: "_d._tcp.other.example", ttl: 60, data: { port: 443, target: "evil.example", priority: 0, weight: 0 } }
        ]
      })
      const names = yield* namesOf(server)
      const [good, strange] = yield* Effect.all([watchOf(names), watchOf(names, "_d._tcp.api.example")])
      yield* good.settled
      yield* strange.settled
      expect(good.current().addresses).toEqual(["0 0 443 eu.example"])
      expect(strange.current().addresses).toEqual([])
    })
  )

  it.live("are remembered over a restart, and are no addresses of the same name", () =>
    Effect.gen(function* () {
      const folder = mkdtempSync(join(tmpdir(), "sluice-srv-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(folder, { recursive: true, force: true })))
      const server = yield* dnsServer
      server.answer(name, "SRV", { services: [{ priority: 1, weight: 2, port: 3, target: "a.example" }] })
      server.host(name, ["203.0.113.1"])
      const before = yield* Scope.make()
      const first = yield* namesOf(server, { folder }).pipe(Scope.provide(before))
      const [records, addresses] = yield* Effect.all([
        watchOf(first),
        first.watch(name, { ...defaultDns, family: "IPv4Preferred" }, policy, "shop")
      ]).pipe(Scope.provide(before))
      yield* records.settled
      yield* addresses.settled
      expect(addresses.current().addresses).toEqual(["203.0.113.1"])
      yield* Scope.close(before, Exit.void)
      server.answer(name, "SRV", { drop: true })
      const again = yield* namesOf(server, { folder })
      const watch = yield* watchOf(again)
      expect(watch.current()).toMatchObject({ state: "Pending", addresses: ["1 2 3 a.example"] })
    })
  )

  it("are read back as they are written, and nothing else is one", () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/)
    const sixteen = fc.integer({ min: 0, max: 65_535 })
    fc.assert(
      fc.property(
        sixteen,
        sixteen,
        fc.integer({ min: 1, max: 65_535 }),
        fc.array(word, { minLength: 1, maxLength: 4 }),
        (a, b, port, labels) => {
          const record = serviceRecord(a, b, port, labels.join("."))!
          expect(readRecord(recordText(record))).toEqual(record)
        }
      )
    )
    for (const text of ["", "1 2 3", "1 2 0 a.example", "1 2 65536 a.example", "-1 2 3 a.example", "1 2 3 .", "203.0.113.1", "1 2 3 a b"])
      expect(readRecord(text)).toBeNull()
  })
})
