// Laws of merging: what others wrote survives, what is equal is not written, what we wrote twice is what we wrote once, and a transition has its time.

import fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { Condition, ObjectKey } from "#schemas/meta.ts"
import { type Beside, desiredStatus } from "#src/operator/status/desired.ts"
import { statusPatch } from "#src/operator/status/patch.ts"
import { live } from "#src/status/conditions.ts"
import type { Verdict, VerdictEntry } from "#src/status/verdict.ts"

const ours = "sluice.dev/gateway-controller"
const route: ObjectKey = "HTTPRoute.gateway.networking.k8s.io/shop/cart"
const gateway: ObjectKey = "Gateway.gateway.networking.k8s.io/infra/edge"
const nothing: Beside = { addresses: [], over: [], unreachable: null, features: [], version: null, live: null }
const at = (now: string) => ({ controller: ours, xbackend: "ancestors" as const, now })
const [noon, later] = ["2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z"]

const condition = (type: string, status: Condition["status"] = "True", message = "fine", observedGeneration = 1): Condition => ({
  type,
  status,
  reason: type,
  message,
  observedGeneration
})
const entry = (parent: ObjectKey | null, conditions: ReadonlyArray<Condition>, section: string | null = null): VerdictEntry => ({
  parent,
  section,
  port: null,
  conditions,
  listener: null
})
const verdict = (object: ObjectKey, entries: ReadonlyArray<VerdictEntry>): Verdict => ({
  object,
  generation: 1,
  entries,
  upstreams: [],
  gateways: []
})
const listener = (name: string, attachedRoutes: number): VerdictEntry => ({
  ...entry(null, [condition("Accepted"), condition("Programmed")], name),
  listener: { attachedRoutes, supportedKinds: [{ group: "gateway.networking.k8s.io", kind: "HTTPRoute" }], served: true, certificates: [] }
})

/** Plain JSON, as an API server would store it. */
const stored = (status: unknown, patch: ReturnType<typeof statusPatch>): Record<string, unknown> => {
  const merge = (base: unknown, change: unknown): unknown => {
    if (typeof change !== "object" || change === null || Array.isArray(change)) return change
    const into: Record<string, unknown> = typeof base === "object" && base !== null && !Array.isArray(base) ? { ...base } : {}
    for (const [key, value] of Object.entries(change)) {
      if (value === null) delete into[key]
      else into[key] = merge(into[key], value)
    }
    return into
  }
  return JSON.parse(JSON.stringify(merge(status, patch?.status ?? {}))) as Record<string, unknown>
}

const write = (object: ObjectKey, judged: Verdict | null, status: unknown, now: string, beside = nothing) => {
  const desired = desiredStatus(object, judged, status, beside, at(now))
  const patch = desired === null ? null : statusPatch(status, desired)
  return { patch, status: stored(status, patch) }
}

const arbitraryStatus = fc.constantFrom<Condition["status"]>("True", "False", "Unknown")
const arbitraryConditions = fc.uniqueArray(
  fc.record({
    type: fc.constantFrom("Accepted", "ResolvedRefs", "PartiallyInvalid", "Resolved"),
    status: arbitraryStatus,
    reason: fc.constantFrom("A", "B"),
    message: fc.constantFrom("", "one", "two"),
    observedGeneration: fc.integer({ min: 1, max: 3 })
  }),
  { selector: (one) => one.type, minLength: 1 }
)
const gatewayKey = (name: string): ObjectKey => `Gateway.gateway.networking.k8s.io/infra/${name}`
const arbitraryEntries = fc
  .uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c"), fc.constantFrom(null, "http", "https"), arbitraryConditions), {
    selector: ([name, section]) => `${name} ${section}`
  })
  .map((all) => all.map(([name, section, conditions]) => entry(gatewayKey(name), conditions, section)))
const foreignEntry = fc.record({
  parentRef: fc.record({ name: fc.constantFrom("a", "other"), namespace: fc.constant("infra") }),
  controllerName: fc.constantFrom("example.com/one", "example.com/two"),
  conditions: fc.array(fc.record({ type: fc.constant("Accepted"), status: arbitraryStatus, unknown: fc.string() }), { maxLength: 2 })
})

describe("a list that controllers share", () => {
  it("keeps every entry of others as it is and in its order, whatever we say", () => {
    fc.assert(
      fc.property(fc.array(foreignEntry, { maxLength: 6 }), arbitraryEntries, arbitraryEntries, (foreign, first, second) => {
        const once = write(route, verdict(route, first), { parents: foreign }, noon).status
        const twice = write(route, verdict(route, second), once, later).status
        const left = write(route, null, twice, later).status
        for (const status of [once, twice, left])
          assert.deepEqual(
            (status["parents"] as ReadonlyArray<{ readonly controllerName: string }>).filter((one) => one.controllerName !== ours),
            JSON.parse(JSON.stringify(foreign))
          )
        assert.deepEqual(left["parents"], JSON.parse(JSON.stringify(foreign)))
      })
    )
  })

  it("is written once: the same again is no write, at any time", () => {
    fc.assert(
      fc.property(fc.array(foreignEntry, { maxLength: 3 }), arbitraryEntries, (foreign, entries) => {
        const once = write(route, verdict(route, entries), { parents: foreign }, noon).status
        assert.isNull(write(route, verdict(route, entries), once, later).patch)
      })
    )
  })

  it("has room for so many entries: others' are kept, of ours those that fit", () => {
    const foreign = Array.from({ length: 31 }, (_, i) => ({
      parentRef: { name: `x${i}` },
      controllerName: "example.com/one",
      conditions: []
    }))
    const { status } = write(
      route,
      verdict(route, [entry(gatewayKey("a"), [condition("Accepted")]), entry(gatewayKey("b"), [condition("Accepted")])]),
      { parents: foreign },
      noon
    )
    assert.lengthOf(status["parents"] as ReadonlyArray<unknown>, 32)
  })

  it("names a parent with its namespace, the object's own too", () => {
    const { status } = write(route, verdict(route, [entry(gateway, [condition("Accepted")], "https")]), undefined, noon)
    assert.deepEqual(status, {
      parents: [
        {
          parentRef: { group: "gateway.networking.k8s.io", kind: "Gateway", namespace: "infra", name: "edge", sectionName: "https" },
          controllerName: ours,
          conditions: [{ ...condition("Accepted"), lastTransitionTime: noon }]
        }
      ]
    })
    const own: ObjectKey = "HTTPRoute.gateway.networking.k8s.io/infra/cart"
    const { status: near } = write(own, verdict(own, [entry(gateway, [condition("Accepted")])]), undefined, noon)
    // The conformance suite compares references whole (HTTPRouteHostnameIntersection), and so the object's own namespace is written too.
    assert.propertyVal((near["parents"] as ReadonlyArray<{ parentRef: object }>)[0]!.parentRef, "namespace", "infra")
  })

  it("nothing of ours, nothing written: the route is another's", () => {
    const status = { parents: [{ parentRef: { name: "x" }, controllerName: "example.com/one", conditions: [] }] }
    assert.isNull(desiredStatus(route, null, status, nothing, at(noon)))
    assert.isNull(desiredStatus(route, verdict(route, [entry(null, [condition("Accepted", "False")])]), status, nothing, at(noon)))
  })
})

describe("conditions", () => {
  const judged = (one: Condition) => verdict(gateway, [entry(null, [one]), listener("http", 0)])
  const conditionsOf = (status: Record<string, unknown>) => status["conditions"] as ReadonlyArray<Record<string, unknown>>

  it("keep the time of the transition while the state stays, though words and generation change", () => {
    const first = write(gateway, judged(condition("Accepted")), undefined, noon).status
    const same = write(gateway, judged(condition("Accepted", "True", "other words", 2)), first, later).status
    assert.include(conditionsOf(same)[0], { lastTransitionTime: noon, message: "other words", observedGeneration: 2 })
    const turned = write(gateway, judged(condition("Accepted", "False", "no", 2)), same, later).status
    assert.include(conditionsOf(turned)[0], { lastTransitionTime: later, status: "False" })
  })

  it("of other types survive, on the Gateway and on its listeners", () => {
    const foreign = { type: "example.com/Fine", status: "True", reason: "Yes", message: "", lastTransitionTime: noon }
    const before = {
      conditions: [foreign, { ...condition("Accepted", "Unknown"), lastTransitionTime: noon }],
      listeners: [{ name: "http", attachedRoutes: 0, supportedKinds: [], conditions: [foreign] }]
    }
    const { status } = write(gateway, judged(condition("Accepted")), before, later)
    assert.deepEqual(conditionsOf(status)[0], foreign)
    assert.deepEqual((status["listeners"] as ReadonlyArray<{ conditions: ReadonlyArray<unknown> }>)[0]!.conditions[0], foreign)
  })

  it("that we no longer say go; one that saw a newer generation than we did stays", () => {
    const first = write(
      gateway,
      verdict(gateway, [entry(null, [condition("Accepted"), condition("PartiallyInvalid")])]),
      undefined,
      noon
    ).status
    const second = write(gateway, verdict(gateway, [entry(null, [condition("Accepted", "True", "fine", 1)])]), first, later).status
    assert.deepEqual(
      conditionsOf(second).map((one) => one["type"]),
      ["Accepted"]
    )
    const ahead = { conditions: [{ ...condition("Accepted", "False", "newer", 9), lastTransitionTime: noon }] }
    assert.isTrue(
      conditionsOf(write(gateway, judged(condition("Accepted")), ahead, later).status).some((one) => one["message"] === "newer")
    )
  })

  it("what stands over the verdict takes its place", () => {
    const over = condition("Programmed", "False", "no address")
    const { status } = write(gateway, verdict(gateway, [entry(null, [condition("Accepted"), condition("Programmed")])]), undefined, noon, {
      ...nothing,
      over: [over]
    })
    assert.deepEqual(
      conditionsOf(status).map((one) => `${one["type"]} ${one["status"]}`),
      ["Accepted True", "Programmed False"]
    )
  })
})

describe("what no client can reach yet", () => {
  const unreachable = condition("Programmed", "False", "no ready endpoint")
  const programmed = verdict(gateway, [entry(null, [condition("Accepted"), condition("Programmed")]), listener("http", 0)])
  const statusesOf = (status: Record<string, unknown>) => {
    const of = (at: unknown) =>
      (at as { readonly conditions: ReadonlyArray<Condition> }).conditions.find(({ type }) => type === "Programmed")?.status
    return [of(status), ...(status["listeners"] as ReadonlyArray<unknown>).map(of)]
  }

  it("is not said to be programmed, Gateway nor listener, until it can be", () => {
    const first = write(gateway, programmed, undefined, noon, { ...nothing, unreachable }).status
    assert.deepEqual(statusesOf(first), ["False", "False"])
    assert.deepEqual(statusesOf(write(gateway, programmed, first, later).status), ["True", "True"])
  })

  it("takes nothing back that stands", () => {
    const stands = write(gateway, programmed, undefined, noon).status
    assert.isNull(write(gateway, programmed, stands, later, { ...nothing, unreachable }).patch)
    // A listener that is new meanwhile has not been reached yet.
    const more = verdict(gateway, [...programmed.entries, listener("alt", 0)])
    assert.deepEqual(statusesOf(write(gateway, more, stands, later, { ...nothing, unreachable }).status), ["True", "True", "False"])
  })

  it("makes nothing better", () => {
    const pending = verdict(gateway, [entry(null, [condition("Accepted"), condition("Programmed", "Unknown")]), listener("http", 0)])
    assert.strictEqual(statusesOf(write(gateway, pending, undefined, noon, { ...nothing, unreachable }).status)[0], "Unknown")
  })
})

describe("what a difference is worth", () => {
  const base = verdict(gateway, [entry(null, [condition("Accepted")]), listener("http", 3)])
  const standing = write(gateway, base, undefined, noon).status
  const worth = (changed: Verdict, beside = nothing) => write(gateway, changed, standing, later, beside).patch?.difference ?? "None"

  it("nothing, words, counts, states", () => {
    assert.strictEqual(worth(base), "None")
    assert.strictEqual(worth(verdict(gateway, [entry(null, [condition("Accepted", "True", "other")]), listener("http", 3)])), "Message")
    assert.strictEqual(worth(verdict(gateway, [entry(null, [condition("Accepted")]), listener("http", 4)])), "Count")
    assert.strictEqual(worth(verdict(gateway, [entry(null, [condition("Accepted", "False")]), listener("http", 4)])), "State")
    assert.strictEqual(worth(verdict(gateway, [entry(null, [condition("Accepted", "True", "fine", 2)]), listener("http", 3)])), "State")
    assert.strictEqual(worth(verdict(gateway, [entry(null, [condition("Accepted")])])), "State")
    assert.strictEqual(worth(base, { ...nothing, addresses: [{ type: "IPAddress", value: "192.0.2.1" }] }), "State")
  })

  it("the words of a refusal are news, those of what is well are not", () => {
    const worthOf = (type: string, status: Condition["status"], ...[before, after]: readonly [string, string]) => {
      const said = (message: string) => verdict(route, [entry(gateway, [condition(type, status, message)])])
      return write(route, said(after), write(route, said(before), undefined, noon).status, later).patch?.difference
    }
    for (const type of ["Accepted", "ResolvedRefs", "Programmed"]) {
      assert.strictEqual(worthOf(type, "False", "ConfigMap a/b does not exist", "ConfigMap a/b has no key ca.crt"), "Facts", type)
      assert.strictEqual(worthOf(type, "True", "All references resolve", "All references resolve. Plaintext"), "Message", type)
    }
    assert.strictEqual(worthOf("Programmed", "Unknown", "No proxy has reported yet", "No proxy has reported yet: 0 of 1 pods"), "Facts")
    assert.strictEqual(worthOf("PartiallyInvalid", "True", "Dropped Rule 0", "Dropped Rule 1"), "Facts")
    assert.strictEqual(worthOf("Conflicted", "False", "No other listener", "No other"), "Message")
  })

  it("that no address answers is news where only words can say it; DNS, certificates and what answers beside are not", () => {
    const resolved = (addresses: number, healthy: number, lastFailure: string | null, certificateExpires: string | null = null) =>
      live.resolved("Fresh", "", { addresses, healthy, certificateExpires, lastFailure }).message
    const worthOf = (before: string, after: string) => {
      const said = (message: string) => verdict(route, [entry(gateway, [condition("Resolved", "True", message)])])
      return write(route, said(after), write(route, said(before), undefined, noon).status, later).patch?.difference
    }
    const well = resolved(1, 1, null)
    assert.strictEqual(worthOf(well, resolved(1, 0, "tls_unknown_ca")), "Facts")
    assert.strictEqual(worthOf(resolved(1, 0, "tls_unknown_ca"), resolved(1, 0, "connect_refused")), "Facts")
    assert.strictEqual(worthOf(resolved(1, 0, "connect_refused"), well), "Facts")
    assert.strictEqual(worthOf(well, resolved(2, 2, null, "2026-12-21T00:00:00Z")), "Message")
    assert.strictEqual(worthOf(resolved(20, 20, null), resolved(20, 10, "connect_reset")), "Message")
    assert.strictEqual(worthOf(resolved(3, 0, "connect_refused"), resolved(4, 0, "connect_refused")), "Message")
  })

  it("only fields that differ are sent", () => {
    const { patch } = write(gateway, verdict(gateway, [entry(null, [condition("Accepted")]), listener("http", 4)]), standing, later)
    assert.deepEqual(Object.keys(patch!.status), ["listeners"])
  })
})

describe("a ListenerSet", () => {
  const set: ObjectKey = "ListenerSet.gateway.networking.k8s.io/shop/first"

  it("has conditions of its own and of each listener, and no addresses", () => {
    const judged = verdict(set, [entry(null, [condition("Accepted"), condition("Programmed")]), listener("http", 2)])
    const { status } = write(set, judged, {}, noon)
    assert.deepEqual(Object.keys(status).sort(), ["conditions", "listeners"])
    const [http] = status["listeners"] as ReadonlyArray<Record<string, unknown>>
    assert.deepInclude(http, { name: "http", attachedRoutes: 2 })
  })

  it("is counted by its Gateway, and counted off again; a Gateway that never had one says nothing", () => {
    const judged = verdict(gatewayKey("edge"), [entry(null, [condition("Accepted")])])
    const counted = write(gatewayKey("edge"), { ...judged, attachedSets: 2 }, {}, noon).status
    assert.strictEqual(counted["attachedListenerSets"], 2)
    assert.strictEqual(write(gatewayKey("edge"), judged, counted, noon).status["attachedListenerSets"], 0)
    assert.notProperty(write(gatewayKey("edge"), judged, {}, noon).status, "attachedListenerSets")
  })

  it("does not count for a Gateway that is, after all, not accepted", () => {
    const judged = verdict(gatewayKey("edge"), [entry(null, [condition("Accepted")])])
    const beside = { ...nothing, over: [condition("Accepted", "False")] }
    assert.strictEqual(write(gatewayKey("edge"), { ...judged, attachedSets: 2 }, {}, noon, beside).status["attachedListenerSets"], 0)
  })

  it("is not said to be programmed, nor are its listeners, before a client can get through", () => {
    const judged = verdict(set, [entry(null, [condition("Accepted"), condition("Programmed")]), listener("http", 0)])
    const { status } = write(set, judged, {}, noon, { ...nothing, unreachable: condition("Programmed", "False") })
    const [http] = status["listeners"] as ReadonlyArray<{ readonly conditions: ReadonlyArray<Condition> }>
    for (const conditions of [status["conditions"] as ReadonlyArray<Condition>, http!.conditions])
      assert.strictEqual(conditions.find(({ type }) => type === "Programmed")?.status, "False")
  })

  it("whose Gateway has gone is as if nobody had judged it, once, where it was we who had", () => {
    const foreign = { type: "example.com/Fine", status: "True", reason: "Yes", message: "", lastTransitionTime: noon }
    const judged = verdict(set, [entry(null, [condition("Accepted"), condition("Programmed")]), listener("http", 2)])
    const stood = write(set, judged, { conditions: [foreign] }, noon).status
    assert.isNull(desiredStatus(set, null, stood, nothing, at(later)), "another's, for all we know")
    const accepted = 4
    const back = (status: unknown, now: string) => statusPatch(status, desiredStatus(set, null, status, nothing, { ...at(now), accepted })!)
    const left = stored(stood, back(stood, later))
    assert.deepEqual(Object.keys(left), ["conditions"])
    assert.deepEqual(
      (left["conditions"] as ReadonlyArray<Condition>).map(
        (one) => `${one.type} ${one.status} ${one.reason} ${one.observedGeneration ?? ""}`
      ),
      ["example.com/Fine True Yes ", "Accepted Unknown Pending 4", "Programmed Unknown Pending 4"]
    )
    assert.isNull(back(left, "2026-11-21T14:00:00Z"))
  })
})
