// The token endpoint goes out as its upstream does, and is told nothing that only the upstream's own endpoints understand.
import { assert, describe, it } from "vitest"
import type { Hop, OAuth2Credential } from "#src/snapshot/upstream.ts"
import { tokenEndpoint, tokenUpstream } from "#src/upstream/credential/endpoint.ts"
import { specOf } from "../../support/live.ts"

const hop: Hop = { at: { _tag: "Address", ip: "192.0.2.1", port: 3128 }, tls: null, certificateName: null, authorization: null }
const endpoint = { name: "login.example", port: 443, ca: "System" }
const credential = { endpoint } as unknown as OAuth2Credential

describe("a token endpoint", () => {
  const path = { via: [hop], sourceAddresses: ["192.0.2.9"] }
  const spec = specOf({ endpoints: [], spec: { ...path, proxyProtocol: "V2" } })
  it("is reached through the proxy and from the address of its upstream", () => {
    const { via, sourceAddresses } = tokenUpstream(spec, credential)
    assert.deepEqual({ via, sourceAddresses }, path)
    assert.isTrue(tokenEndpoint(spec, credential).proxied)
    assert.notProperty(tokenEndpoint(specOf({ endpoints: [] }), credential), "proxied")
  })
  it("is sent no header of the PROXY protocol", () => assert.notProperty(tokenUpstream(spec, credential), "proxyProtocol"))
})
