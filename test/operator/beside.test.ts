// What stands over a ListenerSet's conditions is what stands over its Gateway's, in words that are the set's owner's to read; and it never makes a verdict better.
import { assert, describe, it } from "vitest"
import type { Condition, ObjectKey } from "#schemas/meta.ts"
import { type BesideSources, besideOf } from "#src/operator/beside.ts"
import type { Standing } from "#src/operator/reach.ts"
import type { Verdict } from "#src/status/verdict.ts"
import type { Infrastructure } from "#src/translate/infrastructure.ts"

const gateway: ObjectKey = "Gateway.gateway.networking.k8s.io/infra/edge"
const set: ObjectKey = "ListenerSet.gateway.networking.k8s.io/shop/team"

const condition = (type: string, status: Condition["status"], reason: string = type): Condition => ({
  type,
  status,
  reason,
  message: "",
  observedGeneration: 7
})
const verdict = (accepted: Condition["status"], programmed: Condition["status"]): Verdict => ({
  object: set,
  generation: 7,
  entries: [
    {
      parent: null,
      section: null,
      port: null,
      listener: null,
      conditions: [condition("Accepted", accepted, "NotAllowed"), condition("Programmed", programmed)]
    }
  ],
  upstreams: [],
  gateways: [gateway]
})
const infrastructure: Infrastructure = {
  gatewayClass: "sluice",
  refused: false,
  labels: new Map(),
  annotations: new Map(),
  named: ["GatewayParameters.gateway.sluice.dev/infra/size"],
  parameters: {},
  addresses: ["192.0.2.1"],
  ports: []
}
const service = (ingress: ReadonlyArray<object>) => ({
  metadata: { namespace: "infra", name: "edge-sluice" },
  spec: { type: "LoadBalancer", selector: { app: "edge" } },
  status: { loadBalancer: { ingress } }
})
const deployment = { metadata: { namespace: "infra", name: "edge-sluice" }, spec: { replicas: 1 }, status: {} }

const beside = (judged: Verdict, stands: Partial<Standing>, endpoints = 1) => {
  const asked: Array<ObjectKey> = []
  const sources: BesideSources = {
    infrastructure: (key) => (key === gateway ? infrastructure : null),
    standing: (key) => {
      asked.push(key)
      return { service: null, deployment: null, problem: null, ...stands }
    },
    endpoints: (key) => (key === "Service/infra/edge-sluice" ? endpoints : 0),
    reports: () => [],
    definitions: () => ({ read: false, bundle: null, xbackend: "parents" })
  }
  const { over, unreachable, addresses } = besideOf(sources, set, judged, 0)
  assert.deepEqual(asked, [gateway])
  assert.deepEqual(addresses, [])
  return { over: over.map((one) => `${one.type} ${one.status} ${one.reason} ${one.observedGeneration}: ${one.message}`), unreachable }
}

describe("a ListenerSet", () => {
  it("is not programmed where its Gateway has no address, or has nothing that serves it", () => {
    const message = (reason: string) => [
      `Programmed False ParentNotProgrammed 7: Gateway infra/edge is not programmed (${reason}); see its conditions`
    ]
    assert.deepEqual(beside(verdict("True", "True"), { service: service([]) }).over, message("AddressNotUsable"))
    const problem = { _tag: "Resources", what: "Deployment infra/edge-sluice", cause: "exceeded quota" } as const
    assert.deepEqual(beside(verdict("True", "Unknown"), { problem }).over, message("NoResources"))
    assert.deepEqual(beside(verdict("True", "True"), { service: service([{ ip: "192.0.2.1" }]) }).over, [])
  })

  it("is not accepted where nothing can be made of its Gateway's parameters", () => {
    const problem = { _tag: "Parameters", named: infrastructure.named, cause: "the patch does not merge" } as const
    assert.deepEqual(beside(verdict("True", "True"), { problem }).over, [
      "Accepted False ParentNotAccepted 7: Gateway infra/edge is not accepted (InvalidParameters); see its conditions"
    ])
  })

  it("waits for the first client that could get through, as its Gateway does", () => {
    const stands = { service: service([{ ip: "192.0.2.1" }]) }
    assert.include(beside(verdict("True", "True"), stands, 0).unreachable, { type: "Programmed", status: "False", reason: "Pending" })
    assert.isNull(beside(verdict("True", "True"), stands, 1).unreachable)
  })

  it("that is refused, or of which nobody has reported, says so itself", () => {
    assert.deepEqual(beside(verdict("False", "False"), { problem: { _tag: "Taken", what: "Service infra/edge-sluice" } }).over, [])
    assert.deepEqual(beside(verdict("True", "Unknown"), { deployment }).over, [])
  })
})
