import { assert, describe, it } from "vitest"
import { permitted } from "#src/translate/reference.ts"
import { viewOf, world } from "./world.ts"

const grant = (from: string, to: string, namespace = "bank") => `
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: ${namespace}}
spec: {from: [${from}], to: [${to}]}
`
const route = "{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: shop}"
const from = { group: "gateway.networking.k8s.io", kind: "HTTPRoute", namespace: "shop" }
const to = { group: "", kind: "Service", namespace: "bank", name: "ledger" }
const allows = (yaml: string, target = to) => permitted(viewOf(world(yaml)), from, target)

describe("a reference is permitted", () => {
  it("inside its namespace without a grant", () => assert.isTrue(allows("", { ...to, namespace: "shop" })))
  it("by a grant for the kind, or for the very object", () => {
    assert.isTrue(allows(grant(route, '{group: "", kind: Service}')))
    assert.isTrue(allows(grant(route, '{group: "", kind: Service, name: ledger}')))
  })
  it("by any of several grants and entries", () =>
    assert.isTrue(
      allows(
        `${grant(route, '{group: "", kind: Secret}')}---${grant(`{group: "", kind: Foo, namespace: x}, ${route}`, '{group: "", kind: Secret}, {group: "", kind: Service}').replace("name: g", "name: h")}`
      )
    ))
})

describe("a reference is not permitted", () => {
  it("across namespaces without a grant", () => assert.isFalse(allows("")))
  it("by a grant of another namespace than the target's", () => assert.isFalse(allows(grant(route, '{group: "", kind: Service}', "shop"))))
  it("by a grant from another group, kind or namespace", () => {
    assert.isFalse(allows(grant("{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: shop}", '{group: "", kind: Service}')))
    assert.isFalse(allows(grant('{group: "", kind: HTTPRoute, namespace: shop}', '{group: "", kind: Service}')))
    assert.isFalse(allows(grant("{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: other}", '{group: "", kind: Service}')))
  })
  it("by a grant to another kind or name", () => {
    assert.isFalse(allows(grant(route, '{group: "", kind: Secret}')))
    assert.isFalse(allows(grant(route, '{group: "", kind: Service, name: other}')))
  })
  it("when one grant has the from and another the to", () =>
    assert.isFalse(
      allows(
        `${grant(route, '{group: "", kind: Secret}')}---${grant("{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: other}", '{group: "", kind: Service}').replace("name: g", "name: h")}`
      )
    ))
  it("by a grant that does not decode", () => assert.isFalse(allows(grant(route, "{kind: Service}"))))
})
