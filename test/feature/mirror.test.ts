// Mirrors through the whole program: copies to a backend over TLS under its own name, references that do not resolve, what explain and metrics say.
import { join } from "node:path"
import { expect, it } from "vitest"
import { folder, gateway, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const own = (name: string) => `{group: gateway.sluice.dev, kind: Backend, name: ${name}}`

const manifest = (main: number, shadow: number, authority: string) => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: main, namespace: shop}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${main}}}], protocol: HTTP}
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: shadow, namespace: shop}
spec:
  endpoints: [{ip: {address: 127.0.0.1, port: ${shadow}}}]
  host: {value: shadow.example}
  tls: {hostname: shadow.example, caCertificateRefs: [{group: "", kind: ConfigMap, name: trust}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: trust, namespace: shop}
data: {ca.crt: ${JSON.stringify(authority)}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: api, namespace: shop}
spec:
  parentRefs: [{name: edge}]
  rules:
    - filters:
        - {type: RequestHeaderModifier, requestHeaderModifier: {add: [{name: x-token, value: edited}]}}
        - {type: RequestMirror, requestMirror: {backendRef: ${own("shadow")}}}
        - {type: RequestMirror, requestMirror: {backendRef: ${own("missing")}}}
      backendRefs: [${own("main")}]
    - matches: [{path: {value: /some}}]
      backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: main, filters: [{type: RequestMirror, requestMirror: {backendRef: ${own("shadow")}, percent: 25}}]}]
`

it("copies go to a backend of their own, whatever it answers", async () => {
  const authority = await makeAuthority()
  const pair = await authority.leaf({ dns: ["shadow.example"] })
  await using main = await startOrigin({ script: ({ reply }) => reply({ body: "main" }) })
  await using shadow = await startOrigin({ tls: { cert: pair.chain, key: pair.key }, script: ({ reply }) => reply({ status: 500 }) })
  const port = await freePort()
  using place = folder({ "m.yaml": `${gateway(port)}${manifest(main.port, shadow.port, authority.certificate)}` })
  const child = serving(place, { health: "127.0.0.1:0" })
  try {
    const [, health] = await child.line(/health on (http:\/\/127\.0\.0\.1:\d+)/)
    await child.line(/Gateway shop\/edge: http:/)
    const answer = await ask(port, "/a?b=c", { method: "POST", body: "content", headers: { "x-token": "mine" } })
    expect([answer.status, answer.body]).toEqual([200, "main"])
    await shadow.until(({ requests }) => requests === 1)
    const copy = shadow.seen[0]!
    expect([copy.method, copy.target, copy.header("host"), copy.header("x-token")]).toEqual([
      "POST",
      "/a?b=c",
      "shadow.example",
      "mine,edited"
    ])
    const series = /sluice_mirrored_requests_total\{[^}]*route="HTTPRoute\/shop\/api",upstream="Backend shop\/shadow",result="ok"\} 1/
    await expect.poll(async () => (await ask(Number(new URL(health!).port), "/metrics")).body, { timeout: 10_000 }).toMatch(series)

    const words = [join(place.path, "m.yaml"), "--allow-loopback"]
    const check = await sluice(["check", ...words])
    expect(check.out).toContain("spec.rules[0].filters[2].requestMirror.backendRef: Backend shop/missing does not exist")
    expect((await sluice(["explain", `http://127.0.0.1:${port}/a`, ...words])).out).toContain("mirror to Backend shop/shadow")
    expect((await sluice(["explain", `http://127.0.0.1:${port}/some`, ...words])).out).toContain("mirror 25 % to Backend shop/shadow")
  } finally {
    await child.end("SIGKILL")
  }
}, 60_000)
