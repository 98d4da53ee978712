import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Random, Scope } from "effect"
import { TestClock } from "effect/testing"
import { type DnsContract, defaultDns } from "#src/snapshot/behaviour.ts"
import type { AddressPolicy } from "#src/snapshot/upstream.ts"
import { Names } from "#src/upstream/discovery/names.ts"
import { parseNameserver } from "#src/upstream/discovery/nameserver.ts"
import type { NameWatch } from "#src/upstream/discovery/resolution.ts"
import { type DnsServer, startDnsServer } from "../../support/dns.ts"

const loose: AddressPolicy = { cluster: [], allowLoopback: true, egress: null }

const dnsServer = Effect.acquireRelease(
  Effect.promise(() => startDnsServer()),
  (server) => Effect.promise(server.close)
)

/** No jitter: refreshes come exactly when the TTL says. */
const steady = Layer.succeed(Random.Random, { nextIntUnsafe: () => 0, nextDoubleUnsafe: () => 0.5 })

/** A lookup that gets no answer keeps its place for longer than any test runs. */
const namesOf = (server: DnsServer) =>
  Effect.map(
    Layer.build(
      Names.layer({
        nameservers: [parseNameserver(server.address)!],
        timings: { perTry: 600_000, tries: 1 },
        ipv6Usable: () => true
      })
    ),
    (context) => Context.get(context, Names)
  )

const at = (...servers: ReadonlyArray<DnsServer>): DnsContract => ({ ...defaultDns, nameservers: servers.map(({ address }) => address) })

/** Sixteen names or more that the server never answers; back when the lookups of one share have reached it. */
const silence = Effect.fnUntraced(function* (names: Names["Service"], server: DnsServer, count: number, contract = at(server)) {
  const all = Array.from({ length: count }, (_, i) => `silent${i}.example`)
  for (const name of all) for (const type of ["A", "AAAA"] as const) server.answer(name, type, { drop: true })
  yield* Effect.forEach(all, (name) => names.watch(name, contract, loose, "shop"), { discard: true })
  yield* Effect.promise(() => Promise.all(all.slice(0, 16).map((name) => server.asked(name, 2))))
})

const askedNames = (server: DnsServer): number => new Set(server.queries.map(({ name }) => name)).size

const refreshed = (watch: NameWatch, address: string): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const stop = watch.subscribe(({ addresses }) => {
      if (addresses[0] !== address) return
      stop()
      resume(Effect.void)
    })
    return Effect.sync(stop)
  })

describe("names on a nameserver that drops everything", () => {
  it.effect("delay neither a refresh nor a new name elsewhere", () =>
    Effect.gen(function* () {
      const [own, good, dead] = [yield* dnsServer, yield* dnsServer, yield* dnsServer]
      own.host("own.example", ["203.0.113.1"], 5)
      good.host("good.example", ["203.0.113.2"], 5)
      good.host("new.example", ["203.0.113.3"], 5)
      const names = yield* namesOf(own)
      const mine = yield* names.watch("own.example", defaultDns, loose, "shop")
      const theirs = yield* names.watch("good.example", at(good), loose, "shop")
      yield* mine.settled
      yield* theirs.settled
      yield* silence(names, dead, 300)
      own.host("own.example", ["203.0.113.11"], 5)
      good.host("good.example", ["203.0.113.12"], 5)
      const both = yield* Effect.forkChild(
        Effect.all([refreshed(mine, "203.0.113.11"), refreshed(theirs, "203.0.113.12")], { concurrency: 2 }),
        { startImmediately: true }
      )
      yield* TestClock.adjust("5 seconds")
      yield* Fiber.join(both)
      const late = yield* names.watch("new.example", at(good), loose, "shop")
      yield* late.settled
      expect(late.current()).toMatchObject({ state: "Fresh", addresses: ["203.0.113.3"] })
      expect(askedNames(dead)).toBe(16)
    }).pipe(Effect.provide(steady))
  )

  it.effect("do not delay the process's own, however many such nameservers there are", () =>
    Effect.gen(function* () {
      const own = yield* dnsServer
      const dead = yield* Effect.forEach(Array.from({ length: 10 }), () => dnsServer)
      own.host("own.example", ["203.0.113.1"])
      const names = yield* namesOf(own)
      yield* Effect.forEach(dead.slice(0, 4), (server) => silence(names, server, 20))
      // Every place for nameservers of contracts is taken: these wait.
      for (const server of dead.slice(4))
        yield* Effect.forEach(Array.from({ length: 20 }), (_, i) => names.watch(`silent${i}.example`, at(server), loose, "shop"))
      const watch = yield* names.watch("own.example", defaultDns, loose, "shop")
      yield* watch.settled
      expect(watch.current()).toMatchObject({ state: "Fresh", addresses: ["203.0.113.1"] })
      expect(dead.map(askedNames)).toEqual([16, 16, 16, 16, 0, 0, 0, 0, 0, 0])
    })
  )

  it.effect("have one share in whatever order a contract names the servers", () =>
    Effect.gen(function* () {
      const [own, one, other] = [yield* dnsServer, yield* dnsServer, yield* dnsServer]
      own.host("own.example", ["203.0.113.1"])
      for (const server of [one, other]) for (const type of ["A", "AAAA"] as const) server.answer("late.example", type, { drop: true })
      const names = yield* namesOf(own)
      for (const type of ["A", "AAAA"] as const) for (let i = 0; i < 20; i++) other.answer(`silent${i}.example`, type, { drop: true })
      yield* silence(names, one, 20, at(one, other))
      yield* names.watch("late.example", at(other, one, one), loose, "shop")
      yield* (yield* names.watch("own.example", defaultDns, loose, "shop")).settled
      expect([one.count("late.example"), askedNames(one)]).toEqual([0, 16])
    })
  )

  it.effect("give their places back when nobody watches them", () =>
    Effect.gen(function* () {
      const [own, server] = [yield* dnsServer, yield* dnsServer]
      server.host("good.example", ["203.0.113.1"])
      const names = yield* namesOf(own)
      const stays = yield* names.watch("good.example", at(server), loose, "shop")
      yield* stays.settled
      const scope = yield* Scope.make()
      yield* silence(names, server, 100).pipe(Scope.provide(scope))
      server.host("next.example", ["203.0.113.2"])
      const next = yield* names.watch("next.example", at(server), loose, "shop")
      expect(next.current().state).toBe("Pending")
      yield* Scope.close(scope, Exit.void)
      yield* next.settled
      expect(next.current()).toMatchObject({ state: "Fresh", addresses: ["203.0.113.2"] })
    })
  )
})
