// The client certificate of a Gateway, through `sluice run`: backends that ask for one see it, each Gateway's own; a backend's own stands; a changed Secret is
// shown on new connections, and one that is gone is shown no more.
import { X509Certificate } from "node:crypto"
import { rmSync, writeFileSync } from "node:fs"
import { get as httpGet } from "node:http"
import { join } from "node:path"
import type { TLSSocket } from "node:tls"
import { afterEach, assert, describe, it } from "vitest"
import { folder, type Running, serving } from "../cli/program.ts"
import { type IssuedCertificate, makeAuthority } from "../support/certificates.ts"
import { startOrigin } from "../support/origin.ts"
import { freePorts } from "../support/port.ts"

const children: Array<Running> = []
afterEach(async () => {
  for (const child of children.splice(0)) await child.end("SIGKILL")
})

const indented = (pem: string) => pem.trim().replaceAll(/^/gm, "    ")
const secret = (name: string, { chain, key }: IssuedCertificate) => `apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {name: ${name}, namespace: shop}
stringData:
  tls.crt: |
${indented(chain)}
  tls.key: |
${indented(key)}
`

const get = (port: number, path: string) =>
  new Promise<string>((resolve) => {
    httpGet({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      let body = ""
      response.on("data", (part: Buffer) => (body += part.toString()))
      response.on("end", () => resolve(`${response.statusCode} ${body}`))
    }).on("error", ({ code }: NodeJS.ErrnoException) => resolve(code ?? "?"))
  })

const eventually = async (ask: () => Promise<string>, wanted: string) => {
  const deadline = performance.now() + 15_000
  let answer = await ask()
  while (answer !== wanted && performance.now() < deadline) {
    await new Promise(setImmediate)
    answer = await ask()
  }
  assert.strictEqual(answer, wanted)
}

const serialOf = ({ certificate }: IssuedCertificate) => new X509Certificate(certificate).serialNumber

describe("the client certificate of a Gateway", () => {
  it("is shown to every backend that asks, by its own Gateway alone, and follows its Secret", async () => {
    const authority = await makeAuthority()
    const [leaf, first, second, own] = await Promise.all([
      authority.leaf({ dns: ["origin.test"] }),
      authority.leaf({ dns: ["edge"], usage: "client" }),
      authority.leaf({ dns: ["edge"], usage: "client" }),
      authority.leaf({ dns: ["own"], usage: "client" })
    ])
    await using origin = await startOrigin({
      tls: { cert: leaf.chain, key: leaf.key, ca: authority.certificate, requestCert: true, rejectUnauthorized: true },
      script: async ({ socket, reply }) => {
        const shown = (socket as TLSSocket).getPeerX509Certificate()
        await reply({ body: shown?.serialNumber ?? "none", close: true })
      }
    })
    const [edge, other] = (await freePorts(2)) as [number, number]
    const gateway = (name: string, port: number, tls: string) => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ${name}, namespace: shop}
spec: {gatewayClassName: sluice, ${tls}listeners: [{name: http, port: ${port}, protocol: HTTP}]}
---
`
    const backend = (name: string, tls: string) => `apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: ${name}, namespace: shop}
spec:
  endpoints: [{ip: {address: 127.0.0.1, port: ${origin.port}}}]
  tls: {hostname: origin.test, caCertificateRefs: [{group: "", kind: ConfigMap, name: ca}], ${tls}}
---
`
    const rule = (name: string) => `
  - matches: [{path: {value: /${name}}}]
    backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: ${name}}]`
    using place = folder({
      "m/all.yaml": `${gateway("edge", edge, "tls: {backend: {clientCertificateRef: {name: client}}}, ")}${gateway("other", other, "")}apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: all, namespace: shop}
spec:
  parentRefs: [{name: edge}, {name: other}]
  rules:${rule("asks")}${rule("own")}
---
${backend("asks", "mode: ServerOnly")}${backend("own", "mode: ClientAndServer, clientCertificateRef: {name: own}")}apiVersion: v1
kind: ConfigMap
metadata: {name: ca, namespace: shop}
data:
  ca.crt: |
${indented(authority.certificate)}
---
${secret("own", own)}`,
      "m/client.yaml": secret("client", first)
    })
    const child = serving(place, { admin: "127.0.0.1:0", health: "127.0.0.1:0", files: ["m"] })
    children.push(child)
    await child.line(/bound on/)

    await eventually(() => get(edge, "/asks"), `200 ${serialOf(first)}`)
    await eventually(() => get(edge, "/own"), `200 ${serialOf(own)}`)
    await eventually(() => get(other, "/own"), `200 ${serialOf(own)}`)
    // The other Gateway has none to show.
    assert.match(await get(other, "/asks"), /^502 /)

    writeFileSync(join(place.path, "m/client.yaml"), secret("client", second))
    await eventually(() => get(edge, "/asks"), `200 ${serialOf(second)}`)

    rmSync(join(place.path, "m/client.yaml"))
    await eventually(async () => (await get(edge, "/asks")).slice(0, 3), "502")
    assert.strictEqual(await get(edge, "/own"), `200 ${serialOf(own)}`)
  })
})
