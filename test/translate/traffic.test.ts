// Laws of policies on the way of a request: who holds a target, what stays as it is without any, and what a change of one computes anew.
import { HashMap, Option } from "effect"
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import type { ObjectKey } from "#schemas/meta.ts"
import { apply, objectsOf } from "#src/state/state.ts"
import { makeTranslate } from "#src/translate/translate.ts"
import { edited, ownClass, settings, world } from "./world.ts"

const api = "gateway.networking.k8s.io"
const object = (apiVersion: string, kind: string, name: string, spec: object) =>
  `---\n${JSON.stringify({ apiVersion, kind, metadata: { name, namespace: "shop" }, spec })}\n`
const policy = (name: string, spec: object) => object("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy", name, spec)
const toRoute = (name: string, sectionName?: string) => ({
  targetRefs: [{ group: api, kind: "HTTPRoute", name, ...(sectionName === undefined ? {} : { sectionName }) }]
})
const within = (requestTimeout: string) => ({ timeout: { http: { requestTimeout } } })
const gateway = (name: string) =>
  object(`${api}/v1`, "Gateway", name, {
    gatewayClassName: "sluice",
    listeners: [{ name: "http", port: name === "edge" ? 8080 : 8081, protocol: "HTTP" }]
  })
const route = (name: string, parents: ReadonlyArray<string> = ["edge"]) =>
  object(`${api}/v1`, "HTTPRoute", name, {
    parentRefs: parents.map((parent) => ({ name: parent })),
    hostnames: [`${name}.example`],
    rules: [{ name: "only", backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: "api" }] }]
  })
const backend = object("gateway.sluice.dev/v1alpha1", "Backend", "api", {
  endpoints: [{ fqdn: { hostname: "api.vendor.example", port: 443 } }]
})
const shop = (...more: ReadonlyArray<string>) => [ownClass.replace(/---$/, ""), gateway("edge"), backend, ...more].join("")

const translate = makeTranslate(settings)
const keyOf = (name: string): ObjectKey => `BackendTrafficPolicy.gateway.envoyproxy.io/shop/${name}`
const acceptedOf = (yaml: string, name: string) => {
  const { conditions } = translate(world(yaml)).verdicts.get(keyOf(name))!.entries[0]!
  return conditions.find(({ type }) => type === "Accepted")!.reason
}
const requestOf = (yaml: string, host = "a.example", name = "edge") => {
  const { snapshot } = translate(world(yaml)).gateways.get(`Gateway.${api}/shop/${name}`)!
  return [...snapshot.virtualHosts.values()].find(({ hostname }) => hostname === host)!.rules[0]!.deadlines.request
}

describe("two policies for one target", () => {
  const two = shop(route("a"), policy("p", { ...toRoute("a"), ...within("1s") }), policy("q", { ...toRoute("a"), ...within("2s") }))
  it("are told apart by name where nothing says their age; the loser says who holds it", () => {
    assert.strictEqual(requestOf(two), 1_000)
    assert.deepEqual([acceptedOf(two, "p"), acceptedOf(two, "q")], ["Accepted", "Conflicted"])
  })
  it("are told apart by age", () => {
    let state = world(two)
    for (const [name, created] of [
      ["p", "2026-02-01T00:00:00Z"],
      ["q", "2026-01-01T00:00:00Z"]
    ] as const) {
      const { byKey } = objectsOf(state, "BackendTrafficPolicy.gateway.envoyproxy.io")
      const known = Option.getOrThrow(HashMap.get(byKey, keyOf(name)))
      state = apply(state, { _tag: "Upserted", object: { ...known, meta: { ...known.meta, created } } })
    }
    const { verdicts } = translate(state)
    const reasons = ["p", "q"].map((name) => verdicts.get(keyOf(name))!.entries[0]!.conditions[0]!.reason)
    assert.deepEqual(reasons, ["Conflicted", "Accepted"])
  })
  it("of which one speaks of a rule of it are not one target", () => {
    const yaml = shop(
      route("a"),
      policy("p", { ...toRoute("a"), ...within("1s") }),
      policy("q", { ...toRoute("a", "only"), ...within("2s") })
    )
    assert.strictEqual(requestOf(yaml), 2_000)
    assert.deepEqual([acceptedOf(yaml, "p"), acceptedOf(yaml, "q")], ["Accepted", "Accepted"])
  })
})

it("a policy that loses a target is told so of the Gateways it is about alone, with what it loses there", () => {
  const yaml = shop(
    gateway("other"),
    ...[route("a", ["edge", "other"]), route("b", ["other"]), route("c", ["edge"])],
    policy("p", toRoute("c")),
    policy("q", { targetRefs: ["a", "b", "c"].flatMap((name) => toRoute(name).targetRefs) })
  )
  const { entries } = translate(world(yaml)).verdicts.get(keyOf("q"))!
  const said = entries.map(({ parent, conditions }) => {
    const { reason, message } = conditions.find(({ type }) => type === "Accepted")!
    return [parent?.split("/").at(-1), reason, /shop\/[abc]\b/.exec(message)?.[0]]
  })
  assert.deepEqual(said, [
    ["edge", "Conflicted", "shop/c"],
    ["other", "Accepted", undefined]
  ])
})

it("blocks of Envoy's policies that merge keep what is written with open keys", () => {
  const hash = (more: object) => ({
    loadBalancer: { type: "ConsistentHash", consistentHash: { type: "Cookie", cookie: { name: "place", ...more } } }
  })
  const yaml = shop(
    route("a"),
    policy("p", { targetRefs: [{ group: api, kind: "Gateway", name: "edge" }], ...hash({ attributes: { Path: "/a", SameSite: "Lax" } }) }),
    policy("q", { ...toRoute("a"), mergeType: "StrategicMerge", ...hash({ ttl: "1h", attributes: { Path: "/b" } }) })
  )
  const attributes = [
    { name: "Path", value: "/b" },
    { name: "SameSite", value: "Lax" }
  ]
  const balances = [...translate(world(yaml)).gateways.values()].flatMap(({ snapshot }) =>
    [...snapshot.upstreams.values()].map(({ balance }) => balance)
  )
  assert.deepEqual(balances, [{ _tag: "ConsistentHash", by: { _tag: "Cookie", name: "place", mint: 3_600, attributes } }])
})

it("of bytes that merging policies say in two ways, those of the nearer one's type are sent", () => {
  const look = (send: object) => ({ healthCheck: { active: { type: "TCP", tcp: { send } } } })
  const [text, binary] = [look({ type: "Text", text: "PING" }), look({ type: "Binary", binary: "AAE=" })]
  const sentOf = (far: object, near: object) => {
    const yaml = shop(
      route("a"),
      policy("p", { targetRefs: [{ group: api, kind: "Gateway", name: "edge" }], ...far }),
      policy("q", { ...toRoute("a"), mergeType: "StrategicMerge", ...near })
    )
    const [upstream] = [...[...translate(world(yaml)).gateways.values()][0]!.snapshot.upstreams.values()]
    const health = upstream!.health
    return typeof health === "object" && health.probe._tag === "Tcp" ? health.probe.send : null
  }
  assert.strictEqual(sentOf(text, binary), "AAE=")
  assert.strictEqual(sentOf(binary, text), Buffer.from("PING").toString("base64"))
})

describe("a route of two Gateways of which one has a policy", () => {
  const yaml = shop(
    gateway("other"),
    route("a", ["edge", "other"]),
    policy("p", { targetRefs: [{ group: api, kind: "Gateway", name: "other" }], ...within("4s"), loadBalancer: { type: "Random" } })
  )
  it("is served by each as it says, and neither has the other's connections", () => {
    assert.strictEqual(requestOf(yaml, "a.example", "other"), 4_000)
    assert.strictEqual(requestOf(yaml), "Default")
    const ways = [...translate(world(yaml)).gateways].map(([key, { snapshot }]) => [
      key.split("/").at(-1),
      [...snapshot.upstreams.values()].map(({ balance }) => balance._tag)
    ])
    assert.deepEqual(ways.sort(), [
      ["edge", ["RoundRobin"]],
      ["other", ["Random"]]
    ])
  })
})

describe("what policies say", () => {
  it("makes a connection pool of its own only where it is about connections", () => {
    const upstreams = (spec: object) => {
      const yaml = shop(route("a"), route("b"), policy("p", { ...toRoute("a"), ...spec }))
      return [...translate(world(yaml)).gateways.values()][0]!.snapshot.upstreams.size
    }
    assert.strictEqual(upstreams({ retry: { numRetries: 4 }, ...within("3s") }), 1)
    assert.strictEqual(upstreams({ loadBalancer: { type: "LeastRequest" } }), 2)
  })
  it("of one that cannot be applied stops its own targets, whoever else says what", () => {
    const refuses = (yaml: string, host: string) => {
      const { snapshot } = [...translate(world(yaml)).gateways.values()][0]!
      const { action } = [...snapshot.virtualHosts.values()].find(({ hostname }) => hostname === host)!.rules[0]!
      return action._tag === "Forward" ? action.to[0]!.why : action._tag
    }
    const bad = policy("p", { ...toRoute("a"), rateLimit: {} })
    assert.strictEqual(refuses(shop(route("a"), route("b"), bad), "a.example"), "invalid_backend")
    assert.isNull(refuses(shop(route("a"), route("b"), bad), "b.example"))
    // The nearer one holds outright: the bad one is not asked.
    assert.isNull(refuses(shop(route("a"), bad, policy("q", { ...toRoute("a", "only"), retry: {} })), "a.example"))
    // One that cannot be read is known by its targets alone.
    assert.strictEqual(refuses(shop(route("a"), policy("p", { ...toRoute("a"), retry: 7 })), "a.example"), "invalid_backend")
  })
})

describe("looks that a policy asks for", () => {
  const behind = object("gateway.sluice.dev/v1alpha1", "Backend", "api", {
    endpoints: [{ fqdn: { hostname: "api.vendor.example", port: 443 } }],
    egressPath: { proxy: { ip: { address: "192.0.2.7", port: 3128 } } }
  })
  const looks = (more: object) => policy("p", { ...toRoute("a"), healthCheck: { active: { type: "TCP", tcp: {}, ...more } } })
  const around = (other: string, ...more: ReadonlyArray<string>) => shop(...more).replace(backend, other)
  const shareOf = (yaml: string) => {
    const { action } = [...[...translate(world(yaml)).gateways.values()][0]!.snapshot.virtualHosts.values()][0]!.rules[0]!
    return action._tag === "Forward" ? action.to[0]! : null
  }
  it("are not served at another port through a proxy, whose own port it would be", () => {
    const yaml = around(behind, route("a"), looks({ overrides: { port: 9000 } }))
    assert.strictEqual(shareOf(yaml)?.why, "invalid_backend")
    const said = translate(world(yaml))
      .verdicts.get(`HTTPRoute.${api}/shop/a`)!
      .entries[0]!.conditions.map(({ message }) => message)
    assert.include(said.join(" "), "overrides.port")
    assert.isNull(shareOf(around(behind, route("a"), looks({})))!.why)
    assert.isNull(shareOf(shop(route("a"), looks({ overrides: { port: 9000 } })))!.why)
  })
})

describe("policies that come, change and go", () => {
  const names = ["a", "b", "c"] as const
  const spec = fc.record(
    {
      timeout: fc.constantFrom(within("1s").timeout, { tcp: { connectTimeout: "2s" } }),
      retry: fc.constantFrom({}, { numRetries: 0 }, { retryOn: { triggers: ["5xx"] } }),
      loadBalancer: fc.constantFrom({ type: "Random" }, { type: "ConsistentHash", consistentHash: { type: "SourceIP" } }),
      circuitBreaker: fc.constantFrom({ maxConnections: 3 }, { maxParallelRequests: 0 }),
      mergeType: fc.constant("JSONMerge"),
      telemetry: fc.constant({})
    },
    { requiredKeys: [] }
  )
  const target = fc.oneof(
    fc.constantFrom(...names).map((name) => toRoute(name)),
    fc.constantFrom(...names).map((name) => toRoute(name, "only")),
    fc.constant({ targetRefs: [{ group: api, kind: "Gateway", name: "edge" }] }),
    fc.constant({ targetRefs: [{ group: api, kind: "Gateway", name: "edge", sectionName: "http" }] }),
    fc.constant({ targetRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: "api" }] }),
    fc.constant({ targetSelectors: [{ kind: "HTTPRoute" }] })
  )
  const edits = fc.array(fc.tuple(fc.constantFrom("p", "q", "r", "s"), target, spec), { minLength: 1, maxLength: 6 })
  it("come to what they would from the beginning (law 13)", () => {
    const start = world(shop(...names.map((name) => route(name))))
    fc.assert(
      fc.property(edits, (all) => {
        let state = start
        let last = translate(state)
        for (const [name, refs, said] of all) {
          state = edited(state, policy(name, { ...refs, ...said }))
          last = translate(state, last)
        }
        const fresh = translate(state)
        assert.deepEqual(last.verdicts, fresh.verdicts)
        for (const [key, { snapshot }] of fresh.gateways) assert.deepEqual(last.gateways.get(key)!.snapshot, snapshot)
      }),
      { numRuns: 40 }
    )
  })
  it("compute anew what they speak of, and no more", () => {
    const many = Array.from({ length: 40 }, (_, n) => route(`r${n}`))
    const before = translate(world(shop(...many, policy("p", { ...toRoute("r0"), ...within("1s") }))))
    const start = world(shop(...many, policy("p", { ...toRoute("r0"), ...within("1s") })))
    const first = translate(start)
    const after = translate(edited(start, policy("p", { ...toRoute("r0"), ...within("9s") })), first)
    assert.isAbove(before.memo.computed, 100)
    assert.isBelow(after.memo.computed, 15)
    const rules = (translation: typeof first, host: string) =>
      [...[...translation.gateways.values()][0]!.snapshot.virtualHosts.values()].find(({ hostname }) => hostname === host)!.rules
    assert.strictEqual(rules(after, "r7.example"), rules(first, "r7.example"))
    assert.strictEqual(rules(after, "r0.example")[0]!.deadlines.request, 9_000)
  })
})
