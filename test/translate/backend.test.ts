import { assert, beforeEach, describe, it } from "vitest"
import { canonical, digest } from "#src/snapshot/digest.ts"
import { describeSource } from "#src/snapshot/id.ts"
import type { ClusterState } from "#src/state/state.ts"
import { backendVerdicts } from "#src/translate/backend.ts"
import type { ResolvedBackend } from "#src/translate/resolved.ts"
import { type Memo, open } from "#src/translate/view.ts"
import { edited, resolve, resolved, settings, upstreamOf, viewOf, world } from "./world.ts"

const external = (name: string, host: string, namespace = "shop", port = 443) => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec: {type: ExternalName, externalName: ${host}, ports: [{port: ${port}}]}
`
const cart = (ip: string) => `---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a, namespace: shop, labels: {kubernetes.io/service-name: cart}}
addressType: IPv4
ports: [{port: 8080}]
endpoints: [{addresses: [${ip}]}]
`
const backend = (spec: string, name = "api", namespace = "shop") => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: ${name}, namespace: ${namespace}}
spec: {${spec}}
`
const vendor = "endpoints: [{fqdn: {hostname: api.vendor.example, port: 443}}]"
const idOf = (yaml: string, ref: string, from = "shop") => upstreamOf(resolved(yaml, ref, from)).id

describe("the id of an upstream", () => {
  it("is the digest of every field but sources and provenance", () => {
    const { id, spec } = upstreamOf(resolved(backend(`${vendor}, timeouts: {connect: 1s}`), "Backend api"))
    const { sources, provenance, ...rest } = spec
    assert.strictEqual(id, digest(rest))
    assert.isNotEmpty(sources)
    assert.isNotEmpty(provenance)
  })
  it("is the same for the same declaration, whoever is told to have said it", () =>
    assert.strictEqual(idOf(backend(vendor), "Backend api"), idOf(backend(`${vendor}, timeouts: {connect: 5s}`), "Backend api")))
  it("differs between objects and between tenants with equal settings: nobody shares endpoints or sockets by accident", () => {
    const yaml = backend(vendor) + backend(vendor, "twin") + backend(vendor, "api", "bank")
    const ids = [idOf(yaml, "Backend api"), idOf(yaml, "Backend twin"), idOf(yaml, "Backend api", "bank")]
    assert.strictEqual(new Set(ids).size, 3)
  })
  it("differs when anything that decides a connection does", () => {
    const variants = [
      "",
      "timeouts: {connect: 1s}",
      "dns: {minTTL: 9s}",
      "host: Request",
      "tls: {sni: a.example}",
      "connections: {maxConnections: 3}",
      "protocol: HTTP, tls: {}"
    ]
    const ids = variants.map((more) => idOf(backend(more === "" ? vendor : `${vendor}, ${more}`), "Backend api"))
    assert.strictEqual(new Set(ids).size, variants.length)
  })
  it("differs between routes of namespaces with different egress rules", () => {
    const grant = `---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: shop}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: bank}], to: [{group: gateway.sluice.dev, kind: Backend}]}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: EgressPolicy
metadata: {name: bank}
spec: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: bank}}, mode: Enforce}
`
    const yaml = backend(vendor) + grant
    assert.notStrictEqual(idOf(yaml, "Backend shop/api", "bank"), idOf(yaml, "Backend api"))
  })
  it("does not move when endpoints do", () =>
    assert.strictEqual(idOf(cart("10.1.0.1"), "Service cart:80"), idOf(cart("10.1.0.2"), "Service cart:80")))
})

describe("translating again", () => {
  const refs = ["Service a:443", "Service b:443", "Service cart:80", "Backend api"]
  const pass = (state: ClusterState, before: Memo | null): { readonly memo: Memo; readonly backends: ReadonlyArray<ResolvedBackend> } => {
    const session = open(state, before)
    const backends = refs.map((ref) => resolve(session.view, ref))
    return { memo: session.finish(), backends }
  }
  const start = world(external("a", "a.example") + external("b", "b.example") + cart("10.1.0.1") + backend(vendor))
  // A memo is of use to the next translation alone, so each law begins anew.
  let first: ReturnType<typeof pass>
  beforeEach(() => {
    first = pass(start, null)
  })

  it("an unchanged state computes nothing and keeps every backend (===)", () => {
    const again = pass(start, first.memo)
    assert.strictEqual(again.memo.computed, 0)
    for (const [index, one] of again.backends.entries()) assert.strictEqual(one, first.backends[index])
  })
  it("an edit reaches the backend it is about and no other", () => {
    const again = pass(edited(start, external("b", "c.example")), first.memo)
    assert.strictEqual(again.backends[0], first.backends[0])
    assert.strictEqual(again.backends[2], first.backends[2])
    assert.strictEqual(again.backends[3], first.backends[3])
    assert.notStrictEqual(again.backends[1], first.backends[1])
    assert.deepEqual(again.backends[1]?.upstream?.endpoints[0]?.at, { _tag: "Name", name: "c.example", port: 443, srv: false })
  })
  it("new endpoints leave the settings of an upstream as they are (===)", () => {
    const again = pass(edited(start, cart("10.1.0.9")), first.memo)
    assert.strictEqual(again.backends[2]?.upstream?.spec, first.backends[2]?.upstream?.spec)
    assert.notStrictEqual(again.backends[2]?.upstream?.endpoints, first.backends[2]?.upstream?.endpoints)
  })
  it("new settings leave the endpoints as they are (===)", () => {
    const again = pass(edited(start, backend(`${vendor}, timeouts: {connect: 1s}`)), first.memo)
    assert.strictEqual(again.backends[3]?.upstream?.endpoints, first.backends[3]?.upstream?.endpoints)
    assert.notStrictEqual(again.backends[3]?.upstream?.id, first.backends[3]?.upstream?.id)
  })
  it("comes to what a first translation of the same state comes to (law 13)", () => {
    const state = edited(edited(start, cart("10.1.0.9")), backend(`${vendor}, host: Request`))
    assert.strictEqual(canonical(pass(state, first.memo).backends), canonical(pass(state, null).backends))
  })
  it("many routes of a namespace share one unit", () => {
    const session = open(start, null)
    const one = resolve(session.view, "Service a:443")
    const computed = session.finish().computed
    const other = open(start, null)
    for (let i = 0; i < 50; i++) resolve(other.view, "Service a:443")
    assert.strictEqual(other.finish().computed, computed)
    assert.isNotNull(one.upstream)
  })
})

describe("verdicts on backends", () => {
  const yaml = backend(vendor) + backend("endpoints: [{fqdn: {hostname: localhost, port: 80}}]", "bad")
  const key = "Backend.gateway.sluice.dev/shop/api"
  const gateway = "Gateway.gateway.networking.k8s.io/infra/edge"
  it("have an entry per Gateway that reaches them, and their upstreams", () => {
    const verdict = backendVerdicts(
      viewOf(world(yaml)),
      settings,
      new Map([[key, { gateways: new Set([gateway]), upstreams: new Set(["u2", "u1"]) }]])
    ).get(key)!
    assert.deepEqual(
      [verdict.upstreams, verdict.gateways, verdict.entries.map((entry) => entry.parent)],
      [["u1", "u2"], [gateway], [gateway]]
    )
  })
  it("are given to backends that nobody reaches too, without parent, so that check finds them", () => {
    const verdicts = backendVerdicts(viewOf(world(yaml)), settings, new Map())
    assert.deepEqual(
      [...verdicts.values()].map((verdict) => [verdict.entries[0]?.parent, verdict.entries[0]?.conditions[0]?.status]),
      [
        [null, "True"],
        [null, "False"]
      ]
    )
  })
  it("name the object in what routes are told", () =>
    assert.strictEqual(describeSource(resolved(yaml, "Backend bad").source), "Backend shop/bad"))
})
