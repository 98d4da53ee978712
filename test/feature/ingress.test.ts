// Ingresses as others wrote them, served by `sluice run`: by host and path over HTTP, over TLS with the Secret that each names, and as their files change.
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { connect } from "node:tls"
import { afterEach, assert, it } from "vitest"
import { folder, type Running, serving, sluice } from "../cli/program.ts"
import { ask } from "../proxy/harness.ts"
import { makeAuthority } from "../support/certificates.ts"
import { startDnsServer } from "../support/dns.ts"
import { tlsSecret } from "../support/manifests.ts"
import { startOrigin } from "../support/origin.ts"
import { freePort } from "../support/port.ts"

const gateway = (http: number, https: number) => `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: ingress, namespace: default}
spec:
  gatewayClassName: sluice
  listeners:
  - {name: http, port: ${http}, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}
  - {name: https, port: ${https}, protocol: HTTPS, hostname: own.example.com, tls: {certificateRefs: [{name: shop, namespace: shop}]}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: own, namespace: shop}
spec: {from: [{group: gateway.networking.k8s.io, kind: Gateway, namespace: default}], to: [{group: "", kind: Secret}]}
`
const service = (name: string, port: number) => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {type: ExternalName, externalName: ${name}.vendor.example, ports: [{name: web, port: ${port}, appProtocol: http}]}
`
const ingress = (name: string, host: string, tls: string, path: string, backend: string, rest = "") => `---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: ${name}, namespace: shop}
spec:
  tls: [{hosts: [${host}], secretName: ${tls}}]
  rules: [{host: ${host}, http: {paths: [{path: ${path}, pathType: Prefix, backend: {service: {name: ${backend}, port: {name: web}}}}]}}]
${rest}`

/** The common name of what is served to a client that asks for a name; the error when the handshake fails. */
const certificateOf = (port: number, servername: string, ca: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, servername, ca }, () => {
      resolve(socket.getPeerCertificate().subjectaltname ?? "")
      socket.destroy()
    })
    socket.once("error", (error) => resolve(`failed: ${error.message}`))
  })

const children: Array<Running> = []
afterEach(async () => {
  for (const child of children.splice(0)) await child.end("SIGKILL")
})

it("serves hosts and paths, TLS with the Secret of each host, and what an edit makes of them", async () => {
  const authority = await makeAuthority()
  await using cart = await startOrigin({ script: ({ reply }) => reply({ body: "cart" }) })
  await using rest = await startOrigin({ script: ({ reply }) => reply({ body: "rest" }) })
  const dns = await startDnsServer()
  for (const name of ["cart", "rest"]) dns.host(`${name}.vendor.example`, ["127.0.0.1"])
  const [http, https] = [await freePort(), await freePort()]
  const objects = (second: string) =>
    gateway(http, https) +
    service("cart", cart.port) +
    service("rest", rest.port) +
    ingress("a", "a.example.com", "a", "/cart", "cart", "  defaultBackend: {service: {name: rest, port: {name: web}}}\n") +
    second
  using place = folder({
    "m.yaml": objects(ingress("b", "b.example.com", "b", "/", "rest")),
    "secrets.yaml":
      tlsSecret("shop", await authority.leaf({ dns: ["own.example.com"] })) +
      tlsSecret("a", await authority.leaf({ dns: ["a.example.com"] })) +
      tlsSecret("b", await authority.leaf({ dns: ["b.example.com"] }))
  })
  const child = serving(place, { flags: [`--nameserver=${dns.address}`], files: ["m.yaml", "secrets.yaml"] })
  children.push(child)
  await child.line(/Gateway default\/ingress: http:/)
  const body = async (port: number, path: string, host: string, tls = false) => {
    const answer = await ask(port, path, {
      headers: { Host: host },
      ...(tls ? { tls: { servername: host, ca: authority.certificate } } : {})
    })
    return `${answer.status} ${answer.body.toString()}`
  }
  assert.equal(await body(http, "/cart/1", "a.example.com"), "200 cart")
  assert.equal(await body(http, "/", "a.example.com"), "200 rest")
  assert.equal(await body(http, "/cart", "elsewhere.example.org"), "200 rest")
  assert.equal(await body(https, "/cart", "a.example.com", true), "200 cart")
  assert.equal(await certificateOf(https, "b.example.com", authority.certificate), "DNS:b.example.com")
  assert.equal(await certificateOf(https, "own.example.com", authority.certificate), "DNS:own.example.com")

  writeFileSync(join(place.path, "m.yaml"), objects(""))
  await child.line(/Ingress shop\/b: gone/)
  assert.match(await certificateOf(https, "b.example.com", authority.certificate), /^failed/)
  assert.equal(await body(http, "/", "b.example.com"), "200 rest")
  await dns.close()
}, 30_000)

it("has a Gateway of its own where none is named: check says so, and of an Ingress of others that it is theirs", async () => {
  using place = folder({
    "m.yaml": `${service("cart", 80)}${ingress("web", "a.example.com", "missing", "/", "cart")}`,
    "foreign.yaml":
      "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: other}\nspec: {ingressClassName: nginx, defaultBackend: {service: {name: a, port: {number: 1}}}}\n"
  })
  const own = await sluice(["check", join(place.path, "m.yaml")])
  assert.include(own.out, "for Gateway default/ingress")
  assert.include(own.out, "spec.tls[0].secretName: Secret shop/missing does not exist")
  assert.equal(own.code, 1)
  const explained = await sluice(["explain", "http://a.example.com/x", join(place.path, "m.yaml")])
  assert.include(explained.out, "Ingress shop/web rule 0 path 0")
  const foreign = await sluice(["check", join(place.path, "foreign.yaml")])
  assert.include(foreign.out, "IngressClass nginx does not exist or belongs to another controller")
}, 30_000)

it("serves Voyager's Ingress: proxied and redirected Services, an expression, a redirect rule, TLS by ref", async () => {
  const authority = await makeAuthority()
  await using origin = await startOrigin({ script: ({ reply }) => reply({ body: "pages" }) })
  const dns = await startDnsServer()
  dns.host("pages.vendor.example", ["127.0.0.1"])
  const [http, https] = [await freePort(), await freePort()]
  const voyagers = `---
apiVersion: voyager.appscode.com/v1beta1
kind: Ingress
metadata: {name: web, namespace: shop, annotations: {kubernetes.io/ingress.class: voyager}}
spec:
  tls: [{ref: {kind: Secret, name: a}, hosts: [a.example.com]}]
  rules:
  - host: a.example.com
    http:
      paths:
      - {path: '/v[0-9]+/', backend: {serviceName: pages, servicePort: web}}
      - {path: /fx, backend: {serviceName: fx, servicePort: 8443}}
      - {path: /old, backend: {serviceName: fx, servicePort: 80, backendRules: ["http-request redirect location https://new.example/a?b=c code 308"]}}
      - {path: /raw, backend: {serviceName: pages, servicePort: web, backendRules: ["http-request deny"]}}
---
apiVersion: v1
kind: Service
metadata: {name: fx, namespace: shop}
spec: {type: ExternalName, externalName: fx.rates.example}
---
apiVersion: v1
kind: Service
metadata: {name: pages, namespace: shop, annotations: {ingress.appscode.com/use-dns-resolver: "true"}}
spec: {type: ExternalName, externalName: pages.vendor.example, ports: [{name: web, port: ${origin.port}, appProtocol: http}]}
`
  using place = folder({
    "m.yaml": gateway(http, https) + voyagers,
    "secrets.yaml":
      tlsSecret("shop", await authority.leaf({ dns: ["own.example.com"] })) +
      tlsSecret("a", await authority.leaf({ dns: ["a.example.com"] }))
  })
  const child = serving(place, { flags: [`--nameserver=${dns.address}`], files: ["m.yaml", "secrets.yaml"] })
  children.push(child)
  await child.line(/Gateway default\/ingress: http:/)
  const answer = async (path: string, secure = false) => {
    const tls = secure ? { tls: { servername: "a.example.com", ca: authority.certificate } } : {}
    const { status, headers, body } = await ask(secure ? https : http, path, { headers: { Host: "a.example.com" }, ...tls })
    return status === 200 ? body : `${status} ${headers.location ?? ""}`.trim()
  }
  assert.equal(await answer("/v2/x"), "pages")
  assert.equal(await answer("/v/x"), "404")
  assert.equal(await answer("/v2/x", true), "pages")
  assert.equal(await answer("/fx/eur?q=1"), "301 http://fx.rates.example:8443")
  assert.equal(await answer("/fx/eur?q=1", true), "301 https://fx.rates.example:8443")
  assert.equal(await answer("/old/x?q=1"), "308 https://new.example/a?b=c")
  assert.equal(await answer("/raw"), "500")
  await dns.close()
}, 30_000)
