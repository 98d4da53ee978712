// Where a Gateway is reached, and what its pods and Service say over its verdict: only what was seen, and never better than the verdict.
import { assert, describe, it } from "vitest"
import type { ObjectKey } from "#schemas/meta.ts"
import { reachOf, type Standing } from "#src/operator/reach.ts"
import type { Verdict } from "#src/status/verdict.ts"
import type { Infrastructure } from "#src/translate/infrastructure.ts"

const gateway: ObjectKey = "Gateway.gateway.networking.k8s.io/shop/web"
const verdict = (status: "True" | "False" | "Unknown", accepted: "True" | "False" = "True"): Verdict => ({
  object: gateway,
  generation: 4,
  entries: [
    {
      parent: null,
      section: null,
      port: null,
      listener: null,
      conditions: [
        { type: "Accepted", status: accepted, reason: "x", message: "", observedGeneration: 4 },
        { type: "Programmed", status, reason: "x", message: "", observedGeneration: 4 }
      ]
    }
  ],
  upstreams: [],
  gateways: [gateway]
})
const infrastructure = (addresses: ReadonlyArray<string> = []): Infrastructure => ({
  gatewayClass: "sluice",
  refused: false,
  labels: new Map(),
  annotations: new Map(),
  named: ["GatewayParameters.gateway.sluice.dev/shop/size"],
  parameters: {},
  addresses,
  ports: []
})
const service = (type: string, ingress: ReadonlyArray<object>, clusterIPs: ReadonlyArray<string> = ["10.96.0.7"]) => ({
  metadata: { namespace: "shop", name: "web-sluice" },
  spec: { type, clusterIPs },
  status: { loadBalancer: { ingress } }
})
const standing = (over: Partial<Standing>): Standing => ({ service: null, deployment: null, problem: null, ...over })
const told = (judged: Verdict, stands: Standing, wanted: ReadonlyArray<string> = []) =>
  reachOf(judged, infrastructure(wanted), stands, 1).over.map((one) => `${one.type} ${one.status} ${one.reason}`)

describe("addresses", () => {
  it("are the load balancer's, or the Service's own", () => {
    const of = (one: object) => reachOf(verdict("True"), infrastructure(), standing({ service: one as Standing["service"] }), 1).addresses
    assert.deepEqual(of(service("LoadBalancer", [{ ip: "192.0.2.1" }, { hostname: "lb.example" }])), [
      { type: "Hostname", value: "lb.example" },
      { type: "IPAddress", value: "192.0.2.1" }
    ])
    assert.deepEqual(of(service("ClusterIP", [])), [{ type: "IPAddress", value: "10.96.0.7" }])
    assert.deepEqual(of(service("ClusterIP", [], ["None"])), [])
  })
})

describe("a Service that nobody gets through", () => {
  const unreachable = (one: object | null, endpoints: number) =>
    reachOf(verdict("True"), infrastructure(), standing({ service: one as Standing["service"] }), endpoints).unreachable
  const selecting = (selector?: object) => {
    const made = service("LoadBalancer", [{ ip: "192.0.2.1" }])
    return { ...made, spec: { ...made.spec, selector } }
  }

  it("has a selector and no ready endpoint", () => {
    const said = unreachable(selecting({ app: "web" }), 0)
    assert.deepEqual([said?.type, said?.status, said?.reason], ["Programmed", "False", "Pending"])
    assert.strictEqual(said?.message, "Service shop/web-sluice has no ready endpoint yet")
    assert.isNull(unreachable(selecting({ app: "web" }), 1))
  })

  it("of one without a selector, and of none, nothing is known", () => {
    assert.isNull(unreachable(selecting(), 0))
    assert.isNull(unreachable(null, 0))
  })
})

describe("what stands over Programmed", () => {
  it("no address, or not the one that was asked for", () => {
    assert.deepEqual(told(verdict("True"), standing({ service: service("LoadBalancer", []) })), ["Programmed False AddressNotAssigned"])
    const given = standing({ service: service("LoadBalancer", [{ ip: "192.0.2.1" }]) })
    assert.deepEqual(told(verdict("True"), given, ["192.0.2.1"]), ["AddressesAssigned True AddressesAssigned"])
    assert.deepEqual(told(verdict("True"), given, ["192.0.2.9"]), [
      "Programmed False AddressNotUsable",
      "AddressesAssigned False NotAssigned"
    ])
    assert.deepEqual(told(verdict("True"), given, ["192.0.2.1", "192.0.2.9"]), [
      "Programmed False AddressNotUsable",
      "AddressesAssigned False PartiallyAssigned"
    ])
  })

  it("asked of one that gives none: that it cannot be used, for others may be had", () => {
    const none = standing({ service: service("LoadBalancer", []) })
    const [over, assigned] = reachOf(verdict("True"), infrastructure(["203.0.113.7"]), none, 1).over
    assert.strictEqual(over!.reason, "AddressNotUsable")
    assert.include(over!.message, "Service shop/web-sluice of type LoadBalancer was not given 203.0.113.7 but nothing so far")
    assert.strictEqual(assigned!.message, "spec.addresses: not assigned: 203.0.113.7")
    const own = standing({ service: service("ClusterIP", []) })
    assert.include(
      reachOf(verdict("True"), infrastructure(["203.0.113.7"]), own, 1).over[0]!.message,
      "of type ClusterIP was not given 203.0.113.7 but 10.96.0.7"
    )
  })

  it("of whether addresses are assigned nothing where none was asked for, without a Service, and of a Gateway that is refused", () => {
    const given = standing({ service: service("LoadBalancer", [{ ip: "192.0.2.1" }]) })
    assert.deepEqual(told(verdict("True"), given), [])
    assert.deepEqual(told(verdict("True"), standing({}), ["192.0.2.1"]), [])
    assert.deepEqual(told(verdict("False", "False"), given, ["192.0.2.1"]), [])
  })

  it("never turns a verdict to the better, and says nothing of a Gateway that is not accepted", () => {
    const given = standing({ service: service("LoadBalancer", [{ ip: "192.0.2.1" }]) })
    assert.deepEqual(told(verdict("False"), given), [])
    assert.deepEqual(told(verdict("False", "False"), standing({ problem: { _tag: "Taken", what: "Service shop/web-sluice" } })), [])
  })

  it("what could not be made, by whose fault it is", () => {
    const problem = (one: Standing["problem"]) => told(verdict("Unknown"), standing({ problem: one }))
    assert.deepEqual(problem({ _tag: "Parameters", named: [], cause: "x" }), ["Accepted False InvalidParameters"])
    assert.deepEqual(problem({ _tag: "Resources", what: "x", cause: "quota" }), ["Programmed False NoResources"])
    assert.deepEqual(problem({ _tag: "Taken", what: "x" }), ["Programmed False Invalid"])
  })

  it("of pods that are still to come, how far they are and what they lack", () => {
    const deployment = {
      metadata: { namespace: "shop", name: "web-sluice" },
      spec: { replicas: 2 },
      status: { readyReplicas: 1, conditions: [{ type: "ReplicaFailure", status: "True", message: "exceeded quota: small" }] }
    }
    const [over] = reachOf(verdict("Unknown"), infrastructure(), standing({ deployment }), 0).over
    assert.include(over!.message, "1 of 2 pods ready. exceeded quota: small")
    assert.strictEqual(over!.status, "Unknown")
  })

  it("of pods that say nothing, where to ask; of none that are wanted, who wants none", () => {
    const message = (replicas: number) => {
      const deployment = { metadata: { namespace: "shop", name: "web-sluice" }, spec: { replicas }, status: {} }
      return reachOf(verdict("Unknown"), infrastructure(), standing({ deployment }), 0).over[0]!.message
    }
    assert.include(message(2), "0 of 2 pods ready. If it stays so, kubectl describe pods tells why")
    assert.include(message(0), "Deployment shop/web-sluice has 0 replicas, as its GatewayParameters")
  })
})
