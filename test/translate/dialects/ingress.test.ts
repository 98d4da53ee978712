// An Ingress is read into the same routes: whatever it says with Exact and Prefix, an HTTPRoute for each host says with the same rules in the same order.
import { Result } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import type { Rule } from "#src/snapshot/route.ts"
import type { Change } from "#src/state/change.ts"
import { apply } from "#src/state/state.ts"
import { makeTranslate, type Translation } from "#src/translate/translate.ts"
import { decoded, folded, upserted } from "../manifests.ts"
import { ownClass, settings, world } from "../world.ts"

const translate = makeTranslate(settings)

const gateway = {
  apiVersion: "gateway.networking.k8s.io/v1",
  kind: "Gateway",
  metadata: { name: "ingress", namespace: "default" },
  spec: {
    gatewayClassName: "sluice",
    listeners: [
      { name: "any", port: 80, protocol: "HTTP", allowedRoutes: { namespaces: { from: "All" } } },
      { name: "com", port: 81, protocol: "HTTP", hostname: "*.com", allowedRoutes: { namespaces: { from: "All" } } },
      { name: "one", port: 82, protocol: "HTTP", hostname: "a.example.com", allowedRoutes: { namespaces: { from: "All" } } }
    ]
  }
}
const base = [
  {
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "GatewayClass",
    metadata: { name: "sluice" },
    spec: { controllerName: settings.controllerName }
  },
  gateway,
  ...["x", "y"].map((name) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "shop" },
    spec: {
      type: "ExternalName",
      externalName: `${name}.example.net`,
      ports: [
        { name: "web", port: 80 },
        { name: "other", port: 8080 }
      ]
    }
  }))
]

type Port = readonly [written: object, number: number]
const ports: readonly [Port, Port, Port] = [
  [{ number: 80 }, 80],
  [{ name: "web" }, 80],
  [{ name: "other" }, 8080]
]
const path = fc.record({
  path: fc.constantFrom<string>("/", "/a", "/a/", "/a/b", "/b"),
  pathType: fc.constantFrom<string>("Exact", "Prefix", "ImplementationSpecific"),
  service: fc.constantFrom<string>("x", "y"),
  port: fc.constantFrom(...ports)
})
const written = fc.uniqueArray(
  fc.record({
    host: fc.constantFrom<string | undefined>(undefined, "a.example.com", "*.example.com", "*.com", "b.example.org"),
    paths: fc.array(path, { minLength: 1, maxLength: 5 })
  }),
  { minLength: 1, maxLength: 4, selector: ({ host }) => host }
)
type Written = typeof written extends fc.Arbitrary<infer A> ? A : never

const ingress = (rules: Written, spec: object = {}) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "Ingress",
  metadata: { name: "web", namespace: "shop" },
  spec: {
    rules: rules.map(({ host, paths }) => ({
      host,
      http: {
        paths: paths.map(({ path, pathType, service, port }) => ({
          path,
          pathType,
          backend: { service: { name: service, port: port[0] } }
        }))
      }
    })),
    ...spec
  }
})

const routes = (rules: Written) =>
  rules.map(({ host, paths }, at) => ({
    apiVersion: "gateway.networking.k8s.io/v1",
    kind: "HTTPRoute",
    metadata: { name: `web-${at}`, namespace: "shop" },
    spec: {
      parentRefs: [{ name: "ingress", namespace: "default" }],
      hostnames: host === undefined ? [] : [host],
      rules: paths.map(({ path, pathType, service, port }) => ({
        matches: [{ path: { type: pathType === "Exact" ? "Exact" : "PathPrefix", value: path } }],
        backendRefs: [{ name: service, port: port[1] }]
      }))
    }
  }))

/** Every virtual host, without whose each rule is. */
const served = ({ gateways }: Translation) =>
  [...gateways.values()].map(({ snapshot }) =>
    [...snapshot.virtualHosts]
      .map(([id, { rules }]) => [id, rules.map(({ source: _, ...rule }: Rule) => rule)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
  )

const state = (...objects: ReadonlyArray<object>) => folded([...base, ...objects].map(upserted))

const conditionsOf = (translation: Translation, name = "web") =>
  new Map(
    (translation.verdicts.get(`Ingress.networking.k8s.io/shop/${name}`)?.entries[0]?.conditions ?? []).map(
      (one) => [one.type, one] as const
    )
  )

describe("an Ingress", () => {
  it("serves what HTTPRoutes with the same hosts and paths would serve", () => {
    fc.assert(
      fc.property(written, (rules) => {
        assert.deepEqual(served(translate(state(ingress(rules)))), served(translate(state(...routes(rules)))))
      }),
      { numRuns: 100 }
    )
  })

  it("sends what none of its paths takes to its default backend, on each of its hosts and on every other", () => {
    fc.assert(
      fc.property(written, (rules) => {
        const backend = { service: { name: "y", port: { number: 80 } } }
        const open = rules.filter(({ paths }) => !paths.some(({ path, pathType }) => path === "/" && pathType !== "Exact"))
        const last = { path: "/", pathType: "Prefix", service: "y", port: ports[0] }
        const full = [
          ...rules.map((rule) => (open.includes(rule) ? { ...rule, paths: [...rule.paths, last] } : rule)),
          ...(rules.some(({ host }) => host === undefined) ? [] : [{ host: undefined, paths: [last] }])
        ]
        assert.deepEqual(served(translate(state(ingress(rules, { defaultBackend: backend })))), served(translate(state(...routes(full)))))
      }),
      { numRuns: 100 }
    )
  })

  it("is counted once at each listener, and goes with its rules", () => {
    const rules: Written = [
      { host: "a.example.com", paths: [{ path: "/", pathType: "Prefix", service: "x", port: ports[0] }] },
      { host: "b.example.org", paths: [{ path: "/", pathType: "Prefix", service: "x", port: ports[0] }] }
    ]
    const first = translate(state(ingress(rules)))
    const counts = ({ verdicts }: Translation) =>
      (verdicts.get("Gateway.gateway.networking.k8s.io/default/ingress")?.entries ?? []).flatMap(
        ({ listener }) => listener?.attachedRoutes ?? []
      )
    assert.deepEqual(counts(first), [1, 1, 1])
    const key = decoded(ingress(rules)).meta.key
    const gone = translate(folded([{ _tag: "Deleted", key }], state(ingress(rules))), first)
    assert.deepEqual(counts(gone), [0, 0, 0])
    assert.deepEqual(served(gone), [[]])
  })

  it("is told which Gateway it lacks, and serves once it is there", () => {
    const rules: Written = [{ host: undefined, paths: [{ path: "/", pathType: "Prefix", service: "x", port: ports[0] }] }]
    const named = { ...ingress(rules), metadata: { name: "web", namespace: "shop", annotations: { "gateway.sluice.dev/gateway": "edge" } } }
    const before = translate(state(named))
    assert.deepEqual(
      [...conditionsOf(before).values()].map(({ type, status, reason }) => `${type} ${status} ${reason}`),
      ["Accepted False NoMatchingParent"]
    )
    assert.include(conditionsOf(before).get("Accepted")?.message, "Gateway shop/edge")
    const edge = {
      ...gateway,
      metadata: { name: "edge", namespace: "shop" },
      spec: { ...gateway.spec, listeners: [{ name: "http", port: 90, protocol: "HTTP" }] }
    }
    const after = translate(folded([upserted(edge)], state(named)), before)
    assert.equal(conditionsOf(after).get("Accepted")?.status, "True")
    assert.equal(after.gateways.get("Gateway.gateway.networking.k8s.io/shop/edge")?.snapshot.virtualHosts.size, 1)
  })

  it("takes a switch of its Gateway: ExternalName Services may be off there", () => {
    const rules: Written = [{ host: undefined, paths: [{ path: "/", pathType: "Prefix", service: "x", port: ports[0] }] }]
    const off = {
      apiVersion: "gateway.sluice.dev/v1alpha1",
      kind: "GatewayParameters",
      metadata: { name: "off", namespace: "default" },
      spec: { features: { externalName: "Disabled" } }
    }
    const infrastructure = { parametersRef: { group: "gateway.sluice.dev", kind: "GatewayParameters", name: "off" } }
    const closed = translate(state(ingress(rules), off, { ...gateway, spec: { ...gateway.spec, infrastructure } }))
    assert.equal(conditionsOf(closed).get("ResolvedRefs")?.reason, "NotPermitted")
    assert.equal(conditionsOf(translate(state(ingress(rules), off))).get("ResolvedRefs")?.status, "True")
  })
})

describe("TLS of an Ingress", () => {
  const only = (name: string) => ({ namespaces: { from: "Selector", selector: { matchLabels: { "kubernetes.io/metadata.name": name } } } })
  const all = { namespaces: { from: "All" } }
  const https = (hostname: string, allowedRoutes: object) => ({
    ...{ name: "https", port: 443, protocol: "HTTPS", hostname, allowedRoutes },
    tls: { certificateRefs: [{ name: "own" }] }
  })
  const lentAt = (listeners: ReadonlyArray<object>, hosts: ReadonlyArray<string>, tls: object = {}) => {
    const edge = { ...gateway, metadata: { name: "edge", namespace: "infra" }, spec: { gatewayClassName: "sluice", listeners, ...tls } }
    const ingress = {
      apiVersion: "networking.k8s.io/v1",
      kind: "Ingress",
      metadata: { name: "i", namespace: "shop", annotations: { "gateway.sluice.dev/gateway": "infra/edge" } },
      spec: { tls: [{ hosts, secretName: "pair" }], defaultBackend: { service: { name: "x", port: { number: 80 } } } }
    }
    const unusable = (namespace: string, name: string): Change => ({
      _tag: "Fetched",
      key: objectKey("Secret", namespace, name),
      object: decoded({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace }, type: "kubernetes.io/tls", data: {} })
    })
    const after = translate(folded([...[...base, edge, ingress].map(upserted), unusable("shop", "pair"), unusable("infra", "own")]))
    const ids = [...after.gateways.get("Gateway.gateway.networking.k8s.io/infra/edge")!.snapshot.listeners.keys()]
    const said = JSON.stringify(after.verdicts.get("Ingress.networking.k8s.io/shop/i"))
    return { ids: ids.filter((id) => id.includes("[tls")), said }
  }

  it("has a listener of its own, also where its Secret cannot be used: nobody else answers for its host", () => {
    assert.lengthOf(lentAt([{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: all }], ["bank.example.com"]).ids, 1)
    const beside = [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: all }, https("*.other.example", only("trusted"))]
    assert.lengthOf(lentAt(beside, ["bank.example.com"]).ids, 1)
  })

  it.each<[string, ReadonlyArray<object>, string, object, RegExp]>([
    [
      "a host out of a listener that does not admit it",
      [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: all }, https("*.example.com", only("trusted"))],
      "bank.example.com",
      {},
      /of listener https, which does not admit this namespace/
    ],
    [
      "more hosts than those it is admitted for",
      [{ name: "http", port: 80, protocol: "HTTP", hostname: "*.team.example.com", allowedRoutes: all }],
      "*.example.com",
      {},
      /no listener of Gateway infra\/edge that admits this namespace has all of \*\.example\.com/
    ],
    [
      "a host of a listener that is refused",
      [
        { name: "http", port: 80, protocol: "HTTP", allowedRoutes: all },
        { ...https("bank.example.com", all), tls: { certificateRefs: [{ name: "own" }], options: { "a.example/b": "c" } } }
      ],
      "bank.example.com",
      {},
      /is the host of the Gateway's own listener https/
    ],
    [
      "a port on which clients are to show certificates",
      [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: all }],
      "bank.example.com",
      { tls: { frontend: { default: { validation: { caCertificateRefs: [{ group: "", kind: "ConfigMap", name: "ca" }] } } } } },
      /wants client certificates on port 443/
    ]
  ])("takes no listener for %s", (_, listeners, host, tls, why) => {
    const { ids, said } = lentAt(listeners, [host], tls)
    assert.deepEqual(ids, [])
    assert.match(said, why)
  })
})

it.each([
  ["networking.k8s.io/v1", { rules: [{ host: "a.example.com", http: { paths: [] } }] }],
  ["voyager.appscode.com/v1beta1", {}],
  ["voyager.appscode.com/v1beta1", { rules: [{ host: "a.example.com" }] }]
])("an Ingress of %s with nothing to serve is told so: %j", (apiVersion, spec) => {
  const metadata = { name: "empty", namespace: "shop", annotations: { "gateway.sluice.dev/gateway": "default/ingress" } }
  const { verdicts } = translate(folded([...base, { apiVersion, kind: "Ingress", metadata, spec }].map(upserted)))
  const { conditions } = verdicts.get(`Ingress.${apiVersion.split("/")[0]}/shop/empty`)!.entries[0]!
  const { status, message } = conditions.find(({ type }) => type === "Accepted")!
  assert.deepEqual([status, /^spec: there is neither a path nor a default backend/.test(message)], ["False", true])
})

describe("many Ingresses with TLS at one Gateway", () => {
  const all = { namespaces: { from: "All" } }
  const edge = {
    ...gateway,
    metadata: { name: "edge", namespace: "infra" },
    spec: { gatewayClassName: "sluice", listeners: [{ name: "http", port: 80, protocol: "HTTP", allowedRoutes: all }] }
  }
  const names = Array.from({ length: 40 }, (_, n) => `i${n}`)
  const keyOf = (name: string): ObjectKey => `Ingress.networking.k8s.io/shop/${name}`
  const secure = (name: string) => ({
    apiVersion: "networking.k8s.io/v1",
    kind: "Ingress",
    metadata: { name, namespace: "shop", annotations: { "gateway.sluice.dev/gateway": "infra/edge" } },
    spec: {
      tls: [{ hosts: [`${name}.example.com`], secretName: name }],
      rules: [
        {
          host: `${name}.example.com`,
          http: { paths: [{ path: "/", pathType: "Prefix", backend: { service: { name: "x", port: { number: 80 } } } }] }
        }
      ]
    }
  })
  const pair = (name: string, type: string): Change => ({
    _tag: "Fetched",
    key: objectKey("Secret", "shop", name),
    object: decoded({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "shop" }, type, data: {} })
  })

  it("cost what depends on it when the Secret of one changes: the others stand as they stood", () => {
    let reads = 0
    const counted = (name: string): Change => {
      const one = decoded(secure(name))
      const { spec } = Result.getOrThrow(one.value) as { readonly spec: unknown }
      const value = Result.succeed({
        get spec() {
          reads++
          return spec
        }
      })
      return { _tag: "Upserted", object: { ...one, value } }
    }
    const start = folded([
      ...[...base, edge, secure("i7")].map(upserted),
      ...names.flatMap((name) => [...(name === "i7" ? [] : [counted(name)]), pair(name, "kubernetes.io/tls")])
    ])
    const before = translate(start)
    assert.isAbove(reads, names.length)
    reads = 0
    const state = apply(start, pair("i7", "Opaque"))
    const after = translate(state, before)
    assert.strictEqual(reads, 0)
    assert.include(JSON.stringify(after.verdicts.get(keyOf("i7"))), 'has type \\"Opaque\\"')
    for (const name of names) if (name !== "i7") assert.strictEqual(after.verdicts.get(keyOf(name)), before.verdicts.get(keyOf(name)))
    assert.deepEqual(after.verdicts, translate(state).verdicts)
  })

  it("are told of a port that another Gateway of the machine has, those that asked for it alone", () => {
    const other = {
      ...edge,
      metadata: { name: "another", namespace: "infra" },
      spec: { gatewayClassName: "sluice", listeners: [{ name: "s", port: 443, protocol: "HTTP", allowedRoutes: all }] }
    }
    const plain = { ...secure("plain"), spec: { ...secure("plain").spec, tls: [] } }
    const after = translate(folded([...[...base, edge, other, secure("i0"), plain].map(upserted), pair("i0", "kubernetes.io/tls")]))
    const told = (name: string) => /spec\.tls\[0\]: port 443 is not served/.test(JSON.stringify(after.verdicts.get(keyOf(name))))
    assert.deepEqual([told("i0"), told("plain")], [true, false])
  })
})

it("the Gateway that is implied for Ingresses takes no port of one that is written", () => {
  const after = translate(
    world(`${ownClass}
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: infra}
spec: {gatewayClassName: sluice, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: i, namespace: shop}
spec: {defaultBackend: {service: {name: x, port: {number: 80}}}}
`)
  )
  const listeners = (key: ObjectKey) => [...(after.gateways.get(key)?.snapshot.listeners.keys() ?? [])]
  assert.deepEqual(listeners("Gateway.gateway.networking.k8s.io/infra/edge"), ["infra/edge/http"])
  assert.deepEqual(listeners("Gateway.gateway.networking.k8s.io/default/ingress"), [])
})
