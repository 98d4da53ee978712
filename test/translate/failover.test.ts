// Backends behind Backends: whatever they say of each other, the list ends, names nobody twice, and who is in a loop is told.
import fc from "fast-check"
import { assert, describe, it } from "vitest"
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import { failoverOf } from "#src/translate/failover.ts"
import { makeTranslate } from "#src/translate/translate.ts"
import { ownClass, settings, viewOf, world } from "./world.ts"

const kind = "Backend.gateway.sluice.dev"
const key = (name: string, namespace = "shop"): ObjectKey => objectKey(kind, namespace, name)

const own = (name: string, refs: ReadonlyArray<object>, namespace = "shop"): object => ({
  apiVersion: "gateway.sluice.dev/v1alpha1",
  kind: "Backend",
  metadata: { name, namespace },
  spec: {
    endpoints: [{ fqdn: { hostname: `${name}.example`, port: 443 } }],
    ...(refs.length === 0
      ? {}
      : { failover: { backendRefs: refs.map((ref) => ({ group: "gateway.sluice.dev", kind: "Backend", ...ref })) } })
  }
})

const envoy = (name: string, backendRef: object): object => ({
  apiVersion: "gateway.envoyproxy.io/v1alpha1",
  kind: "Backend",
  metadata: { name, namespace: "shop" },
  spec: { endpoints: [{ fqdn: { hostname: "e.example", port: 443 } }], fallback: { backendRef } }
})

const service = (name: string): object => ({
  apiVersion: "v1",
  kind: "Service",
  metadata: { name, namespace: "shop" },
  spec: { ports: [{ port: 80 }] }
})

const chain = (start: ObjectKey, ...objects: ReadonlyArray<object>) => {
  const { standbys, problems } = failoverOf(viewOf(world(objects.map((object) => `---\n${JSON.stringify(object)}\n`).join(""))), start)
  return { keys: standbys.map((standby) => standby.key), reasons: problems.map(({ reason }) => reason), problems }
}

describe("the backends behind a Backend", () => {
  it("are its own in order, each with those behind it at once", () => {
    const { keys } = chain(
      key("a"),
      own("a", [{ name: "b" }, { name: "c" }]),
      own("b", [{ name: "d" }]),
      own("c", [{ name: "d" }, { group: "", kind: "Service", name: "s", port: 80 }]),
      own("d", []),
      service("s")
    )
    assert.deepEqual(keys, [key("b"), key("d"), key("c"), objectKey("Service", "shop", "s")])
  })

  it("are found in another namespace where the grant says so, for the namespace of who refers", () => {
    const grant = (from: string) => ({
      apiVersion: "gateway.networking.k8s.io/v1beta1",
      kind: "ReferenceGrant",
      metadata: { name: "g", namespace: "other" },
      spec: {
        from: [{ group: "gateway.sluice.dev", kind: "Backend", namespace: from }],
        to: [{ group: "gateway.sluice.dev", kind: "Backend" }]
      }
    })
    const objects = [own("a", [{ name: "b", namespace: "other" }]), own("b", [], "other")]
    assert.deepEqual(chain(key("a"), ...objects).reasons, ["RefNotPermitted"])
    assert.deepEqual(chain(key("a"), ...objects, grant("elsewhere")).reasons, ["RefNotPermitted"])
    assert.deepEqual(chain(key("a"), ...objects, grant("shop")).keys, [key("b", "other")])
    // Whether it is there is not told to who may not refer to it.
    assert.deepEqual(chain(key("a"), objects[0]!).reasons, ["RefNotPermitted"])
  })

  it("of a loop name it, and end before it", () => {
    assert.deepEqual(chain(key("a"), own("a", [{ name: "a" }])), {
      keys: [],
      reasons: ["FailoverLoop"],
      problems: [
        {
          reason: "FailoverLoop",
          message:
            "spec.failover.backendRefs[0]: Backend shop/a → Backend shop/a is a loop, and is not followed; take one of its references out"
        }
      ]
    })
    const around = [own("a", [{ name: "b" }]), own("b", [{ name: "c" }]), own("c", [{ name: "b" }])]
    // Who only leads into it is at no fault.
    assert.deepEqual([chain(key("a"), ...around).keys, chain(key("a"), ...around).reasons], [[key("b"), key("c")], []])
    const { keys, reasons, problems } = chain(key("b"), ...around)
    assert.deepEqual([keys, reasons], [[key("c")], ["FailoverLoop"]])
    assert.include(problems[0]!.message, "Backend shop/b → Backend shop/c → Backend shop/b")
  })

  it("of Envoy Gateway's short form are a Service, or else a Backend of that name", () => {
    const start = objectKey("Backend.gateway.envoyproxy.io", "shop", "e")
    assert.deepEqual(chain(start, envoy("e", { name: "x", port: 80 }), service("x"), own("x", [])).keys, [
      objectKey("Service", "shop", "x")
    ])
    assert.deepEqual(chain(start, envoy("e", { name: "x" }), own("x", [])).keys, [key("x")])
    const gone = chain(start, envoy("e", { name: "x" }))
    assert.deepEqual([gone.keys, gone.reasons], [[], ["BackendNotFound"]])
    assert.include(gone.problems[0]!.message, "spec.fallback.backendRef: Service shop/x does not exist")
    assert.deepEqual(chain(start, envoy("e", { name: "x", kind: "Pool", group: "a.b" })).reasons, ["InvalidKind"])
    // An XBackend serves its own namespace only.
    assert.deepEqual(
      chain(start, envoy("e", { name: "x", namespace: "other", kind: "XBackend", group: "gateway.networking.x-k8s.io" })).reasons,
      ["RefNotPermitted"]
    )
  })

  it("end, are named once, and are told as a loop exactly by those who come back to themselves", () => {
    const names = ["a", "b", "c", "d", "e"]
    fc.assert(
      fc.property(fc.array(fc.uniqueArray(fc.constantFrom(...names), { maxLength: 4 }), { minLength: 5, maxLength: 5 }), (graph) => {
        const view = viewOf(
          world(
            names
              .map((name, n) =>
                own(
                  name,
                  graph[n]!.map((to) => ({ name: to }))
                )
              )
              .map((object) => `---\n${JSON.stringify(object)}\n`)
              .join("")
          )
        )
        const reach = (from: string): ReadonlySet<string> => {
          const seen = new Set<string>()
          const next = [from]
          for (let one = next.pop(); one !== undefined; one = next.pop())
            for (const to of graph[names.indexOf(one)]!)
              if (!seen.has(to)) {
                seen.add(to)
                next.push(to)
              }
          return seen
        }
        for (const name of names) {
          const { standbys, problems } = failoverOf(view, key(name))
          const all = reach(name)
          assert.deepEqual(
            standbys.map((standby) => standby.key).sort(),
            [...all]
              .filter((other) => other !== name)
              .map((other) => key(other))
              .sort()
          )
          assert.strictEqual(problems.length > 0, all.has(name))
        }
      }),
      { numRuns: 60 }
    )
  })
})

describe("a rule that writes another Host", () => {
  const yaml = (...objects: ReadonlyArray<object>) => `${ownClass}${objects.map((object) => `\n${JSON.stringify(object)}\n`).join("---")}`
  const secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "login", namespace: "shop" },
    stringData: { token: "t" }
  }
  const withCredentials = (name: string, refs: ReadonlyArray<object> = []) => {
    const backend = own(name, refs) as { readonly spec: object }
    return { ...backend, spec: { ...backend.spec, credentials: { bearer: { secretRef: { name: "login" } } } } }
  }
  const fallback = { ...envoy("last", {}), spec: { endpoints: [{ fqdn: { hostname: "e.example", port: 443 } }], fallback: true } }
  const ref = (name: string, group = "gateway.sluice.dev") => ({ group, kind: "Backend", name })

  it("names the backendRef whose credentials do not go with it, behind a fallback and for a standby", () => {
    const { verdicts } = makeTranslate(settings)(
      world(
        yaml(
          {
            apiVersion: "gateway.networking.k8s.io/v1",
            kind: "Gateway",
            metadata: { name: "edge", namespace: "shop" },
            spec: { gatewayClassName: "sluice", listeners: [{ name: "http", port: 8080, protocol: "HTTP" }] }
          },
          {
            apiVersion: "gateway.networking.k8s.io/v1",
            kind: "HTTPRoute",
            metadata: { name: "route", namespace: "shop" },
            spec: {
              parentRefs: [{ name: "edge" }],
              rules: [
                {
                  filters: [{ type: "URLRewrite", urlRewrite: { hostname: "other.example" } }],
                  backendRefs: [ref("last", "gateway.envoyproxy.io"), ref("plain"), ref("closed")]
                }
              ]
            }
          },
          ...[secret, fallback, own("plain", [{ name: "standby" }]), withCredentials("standby"), withCredentials("closed")]
        )
      )
    )
    const { message } = verdicts
      .get("HTTPRoute.gateway.networking.k8s.io/shop/route")!
      .entries[0]!.conditions.find(({ type }) => type === "ResolvedRefs")!
    assert.deepEqual(message.match(/spec\.rules\S+: Backend \S+ has credentials/g), [
      "spec.rules[0].backendRefs[1]: Backend shop/standby has credentials",
      "spec.rules[0].backendRefs[2]: Backend shop/closed has credentials"
    ])
  })
})
