// A Service as Voyager's users have it, served as it is: its own nameservers are asked, and TLS is what backend-tls says.
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startDnsServer } from "../support/dns.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const manifest = (origin: number, nameserver: string, tls: string) => `---
apiVersion: v1
kind: Service
metadata:
  name: fx
  namespace: shop
  annotations:
    ingress.appscode.com/use-dns-resolver: "true"
    ingress.appscode.com/dns-resolver-nameservers: '["${nameserver}"]'
    ingress.appscode.com/dns-resolver-hold: '{"nx": "15s", "obsolete": "45s"}'
    ingress.appscode.com/backend-tls: ${tls}
spec: {type: ExternalName, externalName: origin-7.rates.example}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: fx, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{name: fx, port: ${origin}}]}]
`

it.each([
  ["ssl sni str(fx.rates.example)", 200],
  ["ssl verify required", 502]
])(
  "backend-tls: %s → %s from an origin whose certificate names fx.rates.example",
  async (tls, status) => {
    const authority = await makeAuthority()
    const { chain, key } = await authority.leaf({ dns: ["fx.rates.example"] })
    await using origin = await startOrigin({ tls: { cert: chain, key }, script: ({ reply }) => reply({ body: "1.07" }) })
    const [own, others] = [await startDnsServer(), await startDnsServer()]
    own.host("origin-7.rates.example", ["127.0.0.1"])
    const port = await freePort()
    using place = folder({ "ca.pem": authority.certificate, "m.yaml": `${gateway(port)}${manifest(origin.port, own.address, tls)}` })
    const child = serving(place, { flags: [`--nameserver=${others.address}`, `--trust-bundle=${join(place.path, "ca.pem")}`] })
    try {
      await child.line(/Gateway shop\/edge: http:/)
      const answer = await ask(port, "/rate")
      expect(answer.status).toBe(status)
      expect(own.count("origin-7.rates.example")).toBeGreaterThan(0)
      expect(others.count("origin-7.rates.example")).toBe(0)
      if (status === 200) expect(origin.seen[0]?.servername).toBe("fx.rates.example")
      else expect(origin.requests).toBe(0)
    } finally {
      await child.end("SIGKILL")
      await own.close()
      await others.close()
    }
  },
  30_000
)

it('use-dns-resolver: "false" sends the client to the name itself: 301 to the origin alone, or as GatewayParameters say, and nothing is asked of anybody', async () => {
  const dns = await startDnsServer()
  const port = await freePort()
  const service = `---
apiVersion: v1
kind: Service
metadata: {name: fx, namespace: shop, annotations: {ingress.appscode.com/use-dns-resolver: "false"}}
spec: {type: ExternalName, externalName: fx.rates.example}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: fx, namespace: shop}
spec: {parentRefs: [{name: edge}], rules: [{backendRefs: [{name: fx, port: 8443}]}]}
`
  const parameters = `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: GatewayParameters
metadata: {name: kept, namespace: shop}
spec: {features: {voyagerRedirect: {statusCode: 307}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: sluice}
spec:
  controllerName: sluice.dev/gateway-controller
  parametersRef: {group: gateway.sluice.dev, kind: GatewayParameters, name: kept, namespace: shop}
`
  using place = folder({ "m.yaml": `${gateway(port)}${service}` })
  const child = serving(place, { flags: [`--nameserver=${dns.address}`] })
  try {
    await child.line(/Gateway shop\/edge: http:/)
    const answer = await ask(port, "/rate?of=eur")
    expect([answer.status, answer.headers["location"], answer.body]).toEqual([301, "http://fx.rates.example:8443", ""])
    const explained = await sluice(["explain", `http://fx.example:${port}/rate`, join(place.path, "m.yaml")])
    expect(explained.out).toContain("Redirected (301) to http://fx.rates.example:8443.")
    writeFileSync(join(place.path, "m.yaml"), `${gateway(port)}${service}${parameters}`)
    for (let kept = answer; kept.status !== 307; kept = await ask(port, "/rate?of=eur"))
      if (kept.status !== 301) throw new Error(`answered ${kept.status}`)
    expect((await ask(port, "/rate?of=eur")).headers["location"]).toBe("http://fx.rates.example:8443/rate?of=eur")
    expect(dns.count("fx.rates.example")).toBe(0)
  } finally {
    await child.end("SIGKILL")
    await dns.close()
  }
}, 30_000)
