// What a Gateway's pods and Service are to be, of its class's parameters and its own: those of the Gateway win, field by field.
import { assert, describe, it } from "vitest"
import { objectKey } from "#schemas/meta.ts"
import { makeTranslate } from "#src/translate/translate.ts"
import { folded, gatewayClass, httpGateway, upserted } from "./manifests.ts"
import { settings } from "./world.ts"

const parameters = (name: string, spec: object) => ({
  apiVersion: "gateway.sluice.dev/v1alpha1",
  kind: "GatewayParameters",
  metadata: { name, namespace: "infra" },
  spec
})
const reference = (name: string) => ({ group: "gateway.sluice.dev", kind: "GatewayParameters", name })

const infrastructureOf = (shared: object, own: object) => {
  const ofClass = { ...gatewayClass, spec: { ...gatewayClass.spec, parametersRef: { ...reference("shared"), namespace: "infra" } } }
  const plain = httpGateway("edge", "infra", 80) as { readonly spec: object }
  const gateway = { ...plain, spec: { ...plain.spec, infrastructure: { parametersRef: reference("own") } } }
  const objects = [ofClass, gateway, parameters("shared", shared), parameters("own", own)]
  const { gateways } = makeTranslate({ ...settings, role: "Cluster" })(folded(objects.map(upserted)))
  return gateways.get("Gateway.gateway.networking.k8s.io/infra/edge")!.infrastructure
}

describe("the parameters of a Gateway", () => {
  it("win over those of its class, field by field; labels and annotations are put together, own ones first", () => {
    const { parameters: merged, named } = infrastructureOf(
      {
        replicas: 3,
        service: { type: "NodePort", loadBalancerSourceRanges: ["10.0.0.0/8"], annotations: { a: "class", b: "class" } },
        drain: { delay: "9s" }
      },
      { replicas: 0, service: { externalTrafficPolicy: "Local", loadBalancerSourceRanges: [], annotations: { b: "own" } } }
    )
    assert.strictEqual(merged.replicas, 0)
    assert.deepInclude(merged.service, { type: "NodePort", externalTrafficPolicy: "Local", loadBalancerSourceRanges: ["10.0.0.0/8"] })
    assert.deepEqual(Object.fromEntries(merged.service!.annotations), { a: "class", b: "own" })
    assert.deepEqual(merged.drain, { delay: 9000 })
    // For messages: the Gateway's own first.
    const keyOf = (name: string) => objectKey("GatewayParameters.gateway.sluice.dev", "infra", name)
    assert.deepEqual(named, [keyOf("own"), keyOf("shared")])
  })

  it("leave the ports alone: those that a pod may not open are opened 10000 higher", () => {
    assert.deepEqual(infrastructureOf({}, {}).ports, [{ port: 80, bound: 10_080, transport: "tcp" }])
  })
})

describe("the addresses of a Gateway", () => {
  it("are asked for as a load balancer tells them; one without a value asks for nothing in particular", () => {
    const plain = httpGateway("edge", "infra", 80) as { readonly spec: object }
    const addresses = [{ type: "IPAddress", value: "2001:DB8:0:0::7" }, { value: "203.0.113.7" }, { type: "IPAddress" }]
    const objects = [gatewayClass, { ...plain, spec: { ...plain.spec, addresses } }]
    const { gateways } = makeTranslate({ ...settings, role: "Cluster" })(folded(objects.map(upserted)))
    const { infrastructure } = gateways.get("Gateway.gateway.networking.k8s.io/infra/edge")!
    assert.deepEqual(infrastructure.addresses, ["2001:db8::7", "203.0.113.7"])
  })
})
