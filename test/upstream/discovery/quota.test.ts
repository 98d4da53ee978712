// Law 19 for names: one namespace has its share of them and of the lookups under way, whatever it asks for, and the others notice nothing.
import { describe, expect, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { sampleNames } from "#src/proxy/observers.ts"
import { makeMetrics } from "#src/report/metrics.ts"
import { defaultDns } from "#src/snapshot/behaviour.ts"
import type { AddressPolicy } from "#src/snapshot/upstream.ts"
import { Names, type NamesOptions } from "#src/upstream/discovery/names.ts"
import { parseNameserver } from "#src/upstream/discovery/nameserver.ts"
import { makeQuota } from "#src/upstream/discovery/quota.ts"
import { makeTurns } from "#src/upstream/discovery/turns.ts"
import { type DnsServer, startDnsServer } from "../../support/dns.ts"

const policy: AddressPolicy = { cluster: [], allowLoopback: true, egress: null }
const dnsServer = Effect.acquireRelease(
  Effect.promise(() => startDnsServer()),
  (server) => Effect.promise(server.close)
)

/** A lookup that gets no answer keeps its place for longer than any test runs. */
const namesOf = (server: DnsServer, options: NamesOptions = {}) =>
  Effect.map(
    Layer.build(
      Names.layer({
        nameservers: [parseNameserver(server.address)!],
        timings: { perTry: 600_000, tries: 1 },
        ipv6Usable: () => true,
        ...options
      })
    ),
    (context) => Context.get(context, Names)
  )

const silent = (server: DnsServer, count: number, label: string): ReadonlyArray<string> => {
  const all = Array.from({ length: count }, (_, i) => `${label}${i}.example`)
  for (const name of all) for (const type of ["A", "AAAA"] as const) server.answer(name, type, { drop: true })
  return all
}

describe("lookups under way at the process's nameservers", () => {
  it.effect("of a namespace whose names are dead leave places for the others", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      const names = yield* namesOf(server)
      const dead = silent(server, 300, "dead")
      server.host("good.example", ["203.0.113.1"])
      yield* Effect.forEach(dead, (name) => names.watch(name, defaultDns, policy, "bad"), { discard: true })
      yield* Effect.promise(() => Promise.all(dead.slice(0, 48).map((name) => server.asked(name, 2))))
      const good = yield* names.watch("good.example", defaultDns, policy, "good")
      yield* good.settled
      expect(good.current()).toMatchObject({ state: "Fresh", addresses: ["203.0.113.1"] })
      expect(new Set(server.queries.map(({ name }) => name)).size).toBe(49)
    })
  )

  it.effect("wait on the account of the less busy of two namespaces that share a name", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      const names = yield* namesOf(server)
      const dead = silent(server, 100, "dead")
      server.host("shared.example", ["203.0.113.1"])
      yield* Effect.forEach(dead, (name) => names.watch(name, defaultDns, policy, "bad"), { discard: true })
      yield* names.watch("shared.example", defaultDns, policy, "bad")
      const good = yield* names.watch("shared.example", defaultDns, policy, "good")
      yield* good.settled
      expect(good.current().state).toBe("Fresh")
    })
  )
})

describe("turns", () => {
  it.effect("go to who has the fewest under way; who is interrupted while waiting, or with the turn in hand, leaves no gap", () =>
    Effect.gen(function* () {
      const turns = makeTurns(4, 3)
      const began: Array<string> = []
      const accountOf = (owner: string) => {
        const account = turns()
        account.add(owner)
        return account
      }
      const run = (owner: string) =>
        Effect.forkChild(
          accountOf(owner).within(
            Effect.suspend(() => {
              began.push(owner)
              return Effect.never
            })
          ),
          { startImmediately: true }
        )
      const a = yield* Effect.forEach([1, 2, 3, 4, 5], () => run("a"))
      expect(began).toEqual(["a", "a", "a"])
      const b = yield* Effect.forEach([1, 2], () => run("b"))
      const c = yield* run("c")
      expect(began).toEqual(["a", "a", "a", "b"])
      // A waiting one leaves, then places come free: c has none yet, so it is next; then b and not a, who has more.
      yield* Fiber.interrupt(a[3]!)
      yield* Fiber.interrupt(a[0]!)
      expect(began.slice(4)).toEqual(["c"])
      yield* Fiber.interrupt(a[1]!)
      expect(began.slice(5)).toEqual(["a"])
      yield* Fiber.interrupt(c)
      expect(began.slice(6)).toEqual(["b"])
      yield* Effect.forEach([...a, ...b], Fiber.interrupt)
      // Everything was given back: four run at once again.
      const again = yield* Effect.forEach([..."wxyz"], run)
      expect(began.slice(7)).toEqual([..."wxyz"])
      yield* Effect.forEach(again, Fiber.interrupt)
    })
  )
})

describe("names of a namespace", () => {
  it("are within up to the quota, the same name once; who leaves makes room for the one that waits longest", () => {
    const quota = makeQuota(2)
    const said: Array<string> = []
    const enter = (namespace: string, key: string) => quota.enter(namespace, key, () => said.push(`${namespace}/${key}`))
    const first = enter("a", "1")
    const twice = enter("a", "1")
    const second = enter("a", "2")
    const third = enter("a", "3")
    const alsoThird = enter("a", "3")
    const fourth = enter("a", "4")
    enter("b", "9")
    expect(said).toEqual(["a/1", "a/1", "a/2", "b/9"])
    expect(quota.counts()).toEqual({ within: 3, waiting: 2 })
    first()
    expect(said).toHaveLength(4)
    twice()
    expect(said.slice(4)).toEqual(["a/3", "a/3"])
    third()
    expect(quota.counts()).toEqual({ within: 3, waiting: 1 })
    fourth()
    alsoThird()
    second()
    expect(quota.counts()).toEqual({ within: 1, waiting: 0 })
    expect(said).toHaveLength(6)
  })

  it.effect("beyond the quota are told and not asked for, until one leaves; another namespace may have them at once", () =>
    Effect.gen(function* () {
      const server = yield* dnsServer
      const names = yield* namesOf(server, { namesPerNamespace: 2 })
      for (const [at, name] of ["a.example", "b.example", "c.example"].entries()) server.host(name, [`203.0.113.${at + 1}`])
      const scope = yield* Scope.make()
      yield* (yield* names.watch("a.example", defaultDns, policy, "shop").pipe(Scope.provide(scope))).settled
      yield* (yield* names.watch("b.example", defaultDns, policy, "shop")).settled
      const third = yield* names.watch("c.example", defaultDns, policy, "shop")
      yield* third.settled
      expect(third.current()).toMatchObject({
        state: "Failed",
        reason: "dns_refused",
        addresses: [],
        detail: "namespace shop has 2 names looked up already, the most one may: c.example waits until one of them leaves"
      })
      expect(server.count("c.example")).toBe(0)

      const metrics = makeMetrics({ version: "test" })
      sampleNames(metrics, names.counts)
      const text = yield* Effect.promise(metrics.text)
      expect(text).toContain('sluice_dns_names{state="watched"} 2')
      expect(text).toContain('sluice_dns_names{state="waiting"} 1')

      const other = yield* names.watch("c.example", defaultDns, policy, "other")
      yield* other.settled
      expect(other.current().state).toBe("Fresh")
      expect(third.current().state).toBe("Failed")

      const heard: Array<string> = []
      third.subscribe(({ state }) => heard.push(state))
      yield* Scope.close(scope, Exit.void)
      expect(heard).toEqual(["Fresh"])
      expect(third.current()).toMatchObject({ state: "Fresh", addresses: ["203.0.113.3"] })
      expect(names.watched().map(({ name, watchers }) => `${name} ${watchers}`)).toEqual(["b.example 1", "c.example 2"])
      expect(names.counts()).toEqual({ within: 3, waiting: 0 })
    })
  )
})
