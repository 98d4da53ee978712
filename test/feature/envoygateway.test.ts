// Backends of Envoy Gateway on real sockets: the example as it is (its names and ports led here), mixed endpoints, the name of an endpoint, fallback.
import { readFileSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import { afterEach, assert, describe, it } from "vitest"
import { folder, gateway, type Running, serving } from "../cli/program.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startDnsServer } from "../support/dns.ts"
import { type Exchange, startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const get = (port: number, path: string): Promise<{ readonly status: number; readonly body: string }> =>
  new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", port, path, headers: { Host: "shop.example" }, agent: false }, (response) => {
      let body = ""
      response.on("data", (part: Buffer) => (body += part.toString()))
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }))
    })
    sent.on("error", reject)
    sent.end()
  })

const children: Array<Running> = []
afterEach(async () => {
  for (const child of children.splice(0)) await child.end("SIGKILL")
})

const started = async (place: { readonly path: string }, flags: ReadonlyArray<string> = []): Promise<Running> => {
  const child = serving(place, { flags })
  children.push(child)
  await child.line(/Programmed True/)
  return child
}

describe("a Backend of Envoy Gateway", () => {
  it("is served as examples/envoy-gateway.yaml writes it: names resolved, SNI and Host their own, certificates verified", async () => {
    const authority = await makeAuthority()
    const { chain, key } = await authority.leaf({ dns: ["example.com", "example.net", "example.org"] })
    const dns = await startDnsServer()
    await using origin = await startOrigin({
      tls: { cert: chain, key },
      script: ({ request: seen, reply }) => reply({ body: seen.header("host") ?? "" })
    })
    for (const name of ["example.com", "example.net", "example.org"]) dns.host(name, ["127.0.0.1"])
    const port = await freePort()
    const example = readFileSync(join(import.meta.dirname, "../../examples/envoy-gateway.yaml"), "utf8")
    using place = folder({
      "ca.pem": authority.certificate,
      "m.yaml": example.replaceAll("port: 8080", `port: ${port}`).replaceAll("port: 443", `port: ${origin.port}`)
    })
    await started(place, ["--nameserver", dns.address, "--trust-bundle", join(place.path, "ca.pem")])
    const hosts = new Set<string>()
    for (let n = 0; n < 4; n++) hosts.add((await get(port, "/")).body)
    assert.deepEqual([...hosts].sort(), [`example.com:${origin.port}`, `example.net:${origin.port}`])
    assert.deepEqual(await get(port, "/quotes"), { status: 200, body: `example.org:${origin.port}` })
    await dns.close()
  }, 30_000)

  it("mixes an address and a socket under one name and an own CA", async () => {
    const authority = await makeAuthority()
    const { chain, key } = await authority.leaf({ dns: ["api.vendor.example"] })
    const tls = { cert: chain, key }
    const port = await freePort()
    using place = folder({ "sockets/empty": "" })
    const socket = join(place.path, "sockets", "api.sock")
    const told =
      (by: string) =>
      ({ request: seen, reply }: Exchange) =>
        reply({ body: `${by} ${seen.header("host")}` })
    await using address = await startOrigin({ tls, script: told("address") })
    await using unix = await startOrigin({ tls, path: socket, script: told("socket") })
    place.write(
      "m.yaml",
      `${gateway(port)}---
apiVersion: v1
kind: ConfigMap
metadata: {name: ca, namespace: shop}
data:
  ca.crt: |
    ${authority.certificate.trim().replaceAll("\n", "\n    ")}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: mixed, namespace: shop}
spec:
  endpoints:
  - {ip: 127.0.0.1, port: ${address.port}, hostname: api.vendor.example}
  - {unix: {path: ${socket}}, hostname: api.vendor.example}
  tls: {caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: mixed}]}]
`
    )
    await started(place, ["--unix-directory", join(place.path, "sockets")])
    const bodies = new Set<string>()
    for (let n = 0; n < 4; n++) bodies.add((await get(port, "/")).body)
    assert.deepEqual([...bodies].sort(), ["address api.vendor.example", "socket api.vendor.example"])
    assert.strictEqual(address.requests + unix.requests, 4)
  }, 30_000)

  it.each([
    ["fallback: true beside it in the rule", "", "fallback: true, ", ", {group: gateway.envoyproxy.io, kind: Backend, name: standby}"],
    ["a fallback of its own", "fallback: {backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: standby}}, ", "", ""]
  ])(
    "that cannot be reached leaves its requests to the one with %s",
    async (_, primary, standby, beside) => {
      const port = await freePort()
      await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "standby" }) })
      const gone = await startOrigin({ script: ({ reply }) => reply({ body: "primary" }) })
      const backend = (name: string, spec: string, to: number) => `---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: ${name}, namespace: shop}
spec: {${spec}endpoints: [{ip: {address: 127.0.0.1, port: ${to}}}]}
`
      using place = folder({
        "m.yaml": `${gateway(port)}${backend("primary", primary, gone.port)}${backend("standby", standby, origin.port)}---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules: [{backendRefs: [{group: gateway.envoyproxy.io, kind: Backend, name: primary}${beside}]}]
`
      })
      await started(place)
      for (let n = 0; n < 4; n++) assert.deepEqual(await get(port, "/"), { status: 200, body: "primary" })
      await gone.close()
      for (let n = 0; n < 4; n++) assert.deepEqual(await get(port, "/"), { status: 200, body: "standby" })
    },
    30_000
  )
})
