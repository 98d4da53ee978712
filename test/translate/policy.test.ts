import { assert, beforeAll, describe, it } from "vitest"
import type { ObjectKey } from "#schemas/meta.ts"
import { apply, type ClusterState } from "#src/state/state.ts"
import { policyVerdicts } from "#src/translate/policy.ts"
import { makeTranslate } from "#src/translate/translate.ts"
import { makeAuthority } from "../support/certificates.ts"
import { conditionsOf, resolve, resolved, settings, upstreamOf, viewOf, world } from "./world.ts"

let pem: string
beforeAll(async () => {
  pem = (await makeAuthority()).certificate
})

const keyOf = (name: string): ObjectKey => `BackendTLSPolicy.gateway.networking.k8s.io/shop/${name}`
const serviceKey: ObjectKey = "Service/shop/cart"
const backendKey: ObjectKey = "Backend.gateway.sluice.dev/shop/api"

const cart = `---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}, {name: tls, port: 443}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a, namespace: shop, labels: {kubernetes.io/service-name: cart}}
addressType: IPv4
ports: [{name: http, port: 8080}, {name: tls, port: 8443}]
endpoints: [{addresses: [10.1.0.1]}]
`
const edge = `---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec: {gatewayClassName: sluice, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: cart, port: 80}]}]}
`
const ledger = (ports = "{name: api, port: 8080}") => `---
apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: shop}
spec: {type: ExternalName, externalName: ledger.partner.example, ports: [${ports}]}
`
const api = (endpoints: string, more = "") => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: api, namespace: shop}
spec: {endpoints: [${endpoints}]${more}}
`
const policy = (
  name: string,
  target: string,
  validation = "hostname: cart.example, wellKnownCACertificates: System",
  more = "",
  created = ""
) => `---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: ${name}, namespace: shop${created}}
spec: {targetRefs: [${target}], validation: {${validation}}${more}}
`
const toCart = (section?: string) => `{group: "", kind: Service, name: cart${section === undefined ? "" : `, sectionName: ${section}`}}`
const toLedger = '{group: "", kind: Service, name: ledger}'
const toApi = (section?: string) =>
  `{group: gateway.sluice.dev, kind: Backend, name: api${section === undefined ? "" : `, sectionName: "${section}"`}}`
const refs = (...names: ReadonlyArray<string>) =>
  `hostname: cart.example, caCertificateRefs: [${names.map((name) => `{group: "", kind: ConfigMap, name: ${name}}`).join(", ")}]`
const ca = (name = "ca", text = pem) => `---
apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}, namespace: shop}
data:
  ca.crt: |
    ${text.trim().replaceAll("\n", "\n    ")}
`
const identity = (yaml: string, ref = "Service cart:80") => {
  const { spec, endpoints } = upstreamOf(resolved(yaml, ref))
  return {
    tls: endpoints[0]?.tls,
    sni: spec.identity.sni,
    name: spec.identity.certificateName,
    host: spec.identity.host,
    ca: spec.tls?.ca ?? null,
    names: spec.tls?.names ?? null
  }
}

describe("a BackendTLSPolicy", () => {
  it("makes TLS of a Service's port, with its hostname as SNI and identity, and leaves Host alone", () =>
    assert.deepEqual(identity(cart + policy("p", toCart())), {
      tls: true,
      sni: "cart.example",
      name: "cart.example",
      host: "Request",
      ca: "System",
      names: []
    }))
  it("for one port beats the one for the whole Service, and does not reach other ports", () => {
    const yaml =
      cart +
      policy("whole", toCart(), "hostname: whole.example, wellKnownCACertificates: System") +
      policy("one", toCart("tls"), "hostname: one.example, wellKnownCACertificates: System")
    assert.strictEqual(identity(yaml, "Service cart:443").sni, "one.example")
    assert.strictEqual(identity(yaml, "Service cart:80").sni, "whole.example")
    assert.isFalse(identity(cart + policy("one", toCart("tls")), "Service cart:80").tls)
  })
  it("with alternative names uses the hostname for SNI only: any one name must match", () => {
    const { names, sni } = identity(
      cart +
        policy(
          "p",
          toCart(),
          "hostname: cart.example, wellKnownCACertificates: System, subjectAltNames: [{type: Hostname, hostname: a.example}, {type: URI, uri: 'spiffe://x/y'}]"
        )
    )
    assert.deepEqual([sni, names], ["cart.example", ["dns:a.example", "uri:spiffe://x/y"]])
  })
  it("takes CAs of ConfigMaps and carries their material", () => {
    const { spec, materials } = upstreamOf(resolved(cart + policy("p", toCart(), refs("ca")) + ca(), "Service cart:80"))
    assert.deepEqual(spec.tls?.ca, ["ConfigMap/shop/ca#ca.crt"])
    assert.strictEqual(materials[0]?.chain.trim(), pem.trim())
    assert.deepEqual(
      spec.sources.map((source) => source.kind),
      ["Service", "BackendTLSPolicy"]
    )
    assert.strictEqual(spec.provenance["tls.ca"]?.name, "p")
  })
  it("applies to an ExternalName Service, over appProtocol http, and Host stays the external name", () => {
    const yaml = ledger("{name: api, port: 8080, appProtocol: http}") + policy("p", toLedger)
    assert.deepEqual(identity(yaml, "Service ledger:8080"), {
      tls: true,
      sni: "cart.example",
      name: "cart.example",
      host: "Endpoint",
      ca: "System",
      names: []
    })
  })
  it("of another namespace says nothing", () =>
    assert.isFalse(identity(cart + policy("p", toCart()).replace("namespace: shop", "namespace: other")).tls))
})

describe("a policy on a Backend", () => {
  it("wins over spec.tls for CA, names and hostname, even over skipping", () => {
    const yaml =
      api("{fqdn: {hostname: a.example, port: 443}}", ", tls: {sni: own.example, insecureSkipVerify: true}") + policy("p", toApi())
    const { spec } = upstreamOf(resolved(yaml, "Backend api"))
    assert.deepEqual([spec.identity.sni, spec.tls?.verify, spec.tls?.ca], ["cart.example", true, "System"])
    assert.include(conditionsOf(yaml, backendKey).get("Accepted")?.message ?? "", "wins over spec.tls")
  })
  it("finds its port by number, and makes TLS of it", () => {
    const yaml = api("{fqdn: {hostname: a.example, port: 8443}}") + policy("p", toApi("8443"))
    assert.isTrue(identity(yaml, "Backend api").tls)
    assert.isFalse(identity(api("{fqdn: {hostname: a.example, port: 8080}}") + policy("p", toApi("8443")), "Backend api").tls)
  })
  it("for some of its ports only is refused: one pool has one trust", () => {
    const yaml = api("{fqdn: {hostname: a.example, port: 8443}}, {fqdn: {hostname: a.example, port: 8080}}") + policy("p", toApi("8443"))
    assert.strictEqual(resolved(yaml, "Backend api").why, "invalid_backend")
    assert.include(conditionsOf(yaml, backendKey).get("Accepted")?.message ?? "", "8443, 8080")
  })
  it("governs no Service behind it, and that Service's own policy is not passed by", () => {
    const yaml = api("{service: {name: cart, port: 80}}") + cart + policy("p", toCart())
    assert.strictEqual(resolved(yaml, "Backend api").why, "invalid_backend")
    assert.include(resolved(yaml, "Backend api").problem?.message ?? "", "BackendTLSPolicy")
  })
})

describe("between policies of one target", () => {
  const at = (seconds: number) => `, creationTimestamp: "2026-01-01T00:00:0${seconds}Z"`
  const rivals =
    cart +
    policy("b-first", toCart(), "hostname: b.example, wellKnownCACertificates: System") +
    policy("c-second", toCart(), "hostname: c.example, wellKnownCACertificates: System")
  it("the first by name wins where nothing tells their age, and the other is Conflicted", () => {
    assert.strictEqual(identity(rivals).sni, "b.example")
    assert.strictEqual(conditionsOf(rivals, keyOf("b-first"), [serviceKey]).get("Accepted")?.state, "True/Accepted")
    const lost = conditionsOf(rivals, keyOf("c-second"), [serviceKey]).get("Accepted")
    assert.strictEqual(lost?.state, "False/Conflicted")
    assert.include(lost?.message ?? "", "Service shop/cart is governed by BackendTLSPolicy shop/b-first")
  })
  it("different ports do not conflict", () => {
    const yaml = cart + policy("a", toCart("http")) + policy("b", toCart("tls")) + policy("c", toCart())
    for (const name of ["a", "b", "c"])
      assert.strictEqual(conditionsOf(yaml, keyOf(name), [serviceKey]).get("Accepted")?.state, "True/Accepted")
  })
  it("an invalid one that comes first still holds the target: 500, never the other's trust or plaintext", () => {
    const yaml = cart + policy("a", toCart(), refs("gone")) + policy("b", toCart())
    assert.strictEqual(resolved(yaml, "Service cart:80").why, "invalid_backend")
  })
  it("a manifest's creationTimestamp has no say, as the API server would not take it", () => {
    const yaml = cart + policy("b", toCart(), undefined, "", at(9)) + policy("c", toCart(), undefined, "", at(1))
    assert.strictEqual(conditionsOf(yaml, keyOf("c"), [serviceKey]).get("Accepted")?.state, "False/Conflicted")
  })
})

describe("trust that a policy cannot give", () => {
  const states = (yaml: string) => {
    const conditions = conditionsOf(yaml, keyOf("p"), [serviceKey])
    return [conditions.get("Accepted")?.state, conditions.get("ResolvedRefs")?.state]
  }
  it.each([
    ["an absent ConfigMap", "gone", "InvalidCACertificateRef"],
    ["a ConfigMap without certificate", "bad", "InvalidCACertificateRef"]
  ])("%s: NoValidCACertificate, 500, ResolvedRefs of the route stays True", (_, name, reason) => {
    const yaml = cart + policy("p", toCart(), refs(name)) + ca("bad", "hello")
    assert.deepEqual(states(yaml), ["False/NoValidCACertificate", `False/${reason}`])
    const backend = resolved(yaml, "Service cart:80")
    assert.deepEqual([backend.upstream, backend.why, backend.problem], [null, "invalid_backend", null])
    assert.include(backend.notes.join(), "BackendTLSPolicy shop/p cannot be applied")
  })
  it("a reference of another kind: InvalidKind", () => {
    const kind = `hostname: cart.example, caCertificateRefs: [{group: "", kind: Secret, name: ca}]`
    assert.deepEqual(states(cart + policy("p", toCart(), kind)), ["False/NoValidCACertificate", "False/InvalidKind"])
  })
  it("one good CA among bad ones is trust enough, and the bad ones are told", () => {
    const yaml = cart + policy("p", toCart(), refs("gone", "ca")) + ca()
    assert.deepEqual(states(yaml), ["True/Accepted", "False/InvalidCACertificateRef"])
    assert.deepEqual(upstreamOf(resolved(yaml, "Service cart:80")).spec.tls?.ca, ["ConfigMap/shop/ca#ca.crt"])
  })
  it("an unknown well-known set or an option: Invalid, by its name", () => {
    for (const [yaml, told] of [
      [cart + policy("p", toCart(), "hostname: a.example, wellKnownCACertificates: corp.example/roots"), "corp.example/roots"],
      [cart + policy("p", toCart(), undefined, ", options: {vendor.example/tls: x}"), "vendor.example/tls"]
    ] as const) {
      assert.strictEqual(states(yaml)[0], "False/Invalid")
      assert.include(conditionsOf(yaml, keyOf("p"), [serviceKey]).get("Accepted")?.message ?? "", told)
      assert.strictEqual(resolved(yaml, "Service cart:80").why, "invalid_backend")
    }
  })
  it("is the same for an ExternalName Service and a Backend: 500, never plaintext", () => {
    assert.strictEqual(resolved(ledger() + policy("p", toLedger, refs("gone")), "Service ledger:8080").why, "invalid_backend")
    assert.strictEqual(
      resolved(api("{fqdn: {hostname: a.example, port: 443}}") + policy("p", toApi(), refs("gone")), "Backend api").why,
      "invalid_backend"
    )
  })
})

describe("a policy that cannot be read", () => {
  const whole = policy("p", toCart())
  const http = policy("p", toCart("http"))
  const spoilt = (text: string, from: string, to: string) => {
    const made = text.replace(from, to)
    assert.notStrictEqual(made, text)
    return made
  }
  it.each([
    ["its options", policy("p", toCart(), undefined, ", options: 7")],
    ["its validation", spoilt(whole, "hostname: cart.example", "hostname: 7")],
    ["its annotations", spoilt(whole, "name: p, ", "name: p, annotations: {a: [1]}, ")],
    ["another of its targets", spoilt(whole, "targetRefs: [", "targetRefs: [7, {group: 7, kind: Service, name: x}, ")],
    ["a target twice", spoilt(whole, "targetRefs: [", `targetRefs: [${toCart()}, `)],
    ["a target without group", spoilt(whole, 'group: "", ', "")],
    ["the section of its target", spoilt(http, "sectionName: http", "sectionName: [http]")],
    ["its options, of one port", policy("p", toCart("http"), undefined, ", options: 7")]
  ])("for %s still holds its target: 500, never plaintext, and is told", (_, bad) => {
    const { upstream, why, notes } = resolved(cart + bad, "Service cart:80")
    assert.deepEqual([upstream, why], [null, "invalid_backend"])
    assert.include(notes.join(), "BackendTLSPolicy shop/p cannot be applied")
    assert.strictEqual(conditionsOf(cart + bad, keyOf("p"), [serviceKey]).get("Accepted")?.state, "False/Invalid")
  })
  it("holds no other target, and no port of its target that it does not name", () => {
    const bad = policy("p", toCart("http"), undefined, ", options: 7")
    assert.isFalse(identity(cart + bad, "Service cart:443").tls)
    assert.isFalse(identity(cart + ledger("{name: api, port: 8080, appProtocol: http}") + bad, "Service ledger:8080").tls)
  })
})

describe("targets that a policy cannot have", () => {
  const state = (target: string, more = cart) => conditionsOf(more + policy("p", target), keyOf("p"), [serviceKey]).get("Accepted")
  it("an XBackend is refused by GEP-4894", () => {
    const told = state("{group: gateway.networking.x-k8s.io, kind: XBackend, name: tiles}")
    assert.strictEqual(told?.state, "False/Invalid")
    assert.include(told?.message ?? "", "GEP-4894")
  })
  it("another kind is refused", () => assert.strictEqual(state("{group: apps, kind: Deployment, name: cart}")?.state, "False/Invalid"))
  it("an absent Service, or an absent port of one, is TargetNotFound", () => {
    assert.strictEqual(state(toCart(), "")?.state, "False/TargetNotFound")
    assert.strictEqual(state(toCart("grpc"))?.state, "False/TargetNotFound")
    assert.include(state(toCart("grpc"))?.message ?? "", "it has http, tls")
  })
})

describe("the status of a policy", () => {
  const entries = (gateways: ReadonlyArray<ObjectKey>) =>
    policyVerdicts(
      viewOf(world(cart + policy("p", toCart()))),
      new Map([[serviceKey, { gateways: new Set(gateways), upstreams: new Set(["u"]) }]])
    ).get(keyOf("p"))!
  it("has an entry per Gateway that reaches its target, sorted, sixteen at most", () => {
    const many = Array.from({ length: 20 }, (_, i): ObjectKey => `Gateway.gateway.networking.k8s.io/infra/g${String(i).padStart(2, "0")}`)
    const verdict = entries([...many].reverse())
    assert.deepEqual(
      verdict.entries.map((entry) => entry.parent),
      many.slice(0, 16)
    )
    assert.deepEqual(verdict.upstreams, [])
  })
  it("has one without parent where no Gateway reaches it", () =>
    assert.deepEqual(
      entries([]).entries.map((entry) => entry.parent),
      [null]
    ))
})

describe("policies that may not be read", () => {
  const unread = (state: ClusterState, namespaces: ReadonlyArray<string>) =>
    apply(state, { _tag: "Replaced", kind: "BackendTLSPolicy.gateway.networking.k8s.io", objects: [], unread: namespaces })

  it("are not taken for none: what they may govern answers 500 and the route says why, in their namespace alone", () => {
    const state = world(cart + ledger() + api("{fqdn: {hostname: api.example, port: 443}}"))
    for (const target of ["Service shop/cart:80", "Service shop/ledger:8080", "Backend shop/api"]) {
      const refused = resolve(viewOf(unread(state, ["shop"])), target)
      assert.isNull(refused.upstream, target)
      assert.strictEqual(refused.why, "invalid_backend")
      const said = [refused.problem?.message, ...refused.notes].join()
      assert.match(said, /those of namespace shop may not be read: grant the operator get, list and watch.* plaintext is not used instead/)
      assert.isNotNull(resolve(viewOf(unread(state, ["other"])), target).upstream, target)
    }
  })

  it("are none where they can be read at last: the translation that went on says so too", () => {
    const routed = `${edge}${cart}`
    const translate = makeTranslate(settings)
    const blind = unread(world(routed), ["shop"])
    const before = translate(blind)
    const upstreams = (of: typeof before) => [...of.gateways.values()].map(({ snapshot }) => snapshot.upstreams.size)
    assert.deepEqual(upstreams(before), [0])
    const sighted = unread(blind, [])
    const after = translate(sighted, before)
    assert.deepEqual(upstreams(after), [1])
    assert.deepEqual(after.verdicts, translate(sighted).verdicts)
  })
})
