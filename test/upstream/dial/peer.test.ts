import { X509Certificate } from "node:crypto"
import fc from "fast-check"
import { beforeAll, describe, expect, it } from "vitest"
import { namesOf, wrongName } from "#src/upstream/dial/peer.ts"
import { type Authority, makeAuthority } from "../../support/certificates.ts"

let ca: Authority
beforeAll(async () => {
  ca = await makeAuthority()
})
const certificate = async (options: Parameters<Authority["leaf"]>[0]) => new X509Certificate((await ca.leaf(options)).certificate)

describe("the names of a certificate", () => {
  it("are told by their sort", async () => {
    expect(namesOf(await certificate({ dns: ["a.example", "*.b.example"], ip: ["203.0.113.7"], uri: ["spiffe://trust/ns/a"] }))).toEqual([
      "dns:a.example",
      "dns:*.b.example",
      "ip:203.0.113.7",
      "uri:spiffe://trust/ns/a"
    ])
    expect(namesOf(await certificate({ commonName: "x" }))).toEqual([])
  })

  it("one odd name does not pass for two", async () => {
    const odd = await certificate({
      uri: ["spiffe://evil/, URI:spiffe://trust/ns/a", 'spiffe://evil/", URI:spiffe://trust/ns/a, URI:"'],
      commonName: "x"
    })
    expect(namesOf(odd)).toHaveLength(2)
    expect(wrongName(odd, ["uri:spiffe://trust/ns/a"], null)).not.toBeNull()
  })

  it("text that cannot be read yields no names after it", () => {
    expect(namesOf({ subjectAltName: 'DNS:a.example, URI:"broken, DNS:b.example' })).toEqual(["dns:a.example"])
    fc.assert(fc.property(fc.string(), (subjectAltName) => Array.isArray(namesOf({ subjectAltName }))))
  })
})

describe("the name we meant", () => {
  it("is compared without regard to case", async () => {
    expect(wrongName(await certificate({ dns: ["API.Example"] }), [], "api.example")).toBeNull()
  })
  it("nothing to look for is a mismatch", async () => {
    expect(wrongName(await certificate({ dns: ["a.example"] }), [], null)).toMatch(/set tls.hostname/)
  })
  it("given names replace the certificate name", async () => {
    const it_ = await certificate({ dns: ["a.example"] })
    expect(wrongName(it_, ["dns:b.example"], "a.example")).toMatch(/certificate of b\.example is for a\.example/)
    expect(wrongName(it_, ["a.example"], null)).toBeNull()
  })
  it("a long list is cut short in words", async () => {
    const many = await certificate({ dns: Array.from({ length: 9 }, (_, i) => `n${i}.example`) })
    expect(wrongName(many, [], "a.example")).toMatch(/n4\.example and 4 more$/)
  })
})
