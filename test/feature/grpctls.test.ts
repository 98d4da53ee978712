// gRPC over TLS with certificates on both sides, through `sluice run`: a client shows its own to the Gateway, the Gateway shows its own to the backend, and whoever shows none is not
// served. Client and server are not ours (@grpc/grpc-js).
import {
  type ChannelCredentials,
  Client,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
  type UntypedServiceImplementation
} from "@grpc/grpc-js"
import { afterEach, expect, it } from "vitest"
import { folder, serving } from "../cli/program.ts"
import { type IssuedCertificate, makeAuthority } from "../support/certificates.ts"
import { tlsSecret } from "../support/manifests.ts"
import { freePorts } from "../support/port.ts"

const closes: Array<() => unknown> = []
afterEach(async () => {
  for (const close of closes.splice(0).reverse()) await close()
})

const bytes = (value: Buffer): Buffer => value
const shape = { requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes }

const serve = async (ca: string, { chain, key }: IssuedCertificate): Promise<number> => {
  const server = new Server()
  server.addService(
    {
      who: { ...shape, path: "/test.Echo/Who", requestStream: false, responseStream: false },
      chat: { ...shape, path: "/test.Echo/Chat", requestStream: true, responseStream: true }
    },
    {
      who: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) =>
        done(null, Buffer.from(String(call.getAuthContext().sslPeerCertificate?.subject.CN))),
      chat: (call: ServerDuplexStream<Buffer, Buffer>) => {
        call.on("data", (piece: Buffer) => call.write(piece))
        call.on("end", () => call.end())
      }
    } as UntypedServiceImplementation
  )
  closes.push(() => server.forceShutdown())
  const pair = { cert_chain: Buffer.from(chain), private_key: Buffer.from(key) }
  return new Promise((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createSsl(Buffer.from(ca), [pair], true), (error, bound) =>
      error === null ? resolve(bound) : reject(error)
    )
  )
}

const pem = (text: string): string => text.trim().replaceAll(/^/gm, "    ")

const bundle = (name: string, certificate: string): string => `---
apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}, namespace: shop}
data:
  ca.crt: |
${pem(certificate)}
`

it("each side sees the certificate of the other", async () => {
  const [site, staff, backends] = await Promise.all([makeAuthority("site"), makeAuthority("staff"), makeAuthority("backends")])
  const [leaf, person, edge, origin] = await Promise.all([
    site.leaf({ dns: ["calls.test"] }),
    staff.leaf({ dns: ["person"], usage: "client" }),
    backends.leaf({ dns: ["edge"], usage: "client" }),
    backends.leaf({ dns: ["origin.test"], usage: "server" })
  ])
  const port = await serve(backends.certificate, origin)
  const [https, bare] = (await freePorts(2)) as [number, number]
  const place = folder({
    "m.yaml": `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: edge, namespace: shop}
spec:
  gatewayClassName: sluice
  tls:
    frontend: {default: {validation: {caCertificateRefs: [{group: "", kind: ConfigMap, name: staff}]}}}
    backend: {clientCertificateRef: {name: edge}}
  listeners: [{name: https, port: ${https}, protocol: HTTPS, hostname: calls.test, tls: {certificateRefs: [{name: site}]}}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: bare, namespace: shop}
spec: {gatewayClassName: sluice, listeners: [{name: http, port: ${bare}, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GRPCRoute
metadata: {name: calls, namespace: shop}
spec:
  parentRefs: [{name: edge}, {name: bare}]
  rules: [{matches: [{method: {service: test.Echo}}], backendRefs: [{group: gateway.sluice.dev, kind: Backend, name: calls}]}]
---
apiVersion: gateway.sluice.dev/v1alpha1
kind: Backend
metadata: {name: calls, namespace: shop}
spec:
  protocol: GRPCS
  endpoints: [{ip: {address: 127.0.0.1, port: ${port}}}]
  tls: {hostname: origin.test, caCertificateRefs: [{group: "", kind: ConfigMap, name: backends}]}
${[tlsSecret("site", leaf), tlsSecret("edge", edge), bundle("staff", staff.certificate), bundle("backends", backends.certificate)].join("")}`
  })
  closes.push(() => place[Symbol.dispose]())
  const program = serving(place)
  closes.push(() => program.end("SIGKILL"))
  await Promise.all([program.line(/Gateway shop\/edge: https:/), program.line(/Gateway shop\/bare: http:/)])

  const open = (to: number, shown: ChannelCredentials) => {
    const client = new Client(`127.0.0.1:${to}`, shown, {
      "grpc.default_authority": "calls.test",
      "grpc.ssl_target_name_override": "calls.test"
    })
    closes.push(() => client.close())
    return client
  }
  const who = (client: Client) =>
    new Promise<{ readonly error: ServiceError | null; readonly value: string | undefined }>((resolve) =>
      client.makeUnaryRequest("/test.Echo/Who", bytes, bytes, Buffer.alloc(0), (error: ServiceError | null, value?: Buffer) =>
        resolve({ error, value: value?.toString() })
      )
    )
  const ca = Buffer.from(site.certificate)
  const known = open(https, credentials.createSsl(ca, Buffer.from(person.key), Buffer.from(person.chain)))
  expect(await who(known)).toEqual({ error: null, value: "edge" })
  const chat = known.makeBidiStreamRequest("/test.Echo/Chat", bytes, bytes, new Metadata())
  const heard: Array<string> = []
  const over = new Promise<number>((resolve) => chat.on("status", ({ code }) => resolve(code)))
  chat.on("data", (piece: Buffer) => {
    heard.push(piece.toString())
    if (heard.length < 100) chat.write(Buffer.from(String(heard.length)))
    else chat.end()
  })
  chat.write(Buffer.from("0"))
  expect(await over).toBe(status.OK)
  expect(heard).toEqual(Array.from({ length: 100 }, (_, n) => String(n)))

  expect((await who(open(https, credentials.createSsl(ca)))).error?.code).toBe(status.UNAVAILABLE)
  // A Gateway that has nothing to show: its clients are told, in their own words.
  const { error } = await who(open(bare, credentials.createInsecure()))
  expect([error?.code, error?.details]).toEqual([status.UNAVAILABLE, "The backend refused this gateway."])
})
