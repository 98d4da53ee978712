// Law 21: a manifest means the same from a file and from the API server. And law 1, at the door: what is wrong costs itself.

import { inspect } from "node:util"
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import type { Sealed } from "#src/snapshot/secret.ts"
import { type Assembly, assemble, changesBetween } from "#src/sources/assembly.ts"
import { describeProblem } from "#src/sources/problem.ts"
import type { Reading } from "#src/sources/reading.ts"
import type { Decoded } from "#src/state/change.ts"

const key = new Uint8Array(32)
const reading = (files: Readonly<Record<string, string>>, faults: Reading["faults"] = []): Reading => ({
  files: new Map(Object.entries(files)),
  faults,
  folders: new Map()
})
const read = (files: Readonly<Record<string, string>>, before: Assembly | null = null, faults: Reading["faults"] = []) =>
  assemble(reading(files, faults), key, before)
const all = (assembly: Assembly): ReadonlyMap<ObjectKey, Decoded> =>
  new Map([...assembly.listed.values()].flat().map((object) => [object.meta.key, object]))
const told = (assembly: Assembly) => assembly.problems.map(describeProblem)

const service = (name: string, port = 80, extra = "") =>
  `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\n  namespace: shop\n${extra}spec:\n  ports:\n  - port: ${port}\n`
const cart = objectKey("Service", "shop", "cart")

describe("what the API server adds", () => {
  it("is the namespace `default`, an id of its own, and no past that the manifest claims", () => {
    const [object] = [
      ...all(
        read({
          "a.yaml":
            "apiVersion: v1\nkind: Service\nmetadata: {name: a, generation: 7, uid: x, resourceVersion: '99', creationTimestamp: '2024-01-01T00:00:00Z'}\nspec: {}\nstatus: {a: 1}\n"
        })
      ).values()
    ].filter((one) => one.meta.key.startsWith("Service/"))
    assert.strictEqual(object!.meta.key, "Service/default/a")
    assert.strictEqual(object!.meta.generation, 1)
    assert.strictEqual(object!.meta.created, "")
    assert.match(object!.meta.uid, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it("is a generation that counts changes of content, not of metadata or status, nor of where it stands", () => {
    const one = read({ "a.yaml": service("cart") })
    const steps: ReadonlyArray<readonly [string, number]> = [
      [service("cart", 80, "  labels: {a: b}\n"), 1],
      [`# moved\n\n${service("cart")}`, 1],
      [`${service("cart")}status: {loadBalancer: {}}\n`, 1],
      [service("cart", 81), 2],
      [service("cart", 80), 3]
    ]
    let last = one
    for (const [text, generation] of steps) {
      last = read({ "a.yaml": text }, last)
      assert.strictEqual(all(last).get(cart)?.meta.generation, generation, text)
    }
  })

  it("is the class `sluice` and every namespace that is named, unless they are written", () => {
    const objects = all(read({ "a.yaml": service("cart") }))
    assert.isTrue(objects.has("GatewayClass.gateway.networking.k8s.io//sluice"))
    assert.strictEqual(objects.get("Namespace//shop")?.meta.labels.get("kubernetes.io/metadata.name"), "shop")
    const written = all(
      read({ "a.yaml": service("cart"), "b.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: x}}\n" })
    )
    const namespace = written.get("Namespace//shop")
    assert.deepEqual(
      [...namespace!.meta.labels],
      [
        ["team", "x"],
        ["kubernetes.io/metadata.name", "shop"]
      ]
    )
    assert.strictEqual(namespace!.origin?.file, "b.yaml")
  })
})

describe("a second reading", () => {
  it("keeps what did not change (===) and says only the kinds that did", () => {
    const files = { "a.yaml": service("cart"), "b.yaml": service("pay") }
    const one = read(files)
    const same = read(files, one)
    assert.deepEqual(changesBetween(one, same, new Set()), [])
    const two = read({ ...files, "b.yaml": service("pay", 81) }, one)
    const changes = changesBetween(one, two, new Set())
    assert.deepEqual(
      changes.map((change) => (change._tag === "Replaced" ? change.kind : change._tag)),
      ["Service"]
    )
    assert.strictEqual(all(two).get(cart), all(one).get(cart))
  })

  it("removes what is no longer written", () => {
    const two = read({ "a.yaml": "# moved\n" }, read({ "a.yaml": service("cart") }))
    assert.isFalse(all(two).has(cart))
    assert.isFalse(all(two).has("Namespace//shop"))
    assert.deepEqual(two.problems, [])
  })

  it("takes an empty file for an edit in progress, a deleted one for a deletion", () => {
    const one = read({ "a.yaml": service("cart") })
    const emptied = read({ "a.yaml": "" }, one)
    assert.strictEqual(all(emptied).get(cart), all(one).get(cart))
    assert.match(told(emptied).join(), /empty now/)
    const filled = read({ "a.yaml": service("pay") }, emptied)
    assert.isFalse(all(filled).has(cart))
    assert.isFalse(all(read({}, emptied)).has(cart))
  })

  it("keeps the last good version while a document of its file does not parse, and says so", () => {
    const one = read({ "a.yaml": `${service("cart")}---\n${service("pay")}` })
    const two = read({ "a.yaml": `${service("cart")}---\nkind: Service\nmetadata: {name: pay\n` }, one)
    assert.isTrue(all(two).has("Service/shop/pay"))
    assert.isTrue(told(two).some((line) => /Service shop\/pay.*the version last read goes on serving/.test(line)))
    const three = read({ "a.yaml": service("cart") }, two)
    assert.isFalse(all(three).has("Service/shop/pay"))
    assert.deepEqual(three.problems, [])
  })

  it("keeps the last good version of an object that no longer decodes, as the API server would have refused the edit", () => {
    const one = read({ "a.yaml": service("cart") })
    const two = read({ "a.yaml": service("cart").replace("port: 80", "port: eighty") }, one)
    assert.strictEqual(all(two).get(cart), all(one).get(cart))
    assert.isTrue(
      told(two).some((line) => line.startsWith("a.yaml:8: Service shop/cart: spec.ports[0].port: ")),
      told(two).join("\n")
    )
  })

  it("keeps what lay under a folder that cannot be read", () => {
    const one = read({ "m/a.yaml": service("cart"), "n.yaml": service("pay") })
    const two = read({ "n.yaml": service("pay") }, one, [
      { path: "m", message: "permission denied", remedy: "Make it readable", missing: false }
    ])
    assert.isTrue(all(two).has(cart))
    const three = read({ "n.yaml": service("pay") }, two)
    assert.isFalse(all(three).has(cart))
  })
})

describe("what is wrong", () => {
  it("with one object at the first reading is a value that failed, and the others stand", () => {
    const assembly = read({ "a.yaml": `${service("cart", 99999)}---\n${service("pay")}` })
    assert.isTrue(Result.isFailure(all(assembly).get(cart)!.value))
    assert.isTrue(Result.isSuccess(all(assembly).get("Service/shop/pay")!.value))
    assert.isTrue(told(assembly).some((line) => line.startsWith("a.yaml:8: Service shop/cart: spec.ports[0].port: ")))
  })

  it("with one rule is told with the line of the field inside it", () => {
    const assembly = read({
      "a.yaml":
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r}\nspec:\n  rules:\n  - {}\n  - matches:\n    - path:\n        type: Odd\n        value: /\n"
    })
    assert.isTrue(told(assembly).some((line) => line.startsWith("a.yaml:9: HTTPRoute default/r: spec.rules[1].matches[0].path.type: ")))
  })

  it("when a key is written twice names both places, and the first counts", () => {
    const assembly = read({ "a.yaml": service("cart", 80), "b.yaml": `\n${service("cart", 81)}` })
    const ports = (all(assembly).get(cart)!.value as Result.Success<{ spec: { ports: ReadonlyArray<{ port: number }> } }, never>).success
      .spec.ports
    assert.strictEqual(ports[0]!.port, 80)
    assert.deepEqual(
      told(assembly).map((line) => line.slice(0, 67)),
      ["b.yaml:2: Service shop/cart: written twice: first at a.yaml:1, whic"]
    )
  })

  it("with a kind says whether it is ours, someone else's, or a typo", () => {
    const tell = (apiVersion: string, kind: string) =>
      read({ "a.yaml": `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: x}\n` }).problems[0]
    assert.strictEqual(tell("apps/v1", "Deployment")?.severity, "Info")
    assert.strictEqual(tell("v1", "ServiceAccount")?.severity, "Info")
    assert.match(tell("gateway.networking.k8s.io/v1", "HttpRoutes")!.remedy, /HTTPRoute\?/)
    assert.match(tell("networking.k8s.io/v1", "HTTPRoute")!.remedy, /gateway\.networking\.k8s\.io\/v1$/)
    assert.strictEqual(tell("gateway.networking.k8s.io/v1", "GRPCRoute")?.severity, "Refused")
    assert.strictEqual(tell("example.com/v1", "Widget")?.severity, "Warning")
    assert.match(tell("gateway.networking.k8s.io/v9", "HTTPRoute")!.message, /v1/)
  })
})

describe("Secrets", () => {
  const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {token: hunter2}\n"

  it("are told only to interest, sealed, and print no byte", () => {
    const assembly = read({ "a.yaml": secret })
    const wanted: ObjectKey = "Secret/default/s"
    assert.isFalse(all(assembly).has(wanted))
    const changes = changesBetween(null, assembly, new Set<ObjectKey>([wanted, "Secret/default/absent"])).filter(
      (change) => change._tag === "Fetched"
    )
    assert.deepEqual(
      changes.map((change) => [change.key, change.object === null]),
      [
        [wanted, false],
        ["Secret/default/absent", true]
      ]
    )
    const value = changes[0]!.object!.value as Result.Success<{ data: ReadonlyMap<string, Sealed> }, never>
    assert.strictEqual(
      value.success.data.get("token")!.use((bytes) => Buffer.from(bytes).toString()),
      "hunter2"
    )
    assert.notInclude(inspect(assembly, { depth: 20 }) + JSON.stringify([...assembly.demanded]), "hunter2")
  })

  it("never reach a problem, even where they are wrong", () => {
    const assembly = read({ "a.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {token: 'hunter2 is not base64'}\n" })
    assert.isNotEmpty(assembly.problems)
    assert.notInclude(told(assembly).join("\n"), "hunter2")
  })
})
