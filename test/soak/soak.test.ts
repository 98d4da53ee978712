// The long form: `sluice run` under mixed load while its manifests change and a name comes and goes. Minutes by SOAK_MINUTES (10).
// Held: no request fails, file descriptors come back, memory does not climb.
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { assert, it } from "vitest"
import { folder, running } from "../cli/program.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startDnsServer } from "../support/dns.ts"
import { download, echo, startOrigin } from "../support/origin.ts"

const minutes = Number(process.env["SOAK_MINUTES"] ?? "10")
const port = 18_480

const manifest = (ports: { readonly tls: number; readonly plain: number }, revision: number) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: soak, namespace: soak }
spec: { gatewayClassName: sluice, listeners: [{ name: http, protocol: HTTP, port: ${port} }] }
---
apiVersion: v1
kind: Service
metadata: { name: partner, namespace: soak }
spec: { type: ExternalName, externalName: api.partner.example, ports: [{ port: ${ports.tls}, appProtocol: https }] }
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: { name: plain, namespace: soak }
spec: { endpoints: [{ fqdn: { hostname: plain.partner.example, port: ${ports.plain} } }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: stable, namespace: soak }
spec:
  parentRefs: [{ name: soak }]
  rules:
    - matches: [{ path: { type: PathPrefix, value: /tls } }]
      backendRefs: [{ name: partner, port: ${ports.tls} }]
    - matches: [{ path: { type: PathPrefix, value: /plain } }]
      backendRefs: [{ group: gateway.sluice.dev, kind: Backend, name: plain }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: changing, namespace: soak }
spec:
  parentRefs: [{ name: soak }]
  rules:
    - matches: [{ path: { type: Exact, value: /revision-${revision} } }]
      filters: [{ type: RequestRedirect, requestRedirect: { statusCode: 302, hostname: r${revision}.example } }]
`

const resident = (pid: number): number => Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/VmRSS:\s+(\d+)/)?.[1] ?? 0) / 1024
const descriptors = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length

it("serves without a failure, a leak or a climb", async () => {
  const authority = await makeAuthority()
  const leaf = await authority.leaf({ dns: ["api.partner.example"] })
  const secure = await startOrigin({ tls: { cert: leaf.chain, key: leaf.key }, script: echo })
  const small = await startOrigin({
    script: async (exchange) => (exchange.request.target.includes("big") ? download(1024 * 1024)(exchange) : echo(exchange))
  })
  const dns = await startDnsServer()
  dns.host("api.partner.example", ["127.0.0.1"], 5)
  dns.host("plain.partner.example", ["127.0.0.1"], 5)
  using place = folder({ "soak.yaml": manifest({ tls: secure.port, plain: small.port }, 0), "ca.crt": authority.certificate })
  const file = join(place.path, "soak.yaml")
  const child = running([
    ...[
      "run",
      file,
      "--allow-loopback",
      "--listen-address",
      "127.0.0.1",
      "--access-log",
      "off",
      "--admin-address",
      "off",
      "--health-address",
      "off"
    ],
    ...["--nameserver", dns.address, "--trust-bundle", join(place.path, "ca.crt"), "--state-folder", join(place.path, "state")]
  ])
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const failures: Array<string> = []
  let done = 0
  const one = (path: string, body: Buffer | null) =>
    new Promise<void>((resolve) => {
      const sent = request({ agent, host: "127.0.0.1", port, path, method: body === null ? "GET" : "POST" }, (response) => {
        response.resume()
        response.once("close", () => {
          done++
          if (response.statusCode !== 200 || !response.complete) failures.push(`${path}: ${response.statusCode}`)
          resolve()
        })
      })
      sent.once("error", (error) => {
        failures.push(`${path}: ${error.message}`)
        resolve()
      })
      sent.end(body ?? undefined)
    })
  try {
    await child.line(/Programmed True/)
    const pid = child.child.pid ?? 0
    const upload = Buffer.alloc(256 * 1024, "u")
    const until = Date.now() + minutes * 60_000
    const samples: Array<{ readonly at: number; readonly rss: number }> = []
    let idle = 0
    const clients = Array.from({ length: 8 }, async (_, n) => {
      for (let turn = n; Date.now() < until; turn++) {
        await one(["/tls/a", "/plain/a", "/plain/big", "/tls/upload"][turn % 4] ?? "/", turn % 4 === 3 ? upload : null)
        await pause(5)
      }
    })
    const changes = (async () => {
      for (let revision = 1; Date.now() < until; revision++) {
        writeFileSync(file, manifest({ tls: secure.port, plain: small.port }, revision))
        if (revision % 10 === 5) for (const type of ["A", "AAAA"] as const) dns.answer("plain.partner.example", type, { rcode: "SERVFAIL" })
        if (revision % 10 === 0) dns.host("plain.partner.example", ["127.0.0.1"], 5)
        samples.push({ at: Date.now(), rss: resident(pid) })
        if (idle === 0) idle = descriptors(pid)
        await pause(2_000)
      }
    })()
    await Promise.all([...clients, changes])
    agent.destroy()
    await pause(6_000)
    const half = samples.slice(samples.length >> 1)
    const mean = (rows: typeof samples) => rows.reduce((sum, row) => sum + row.rss, 0) / Math.max(1, rows.length)
    const climb = mean(half.slice(half.length >> 1)) - mean(half.slice(0, half.length >> 1))
    console.log(
      `soak: ${done} requests in ${minutes} min, ${failures.length} failed; RSS ${samples.at(0)?.rss.toFixed(0)} → ${samples.at(-1)?.rss.toFixed(0)} MiB (last quarter over the one before: ${climb.toFixed(1)}); descriptors ${idle} → ${descriptors(pid)}`
    )
    assert.deepEqual(failures.slice(0, 5), [])
    assert.isBelow(climb, 40)
    assert.isAtMost(descriptors(pid), idle + 8)
  } finally {
    await child.end()
    await Promise.all([secure.close(), small.close(), dns.close()])
  }
})
