// Mode Report: what is told of a target is exactly what mode Enforce would refuse, and the entry that is suggested is exactly what it would need.
import fc from "fast-check"
import { assert, describe, expect, it } from "vitest"
import type { EgressAllow, EgressRules } from "#src/snapshot/egress.ts"
import { entryText, suggestion } from "#src/snapshot/suggestion.ts"
import type { AddressPolicy } from "#src/snapshot/upstream.ts"
import { noOwnAddresses } from "#src/upstream/dial/own.ts"
import { admit, type DialTarget } from "#src/upstream/dial/policy.ts"
import { trialOf, trialOfName } from "#src/upstream/dial/trial.ts"

const sources: EgressRules["sources"] = [{ kind: "EgressPolicy", namespace: "", name: "p", section: null }]
const served = (allow: ReadonlyArray<EgressAllow>): AddressPolicy => ({
  cluster: [],
  allowLoopback: false,
  egress: { mode: "Open", allow, permitPrivate: false, sources, trial: { allow, sources } }
})
const enforced = (allow: ReadonlyArray<EgressAllow>): AddressPolicy => ({
  cluster: [],
  allowLoopback: false,
  egress: { mode: "Enforce", allow, permitPrivate: false, sources }
})

const hosts = fc.constantFrom("a.example", "b.example", "*.example", "x.a.example")
const cidrs = fc.constantFrom("93.184.0.0/16", "10.0.0.0/8", "203.0.113.0/24", "2606:2800::/32", "fd12::/16")
const entry: fc.Arbitrary<EgressAllow> = fc
  .record({
    hosts: fc.uniqueArray(hosts, { maxLength: 2 }),
    ports: fc.uniqueArray(fc.constantFrom(80, 443, 8443), { maxLength: 2 }),
    cidrs: fc.uniqueArray(cidrs, { maxLength: 2 })
  })
  .filter(({ hosts, ports, cidrs }) => hosts.length + ports.length + cidrs.length > 0)
const target: fc.Arbitrary<DialTarget> = fc.record({
  ip: fc.constantFrom(
    "93.184.216.34",
    "::ffff:93.184.1.1",
    "10.1.2.3",
    "203.0.113.9",
    "2606:2800::1",
    "fd12::1",
    "127.0.0.1",
    "169.254.169.254"
  ),
  port: fc.constantFrom(80, 443, 8443),
  name: fc.constantFrom("a.example", "B.example.", "x.a.example", "other.test", null),
  origin: fc.constantFrom("Written" as const, "Slice" as const, "Pod" as const)
})

describe("mode Report", () => {
  it("tells exactly what Enforce would refuse, and refuses none of it itself", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 4 }), target, (allow, to) => {
        const now = admit(to, served(allow), noOwnAddresses)
        const then = admit(to, enforced(allow), noOwnAddresses)
        const told = trialOf(to, served(allow))
        if (now.allowed) assert.strictEqual(told !== null, !then.allowed)
        else assert.deepEqual(then, now)
        if (told !== null && now.allowed && !then.allowed) assert.strictEqual(told.rule.replace("mode Report", "mode Enforce"), then.rule)
      }),
      { numRuns: 3_000 }
    )
  })

  it("with all that it suggests added, Enforce refuses nothing that was dialled, and admits nothing that was not asked for", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 4 }), fc.array(target, { minLength: 1, maxLength: 8 }), target, (allow, dialled, other) => {
        const missing = dialled.flatMap((to) =>
          admit(to, served(allow), noOwnAddresses).allowed ? (trialOf(to, served(allow))?.entry ?? []) : []
        )
        const after = enforced([...allow, ...suggestion(missing)])
        for (const to of dialled)
          if (admit(to, served(allow), noOwnAddresses).allowed) assert.isTrue(admit(to, after, noOwnAddresses).allowed, JSON.stringify(to))
        // What the suggestion says is no more than the entries it is made of.
        assert.strictEqual(
          admit(other, after, noOwnAddresses).allowed,
          admit(other, enforced([...allow, ...missing]), noOwnAddresses).allowed
        )
      }),
      { numRuns: 1_000 }
    )
  })

  it("asks for one address where the range of a name is said, and for the name where it is not", () => {
    const policy = served([{ hosts: ["a.example"], ports: [443], cidrs: ["93.184.0.0/16"] }])
    const to = (name: string): DialTarget => ({ ip: "8.8.8.8", port: 443, name, origin: "Written" })
    expect(trialOf(to("a.example"), policy)?.entry).toEqual({ hosts: ["a.example"], ports: [443], cidrs: ["8.8.8.8/32"] })
    expect(trialOf(to("b.example"), policy)?.entry).toEqual({ hosts: ["b.example"], ports: [443], cidrs: [] })
  })

  it("of a name without an answer tells whether any entry speaks of it", () => {
    const policy = served([{ hosts: ["*.example"], ports: [443], cidrs: ["10.0.0.0/8"] }])
    expect(trialOfName("a.example.", 443, policy)).toBeNull()
    expect(trialOfName("A.Example", 80, policy)).toMatchObject({ entry: { hosts: ["a.example"], ports: [80], cidrs: [] } })
    expect(trialOfName("a.test", 443, enforced([]))).toBeNull()
  })

  it("says nothing where nothing is on trial, and of pods never", () => {
    const to: DialTarget = { ip: "93.184.216.34", port: 443, name: null, origin: "Written" }
    expect(trialOf(to, enforced([]))).toBeNull()
    expect(trialOf(to, { ...enforced([]), egress: null })).toBeNull()
    expect(trialOf(to, served([]))).not.toBeNull()
    expect(trialOf({ ...to, origin: "Pod" }, served([]))).toBeNull()
  })
})

describe("a suggestion", () => {
  const of = (hosts: ReadonlyArray<string>, ports: ReadonlyArray<number>, cidrs: ReadonlyArray<string> = []): EgressAllow => ({
    hosts,
    ports,
    cidrs
  })
  it("is short, sorted, and one list whatever the order it was found in", () => {
    const found = [
      of(["b.example"], [443]),
      of(["a.example"], [443]),
      of(["a.example"], [80]),
      of(["b.example"], [443]),
      of([], [25], ["192.0.2.1/32"])
    ]
    const made = suggestion(found).map(entryText)
    expect(made).toEqual([
      "{ports: [25], cidrs: [192.0.2.1/32]}",
      "{hosts: [a.example], ports: [80, 443]}",
      "{hosts: [b.example], ports: [443]}"
    ])
    fc.assert(
      fc.property(fc.shuffledSubarray(found, { minLength: 5 }), (again) => {
        expect(suggestion(again).map(entryText)).toEqual(made)
      })
    )
  })
  it("keeps the ranges of a name to that name", () => {
    expect(suggestion([of(["a.example"], [443], ["10.0.0.1/32"]), of(["b.example"], [443], ["10.0.0.2/32"])])).toHaveLength(2)
    expect(suggestion([of(["a.example"], [443], ["10.0.0.1/32"]), of(["a.example"], [443])])).toHaveLength(2)
  })
  it("is YAML", () =>
    expect(entryText(of(["*.a.example"], [443], ["2001:db8::1/128", "10.0.0.1/32"]))).toBe(
      '{hosts: ["*.a.example"], ports: [443], cidrs: ["2001:db8::1/128", 10.0.0.1/32]}'
    ))
})
