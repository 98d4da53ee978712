// Law 1 in a cluster: an object that does not decode is refused in its own status, by the controller that it names and by no other; and the rest serves.
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { kindOf } from "#schemas/kinds.ts"
import { type ObjectKey, objectKey } from "#schemas/meta.ts"
import { desiredStatus } from "#src/operator/status/desired.ts"
import { decodeServed } from "#src/sources/served.ts"
import type { Verdict } from "#src/status/verdict.ts"
import { makeTranslate } from "#src/translate/translate.ts"
import { folded, gatewayClass, httpGateway, route } from "./manifests.ts"
import { settings } from "./world.ts"

// biome-ignore lint/suspicious/noExplicitAny: manifests that are wrong on purpose
type Raw = any

const edge = objectKey("Gateway.gateway.networking.k8s.io", "infra", "edge")
const cart = objectKey("HTTPRoute.gateway.networking.k8s.io", "shop", "cart")
const backend = { apiVersion: "gateway.sluice.dev/v1alpha1", kind: "Backend", metadata: { name: "pay", namespace: "shop" } }
const fine = { ...backend, spec: { endpoints: [{ fqdn: { hostname: "pay.example", port: 443 } }] } }
const cartRoute = route("cart", { rules: [{ backendRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: "pay" }] }] })

/** As the API server would send them, of a CRD that admits more than is understood. */
const verdictsOf = (objects: ReadonlyArray<Raw>, role: "Cluster" | "Standalone" = "Cluster") => {
  const changes = objects.map((raw) => {
    const slash = raw.apiVersion.indexOf("/")
    const entry = kindOf(slash === -1 ? raw.kind : `${raw.kind}.${raw.apiVersion.slice(0, slash)}`)!
    return { _tag: "Upserted", object: decodeServed(entry, raw.apiVersion.slice(slash + 1), new Uint8Array(32), raw)! } as const
  })
  return makeTranslate({ ...settings, role })(folded(changes))
}
const spoilt = (raw: Raw, spec: object): Raw => ({ ...raw, spec: { ...raw.spec, ...spec } })
/** `Accepted` of each entry that a status would have. */
const accepted = (verdict: Verdict | undefined) =>
  verdict?.entries.map(({ parent, conditions }) => {
    const one = conditions.find(({ type }) => type === "Accepted")
    return `${parent ?? "-"} ${one?.status} ${one?.reason} ${one?.message}`
  })
const written = (key: ObjectKey, verdict: Verdict) =>
  JSON.stringify(
    desiredStatus(
      key,
      verdict,
      undefined,
      { addresses: [], over: [], unreachable: null, features: [], version: null, live: null },
      { controller: settings.controllerName, xbackend: "ancestors", now: "2026-11-21T12:00:00Z" }
    )
  )

describe("an object that does not decode", () => {
  it("a Gateway of our class is told the field and what is expected there", () => {
    const bad = spoilt(httpGateway(), { defaultScope: "Some" })
    const { verdicts, gateways } = verdictsOf([gatewayClass, bad, httpGateway("other")])
    const [said, ...more] = accepted(verdicts.get(edge))!
    assert.match(said!, /^- False Invalid .*spec\.defaultScope/)
    assert.deepEqual(more, [])
    assert.match(written(edge, verdicts.get(edge)!), /"reason":"Invalid"/)
    assert.deepEqual([...gateways.keys()], [objectKey("Gateway.gateway.networking.k8s.io", "infra", "other")])
  })

  it("a Gateway of another class, or of none that can be read, is left alone", () => {
    for (const gatewayClassName of ["somebody-elses", 7]) {
      const bad = spoilt(httpGateway(), { defaultScope: "Some", gatewayClassName })
      assert.isUndefined(verdictsOf([gatewayClass, bad]).verdicts.get(edge))
      assert.isDefined(verdictsOf([gatewayClass, bad], "Standalone").verdicts.get(edge))
    }
  })

  it("a GatewayClass of ours is told, and its Gateways with it", () => {
    const bad = spoilt(gatewayClass, { description: 7 })
    const { verdicts } = verdictsOf([bad, httpGateway()])
    assert.match(accepted(verdicts.get("GatewayClass.gateway.networking.k8s.io//sluice"))![0]!, /^- False .*spec\.description/)
    assert.match(accepted(verdicts.get(edge))![0]!, /^- False/)
    const foreign = spoilt(bad, { controllerName: "example.com/other" })
    assert.strictEqual(verdictsOf([foreign]).verdicts.size, 0)
  })

  it("a route is told for each Gateway of ours that it names", () => {
    const bad = spoilt(cartRoute, { hostnames: ["no host"], parentRefs: [{ name: "edge", namespace: "infra" }, { name: "foreign" }] })
    const { verdicts } = verdictsOf([
      gatewayClass,
      httpGateway(),
      fine,
      bad,
      { ...cartRoute, metadata: { name: "good", namespace: "shop" } }
    ])
    const entries = accepted(verdicts.get(cart))!
    assert.lengthOf(entries, 1)
    assert.match(entries[0]!, /infra\/edge False .*spec\.hostnames\[0\]/)
    assert.match(written(cart, verdicts.get(cart)!), /"parentRef":\{.*"name":"edge"\}/)
    assert.match(accepted(verdicts.get(objectKey("HTTPRoute.gateway.networking.k8s.io", "shop", "good")))![0]!, /True Accepted/)
  })

  it("a Backend, and what is said of an XBackend and of a BackendTLSPolicy that a route reaches", () => {
    const bad = { ...backend, spec: { endpoints: "none" } }
    const pay = objectKey("Backend.gateway.sluice.dev", "shop", "pay")
    const { verdicts } = verdictsOf([gatewayClass, httpGateway(), bad, cartRoute])
    assert.match(written(pay, verdicts.get(pay)!), /"type":"Accepted","status":"False","reason":"Invalid".*spec\.endpoints/)
    // Nobody's route reaches it: it is told all the same.
    assert.match(written(pay, verdictsOf([bad]).verdicts.get(pay)!), /"reason":"Invalid"/)

    const policyKey = objectKey("BackendTLSPolicy.gateway.networking.k8s.io", "shop", "trust")
    const policy = {
      apiVersion: "gateway.networking.k8s.io/v1",
      kind: "BackendTLSPolicy",
      metadata: { name: "trust", namespace: "shop" },
      spec: { targetRefs: [{ group: "gateway.sluice.dev", kind: "Backend", name: "pay" }], options: 7 }
    }
    const judged = verdictsOf([gatewayClass, httpGateway(), fine, cartRoute, policy]).verdicts.get(policyKey)!
    assert.match(accepted(judged)![0]!, /infra\/edge False Invalid .*spec\.options/)

    const xbackend = {
      apiVersion: "gateway.networking.x-k8s.io/v1alpha1",
      kind: "XBackend",
      metadata: { name: "pay", namespace: "shop" },
      spec: { type: 7 }
    }
    const reaching = route("cart", {
      rules: [{ backendRefs: [{ group: "gateway.networking.x-k8s.io", kind: "XBackend", name: "pay", port: 443 }] }]
    })
    const key = objectKey("XBackend.gateway.networking.x-k8s.io", "shop", "pay")
    const { verdicts: said } = verdictsOf([gatewayClass, httpGateway(), reaching, xbackend])
    assert.match(accepted(said.get(key))![0]!, /infra\/edge False Invalid/)
  })

  it("a Secret that Sluice may not read is not said to be absent", () => {
    const secret = objectKey("Secret", "infra", "tls")
    const raw = spoilt(httpGateway(), {
      listeners: [{ name: "https", port: 443, protocol: "HTTPS", tls: { certificateRefs: [{ name: "tls" }] } }]
    })
    const objects = [gatewayClass, raw].map(
      (one) => decodeServed(kindOf(`${one.kind}.gateway.networking.k8s.io`)!, "v1", new Uint8Array(32), one)!
    )
    const meta = { ...objects[1]!.meta, key: secret }
    const state = folded([
      ...objects.map((object) => ({ _tag: "Upserted", object }) as const),
      { _tag: "Fetched", key: secret, object: { meta, value: Result.fail([{ path: "", message: "Sluice has no right to get it" }]) } }
    ])
    const verdict = makeTranslate({ ...settings, role: "Cluster" })(state).verdicts.get(edge)!
    const resolved = verdict.entries.find((one) => one.section === "https")!.conditions.find(({ type }) => type === "ResolvedRefs")!
    assert.strictEqual(resolved.reason, "InvalidCertificateRef")
    assert.include(resolved.message, "Secret infra/tls cannot be read: Sluice has no right to get it")
    assert.notInclude(resolved.message, "does not exist")
  })

  it("an EgressPolicy", () => {
    const key = objectKey("EgressPolicy.gateway.sluice.dev", "", "finance")
    const policy = { apiVersion: "gateway.sluice.dev/v1alpha1", kind: "EgressPolicy", metadata: { name: "finance" }, spec: { mode: 7 } }
    assert.match(written(key, verdictsOf([policy]).verdicts.get(key)!), /"reason":"Invalid"/)
  })
})
