// GRPCRoutes through `sluice run`, with a client and servers that are not ours (@grpc/grpc-js): calls by service, method and metadata, beside an HTTPRoute of the same
// host, in plaintext and over TLS on both sides.
import { get as httpGet } from "node:http"
import { Client, credentials, Metadata, Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { folder, serving } from "../cli/program.ts"
import { type IssuedCertificate, makeAuthority } from "../support/certificates.ts"
import { startOrigin } from "../support/origin.ts"
import { freePorts } from "../support/port.ts"

const bytes = (value: Buffer): Buffer => value
const unary = {
  ...{ requestStream: false, responseStream: false },
  ...{ requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes }
}
const paths = ["/shop.Cart/Add", "/shop.Cart/List", "/shop.Mail/List", "/other.Any/Get"]

/** Answers its name, and what the gateway set, as bytes. */
const server = async (name: string, secured: ServerCredentials) => {
  const server = new Server()
  const answer = (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
    done(null, Buffer.from(`${name} ${call.metadata.get("x-set").join()}`.trim()))
  server.addService(
    Object.fromEntries(paths.map((path) => [path, { ...unary, path }])),
    Object.fromEntries(paths.map((path) => [path, answer]))
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", secured, (error, bound) => (error === null ? resolve(bound) : reject(error)))
  )
  return { server, port }
}

const indented = (pem: string) => pem.trim().replaceAll(/^/gm, "    ")
const backend = (name: string, port: number, more = "") => `---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: ${name}, namespace: shop}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}]${more}}
`
const to = (name: string) => `backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: ${name}}]`

const manifests = (
  [plain, secure]: ReadonlyArray<number>,
  ports: Readonly<Record<"cart" | "mail" | "safe" | "web", number>>,
  leaf: IssuedCertificate,
  authority: string
) => `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: sluice
  listeners:
    - {name: http, port: ${plain}, protocol: HTTP}
    - {name: https, port: ${secure}, protocol: HTTPS, tls: {certificateRefs: [{name: pair}]}}
---
apiVersion: v1
kind: Secret
type: kubernetes.io/tls
metadata: {name: pair, namespace: shop}
stringData:
  tls.crt: |
${indented(leaf.chain)}
  tls.key: |
${indented(leaf.key)}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ca, namespace: shop}
data:
  ca.crt: |
${indented(authority)}
${backend("cart", ports.cart)}${backend("mail", ports.mail)}${backend("web", ports.web)}${backend(
  "safe",
  ports.safe,
  ", tls: {hostname: edge.test, caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]}"
)}---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: calls, namespace: shop}
spec:
  parentRefs: [{name: edge, sectionName: http}]
  rules:
    - matches: [{method: {service: shop.Cart}}]
      filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-set, value: by-the-rule}]}}]
      ${to("cart")}
    - matches: [{method: {method: List}}]
      ${to("mail")}
    - matches: [{headers: [{name: x-tenant, value: mail}]}]
      ${to("mail")}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: safe, namespace: shop}
spec:
  parentRefs: [{name: edge, sectionName: https}]
  rules: [{name: all, ${to("safe")}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec:
  parentRefs: [{name: edge, sectionName: http}]
  rules: [{matches: [{path: {type: Exact, value: /shop.Cart/Add}}], ${to("web")}}]
`

let close: () => Promise<void> = () => Promise.resolve()
let ports: ReadonlyArray<number> = []
let clients: Readonly<Record<"plain" | "secure", Client>>

beforeAll(async () => {
  const authority = await makeAuthority()
  const leaf = await authority.leaf({ dns: ["edge.test"] })
  const ca = Buffer.from(authority.certificate)
  const pair = { cert_chain: Buffer.from(leaf.chain), private_key: Buffer.from(leaf.key) }
  const servers = {
    cart: await server("cart", ServerCredentials.createInsecure()),
    mail: await server("mail", ServerCredentials.createInsecure()),
    safe: await server("safe", ServerCredentials.createSsl(null, [pair]))
  }
  const web = await startOrigin({ script: ({ reply }) => reply({ body: "web" }) })
  ports = await freePorts(2)
  const of = { cart: servers.cart.port, mail: servers.mail.port, safe: servers.safe.port, web: web.port }
  const place = folder({ "m.yaml": manifests(ports, of, leaf, authority.certificate) })
  const child = serving(place)
  clients = {
    plain: new Client(`127.0.0.1:${ports[0]}`, credentials.createInsecure()),
    secure: new Client(`127.0.0.1:${ports[1]}`, credentials.createSsl(ca), { "grpc.ssl_target_name_override": "edge.test" })
  }
  close = async () => {
    for (const client of Object.values(clients)) client.close()
    await child.end("SIGKILL")
    for (const { server } of Object.values(servers)) server.forceShutdown()
    await web.close()
    place[Symbol.dispose]()
  }
  await child.line(/Gateway shop\/edge: http:.*https:/)
}, 90_000)
afterAll(() => close())

/** What answered, or the status of the failure. */
const call = (client: Client, path: string, said: Readonly<Record<string, string>> = {}): Promise<string> =>
  new Promise((resolve) => {
    const metadata = new Metadata()
    for (const [name, value] of Object.entries(said)) metadata.set(name, value)
    client.makeUnaryRequest(path, bytes, bytes, Buffer.from("?"), metadata, (error, value) =>
      resolve(error === null ? value!.toString() : status[error.code]!)
    )
  })

describe("a GRPCRoute", () => {
  it("takes calls by the longest service, then by method and metadata; a call of no rule is UNIMPLEMENTED", async () => {
    expect(await call(clients.plain, "/shop.Cart/Add")).toBe("cart by-the-rule")
    // The service says more than the method.
    expect(await call(clients.plain, "/shop.Cart/List")).toBe("cart by-the-rule")
    expect(await call(clients.plain, "/shop.Mail/List")).toBe("mail")
    expect(await call(clients.plain, "/other.Any/Get", { "x-tenant": "mail" })).toBe("mail")
    expect(await call(clients.plain, "/other.Any/Get")).toBe("UNIMPLEMENTED")
  })

  it("leaves requests of the same host and path that are no calls to HTTPRoutes", async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      httpGet({ host: "127.0.0.1", port: ports[0], path: "/shop.Cart/Add", agent: false }, (response) => {
        let body = ""
        response.on("data", (part: Buffer) => (body += part.toString()))
        response.on("end", () => resolve(`${response.statusCode} ${body}`))
      }).on("error", reject)
    })
    expect(answer).toBe("200 web")
  })

  it("goes over TLS on both sides, where a backend's own CA is verified", async () => {
    expect(await call(clients.secure, "/other.Any/Get")).toBe("safe")
  })
})
