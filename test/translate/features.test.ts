import { assert, describe, it } from "vitest"
import type { ObjectKey } from "#schemas/meta.ts"
import { backendVerdicts, resolveBackend } from "#src/translate/backend.ts"
import { reference, settings, upstreamOf, viewOf, world } from "./world.ts"

const parameters = (name: string, spec: string) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: GatewayParameters
metadata: {name: ${name}, namespace: infra}
spec: {${spec}}
`
const gateway = (name: string, own?: string) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: infra}
spec:
  gatewayClassName: sluice
  listeners: [{name: http, port: 80, protocol: HTTP}]
${own === undefined ? "" : `  infrastructure: {parametersRef: {group: gateway.sluice.dev, kind: GatewayParameters, name: ${own}}}`}
`
const shared = (name: string) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: sluice}
spec: {controllerName: sluice.dev/gateway-controller, parametersRef: {group: gateway.sluice.dev, kind: GatewayParameters, name: ${name}, namespace: infra}}
`
const route = (...gateways: ReadonlyArray<string>) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: route, namespace: shop}
spec: {parentRefs: [${gateways.map((name) => `{name: ${name}, namespace: infra}`).join(", ")}], rules: [{}]}
`
const ledger = `---
apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: shop}
spec: {type: ExternalName, externalName: ledger.partner.example}
`
const socket = `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: api, namespace: shop}
spec: {endpoints: [{unix: {path: /srv/app/api.sock}}]}
`
const off = parameters("closed", "features: {externalName: Disabled}")
const on = parameters("opened", "features: {externalName: Enabled}")

const via = (yaml: string, ref: string) =>
  resolveBackend(viewOf(world(yaml)), settings, reference(ref).ref, {
    group: "gateway.networking.k8s.io",
    kind: "HTTPRoute",
    namespace: "shop",
    name: "route"
  })
const external = (yaml: string) => via(yaml + ledger, "Service ledger:443")

describe("ExternalName, switched off by GatewayParameters", () => {
  it("of the class or of the Gateway, is refused with the remedy", () => {
    for (const yaml of [off + shared("closed") + gateway("a") + route("a"), off + gateway("a", "closed") + route("a")]) {
      const backend = external(yaml)
      assert.deepEqual([backend.upstream, backend.why, backend.problem?.reason], [null, "invalid_backend", "NotPermitted"])
      assert.include(backend.problem?.message ?? "", "use an XBackend or a Backend")
    }
  })
  it("is on when the Gateway's own parameters say so over its class", () =>
    assert.isNotNull(external(off + on + shared("closed") + gateway("a", "opened") + route("a")).upstream))
  it("by one of a route's Gateways is off for the route", () =>
    assert.isNull(external(off + gateway("a", "closed") + gateway("b") + route("b", "a")).upstream))
  it("by a Gateway that the route does not name is on", () =>
    assert.isNotNull(external(off + gateway("a", "closed") + gateway("b") + route("b")).upstream))
  it("leaves XBackend, Backend and other Services alone", () =>
    assert.isNotNull(
      via(
        `${off}${gateway("a", "closed")}${route("a")}${socket.replace("{unix: {path: /srv/app/api.sock}}", "{fqdn: {hostname: a.example, port: 443}}")}`,
        "Backend api"
      ).upstream
    ))
})

describe("folders of sockets", () => {
  const app = parameters("app", "features: {unixDirectories: [/srv/app]}")
  it("are those of the process and of the Gateway", () => {
    assert.isNull(via(gateway("a") + route("a") + socket, "Backend api").upstream)
    assert.isNotNull(via(app + gateway("a", "app") + route("a") + socket, "Backend api").upstream)
  })
  it("are those that all Gateways of the route allow", () =>
    assert.isNull(via(app + gateway("a", "app") + gateway("b") + route("a", "b") + socket, "Backend api").upstream))
  it("decide the Backend's status Gateway by Gateway", () => {
    const key: ObjectKey = "Backend.gateway.sluice.dev/shop/api"
    const keys = ["a", "b"].map((name): ObjectKey => `Gateway.gateway.networking.k8s.io/infra/${name}`)
    const view = viewOf(world(app + gateway("a", "app") + gateway("b") + socket))
    const verdict = backendVerdicts(view, settings, new Map([[key, { gateways: new Set(keys), upstreams: new Set<string>() }]])).get(key)!
    assert.deepEqual(
      verdict.entries.map((entry) => [entry.parent, entry.conditions[0]?.reason]),
      [
        [keys[0], "Accepted"],
        [keys[1], "UnsupportedAddressType"]
      ]
    )
  })
})

describe("what the API cannot tell of the cluster", () => {
  const cluster = parameters("cluster", "clusterDomain: prod.internal, clusterCIDRs: [10.200.0.0/16]")
  it("its domain is refused as an external name, beside that of the process", () => {
    const inside = ledger.replace("ledger.partner.example", "db.shop.svc.prod.internal")
    assert.strictEqual(via(cluster + gateway("a", "cluster") + route("a") + inside, "Service ledger:443").problem?.reason, "InvalidAddress")
    assert.isNotNull(via(gateway("a") + route("a") + inside, "Service ledger:443").upstream)
    const process = ledger.replace("ledger.partner.example", "db.corp.cluster")
    assert.isNull(via(cluster + gateway("a", "cluster") + route("a") + process, "Service ledger:443").upstream)
  })
  it("its CIDRs reach the dialler with those of the process", () => {
    assert.deepEqual(upstreamOf(external(cluster + gateway("a", "cluster") + route("a"))).spec.addresses.cluster, [
      "10.96.0.0/12",
      "10.200.0.0/16"
    ])
    assert.deepEqual(upstreamOf(external(gateway("a") + route("a"))).spec.addresses.cluster, ["10.96.0.0/12"])
  })
})
