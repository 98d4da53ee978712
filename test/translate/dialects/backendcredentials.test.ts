// What spec.credentials of a Backend comes to: the field and its bytes, the conditions, and the Backends that are sent none.
import { assert, describe, it } from "vitest"
import type { ResolvedUpstream } from "#src/translate/resolved.ts"
import { resolved, upstreamOf } from "../world.ts"
import { backend, cart, conditions, fqdn, of } from "./shopbackend.ts"

const secret = (data: string, name = "vendor", namespace = "shop") => `---
apiVersion: v1
kind: Secret
metadata: {name: ${name}, namespace: ${namespace}}
stringData: ${data}
`
const bearer = "credentials: {bearer: {secretRef: {name: vendor}}}"
const basic = "credentials: {basic: {secretRef: {name: vendor}}}"
const header = "credentials: {header: {name: X-Api-Key, secretRef: {name: vendor}}}"

/** Of the credential, as the proxy will have it; null: none. */
const bytes = ({ spec, materials }: ResolvedUpstream): string | null =>
  materials.find(({ id }) => id === spec.credential?.secret)?.key?.use((key) => Buffer.from(key).toString()) ?? null

const made = (credentials: string, data: string) => upstreamOf(of(backend(fqdn(), credentials) + secret(data)))

describe("a credential", () => {
  it.each([
    ["a bearer token", bearer, "{token: t-1}", "Authorization", "Bearer", "Bearer t-1"],
    ["a bearer token of another key", bearer.replace("}}}", "}, key: k}}"), "{k: t-2}", "Authorization", "Bearer", "Bearer t-2"],
    ["a user with a password", basic, '{username: u, password: "p:w"}', "Authorization", "Basic", "Basic dTpwOnc="],
    ["a password beyond ASCII", basic, "{username: u, password: é}", "Authorization", "Basic", "Basic dTrDqQ=="],
    ["no password", basic, '{username: u, password: ""}', "Authorization", "Basic", "Basic dTo="],
    ["a field", header, '{credential: "a b"}', "X-Api-Key", "Header", "a b"],
    ["a line break at the end", bearer, '{token: "t\\r\\n"}', "Authorization", "Bearer", "Bearer t"],
    ["a line break at the end of a password", basic, '{username: "u\\n", password: "p\\n"}', "Authorization", "Basic", "Basic dTpw"]
  ])("%s", (_name, credentials, data, name, form, expected) => {
    const upstream = made(credentials, data)
    const { credential } = upstream.spec
    assert.deepInclude(credential as object, { kind: "Static", header: name, form })
    assert.strictEqual(bytes(upstream), expected)
  })

  it("changes no id with its bytes: pools stay; and its digest with them", () => {
    const [a, b] = [made(bearer, "{token: a}"), made(bearer, "{token: b}")]
    assert.strictEqual(a.id, b.id)
    assert.notStrictEqual(a.materials[0]!.ref.digest, b.materials[0]!.ref.digest)
    assert.strictEqual(made(bearer, "{token: a}").materials[0]!.ref.digest, a.materials[0]!.ref.digest)
  })

  it("makes another upstream: no connection is shared with who has none, or another", () => {
    const ids = [bearer, basic, header, header.replace("X-Api-Key", "X-Other")].map((one) => of(backend(fqdn(), one)).upstream?.id)
    assert.strictEqual(new Set([...ids, of(backend(fqdn())).upstream?.id]).size, 5)
  })

  it("one Secret serves several forms", () => {
    const upstreams = [bearer, basic].map((one) => made(one, "{token: t, username: u, password: p}"))
    assert.deepEqual(upstreams.map(bytes), ["Bearer t", "Basic dTpw"])
  })

  it("is said on the Backend, with the object that set it", () => {
    const yaml = backend(fqdn(), bearer) + secret("{token: t}")
    assert.match(
      conditions(yaml).get("Accepted")!.message,
      /sent with spec\.credentials\.bearer of Secret shop\/vendor: whoever a route lets in acts with it/
    )
    assert.strictEqual(conditions(yaml).get("ResolvedRefs")!.state, "True/ResolvedRefs")
    assert.strictEqual(upstreamOf(of(yaml)).spec.provenance.credential?.name, "api")
  })
})

describe("a Secret that gives none", () => {
  it.each([
    ["is absent", bearer, "", /Secret shop\/vendor does not exist/],
    ["lacks the key", bearer, secret("{tok: s3cr3t}"), /has no data key token/],
    ["lacks one of two keys", basic, secret("{username: s3cr3t}"), /has no data key password/],
    ["is empty", bearer, secret('{token: " \\n"}'), /has an empty token/],
    ["has a space", bearer, secret('{token: "Bearer s3cr3t"}'), /a space in it: the token alone/],
    ["has a line break inside", header, secret('{credential: "s3cr3t\\r\\nX-Admin: 1"}'), /one line of visible ASCII/],
    ["is not ASCII", header, secret("{credential: s3cr3té}"), /one line of visible ASCII/],
    ["has a NUL", header, secret('{credential: "s3cr3t\\0"}'), /one line of visible ASCII/],
    ["is too long", bearer, secret(`{token: ${"s3cr3t".repeat(3000)}}`), /more than 16384 characters/],
    ["has a colon in the user", basic, secret('{username: "s3cr3t:b", password: p}'), /a username with a colon/],
    ["has a control character", basic, secret('{username: s3cr3t, password: "p\\tq"}'), /a control character/],
    ["is no Secret at all", bearer, secret("[s3cr3t]"), /cannot be read/]
  ])("%s: ResolvedRefs says so, requests are to be answered 503, and no byte is told", (_name, credentials, more, why) => {
    const yaml = backend(fqdn(), credentials) + more
    const said = conditions(yaml)
    assert.strictEqual(said.get("Accepted")!.state, "True/Accepted")
    assert.strictEqual(said.get("ResolvedRefs")!.state, "False/InvalidCredentialRef")
    assert.match(said.get("ResolvedRefs")!.message, why)
    const found = of(yaml)
    const upstream = upstreamOf(found)
    assert.isNotNull(upstream.spec.credential)
    assert.lengthOf(upstream.materials, 0)
    assert.match(found.notes.join(), why)
    assert.notInclude(JSON.stringify([...said, found]), "s3cr3t")
  })
})

describe("client credentials", () => {
  const oauth2 = (more = "", endpoint = "https://login.vendor.example/oauth2/token?tenant=a") =>
    `credentials: {oauth2: {tokenEndpoint: "${endpoint}", clientID: shop, secretRef: {name: vendor}${more}}}`
  it("are where tokens come from, who asks, and for what", () => {
    const upstream = made(oauth2(", scopes: [a, b], audience: urn:x, clientAuthentication: Body"), "{client-secret: c-1}")
    assert.deepEqual(upstream.spec.credential, {
      kind: "OAuth2",
      endpoint: { name: "login.vendor.example", port: 443, target: "/oauth2/token?tenant=a", ca: "System" },
      client: "shop",
      authentication: "Body",
      scopes: ["a", "b"],
      audience: "urn:x",
      secret: "Secret/shop/vendor#client secret client-secret"
    })
    assert.strictEqual(bytes(upstream), "c-1")
    const plain = made(oauth2("", "https://LOGIN.vendor.example:8443"), "{client-secret: c-1}").spec.credential
    assert.deepInclude(plain, { authentication: "Basic", scopes: [], audience: null })
    assert.deepEqual(plain?.kind === "OAuth2" && plain.endpoint, { name: "login.vendor.example", port: 8443, target: "/", ca: "System" })
  })
  it("without their secret are answered 503", () => {
    const yaml = backend(fqdn(), oauth2()) + secret("{other: s3cr3t}")
    assert.match(conditions(yaml).get("ResolvedRefs")!.message, /has no data key client-secret/)
    assert.lengthOf(upstreamOf(of(yaml)).materials, 0)
    const bad = backend(fqdn(), oauth2()) + secret('{client-secret: "s3cr3té"}')
    assert.match(conditions(bad).get("ResolvedRefs")!.message, /no client's secret/)
  })
  it.each([
    ["an address", "https://192.0.2.1/token", /a spelling of an IP address/],
    ["the cluster", "https://idp.auth.svc/token", /a short name of a Service/],
    ["this machine", "https://localhost/token", /means this machine/],
    ["a port that is none", "https://login.vendor.example:70000/token", /no URL/],
    ["an address that is none", "https://1.2.3.999/token", /no URL/],
    ["a metadata service", "https://metadata.google.internal/token", /metadata service/]
  ])("are not shown to %s", (_name, endpoint, why) => {
    const said = conditions(backend(fqdn(), oauth2("", endpoint)) + secret("{client-secret: c}"))
    assert.strictEqual(said.get("Accepted")!.state, "False/Invalid")
    assert.match(said.get("Accepted")!.message, /^spec\.credentials\.oauth2\.tokenEndpoint: /)
    assert.match(said.get("Accepted")!.message, why)
    assert.strictEqual(said.get("ResolvedRefs")!.state, "True/ResolvedRefs")
  })
  it("with a CA that is not there are refused: the token endpoint could be anybody", () => {
    const yaml = backend(fqdn(), oauth2(', caCertificateRefs: [{group: "", kind: ConfigMap, name: idp}]')) + secret("{client-secret: c}")
    assert.strictEqual(conditions(yaml).get("ResolvedRefs")!.state, "False/InvalidCACertificateRef")
    assert.isNull(of(yaml).upstream)
  })
})

describe("an access key of AWS", () => {
  const sigV4 = (more = "") => `credentials: {sigV4: {region: eu-west-1, secretRef: {name: vendor}${more}}}`
  it("is its lines, for a region and a service", () => {
    const upstream = made(sigV4(), "{AWS_ACCESS_KEY_ID: a, AWS_SECRET_ACCESS_KEY: b}")
    assert.deepEqual(upstream.spec.credential, {
      kind: "SigV4",
      region: "eu-west-1",
      service: "s3",
      secret: "Secret/shop/vendor#access key"
    })
    assert.strictEqual(bytes(upstream), "a\nb")
    const session = made(sigV4(", service: execute-api"), '{AWS_ACCESS_KEY_ID: a, AWS_SECRET_ACCESS_KEY: b, AWS_SESSION_TOKEN: "c\\n"}')
    assert.strictEqual(bytes(session), "a\nb\nc")
    assert.notStrictEqual(session.materials[0]!.ref.digest, upstream.materials[0]!.ref.digest)
  })
  it.each([
    ["{AWS_ACCESS_KEY_ID: s3cr3t}", /no data key AWS_SECRET_ACCESS_KEY/],
    ['{AWS_ACCESS_KEY_ID: a, AWS_SECRET_ACCESS_KEY: "s3cr3t b"}', /a AWS_SECRET_ACCESS_KEY that is none/],
    ['{AWS_ACCESS_KEY_ID: a, AWS_SECRET_ACCESS_KEY: b, AWS_SESSION_TOKEN: "s3cr3t\\nx"}', /a AWS_SESSION_TOKEN that is none/]
  ])("is not %s", (data, why) => {
    const yaml = backend(fqdn(), sigV4()) + secret(data)
    assert.match(conditions(yaml).get("ResolvedRefs")!.message, why)
    assert.lengthOf(upstreamOf(of(yaml)).materials, 0)
    assert.notInclude(JSON.stringify([...conditions(yaml)]), "s3cr3t")
  })
})

describe("a reference", () => {
  const elsewhere = "credentials: {bearer: {secretRef: {name: vendor, namespace: vault}}}"
  const grant = `---
apiVersion: gateway.networking.k8s.io/v1beta1
kind: ReferenceGrant
metadata: {name: g, namespace: vault}
spec: {from: [{group: gateway.sluice.dev, kind: Backend, namespace: shop}], to: [{group: "", kind: Secret, name: vendor}]}
`
  it("into another namespace needs a grant there, and without one tells not whether the Secret exists", () => {
    const yaml = backend(fqdn(), elsewhere)
    for (const all of [yaml, yaml + secret("{token: t}", "vendor", "vault")]) {
      assert.strictEqual(conditions(all).get("ResolvedRefs")!.state, "False/RefNotPermitted")
      assert.strictEqual(conditions(all).get("Accepted")!.state, "False/Invalid")
      assert.isNull(of(all).upstream)
    }
    const granted = yaml + grant + secret("{token: t}", "vendor", "vault")
    assert.strictEqual(conditions(granted).get("ResolvedRefs")!.state, "True/ResolvedRefs")
    assert.strictEqual(bytes(upstreamOf(of(granted))), "Bearer t")
  })
  it("to what is no Secret is refused", () => {
    const yaml = backend(fqdn(), "credentials: {bearer: {secretRef: {kind: ConfigMap, name: vendor}}}")
    assert.strictEqual(conditions(yaml).get("ResolvedRefs")!.state, "False/InvalidKind")
    assert.isNull(of(yaml).upstream)
  })
})

describe("credentials are sent to nobody", () => {
  it.each([
    ["without TLS", fqdn(8080), "", /without TLS/],
    ["without TLS on 443", fqdn(443), ", protocol: HTTP", /without TLS/],
    ["without TLS at one of two endpoints", `${fqdn(443)}, ${fqdn(8080, "b.vendor.example")}`, "", /without TLS/],
    ["behind a socket without TLS", "{unix: {path: /run/sluice/a.sock}}", ", host: {value: a.example}", /without TLS/],
    ["in the cluster without TLS", "{service: {name: cart, port: 80}}", ", host: {value: a.example}", /without TLS/],
    ["under the client's Host", fqdn(), ", host: Request", /the Host would be the client's/],
    ["that has no name of its own", "{ip: {address: 192.0.2.1, port: 443}}", "", /the Host would be the client's/]
  ])("%s: the Backend is refused, with the remedy", (_name, endpoints, more, why) => {
    const yaml = backend(endpoints, bearer + more) + secret("{token: t}") + cart
    assert.strictEqual(conditions(yaml).get("Accepted")!.state, "False/Invalid")
    assert.match(conditions(yaml).get("Accepted")!.message, why)
    assert.isNull(of(yaml).upstream)
  })
  it("whose certificate is not verified, though an EgressPolicy permits that", () => {
    const permit = `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: EgressPolicy
metadata: {name: lab}
spec: {namespaceSelector: {}, mode: Open, permit: [SkipVerify]}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
`
    const yaml = (more: string) => backend(fqdn(), `tls: {insecureSkipVerify: true}${more}`) + secret("{token: t}") + permit
    assert.isNotNull(resolved(yaml(""), "Backend api").upstream)
    assert.match(conditions(yaml(`, ${bearer}`)).get("Accepted")!.message, /insecureSkipVerify anybody could take them/)
    assert.isNull(of(yaml(`, ${bearer}`)).upstream)
  })
  it.each([
    ["an address with a Host said", "{ip: {address: 192.0.2.1, port: 443}}", "host: {value: a.example}, tls: {hostname: a.example}"],
    ["a Service of the cluster over TLS", "{service: {name: cart, port: 8443}}", "host: {value: a.example}, tls: {hostname: a.example}"],
    ["a name on another port over TLS", fqdn(8443), "tls: {}"]
  ])("but to %s they are", (_name, endpoints, more) => {
    assert.isNotNull(upstreamOf(of(backend(endpoints, `${bearer}, ${more}`) + secret("{token: t}") + cart)).spec.credential)
  })
})
