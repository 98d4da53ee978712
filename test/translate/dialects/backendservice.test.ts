// Endpoints of a Backend that are Services of the cluster.
import { assert, describe, it } from "vitest"
import { resolved, upstreamOf } from "../world.ts"
import { accepted, backend, cart, of } from "./shopbackend.ts"

describe("service endpoints", () => {
  const service = (text: string) => backend(`{service: {${text}}}`)
  it("are TLS when the Service's appProtocol says so", () =>
    assert.deepEqual(
      upstreamOf(of(service("name: cart, port: 8443") + cart)).endpoints.map(({ at, tls }) => [at._tag === "Address" ? at.port : 0, tls]),
      [
        [8444, true],
        [8444, true],
        [8444, true]
      ]
    ))
  it("keep the Backend accepted while the Service has no address: 503, not 500", () => {
    const yaml = service("name: cart, port: 80") + cart.slice(0, cart.indexOf("---", 4))
    assert.deepEqual(upstreamOf(of(yaml)).endpoints, [])
    assert.strictEqual(accepted(yaml).state, "True/Accepted")
  })
  it("need a grant in another namespace", () => {
    const yaml =
      backend("{service: {name: cart, namespace: shop, port: 80}}").replace("namespace: shop}\nspec", "namespace: web}\nspec") + cart
    const grant = `---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: shop}
spec: {from: [{group: gateway.sluice.dev, kind: Backend, namespace: web}], to: [{group: "", kind: Service}]}
`
    assert.deepEqual(
      [resolved(yaml, "Backend api", "web").why, resolved(yaml, "Backend api", "web").problem?.reason],
      ["ref_not_permitted", "RefNotPermitted"]
    )
    assert.isNotNull(resolved(yaml + grant, "Backend api", "web").upstream)
  })
  it.each([
    ["name: gone, port: 80", "BackendNotFound", "backend_not_found"],
    ["name: cart, port: 82", "BackendNotFound", "backend_not_found"],
    ["name: cart, port: 81", "UnsupportedProtocol", "invalid_backend"],
    ["name: ext, port: 80", "InvalidAddress", "invalid_backend"]
  ])("%s is %s", (text, reason, why) => {
    const external =
      "---\napiVersion: v1\nkind: Service\nmetadata: {name: ext, namespace: shop}\nspec: {type: ExternalName, externalName: a.example}\n"
    const result = of(service(text) + cart + external)
    assert.deepEqual([result.upstream, result.problem?.reason, result.why], [null, reason, why])
  })
})
