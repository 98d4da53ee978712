// An Ingress in a cluster: addresses in its status, and Events for what its status has no room for.
import { assert, describe, it } from "vitest"
import type { ObjectKey } from "#schemas/meta.ts"
import { besideOf } from "#src/operator/beside.ts"
import { makeIngressTransitions } from "#src/operator/ingress.ts"
import { desiredStatus } from "#src/operator/status/desired.ts"
import { statusPatch } from "#src/operator/status/patch.ts"
import type { Verdict } from "#src/status/verdict.ts"

const key: ObjectKey = "Ingress.networking.k8s.io/shop/web"
const edge: ObjectKey = "Gateway.gateway.networking.k8s.io/infra/edge"

const verdictOf = (
  generation: number,
  ...conditions: ReadonlyArray<readonly [type: string, status: "True" | "False" | "Unknown", reason: string, message?: string]>
): Verdict => ({
  object: key,
  generation,
  entries: [
    {
      parent: edge,
      section: null,
      port: null,
      conditions: conditions.map(([type, status, reason, message = "because"]) => ({
        type,
        status,
        reason,
        message,
        observedGeneration: generation
      })),
      listener: null
    }
  ],
  upstreams: [],
  gateways: [edge]
})

const verdict = (...conditions: Parameters<typeof verdictOf> extends [number, ...infer Rest] ? Rest : never) => verdictOf(1, ...conditions)

const good = verdict(["Accepted", "True", "Accepted"], ["ResolvedRefs", "True", "ResolvedRefs"])

describe("its status", () => {
  const status = (balanced: ReadonlyArray<object>, before: unknown) => {
    const service = { spec: { type: "LoadBalancer" }, status: { loadBalancer: { ingress: balanced } } }
    const sources = {
      infrastructure: () => null,
      standing: (gateway: ObjectKey) => ({ service: gateway === edge ? service : null, deployment: null, problem: null }),
      endpoints: () => 0,
      reports: () => [],
      definitions: () => ({ read: false, bundle: null, xbackend: "parents" as const })
    }
    const desired = desiredStatus(key, good, before, besideOf(sources, key, good, 0), { controller: "c", xbackend: "parents", now: "now" })
    return desired === null ? null : (statusPatch(before, desired)?.status ?? null)
  }

  it("is where its Gateway is reached", () => {
    assert.deepEqual(status([{ ip: "198.51.100.7" }, { hostname: "lb.example.net" }], { loadBalancer: {} }), {
      loadBalancer: { ingress: [{ hostname: "lb.example.net" }, { ip: "198.51.100.7" }] }
    })
  })

  it("is not written while it stands, and taken back with the address", () => {
    const stood = { loadBalancer: { ingress: [{ ip: "198.51.100.7" }] } }
    assert.isNull(status([{ ip: "198.51.100.7" }], stood))
    assert.deepEqual(status([], stood), { loadBalancer: { ingress: null } })
    assert.isNull(status([], { loadBalancer: {} }))
  })
})

describe("its Events", () => {
  const told = (...steps: ReadonlyArray<Verdict | null>) => {
    const transitions = makeIngressTransitions()
    return steps.map((one) =>
      transitions
        .note(new Map(one === null ? [] : [[key, one]]), () => "u-1")
        .map(({ type, reason, action, note }) => `${type} ${reason} ${action}: ${note}`)
    )
  }
  const refused = verdict(["Accepted", "False", "NoMatchingParent", "no Gateway"])
  const partly = (message: string) => verdict(["Accepted", "True", "Accepted"], ["PartiallyInvalid", "True", "UnsupportedValue", message])
  const names = (state: string) => verdict(["Accepted", "True", "Accepted"], ["Resolved", state === "Fresh" ? "True" : "False", state])

  it("tell what is refused, once, and that it is no more", () => {
    assert.deepEqual(told(good, refused, verdict(["Accepted", "False", "NoMatchingParent", "no Gateway"]), good), [
      [],
      ["Warning NoMatchingParent Route: no Gateway"],
      [],
      ["Normal Accepted Route: All of it is served"]
    ])
  })

  it("tell parts that are not served, in their words, and in others once it was edited", () => {
    assert.deepEqual(
      told(partly("a path"), partly("another"), { ...partly("a third"), generation: 2 }, { ...partly("a third"), generation: 3 }),
      [["Warning UnsupportedValue Route: a path"], [], ["Warning UnsupportedValue Route: a third"], []]
    )
  })

  it("tell when names fail and when they are back, in the words of other kinds", () => {
    assert.deepEqual(told(names("Failed"), names("Failed"), names("Fresh")), [
      ["Warning ResolutionFailed Resolve: because"],
      [],
      ["Normal ResolutionRecovered Resolve: because"]
    ])
  })

  it("names that are looked up anew have not recovered yet: Pending, or nothing, is between", () => {
    assert.deepEqual(told(names("Refused"), names("Pending"), good, names("Fresh"), names("Pending"), names("Fresh")).flat(), [
      "Warning ResolutionRefused Resolve: because",
      "Normal ResolutionRecovered Resolve: because"
    ])
  })

  it("tell when every address is out, whatever the count says meanwhile, and when one is back: not that it is accepted", () => {
    const health = (status: "True" | "False", generation: number, message: string) =>
      verdictOf(generation, ["Accepted", "True", "Accepted"], ["Healthy", status, status === "True" ? "Healthy" : "Unhealthy", message])
    assert.deepEqual(
      told(
        health("True", 1, "2 addresses"),
        health("False", 1, "2 out"),
        health("False", 1, "3 out"),
        health("False", 2, "4 out"),
        health("True", 2, "1 of 4 out"),
        health("True", 2, "none is out")
      ),
      [[], ["Warning Unhealthy Judge: 2 out"], [], [], ["Normal HealthRecovered Judge: 1 of 4 out"], []]
    )
  })

  it("forget an Ingress that is gone: the next of its name is told anew", () => {
    assert.deepEqual(
      told(refused, null, refused).map((one) => one.length),
      [1, 0, 1]
    )
  })

  it("wait for an Ingress that the watch has not shown yet", () => {
    const transitions = makeIngressTransitions()
    const all = new Map([[key, refused]])
    assert.deepEqual(
      transitions.note(all, () => null),
      []
    )
    assert.equal(transitions.note(all, () => "u-1")[0]?.regarding.uid, "u-1")
    const voyagers: ObjectKey = "Ingress.voyager.appscode.com/shop/web"
    const [said] = makeIngressTransitions().note(new Map([[voyagers, { ...refused, object: voyagers }]]), () => "u-2")
    assert.deepEqual(said?.regarding, {
      apiVersion: "voyager.appscode.com/v1beta1",
      kind: "Ingress",
      namespace: "shop",
      name: "web",
      uid: "u-2"
    })
  })
})
