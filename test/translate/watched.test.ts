// Which upstreams' live facts belong to a route's status: those whose names are looked up and those whose addresses a dial may refuse, not pods'.
// And where nothing can be sent although everything resolves: it is said.
import { describe, expect, it } from "vitest"
import { makeTranslate } from "#src/translate/translate.ts"
import { ownClass, settings, world } from "./world.ts"

const manifests = (backend: string) => `${ownClass}
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge, namespace: shop }
spec: { gatewayClassName: sluice, listeners: [{ name: http, protocol: HTTP, port: 8080 }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: route, namespace: shop }
spec:
  parentRefs: [{ name: edge }]
  rules: [{ backendRefs: [{ group: gateway.sluice.dev, kind: Backend, name: partner }] }]
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: { name: partner, namespace: shop }
spec: { endpoints: ${backend} }
---
apiVersion: v1
kind: Service
metadata: { name: cart, namespace: shop }
spec: { selector: { app: cart }, ports: [{ name: http, port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: cart-1
  namespace: shop
  labels: { kubernetes.io/service-name: cart }
  ownerReferences: [{ apiVersion: v1, kind: Service, name: cart, uid: u, controller: true }]
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints: [{ addresses: [10.96.3.4] }]
`

const verdictsOf = (backend: string) => makeTranslate(settings)(world(manifests(backend))).verdicts
const watched = (backend: string) => verdictsOf(backend).get("HTTPRoute.gateway.networking.k8s.io/shop/route")!.upstreams.length
const accepted = (backend: string) =>
  verdictsOf(backend)
    .get("Backend.gateway.sluice.dev/shop/partner")!
    .entries[0]!.conditions.find(({ type }) => type === "Accepted")!

describe("a route's live facts", () => {
  it("are those of names", () => expect(watched("[{ fqdn: { hostname: api.example, port: 80 } }]")).toBe(1))

  // The cluster's own range: every dial is refused until an EgressPolicy opens it, and a route that says nothing of it leaves a 503 unexplained.
  it("are those of addresses that somebody wrote", () => expect(watched("[{ ip: { address: 10.96.0.1, port: 80 } }]")).toBe(1))

  it("are not those of pods, which are always dialled", () => expect(watched("[{ service: { name: cart, port: 80 } }]")).toBe(0))
})

describe("a Backend without a weight above 0", () => {
  const endpoint = (weight: number) => `{ fqdn: { hostname: api.example, port: 80 }, weight: ${weight} }`

  it("says that nothing is sent to it", () => {
    expect(accepted(`[${endpoint(0)}, ${endpoint(0)}]`).message).toContain("spec.endpoints: none has a weight above 0")
    expect(accepted(`[${endpoint(0)}, ${endpoint(1)}]`).message).not.toContain("weight")
  })
})
