// spec.egressPath of a Backend: which endpoints go through the proxy, what the proxy is, and what is wrong with it.
import { assert, describe, it } from "vitest"
import { upstreamOf } from "../world.ts"
import { accepted, backend, cart, conditions, fqdn, made, of } from "./shopbackend.ts"

const proxy = (more = "") => `egressPath: {proxy: {fqdn: {hostname: proxy.corp.example, port: 3128}${more === "" ? "" : `, ${more}`}}}`
const endpoints = `${fqdn(443, "api.vendor.example")}, ${fqdn(443, "db.corp.example")}, {ip: {address: 10.1.2.3, port: 80}}, {ip: {address: "2001:db8::7", port: 80}}, {unix: {path: /run/sluice/a.sock}}`
const login = (name: string, namespace: string, data = "{username: gw, password: canary-s3cret}") => `---
apiVersion: v1
kind: Secret
metadata: {name: ${name}, namespace: ${namespace}}
stringData: ${data}
`

describe("through a proxy", () => {
  it("go fqdn and ip endpoints, but for those that noProxy names; never sockets, nor Services", () => {
    const ways = (noProxy: string, more = "") =>
      made(endpoints, `${proxy(`noProxy: [${noProxy}]`)}${more}`).endpoints.map((one) => one.proxied ?? false)
    assert.deepEqual(ways(""), [true, true, true, true, false])
    assert.deepEqual(ways('"*.corp.example"'), [true, false, true, true, false])
    assert.deepEqual(ways("api.vendor.example, corp.example"), [false, true, true, true, false])
    assert.deepEqual(ways("10.0.0.0/8"), [true, true, false, true, false])
    assert.deepEqual(ways('10.1.2.3, "2001:DB8:0::7"'), [true, true, false, false, false])
    assert.deepEqual(ways('"::ffff:10.1.2.3", "2001:db8::/126"'), [true, true, false, true, false])
    const services = upstreamOf(of(backend(`${fqdn()}, {service: {name: cart, port: 80}}`, proxy()) + cart))
    assert.deepEqual(
      services.endpoints.map((one) => one.proxied ?? false),
      [true, false, false, false]
    )
  })

  it("is the proxy of a name or an address, plain or over TLS, and has its say in explain", () => {
    const via = (more: string) => made(fqdn(), more).spec.via
    const plain = { tls: null, certificateName: null, authorization: null }
    assert.deepEqual(via(proxy()), [{ at: { _tag: "Name", name: "proxy.corp.example", port: 3128, srv: false }, ...plain }])
    assert.deepEqual(via('egressPath: {proxy: {ip: {address: "2001:DB8::5", port: 1}}}'), [
      { at: { _tag: "Address", ip: "2001:db8::5", port: 1 }, ...plain }
    ])
    const [over] = via(proxy("tls: {hostname: p.example}"))
    assert.deepEqual([over?.certificateName, over?.tls?.ca, over?.tls?.verify], ["p.example", "System", true])
    assert.deepEqual(Object.keys(made(fqdn(), `${proxy().slice(0, -1)}, sourceAddresses: [192.0.2.5]}`).spec.provenance).sort(), [
      "sourceAddresses",
      "via"
    ])
    assert.deepEqual(
      [made(fqdn(), "egressPath: {proxyProtocol: V1}").spec.proxyProtocol, made(fqdn()).spec.proxyProtocol],
      ["V1", undefined]
    )
    assert.isEmpty(via("egressPath: {}"))
    assert.notProperty(made(fqdn(), "egressPath: {}").spec, "sourceAddresses")
  })

  it("that no endpoint takes is told", () =>
    assert.include(accepted(backend("{unix: {path: /run/sluice/a.sock}}", proxy())).message, "no endpoint goes through it"))

  it("with a login from a Secret: what it is made of, and nothing of it shown", () => {
    const yaml = backend(fqdn(), proxy("credentialsRef: {name: login}")) + login("login", "shop")
    const { spec, materials } = upstreamOf(of(yaml))
    const id = spec.via[0]?.authorization
    const material = materials.find((one) => one.id === id)
    assert.strictEqual(
      material?.key?.use((bytes) => Buffer.from(bytes).toString()),
      `Basic ${Buffer.from("gw:canary-s3cret").toString("base64")}`
    )
    assert.notInclude(JSON.stringify([spec, materials, [...conditions(yaml)]]), "canary")
  })

  it("without the login it names: refused without a grant, 503 and a condition without the Secret", () => {
    const elsewhere = backend(fqdn(), proxy("credentialsRef: {name: login, namespace: infra}")) + login("login", "infra")
    assert.strictEqual(of(elsewhere).upstream, null)
    assert.strictEqual(conditions(elsewhere).get("ResolvedRefs")?.state, "False/RefNotPermitted")
    for (const rest of ["", login("login", "shop", "{username: gw}"), login("login", "shop", '{username: "a:b", password: canary}')]) {
      const yaml = backend(fqdn(), proxy("credentialsRef: {name: login}")) + rest
      const { spec, materials } = upstreamOf(of(yaml))
      assert.isNotNull(spec.via[0]?.authorization)
      assert.isEmpty(materials)
      assert.strictEqual(conditions(yaml).get("ResolvedRefs")?.state, "False/InvalidCredentialRef")
      assert.include(conditions(yaml).get("ResolvedRefs")?.message, "spec.egressPath.proxy.credentialsRef: Secret shop/login")
      assert.include(of(yaml).notes.join(), "credentialsRef")
      assert.notInclude(JSON.stringify([...conditions(yaml)]), "canary")
    }
  })
})

describe("an EgressPolicy", () => {
  const policy = (mode: string, ...hosts: ReadonlyArray<string>) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: EgressPolicy
metadata: {name: p}
spec: {namespaceSelector: {}, mode: ${mode}, allow: [{hosts: [${hosts}]}]}
`
  const [api, way] = ["api.vendor.example", "proxy.corp.example"]
  it("must list the endpoint and the proxy", () => {
    const refused = (...hosts: ReadonlyArray<string>) =>
      of(backend(fqdn(), proxy()) + policy("Enforce", ...hosts)).notes.some((note) => note.includes("EgressPolicy p"))
    assert.deepEqual([refused(api), refused(way), refused(api, way)], [true, true, false])
  })
  it("in mode Report lacks what is not listed of either", () => {
    const notes = (...hosts: ReadonlyArray<string>) => of(backend(fqdn(), proxy()) + policy("Report", ...hosts)).notes.join()
    assert.include(notes("a.example"), "{hosts: [api.vendor.example], ports: [443]}")
    assert.include(notes("a.example"), "{hosts: [proxy.corp.example], ports: [3128]}")
    assert.notInclude(notes(api), "{hosts: [api.vendor.example], ports: [443]}")
    assert.notInclude(notes(api, way), "would")
  })
})

describe("a bad path", () => {
  it.each([
    ["egressPath: {proxy: {fqdn: {hostname: proxy.infra.svc.cluster.local, port: 3128}}}", "spec.egressPath.proxy.fqdn.hostname"],
    ["egressPath: {proxy: {ip: {address: 169.254.169.254, port: 3128}}}", "spec.egressPath.proxy.ip.address"],
    ["egressPath: {proxy: {ip: {address: 127.0.0.1, port: 3128}}}", "spec.egressPath.proxy.ip.address"],
    [proxy("tls: {caCertificateRefs: [{group: '', kind: ConfigMap, name: gone}]}"), "spec.egressPath.proxy.tls.caCertificateRefs[0]"],
    ["egressPath: {sourceAddresses: [127.0.0.1]}", "spec.egressPath.sourceAddresses[0]"],
    ["egressPath: {sourceAddresses: ['::']}", "spec.egressPath.sourceAddresses[0]"]
  ])("%s costs the Backend: it would take another way", (more, field) => {
    const yaml = backend(fqdn(), more)
    assert.deepEqual([of(yaml).upstream, of(yaml).why], [null, "invalid_backend"])
    assert.strictEqual(accepted(yaml).state, "False/Invalid")
    assert.include(accepted(yaml).message, field)
  })
})
