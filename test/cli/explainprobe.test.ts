// `sluice explain --probe`: the way of a request is tried, step by step, to the first that fails.
import { Effect } from "effect"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { inquire } from "#src/cli/inquiry.ts"
import { failures } from "#src/proxy/response.ts"
import { remedies } from "#src/report/remedies.ts"
import { noOwnAddresses } from "#src/upstream/dial/own.ts"
import { trustRoots } from "#src/upstream/dial/roots.ts"
import { Names } from "#src/upstream/discovery/names.ts"
import { parseNameserver } from "#src/upstream/discovery/nameserver.ts"
import { type Authority, expired, makeAuthority } from "../support/certificates.ts"
import { type DnsServer, startDnsServer } from "../support/dns.ts"
import { startOrigin } from "../support/origin.ts"
import { asked, served } from "./explained.ts"
import { folder, gateway, sluice } from "./program.ts"

describe("--probe", () => {
  let dns: DnsServer
  let authority: Authority
  beforeAll(async () => {
    dns = await startDnsServer()
    authority = await makeAuthority()
  })
  afterAll(() => dns.close())

  const way = (host: string, port: number) => `${gateway(8080)}---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {type: ExternalName, externalName: ${host}, ports: [{port: ${port}, appProtocol: https}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: api, port: ${port}}]}]
`
  const probe = async (host: string, port: number, allowLoopback: boolean) => {
    const { gateways, locate } = served(way(host, port), allowLoopback)
    const nameservers = [parseNameserver(dns.address)!]
    const roots = trustRoots([authority.certificate], () => [])
    const { probes } = await Effect.runPromise(
      Effect.gen(function* () {
        return yield* inquire(asked("http://shop.example:8080/x"), gateways, locate, { names: yield* Names, roots, own: noOwnAddresses })
      }).pipe(Effect.provide(Names.layer({ nameservers })))
    )
    const [only] = probes
    return [only!.steps.map((step) => `${step.name} ${step.ok}`), only!.remedy] as const
  }

  it("goes from the name to an HTTP answer, with the certificate's names and days left", async () => {
    await using origin = await startOrigin({ tls: { ...(await tlsOf(authority.leaf({ dns: ["api.vendor.example"] }))) } })
    dns.host("api.vendor.example", ["127.0.0.1"])
    using place = folder({ "m.yaml": way("api.vendor.example", origin.port), "ca.pem": authority.certificate })
    const { code, out, err } = await sluice([
      ...["explain", "http://shop.example:8080/x", place.path, "--probe", "--allow-loopback"],
      ...["--nameserver", dns.address, "--trust-bundle", `${place.path}/ca.pem`]
    ])
    assert.strictEqual(err, "")
    assert.strictEqual(code, 0, out)
    for (const step of ["DNS", "address policy", "TCP", "TLS", "HTTP"]) assert.match(out, new RegExp(`ok {3}${step} `))
    assert.match(out, /chain CN=[^;]+ ← CN=.*; names dns:api\.vendor\.example.* \d+ days left/)
    assert.deepEqual(
      [origin.seen[0]?.method, origin.seen[0]?.target, origin.seen[0]?.header("host")],
      ["HEAD", "/x", `api.vendor.example:${origin.port}`]
    )
  })

  it("stops at the first step that fails, with its remedy: name, policy, port, certificate", async () => {
    await using origin = await startOrigin({ tls: { ...(await tlsOf(expired(authority, { dns: ["old.vendor.example"] }))) } })
    dns.host("old.vendor.example", ["127.0.0.1"])
    const gone = await probe("gone.vendor.example", 443, true)
    assert.deepEqual(gone, [["DNS false"], remedies.dns_nxdomain])
    const denied = await probe("old.vendor.example", origin.port, false)
    assert.deepEqual(denied, [["DNS true", "address policy false"], remedies.address_denied])
    assert.strictEqual(origin.connections, 0, "an address that is refused is not dialled")
    const shut = await probe("old.vendor.example", 9, true)
    assert.deepEqual(shut, [["DNS true", "address policy true", "TCP false"], remedies.connect_refused])
    const late = await probe("old.vendor.example", origin.port, true)
    assert.deepEqual(late, [["DNS true", "address policy true", "TCP true", "TLS false"], remedies.tls_expired])
    assert.strictEqual(origin.requests, 0)
  })

  it("has a remedy for every way a connection can fail", () => {
    for (const reason of Object.keys(failures)) if (/^(dns|connect|tls|address|egress)_/.test(reason)) assert.property(remedies, reason)
  })
})

const tlsOf = async (issued: Promise<{ readonly chain: string; readonly key: string }>) => {
  const { chain, key } = await issued
  return { cert: chain, key }
}
