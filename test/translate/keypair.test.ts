import { generateKeyPairSync } from "node:crypto"
import { Result } from "effect"
import { assert, beforeAll, describe, it } from "vitest"
import { seal } from "#src/snapshot/secret.ts"
import { parseBundle, parseKeyPair, type SecretBytes } from "#src/translate/keypair.ts"
import { type Authority, type IssuedCertificate, makeAuthority } from "../support/certificates.ts"

const source = { kind: "Secret", namespace: "shop", name: "tls", section: null }
const install = new Uint8Array([1, 2, 3])

let root: Authority
let leaf: IssuedCertificate
let other: IssuedCertificate

beforeAll(async () => {
  root = await makeAuthority("Test Root")
  leaf = await root.leaf({ dns: ["Api.Example.com", "*.example.org"], uri: ["spiffe://mesh/ns/shop"], ip: ["192.0.2.1"] })
  other = await root.leaf({ dns: ["other.example.com"] })
})

const secret = (data: Readonly<Record<string, string>>, type = "kubernetes.io/tls"): SecretBytes => ({
  type,
  data: new Map(Object.entries(data).map(([key, text]) => [key, seal(install, Buffer.from(text))]))
})

const pair = (data: Readonly<Record<string, string>>, type?: string) => parseKeyPair("Secret/shop/tls", source, secret(data, type))

const failure = <A>(result: Result.Result<A, string>): string => (Result.isFailure(result) ? result.failure : "")

describe("a pair", () => {
  it("keeps the chain, the sealed key, the names of the leaf and the end of its days", () => {
    const material = Result.getOrThrow(pair({ "tls.crt": leaf.chain, "tls.key": leaf.key }))
    assert.deepEqual(material.names, ["api.example.com", "*.example.org", "spiffe://mesh/ns/shop"])
    assert.strictEqual(material.chain, leaf.chain)
    assert.match(material.expires, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    assert.strictEqual(
      material.key?.use((bytes) => Buffer.from(bytes).toString()),
      leaf.key
    )
  })
  it("is the same object while its bytes are the same, and another when they change", () => {
    const once = Result.getOrThrow(pair({ "tls.crt": leaf.chain, "tls.key": leaf.key }))
    assert.strictEqual(Result.getOrThrow(pair({ "tls.crt": leaf.chain, "tls.key": leaf.key })), once)
    assert.notStrictEqual(Result.getOrThrow(pair({ "tls.crt": other.chain, "tls.key": other.key })).ref.digest, once.ref.digest)
  })
  it("is taken out of its dates: the peer judges those", async () => {
    const expired = await root.leaf({ dns: ["old.example"], notBefore: new Date(2020, 0, 1), notAfter: new Date(2021, 0, 1) })
    assert.isTrue(Result.isSuccess(pair({ "tls.crt": expired.chain, "tls.key": expired.key })))
  })
})

describe("a pair is refused, by field, when", () => {
  it("the Secret is of another type", () =>
    assert.include(failure(pair({ "tls.crt": leaf.chain, "tls.key": leaf.key }, "Opaque")), "kubernetes.io/tls"))
  it("a field is absent", () => {
    assert.include(failure(pair({ "tls.crt": leaf.chain })), "no data key tls.key")
    assert.include(failure(pair({ "tls.key": leaf.key })), "no data key tls.crt")
  })
  it("the key is of another certificate", () =>
    assert.include(failure(pair({ "tls.crt": leaf.chain, "tls.key": other.key })), "not the key of the first certificate"))
  it("the authority comes before the leaf", () =>
    assert.include(failure(pair({ "tls.crt": root.certificate + leaf.certificate, "tls.key": leaf.key })), "leaf comes first"))
  it("the certificate is not PEM, or cut short", () => {
    assert.include(failure(pair({ "tls.crt": "hello", "tls.key": leaf.key })), "tls.crt holds no PEM block")
    assert.include(failure(pair({ "tls.crt": leaf.certificate.slice(0, -40), "tls.key": leaf.key })), "tls.crt")
    assert.include(failure(pair({ "tls.crt": leaf.certificate.replace(/\n[A-Za-z0-9+/]{20}/, "\n"), "tls.key": leaf.key })), "tls.crt")
  })
  it("the key is not a key, or encrypted", () => {
    assert.include(failure(pair({ "tls.crt": leaf.chain, "tls.key": "hello" })), "tls.key")
    const { privateKey } = generateKeyPairSync("ec", {
      namedCurve: "P-256",
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" }
    })
    assert.include(failure(pair({ "tls.crt": leaf.chain, "tls.key": privateKey })), "encrypted")
  })
  it("and no message quotes bytes", () => {
    const marker = "SGVsbG8gc2VjcmV0"
    const message = failure(
      pair({ "tls.crt": leaf.chain, "tls.key": `-----BEGIN PRIVATE KEY-----\n${marker}\n-----END PRIVATE KEY-----\n` })
    )
    assert.notInclude(message, marker)
    assert.notStrictEqual(message, "")
  })
})

describe("a bundle", () => {
  const bundle = (pem: string) => parseBundle("ConfigMap/shop/ca#ca.crt", { ...source, kind: "ConfigMap" }, pem, "ca.crt")
  it("may hold several certificates and text between them, and ends with the first of them", async () => {
    const soon = await root.leaf({ dns: ["soon.example"], notAfter: new Date(Date.now() + 3_600_000) })
    const material = Result.getOrThrow(bundle(`# our roots\n${root.certificate}\n# another\n${soon.certificate}`))
    assert.isNull(material.key)
    assert.isBelow(Date.parse(material.expires), Date.now() + 7_200_000)
  })
  it("with one bad block is refused whole", () =>
    assert.include(failure(bundle(`${root.certificate}\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`)), "PEM block 2"))
  it("with a block cut short behind a good one is refused: an anchor must not be missed in silence", () =>
    assert.include(failure(bundle(`${root.certificate}\n${root.certificate.slice(0, -30)}`)), "does not end"))
  it("without a certificate, or with a key, is refused", () => {
    assert.include(failure(bundle("")), "no PEM block")
    assert.include(failure(bundle(root.certificate + leaf.key)), "PRIVATE KEY")
  })
})
