// Pods of an XBackend as they come and go: each translation that goes on from the last is the one that begins anew (law 13), and touches nobody else.
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { podSelection } from "#schemas/podselection.ts"
import { apply, type ClusterState } from "#src/state/state.ts"
import { makeTranslate } from "#src/translate/translate.ts"
import { edited, ownClass, resolve, settings, upstreamOf, viewOf, world } from "../world.ts"

const xbackend = (name: string, port: number) => `
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: ${name}, namespace: shop}
spec: {type: EndpointSelector, port: {number: ${port}}, endpointSelector: {matchLabels: {app: ${name}, tier: web}}}
---`
const route = (name: string) => `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: ${name}, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  hostnames: [${name}.example.com]
  rules: [{backendRefs: [{group: gateway.networking.x-k8s.io, kind: XBackend, name: ${name}}]}]
---`
const base = `${ownClass}
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {gatewayClassName: sluice, listeners: [{name: http, port: 80, protocol: HTTP}]}
---${route("tiles")}${route("cart")}${xbackend("tiles", 8080)}${xbackend("cart", 9090)}`
const pod = (name: string, labels: string, ip: string, more: { readonly ready?: boolean; readonly leaving?: boolean } = {}) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: shop, labels: {${labels}}${more.leaving === true ? ', deletionTimestamp: "2026-01-01T00:00:00Z"' : ""}}
status: {podIPs: [{ip: ${ip}}], conditions: [{type: Ready, status: "${more.ready === false ? "False" : "True"}"}]}
---`

const web = (app: string) =>
  new Map([
    ["app", app],
    ["tier", "web"]
  ])

const told = (state: ClusterState): ClusterState =>
  ["tiles", "cart"].reduce(
    (now, app) =>
      apply(now, {
        _tag: "Fetched",
        key: podSelection("shop", web(app)),
        object: null
      }),
    state
  )
const addresses = (state: ClusterState, name: string) =>
  upstreamOf(resolve(viewOf(state), `XBackend ${name}`)).endpoints.map(({ at }) =>
    at._tag === "Address" ? `${at.ip} ${at.port}` : at._tag
  )

describe("pods of an XBackend", () => {
  it("come, become ready, change their labels, leave and go, and only theirs is made anew", () => {
    const translate = makeTranslate(settings)
    const tiles = "app: tiles, tier: web"
    const steps = [
      [pod("a", tiles, "10.1.0.1"), ["10.1.0.1 8080"]],
      [pod("b", tiles, "10.1.0.2", { ready: false }), ["10.1.0.1 8080"]],
      [pod("b", tiles, "10.1.0.2"), ["10.1.0.1 8080", "10.1.0.2 8080"]],
      [pod("a", "app: tiles", "10.1.0.1"), ["10.1.0.2 8080"]],
      [pod("b", tiles, "10.1.0.2", { leaving: true }), ["10.1.0.2 8080"]],
      [pod("a", tiles, "10.1.0.1"), ["10.1.0.1 8080"]],
      [pod("a", tiles, "10.1.0.1", { ready: false }), ["10.1.0.2 8080"]],
      [pod("b", tiles, "10.1.0.2", { ready: false }), []]
    ] as const
    let state = told(world(base + pod("cart", "app: cart, tier: web", "10.1.0.9")))
    let last = translate(state)
    const cart = (translation: typeof last) => {
      const { snapshot } = [...translation.gateways.values()][0]!
      const [id] = [...snapshot.upstreams].find(([, { of }]) => of.target.includes("cart"))!
      return snapshot.endpoints.get(id)
    }
    const before = cart(last)
    const same = (expected: ReadonlyArray<string>) => {
      last = translate(state, last)
      const [made, anew] = [last, translate(state)].map((one) => [...one.gateways.values()][0]!.snapshot.version)
      assert.strictEqual(made, anew)
      assert.deepEqual(addresses(state, "tiles"), [...expected])
      assert.strictEqual(cart(last), before)
    }
    for (const [yaml, expected] of steps) {
      state = edited(state, yaml)
      same(expected)
    }
    state = edited(state, pod("b", tiles, "10.1.0.2"))
    state = edited(state, pod("a", tiles, "10.1.0.1"))
    same(["10.1.0.1 8080", "10.1.0.2 8080"])
    for (const [name, expected] of [
      ["b", ["10.1.0.1 8080"]],
      ["a", []]
    ] as const) {
      state = apply(state, { _tag: "Deleted", key: `Pod/shop/${name}` })
      same(expected)
    }
    assert.deepEqual(addresses(state, "cart"), ["10.1.0.9 9090"])
  })

  it("that nobody may see are no endpoints, and the route says why", () => {
    const key = podSelection("shop", web("tiles"))
    const meta = { key, uid: "", resourceVersion: "", generation: 1, created: "", labels: new Map(), annotations: new Map() }
    const object = { meta, value: Result.fail([{ path: "", message: "the pods of namespace shop may not be read" }]) }
    const found = resolve(viewOf(apply(world(base), { _tag: "Fetched", key, object })), "XBackend tiles")
    assert.deepEqual(upstreamOf(found).endpoints, [])
    assert.deepEqual(found.notes.slice(0, 1), ["the pods of namespace shop may not be read"])
    assert.include(found.notes.join(), "no ready endpoint")
  })

  it("are asked for by their labels, in whatever order they are written", () => {
    const key = podSelection(
      "shop",
      new Map([
        ["tier", "web"],
        ["app", "tiles"]
      ])
    )
    assert.strictEqual(key, "Pod/shop/app=tiles,tier=web")
    assert.include([...makeTranslate(settings)(world(base)).interest], key)
  })
})
