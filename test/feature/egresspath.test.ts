// Through a corporate proxy: a Backend whose endpoints are reached by CONNECT, with a login, over TLS of the endpoint's own, served and explained.
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startForwardProxy } from "../support/forwardproxy.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { startTold } from "../support/told.ts"

const manifest = (proxy: number, direct: number) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: geocoder, namespace: shop}
spec:
  endpoints: [{fqdn: {hostname: api.vendor.example, port: 443}}]
  egressPath:
    proxy:
      ip: {address: 127.0.0.1, port: ${proxy}}
      credentialsRef: {name: proxy-login}
    sourceAddresses: [127.0.0.5]
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: own, namespace: shop}
spec:
  endpoints: [{ip: {address: 127.0.0.1, port: ${direct}}}]
  egressPath:
    proxy: {ip: {address: 127.0.0.1, port: ${proxy}}, noProxy: [127.0.0.0/8]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: geo, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
    - matches: [{path: {type: PathPrefix, value: /geo}}]
      backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: geocoder}]
    - matches: [{path: {type: PathPrefix, value: /own}}]
      backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: own}]
`
const secret = (password: string) => `---
apiVersion: v1
kind: Secret
metadata: {name: proxy-login, namespace: shop}
stringData: {username: gateway, password: ${password}}
`

it("a name is reached by the proxy alone, with the login of the Secret as it is now; nothing shows it", async () => {
  const authority = await makeAuthority()
  const { chain, key } = await authority.leaf({ dns: ["api.vendor.example"] })
  await using vendor = await startOrigin({ tls: { cert: chain, key }, script: ({ reply }) => reply({ body: "oslo" }) })
  await using own = await startOrigin({ script: ({ reply }) => reply({ body: "own" }) })
  await using proxy = await startForwardProxy({ login: "gateway:canary-right" })
  proxy.host("api.vendor.example", vendor.port)
  const [port, admin] = [await freePort(), await freePort()]
  using place = folder({
    "ca.pem": authority.certificate,
    "m.yaml": `${gateway(port)}${manifest(proxy.port, own.port)}`,
    "s.yaml": secret("canary-wrong")
  })
  const trusting = [
    `--trust-bundle=${join(place.path, "ca.pem")}`,
    "--allow-loopback",
    join(place.path, "m.yaml"),
    join(place.path, "s.yaml")
  ]
  const child = serving(place, {
    ...{ admin: `127.0.0.1:${admin}`, files: ["m.yaml", "s.yaml"] },
    flags: [`--trust-bundle=${join(place.path, "ca.pem")}`]
  })
  try {
    await child.line(/Gateway shop\/edge: http:/)
    expect((await ask(port, "/own")).body.toString()).toBe("own")
    expect(proxy.asked).toEqual([])
    expect((await ask(port, "/geo")).status).toBe(503)
    await child.line(/proxy_refused/)
    place.write("s.yaml", secret("canary-right"))
    await expect.poll(async () => (await ask(port, "/geo?q=1")).body.toString(), { timeout: 10_000 }).toBe("oslo")
    expect(proxy.asked.at(-1)?.authority).toBe("api.vendor.example:443")
    expect(proxy.peers.at(-1)).toBe("127.0.0.5")
    expect([vendor.seen[0]?.target, vendor.seen[0]?.servername]).toEqual(["/geo?q=1", "api.vendor.example"])
    expect(vendor.seen[0]?.headers.map(([name]) => name.toLowerCase())).not.toContain("proxy-authorization")
    const told = await sluice(["explain", `http://127.0.0.1:${port}/geo`, "--probe"].concat(trusting))
    expect(told.out).toContain(`through the proxy 127.0.0.1:${proxy.port}, with credentials; from 127.0.0.5`)
    expect(told.out).toContain("it leads to api.vendor.example:443")
    expect(told.out).toMatch(/TLSv1\.3/)
    const checked = await sluice(["check"].concat(trusting.slice(2)))
    const shown = await Promise.all(
      ["/snapshot", "/upstreams", "/config"].map(async (path) => (await fetch(`http://127.0.0.1:${admin}${path}`)).text())
    )
    expect([told.out, told.err, checked.out, child.out(), child.err(), ...shown].join("\n")).not.toMatch(/canary|Z2F0ZXdheTpjYW5hcnk/)
  } finally {
    await child.end("SIGKILL")
  }
}, 40_000)

it("an endpoint is told by the PROXY protocol whose request it is, also behind a proxy that is trusted", async () => {
  await using told = await startTold()
  const port = await freePort()
  const own = `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: own, namespace: shop}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${told.port}}}], egressPath: {proxyProtocol: V1}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: own, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: own}]}]
`
  using place = folder({ "m.yaml": `${gateway(port)}${own}` })
  const file = join(place.path, "m.yaml")
  const child = serving(place, { flags: ["--trusted-proxy=127.0.0.1"] })
  try {
    await child.line(/Gateway shop\/edge: http:/)
    expect((await ask(port, "/")).body.toString()).toMatch(new RegExp(`^PROXY TCP4 127.0.0.1 127.0.0.1 [1-9][0-9]+ ${port}$`))
    const behind = await ask(port, "/", { headers: { "X-Forwarded-For": "203.0.113.9" } })
    expect(behind.body.toString()).toBe(`PROXY TCP4 203.0.113.9 127.0.0.1 0 ${port}`)
    const explained = await sluice(["explain", `http://127.0.0.1:${port}/`, "--probe", "--allow-loopback", file])
    expect(explained.out).toContain("PROXY protocol V1")
    expect(told.heads.at(-1)).toBe("PROXY UNKNOWN")
  } finally {
    await child.end("SIGKILL")
  }
}, 30_000)
