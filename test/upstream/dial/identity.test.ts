import { describe, expect, it } from "vitest"
import type { Endpoint, EndpointAddress, IdentitySettings } from "#src/snapshot/upstream.ts"
import { identityOf } from "#src/upstream/dial/identity.ts"

const settings: IdentitySettings = { host: "Endpoint", sni: null, certificateName: null }
const endpoint = (at: EndpointAddress, tls = true): Endpoint => ({
  at,
  tls,
  tier: 0,
  weight: 1,
  zone: null,
  draining: false,
  origin: "Written"
})
const name = (host: string, port: number): EndpointAddress => ({ _tag: "Name", name: host, port, srv: false })
const ip = (address: string, port: number): EndpointAddress => ({ _tag: "Address", ip: address, port })

describe("a hostname and a port are enough", () => {
  it("Host, SNI and certificate name are the external name", () => {
    expect(identityOf(settings, endpoint(name("API.Vendor.example.", 443)))).toEqual({
      host: "api.vendor.example",
      sni: "api.vendor.example",
      certificateName: "api.vendor.example",
      alpn: ["http/1.1"],
      probeHost: "api.vendor.example"
    })
  })
  it.each([
    [name("a.example", 443), true, "a.example"],
    [name("a.example", 80), false, "a.example"],
    [name("a.example", 80), true, "a.example:80"],
    [name("a.example", 443), false, "a.example:443"],
    [name("a.example", 8443), true, "a.example:8443"],
    [ip("203.0.113.7", 443), true, "203.0.113.7"],
    [ip("2001:db8::1", 8443), true, "[2001:db8::1]:8443"],
    [ip("2001:db8::1", 443), true, "[2001:db8::1]"],
    [{ _tag: "Unix", path: "/run/a.sock" }, false, "localhost"]
  ] as ReadonlyArray<readonly [EndpointAddress, boolean, string]>)("%j with tls %s sends Host %s", (at, tls, host) => {
    expect(identityOf(settings, endpoint(at, tls)).host).toBe(host)
  })
})

describe("what the user says wins", () => {
  it("an explicit Host is sent as written, and does not touch SNI", () => {
    const identity = identityOf({ ...settings, host: { name: "tenant.example" } }, endpoint(name("edge.example", 8443)))
    expect(identity).toMatchObject({
      host: "tenant.example",
      sni: "edge.example",
      certificateName: "edge.example",
      probeHost: "tenant.example"
    })
  })
  it("Request keeps the client's Host; probes use the endpoint's own", () => {
    expect(identityOf({ ...settings, host: "Request" }, endpoint(name("edge.example", 8443)))).toMatchObject({
      host: "Request",
      probeHost: "edge.example:8443"
    })
  })
  it("an explicit SNI is also the name to verify; an explicit certificate name is also the SNI", () => {
    expect(identityOf({ ...settings, sni: "sni.example" }, endpoint(name("edge.example", 443)))).toMatchObject({
      sni: "sni.example",
      certificateName: "sni.example"
    })
    expect(identityOf({ ...settings, certificateName: "cert.example" }, endpoint(name("edge.example", 443)))).toMatchObject({
      sni: "cert.example",
      certificateName: "cert.example"
    })
    expect(
      identityOf({ ...settings, sni: "sni.example", certificateName: "cert.example" }, endpoint(ip("203.0.113.7", 443)))
    ).toMatchObject({
      sni: "sni.example",
      certificateName: "cert.example"
    })
  })
})

describe("what has no name", () => {
  it("an IP literal gets no SNI and needs an IP SAN", () => {
    expect(identityOf(settings, endpoint(ip("203.0.113.7", 443)))).toMatchObject({ sni: null, certificateName: "203.0.113.7" })
    expect(identityOf({ ...settings, sni: "203.0.113.8" }, endpoint(name("a.example", 443)))).toMatchObject({ sni: null })
  })
  it("a Unix socket with TLS and no name has nothing to verify", () => {
    expect(identityOf(settings, endpoint({ _tag: "Unix", path: "/run/a.sock" }))).toMatchObject({ sni: null, certificateName: null })
  })
  it("plaintext has neither SNI nor ALPN", () => {
    expect(identityOf({ ...settings, sni: "x.example" }, endpoint(name("a.example", 80), false))).toMatchObject({
      sni: null,
      certificateName: null,
      alpn: []
    })
  })
})
