// Envoy Gateway's Backend, in both forms, at the door: what they read alike, and what is refused where.
import { Result } from "effect"
import { assert, describe, it } from "vitest"
import { decodeObject } from "#schemas/decode.ts"
import type { EnvoyBackend } from "#schemas/dialects/envoybackend.ts"
import { unreadFields } from "#schemas/fields.ts"
import { kindOf } from "#schemas/kinds.ts"
import { parseKey } from "#schemas/meta.ts"

const object = (spec: object) => ({ apiVersion: "gateway.envoyproxy.io/v1alpha1", kind: "Backend", metadata: { name: "api" }, spec })

const decoded = (spec: object) => {
  const made = decodeObject(object(spec))
  if (made._tag !== "Decoded") throw new Error(made._tag)
  return made.value as Result.Result<EnvoyBackend, ReadonlyArray<{ readonly path: string; readonly message: string }>>
}
const specOf = (spec: object): EnvoyBackend["spec"] => Result.getOrThrow(decoded(spec)).spec
const endpoint = (one: object) => specOf({ endpoints: [one] }).endpoints[0]!
const read = (one: object) => Result.getOrThrow(endpoint(one))
/** The paths that are refused, of an endpoint or of the object. */
const refusedAt = (one: object): ReadonlyArray<string> => {
  const element = endpoint(one)
  return Result.isSuccess(element) ? [] : element.failure.map(({ path }) => path)
}
const objectRefusedAt = (spec: object): ReadonlyArray<string> => {
  const value = decoded(spec)
  return Result.isSuccess(value) ? [] : value.failure.map(({ path }) => path)
}

const fqdn = { fqdn: { hostname: "a.example.com", port: 443 } }
const tls = (settings: object) => ({ endpoints: [fqdn], tls: settings })
const ca = [{ group: "", kind: "ConfigMap", name: "ca" }]

describe("Envoy Gateway's Backend", () => {
  it("is a kind of its own beside ours", () => {
    const made = decodeObject(object({ endpoints: [fqdn] }))
    assert.strictEqual(made._tag === "Decoded" ? parseKey(made.meta.key).kind : "", "Backend.gateway.envoyproxy.io")
  })

  it("reads the short form as the API's", () => {
    assert.deepEqual(read({ fqdn: "a.example.com", port: 443 }), read(fqdn))
    assert.deepEqual(read({ fqdn: { hostname: "a.example.com" }, port: 443 }), read(fqdn))
    assert.deepEqual(read({ fqdn: { hostname: "a.example.com", port: 443 }, port: 443 }), read(fqdn))
    assert.deepEqual(read({ ip: "2001:db8::1", port: 80 }), read({ ip: { address: "2001:db8::1", port: 80 } }))
    assert.deepEqual(read({ unix: "/run/a.sock" }), read({ unix: { path: "/run/a.sock" } }))
  })

  it("costs an endpoint that is wrong itself alone, and says where", () => {
    assert.deepEqual(refusedAt({}), ["spec.endpoints[0]"])
    assert.deepEqual(refusedAt({ ...fqdn, unix: "/run/a.sock" }), ["spec.endpoints[0]"])
    assert.deepEqual(refusedAt({ fqdn: "a.example.com" }), ["spec.endpoints[0].port"])
    assert.deepEqual(refusedAt({ ...fqdn, port: 80 }), ["spec.endpoints[0].port"])
    assert.deepEqual(refusedAt({ unix: "/run/a.sock", port: 80 }), ["spec.endpoints[0].port"])
    assert.deepEqual(refusedAt({ fqdn: { hostname: "a.example.com", port: 0 } }), ["spec.endpoints[0].fqdn.port"])
    assert.deepEqual(refusedAt({ ...fqdn, protocol: "TCP" }), ["spec.endpoints[0].protocol"])
    assert.deepEqual(refusedAt({ ...fqdn, hostname: "A.example.com" }), ["spec.endpoints[0].hostname"])
    assert.isNotEmpty(refusedAt({ ip: "256.0.0.1", port: 80 }))
    const both = specOf({ endpoints: [{ fqdn: 5 }, fqdn] }).endpoints
    assert.deepEqual(both.map(Result.isSuccess), [false, true])
  })

  it("refuses what says nothing or contradicts itself", () => {
    assert.deepEqual(objectRefusedAt({}), ["spec.endpoints"])
    assert.deepEqual(objectRefusedAt({ type: "DynamicResolver" }), [])
    assert.deepEqual(objectRefusedAt({ type: "DynamicResolver", endpoints: [fqdn] }), ["spec.endpoints"])
    assert.deepEqual(objectRefusedAt({ endpoints: [fqdn], appProtocol: "http", appProtocols: ["http"] }), ["spec.appProtocol"])
    assert.deepEqual(objectRefusedAt(tls({ caCertificateRefs: ca, wellKnownCACertificates: "System" })), [
      "spec.tls.wellKnownCACertificates"
    ])
    assert.deepEqual(objectRefusedAt(tls({ caCertificateRefs: ca, wellKnownCACertificates: "" })), [])
    assert.deepEqual(objectRefusedAt(tls({ insecureSkipVerify: true, caCertificateRefs: ca })), ["spec.tls.insecureSkipVerify"])
    assert.deepEqual(objectRefusedAt(tls({ insecureSkipVerify: true, wellKnownCACertificates: "System" })), ["spec.tls.insecureSkipVerify"])
    assert.deepEqual(objectRefusedAt(tls({ sni: "a.example.com", autoSNIFromEndpointHostname: true })), ["spec.tls.sni"])
    assert.deepEqual(objectRefusedAt(tls({ sni: "a.example.com", autoSNIFromEndpointHostname: false })), [])
    assert.deepEqual(objectRefusedAt(tls({ minVersion: "1.3", maxVersion: "1.2" })), ["spec.tls.maxVersion"])
    assert.deepEqual(objectRefusedAt(tls({ minVersion: "1.3", maxVersion: "Auto" })), [])
  })

  it("has no fields but those: a misspelling is told", () => {
    const kind = kindOf("Backend.gateway.envoyproxy.io")!
    const raw = object({ endpoints: [{ fqdn: { hostname: "a.example.com", prt: 443 }, weight: 3 }], tls: { snii: "a" }, timeouts: {} })
    assert.deepEqual(
      unreadFields(kind, raw).map(({ path }) => path),
      ["spec.endpoints[0].fqdn.prt", "spec.endpoints[0].weight", "spec.tls.snii", "spec.timeouts"]
    )
  })
})
