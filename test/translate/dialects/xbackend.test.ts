import { assert, beforeAll, describe, it } from "vitest"
import { type IssuedCertificate, makeAuthority } from "../../support/certificates.ts"
import { conditionsOf, resolved, upstreamOf } from "../world.ts"

const key = "XBackend.gateway.networking.x-k8s.io/shop/tiles"
const spec = (text: string) => `
apiVersion: gateway.networking.x-k8s.io/v1alpha1
kind: XBackend
metadata: {name: tiles, namespace: shop}
spec: {${text}}
`
const host = "externalHostname: {hostname: tiles.imagery.example}"
/** port: `{number: 443}` (v1.7) or `{port: 443}` (v1.6). */
const xbackend = (port: string, more = "") => spec(`type: ExternalHostname, port: ${port}, ${host}${more === "" ? "" : `, ${more}`}`)
const of = (yaml: string, ref = "XBackend tiles") => resolved(yaml, ref)
const accepted = (yaml: string) => conditionsOf(yaml, key).get("Accepted")!

let root: string
let pair: IssuedCertificate
beforeAll(async () => {
  const authority = await makeAuthority()
  root = authority.certificate
  pair = await authority.leaf({ dns: ["client.example"], usage: "client" })
})
const indent = (pem: string) => pem.trim().replaceAll("\n", "\n    ")
const ca = (pem: string, name = "ca") => `---
apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}, namespace: shop}
data:
  ca.crt: |
    ${indent(pem)}
`
const client = (namespace = "shop") => `---
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {name: client, namespace: ${namespace}}
stringData:
  tls.crt: |
    ${indent(pair.chain)}
  tls.key: |
    ${indent(pair.key)}
`

describe("an XBackend", () => {
  it("is dialled at its hostname and port in both shapes", () => {
    for (const port of ["{port: 8080}", "{number: 8080}"]) {
      const { spec: made, endpoints } = upstreamOf(of(xbackend(port)))
      assert.deepEqual(endpoints[0]?.at, { _tag: "Name", name: "tiles.imagery.example", port: 8080, srv: false })
      assert.deepEqual([made.identity.host, made.external, endpoints[0]?.tls], ["Endpoint", true, false])
    }
  })
  it("takes a reference without port, or with its own; another is refused", () => {
    assert.isNotNull(of(xbackend("{number: 8080}"), "XBackend tiles:8080").upstream)
    const other = of(xbackend("{number: 8080}"), "XBackend tiles:80")
    assert.deepEqual([other.why, other.problem?.reason], ["backend_not_found", "BackendNotFound"])
    assert.include(other.problem?.message ?? "", "8080")
  })
  it("is reached from its own namespace only, whatever a grant says", () => {
    const grant = `---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: shop}
spec: {from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: other}], to: [{group: gateway.networking.x-k8s.io, kind: XBackend}]}
`
    const backend = resolved(xbackend("{number: 8080}") + grant, "XBackend shop/tiles", "other")
    assert.deepEqual([backend.why, backend.problem?.reason], ["ref_not_permitted", "RefNotPermitted"])
    assert.include(backend.problem?.message ?? "", "GEP-4894")
  })
  it("absent is BackendNotFound", () => assert.strictEqual(of("").problem?.reason, "BackendNotFound"))
})

describe("TLS of an XBackend", () => {
  const validation = "validation: {hostname: cdn.example, wellKnownCACertificates: System}"
  it("left out on port 443 is TLS in the v1.6 shape, which is told", () => {
    const yaml = xbackend("{port: 443}")
    assert.isTrue(upstreamOf(of(yaml)).endpoints[0]?.tls)
    assert.include(accepted(yaml).message, "port 443 without a word about TLS")
  })
  it("None on port 443 opts out in the v1.6 shape, which is told", () => {
    const yaml = xbackend("{port: 443}", "tls: {mode: None}")
    assert.isFalse(upstreamOf(of(yaml)).endpoints[0]?.tls)
    assert.include(accepted(yaml).message, "plaintext on port 443")
  })
  it("None (or nothing, which becomes None) on port 443 is refused in the v1.7 shape, with the remedy", () => {
    for (const yaml of [xbackend("{number: 443}", "tls: {mode: None}"), xbackend("{number: 443}")]) {
      const backend = of(yaml)
      assert.deepEqual([backend.upstream, backend.why], [null, "invalid_backend"])
      assert.strictEqual(accepted(yaml).state, "False/Invalid")
      assert.include(accepted(yaml).message, "set tls.mode to ServerOnly")
      assert.include(backend.problem?.message ?? "", "set tls.mode to ServerOnly")
    }
  })
  it("None or left out elsewhere is plaintext, which is told", () => {
    for (const more of ["", "tls: {mode: None}"]) {
      const yaml = xbackend("{number: 8080}", more)
      assert.isNull(upstreamOf(of(yaml)).spec.tls)
      assert.include(accepted(yaml).message, "plaintext to an external host")
    }
  })
  it("ServerOnly takes SNI and names from its validation", () => {
    const { spec: made, endpoints } = upstreamOf(
      of(
        xbackend(
          "{number: 8443}",
          "tls: {mode: ServerOnly, validation: {hostname: cdn.example, wellKnownCACertificates: System, subjectAltNames: [{type: Hostname, hostname: '*.cdn.example'}, {type: URI, uri: 'spiffe://a/b'}]}}"
        )
      )
    )
    assert.isTrue(endpoints[0]?.tls)
    assert.deepEqual(made.identity, { host: "Endpoint", sni: "cdn.example", certificateName: "cdn.example" })
    assert.deepEqual(made.tls?.names, ["dns:*.cdn.example", "uri:spiffe://a/b"])
  })
  it("ServerOnly alone (v1.6 admits it) means system roots and the external hostname", () => {
    const { spec: made } = upstreamOf(of(xbackend("{port: 8443}", "tls: {mode: ServerOnly}")))
    assert.deepEqual([made.tls?.ca, made.identity.sni], ["System", null])
  })
  it("takes CAs from ConfigMaps, and carries their material", () => {
    const { spec: made, materials } = upstreamOf(
      of(
        xbackend(
          "{number: 443}",
          "tls: {mode: ServerOnly, validation: {hostname: a.example, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}}"
        ) + ca(root)
      )
    )
    assert.deepEqual(made.tls?.ca, ["ConfigMap/shop/ca#ca.crt"])
    assert.deepEqual(
      materials.map((one) => [one.id, one.chain.trim()]),
      [["ConfigMap/shop/ca#ca.crt", root.trim()]]
    )
  })
  it("ClientAndServer carries the client certificate", () => {
    const { spec: made, materials } = upstreamOf(
      of(xbackend("{number: 443}", `tls: {mode: ClientAndServer, clientCertificateRef: {name: client}, ${validation}}`) + client())
    )
    assert.strictEqual(made.tls?.client, "Secret/shop/client")
    assert.deepEqual(materials[0]?.names, ["client.example"])
  })
  it.each([
    [
      "a CA that is absent",
      "tls: {mode: ServerOnly, validation: {hostname: a.example, caCertificateRefs: [{group: '', kind: ConfigMap, name: gone}]}}",
      "False/InvalidCACertificateRef",
      "ConfigMap shop/gone does not exist"
    ],
    [
      "a CA that is no certificate",
      "tls: {mode: ServerOnly, validation: {hostname: a.example, caCertificateRefs: [{group: '', kind: ConfigMap, name: bad}]}}",
      "False/InvalidCACertificateRef",
      "ca.crt holds no PEM block"
    ],
    [
      "a CA of another kind",
      "tls: {mode: ServerOnly, validation: {hostname: a.example, caCertificateRefs: [{group: '', kind: Service, name: ca}]}}",
      "False/InvalidKind",
      "Service ca"
    ],
    [
      "a client certificate that is absent",
      "tls: {mode: ClientAndServer, clientCertificateRef: {name: gone}, validation: {hostname: a.example, wellKnownCACertificates: System}}",
      "False/InvalidClientCertificateRef",
      "Secret shop/gone does not exist"
    ],
    [
      "a client certificate of another namespace without grant",
      "tls: {mode: ClientAndServer, clientCertificateRef: {name: client, namespace: vault}, validation: {hostname: a.example, wellKnownCACertificates: System}}",
      "False/RefNotPermitted",
      "ReferenceGrant in namespace vault"
    ]
  ])("%s: refused, never plaintext", (_, more, state, told) => {
    const yaml = xbackend("{number: 443}", more) + ca("nothing", "bad") + client("vault")
    const backend = of(yaml)
    assert.deepEqual([backend.upstream, backend.why], [null, "invalid_backend"])
    const conditions = conditionsOf(yaml, key)
    assert.strictEqual(conditions.get("Accepted")?.state, "False/Invalid")
    assert.strictEqual(conditions.get("ResolvedRefs")?.state, state)
    assert.include(conditions.get("ResolvedRefs")?.message ?? "", told)
  })
  it("a client certificate of another namespace serves with a grant", () => {
    const grant = `---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: g, namespace: vault}
spec: {from: [{group: gateway.networking.x-k8s.io, kind: XBackend, namespace: shop}], to: [{group: "", kind: Secret}]}
`
    const yaml =
      xbackend("{number: 443}", `tls: {mode: ClientAndServer, clientCertificateRef: {name: client, namespace: vault}, ${validation}}`) +
      client("vault")
    assert.isNotNull(of(yaml + grant).upstream)
  })
  it("an unknown set of CAs is refused by its name", () => {
    const yaml = xbackend(
      "{number: 443}",
      "tls: {mode: ServerOnly, validation: {hostname: a.example, wellKnownCACertificates: corp.example/roots}}"
    )
    assert.isNull(of(yaml).upstream)
    assert.include(accepted(yaml).message, "corp.example/roots")
  })
})

describe("protocols of an XBackend", () => {
  it("HTTP and HTTP11 are served, WSS as HTTP/1.1 over TLS", () => {
    assert.strictEqual(upstreamOf(of(xbackend("{number: 8080}", "protocol: HTTP"))).spec.protocol, "auto")
    assert.strictEqual(upstreamOf(of(xbackend("{number: 8080}", "protocol: HTTP11"))).spec.protocol, "http1")
    const wss = upstreamOf(
      of(
        xbackend(
          "{number: 8443}",
          "protocol: WSS, tls: {mode: ServerOnly, validation: {hostname: a.example, wellKnownCACertificates: System}}"
        )
      )
    )
    assert.deepEqual([wss.spec.protocol, wss.endpoints[0]?.tls], ["http1", true])
  })
  it("TCP carries no requests: the object is served, and not to an HTTPRoute", () => {
    const yaml = xbackend("{number: 8080}", "protocol: TCP")
    assert.deepEqual([of(yaml).upstream, of(yaml).problem?.reason], [null, "UnsupportedProtocol"])
    assert.strictEqual(accepted(yaml).state, "True/Accepted")
  })
  it.each(["MCP"])("%s is UnsupportedProtocol, on the object and on the route", (protocol) => {
    const yaml = xbackend("{number: 8080}", `protocol: ${protocol}`)
    const backend = of(yaml)
    assert.deepEqual([backend.upstream, backend.problem?.reason], [null, "UnsupportedProtocol"])
    assert.strictEqual(accepted(yaml).state, "False/UnsupportedProtocol")
  })
})

describe("an XBackend is refused", () => {
  it.each(["10.0.0.1", "localhost", "cluster.local", "a.corp.cluster", "intranet", "metadata.google.internal"])(
    "for the hostname %s, which passes the CRD",
    (name) => {
      const yaml = spec(`type: ExternalHostname, port: {number: 80}, externalHostname: {hostname: ${name}}`)
      const backend = of(yaml)
      assert.deepEqual([backend.upstream, backend.problem?.reason], [null, "InvalidAddress"])
      assert.strictEqual(accepted(yaml).state, "False/Invalid")
      assert.include(accepted(yaml).message, "spec.externalHostname.hostname")
    }
  )
  it("when it does not decode, with the field: the upstream documentation's own example lacks a CA source", () => {
    const yaml = xbackend("{number: 443}", "tls: {mode: ServerOnly, validation: {hostname: a.example}}")
    assert.strictEqual(accepted(yaml).state, "False/Invalid")
    assert.include(accepted(yaml).message, "wellKnownCACertificates: System")
    assert.deepEqual([of(yaml).why, of(yaml).problem?.reason], ["invalid_backend", "InvalidBackend"])
  })
})
