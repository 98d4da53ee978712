// Names through a whole process: a Backend's nameserver over TLS, and what of its answers outlives the process.
import { readFileSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import { afterEach, expect, it } from "vitest"
import { rememberedFile } from "#src/upstream/discovery/remembered.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startDnsServer } from "../support/dns.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"
import { folder, gateway, type Running, running } from "./program.ts"

const children: Array<Running> = []
afterEach(() => {
  for (const { child } of children.splice(0)) child.kill("SIGKILL")
})

const get = (port: number): Promise<number> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path: "/", headers: { Host: "shop.example" }, agent: false }, (response) => {
      response.resume()
      response.on("end", () => resolve(response.statusCode ?? 0))
    })
    sent.on("error", reject)
    sent.end()
  })

it("a killed process that starts again while its nameserver is gone serves what it served", async () => {
  const authority = await makeAuthority()
  const dns = await startDnsServer({ tls: await authority.leaf({ dns: ["dns.vendor.example"] }) })
  dns.host("api.vendor.example", ["127.0.0.1"])
  await using origin = await startOrigin()
  const port = await freePort()
  using place = folder({
    "ca.pem": authority.certificate,
    "m.yaml": `${gateway(port)}---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: api, namespace: shop}
spec:
  endpoints: [{fqdn: {hostname: api.vendor.example, port: ${origin.port}}}]
  dns: {nameservers: ["${dns.secure}#dns.vendor.example"]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: api}]}]
`
  })
  const state = join(place.path, "state")
  const start = () => {
    const child = running([
      ...["run", "--state-folder", state, "--listen-address", "127.0.0.1", "--health-address", "off", "--admin-address", "off"],
      ...["--allow-loopback", "--trust-bundle", join(place.path, "ca.pem"), join(place.path, "m.yaml")]
    ])
    children.push(child)
    return child
  }
  const first = start()
  await first.line(/Gateway shop\/edge: http:/)
  expect(await get(port)).toBe(200)
  expect(new Set(dns.queries.map(({ transport }) => transport))).toEqual(new Set(["tls"]))
  await expect
    .poll(
      () => {
        try {
          return readFileSync(join(state, rememberedFile), "utf8")
        } catch {
          return ""
        }
      },
      { timeout: 10_000, interval: 50 }
    )
    .toContain("api.vendor.example")
  first.child.kill("SIGKILL")
  await dns.close()
  const second = start()
  await second.line(/Gateway shop\/edge: http:/)
  expect(await get(port)).toBe(200)
  await second.line(
    /Backend shop\/api for Gateway shop\/edge: Resolved False Stale: nameserver tls@127\.0\.0\.1:\d+#dns\.vendor\.example cannot be asked \(ECONNREFUSED\)/
  )
  expect(await get(port)).toBe(200)
  expect(await second.end()).toBe(0)
}, 60_000)
