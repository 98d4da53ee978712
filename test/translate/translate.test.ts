// The laws of translate: deterministic, total, previous only saves work, and one bad object costs itself.
import { Result } from "effect"
import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { versionOf } from "#src/snapshot/digest.ts"
import { diff } from "#src/snapshot/update.ts"
import type { Change, Decoded } from "#src/state/change.ts"
import { apply, empty } from "#src/state/state.ts"
import { makeTranslate, type Translation } from "#src/translate/translate.ts"
import { crowd } from "./crowd.ts"
import { decoded, expectEqual, externalName, folded, gatewayClass, httpGateway, route, routeKey, upserted } from "./manifests.ts"
import { anyChange, anyObject } from "./objects.ts"
import { settings } from "./world.ts"

const translate = makeTranslate(settings)
const inCluster = makeTranslate({ ...settings, role: "Cluster" })

const edge = "Gateway.gateway.networking.k8s.io/infra/edge"
const snapshotOf = (translation: Translation) => translation.gateways.get(edge)!.snapshot

const many = (n: number, hosts = n): ReadonlyArray<Change> =>
  Array.from({ length: n }, (_, i) => [
    upserted(externalName(`svc-${i}`)),
    upserted(
      route(`route-${i}`, {
        hostnames: [`h${i % hosts}.example.com`],
        rules: [{ matches: [{ path: { value: `/p${i}` } }], backendRefs: [{ name: `svc-${i}`, port: 8080 }] }]
      })
    )
  ]).flat()

describe("translate", () => {
  it("with a previous translation equals translate without, over any edits (law 13)", () => {
    fc.assert(
      fc.property(fc.array(fc.array(anyChange, { minLength: 1, maxLength: 4 }), { maxLength: 12 }), fc.boolean(), (batches, cluster) => {
        const run = cluster ? inCluster : translate
        let state = folded(crowd.map(upserted))
        let previous = run(state)
        for (const batch of batches) {
          state = folded(batch, state)
          previous = run(state, previous)
          expectEqual(previous, run(state))
        }
      }),
      { numRuns: 150 }
    )
  })

  it("keeps the version of the tables it gives", () => {
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 30 }), (changes) => {
        let state = folded(crowd.map(upserted))
        let previous = translate(state)
        for (const change of changes) {
          state = apply(state, change)
          previous = translate(state, previous)
        }
        for (const { snapshot } of previous.gateways.values()) expect(snapshot.version).toBe(versionOf(snapshot))
      }),
      { numRuns: 60 }
    )
  })

  it("gives equal versions and verdicts for equal states, in whatever order they came about (law 12)", () => {
    fc.assert(
      fc.property(
        fc
          .uniqueArray(anyObject.map(decoded), { maxLength: 25, selector: (one) => one.meta.key })
          .chain((objects) => fc.tuple(fc.constant(objects), fc.shuffledSubarray(objects, { minLength: objects.length }))),
        ([objects, shuffled]) => {
          const state = (list: ReadonlyArray<Decoded>) =>
            folded([...crowd.map(upserted), ...list.map((object): Change => ({ _tag: "Upserted", object }))])
          expectEqual(translate(state(objects)), translate(state(shuffled)))
        }
      ),
      { numRuns: 100 }
    )
  })

  it("never throws, whatever the values of objects are", () => {
    const kinds = ["Gateway", "HTTPRoute", "ReferenceGrant", "BackendTLSPolicy", "GatewayClass"]
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            fc.constantFrom(...kinds),
            fc.constantFrom("a", "b"),
            fc.object({ maxDepth: 3, key: fc.constantFrom("spec", "rules", "listeners", "parentRefs", "name", "hostnames", "from", "to") })
          ),
          { maxLength: 12 }
        ),
        (raws) => {
          const changes = raws.map(
            ([kind, name, value]): Change =>
              upserted({ apiVersion: "gateway.networking.k8s.io/v1", kind, ...value, metadata: { name, namespace: "ns" } })
          )
          translate(folded([upserted(gatewayClass), ...changes]))
        }
      ),
      { numRuns: 200 }
    )
  })

  it("leaves 999 routes as they are when one of 1,000 is poison (law 1)", () => {
    const good = folded([upserted(gatewayClass), upserted(httpGateway()), ...many(1000)])
    const before = translate(good)
    const poisons: ReadonlyArray<object> = [
      route("route-500", { rules: "none" }),
      route("route-500", {
        hostnames: ["h500.example.com"],
        rules: [{ matches: [{ path: { type: "RegularExpression", value: "(" } }], backendRefs: [{ name: "svc-500", port: 8080 }] }]
      }),
      route("route-500", { hostnames: ["h500.example.com"], rules: [{ filters: [{ type: "Teleport" }] }] }),
      route("route-500", { hostnames: ["h500.example.com"], rules: [{ backendRefs: [{ name: "nowhere", port: 1 }] }] })
    ]
    for (const poison of poisons) {
      const after = translate(folded([upserted(poison)], good))
      const [was, now] = [snapshotOf(before).virtualHosts, snapshotOf(after).virtualHosts]
      for (let i = 0; i < 1000; i++) {
        if (i === 500) continue
        expect(now.get(`infra/edge/http/h${i}.example.com`)).toEqual(was.get(`infra/edge/http/h${i}.example.com`))
        expect(after.verdicts.get(routeKey(`route-${i}`))).toEqual(before.verdicts.get(routeKey(`route-${i}`)))
      }
      expect(after.verdicts.get(routeKey("route-500"))).not.toEqual(before.verdicts.get(routeKey("route-500")))
    }
  })

  it("refuses a route that it fails on itself, keeps the others, and forgets the defect with its cause (law 1)", () => {
    const good = folded([upserted(gatewayClass), upserted(httpGateway()), ...many(20)])
    const before = translate(good)
    // Nothing of ours throws here today; a value that throws when it is read stands for the bug to come.
    const { meta } = decoded(route("route-7", {}))
    const value = {
      get spec(): never {
        throw new TypeError("a secret word")
      }
    }
    const broken = apply(folded([{ _tag: "Deleted", key: meta.key }], good), {
      _tag: "Upserted",
      object: { meta, value: Result.succeed(value) }
    })
    const after = translate(broken, before)
    const conditions = after.verdicts.get(routeKey("route-7"))?.entries[0]?.conditions ?? []
    expect(conditions.map(({ type, status }) => [type, status])).toEqual([["Accepted", "False"]])
    expect(JSON.stringify(conditions)).toContain("TypeError")
    expect(JSON.stringify(conditions)).not.toContain("secret word")
    for (let i = 0; i < 20; i++)
      if (i !== 7) expect(after.verdicts.get(routeKey(`route-${i}`))).toBe(before.verdicts.get(routeKey(`route-${i}`)))
    expectEqual(translate(good, after), translate(good))
  })

  it("computes anew what depends on the change, and no more (law 13, counted)", () => {
    const state = folded([upserted(gatewayClass), upserted(httpGateway()), ...many(500, 50)])
    const before = translate(state)
    const nothing = translate(state, before)
    expect(nothing.memo.computed).toBe(0)
    expect(nothing.verdicts).toBe(before.verdicts)
    expect(snapshotOf(nothing)).toBe(snapshotOf(before))

    const edited = apply(
      state,
      upserted(
        route("route-7", {
          hostnames: ["h7.example.com"],
          rules: [{ matches: [{ path: { value: "/other" } }], backendRefs: [{ name: "svc-7", port: 8080 }] }]
        })
      )
    )
    const one = translate(edited, nothing)
    expect(one.memo.computed).toBe(1)
    const update = diff(snapshotOf(nothing), snapshotOf(one), () => expect.fail("no secret changed"))!
    expect(Object.keys(update.set)).toEqual(["virtualHosts"])
    expect([...update.set.virtualHosts!.keys()]).toEqual(["infra/edge/http/h7.example.com"])
    expect(snapshotOf(one).upstreams).toBe(snapshotOf(nothing).upstreams)
    expect(snapshotOf(one).listeners).toBe(snapshotOf(nothing).listeners)

    // A Service's edit reaches the routes that name it: a handful of units, whatever there is besides.
    const moved = translate(apply(edited, upserted(externalName("svc-9", "shop", "elsewhere.example.net"))), one)
    expect(moved.memo.computed).toBeLessThan(12)
    // An annotation on the Gateway reaches no route.
    const noted = translate(
      apply(edited, upserted({ ...httpGateway(), metadata: { name: "edge", namespace: "infra", annotations: { a: "b" } } })),
      translate(edited)
    )
    expect(noted.memo.computed).toBeLessThan(10)
  })

  it("an old previous is as good as none", () => {
    const first = folded([upserted(gatewayClass), upserted(httpGateway()), ...many(3)])
    const a = translate(first)
    const second = apply(first, upserted(route("route-1", { hostnames: ["moved.example.com"], rules: [{}] })))
    const b = translate(second, a)
    const third = apply(first, { _tag: "Deleted", key: routeKey("route-2") })
    // `a` has been gone on from already.
    expectEqual(translate(third, a), translate(third))
    expectEqual(translate(second, b), b)
  })

  it("asks for the Secrets that listeners name, and no longer than they do", () => {
    const secure = (secret: string) => ({
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "Gateway",
      metadata: { name: "edge", namespace: "infra" },
      spec: {
        gatewayClassName: "sluice",
        listeners: [{ name: "https", port: 443, protocol: "HTTPS", tls: { certificateRefs: [{ name: secret }] } }]
      }
    })
    const first = translate(folded([upserted(gatewayClass), upserted(secure("old"))]))
    expect([...first.interest]).toEqual(["Secret/infra/old"])
    const second = translate(folded([upserted(gatewayClass), upserted(secure("new"))]), first)
    expect([...second.interest]).toEqual(["Secret/infra/new"])
    expect([...translate(folded([upserted(gatewayClass)]), second).interest]).toEqual([])
  })

  it("begins with nothing", () => {
    const nothing = translate(empty)
    expect(nothing.gateways.size + nothing.verdicts.size + nothing.interest.size).toBe(0)
    expect(Result.isSuccess(decoded(gatewayClass).value)).toBe(true)
  })
})
