// What dial tests share: origins on loopback, material by id, and a dial as a promise.
import { createServer as createTcpServer, type Server, type Socket } from "node:net"
import { createServer, type TLSSocket, type TlsOptions } from "node:tls"
import { Result } from "effect"
import { type Material, sealPublic } from "#src/snapshot/secret.ts"
import type { AddressPolicy, UpstreamTls } from "#src/snapshot/upstream.ts"
import { dial } from "#src/upstream/dial/connect.ts"
import type { Identity } from "#src/upstream/dial/identity.ts"
import { noOwnAddresses } from "#src/upstream/dial/own.ts"
import type { DialOutcome, DialPlan } from "#src/upstream/dial/plan.ts"
import { type TrustRoots, trustRoots } from "#src/upstream/dial/roots.ts"
import { type TlsContext, tlsContext } from "#src/upstream/dial/tls.ts"
import type { IssuedCertificate } from "../../support/certificates.ts"

export const loopback: AddressPolicy = { cluster: [], allowLoopback: true, egress: null }
export const noRoots: TrustRoots = trustRoots([], () => [])

export const named = (name: string): Identity => ({ host: name, sni: name, certificateName: name, alpn: ["http/1.1"], probeHost: name })

const source = { kind: "Secret", namespace: "test", name: "material", section: null }

/** Material as a snapshot would carry it; the id is anything. */
export const material = (id: string, certificate: Pick<IssuedCertificate, "chain"> & { readonly key?: string }): Material => {
  const key = certificate.key === undefined ? null : sealPublic(Buffer.from(certificate.key))
  const digest = sealPublic(Buffer.from(certificate.chain + (certificate.key ?? ""))).digest
  return { id, ref: { source, digest }, chain: certificate.chain, key, names: [], expires: "" }
}

export const spec = (change: Partial<UpstreamTls> = {}): UpstreamTls => ({
  ca: ["ca"],
  names: [],
  client: null,
  verify: true,
  minVersion: "TLSv1.2",
  maxVersion: "TLSv1.3",
  ...change
})

export const contextOf = (tls: UpstreamTls, ...held: ReadonlyArray<Material>): TlsContext =>
  Result.getOrThrow(
    tlsContext(
      tls,
      (id) => {
        const found = held.find((each) => each.id === id)
        if (found === undefined) throw new Error(`no material ${id}`)
        return found
      },
      noRoots
    )
  )

/** `done` must come once, and never before `dial` has returned. */
export const dialled = (plan: DialPlan): Promise<DialOutcome> =>
  new Promise((resolve, reject) => {
    let returned = false
    let calls = 0
    dial(plan, (outcome) => {
      if (!returned) reject(new Error("done was called before dial returned"))
      if (++calls > 1) reject(new Error("done was called twice"))
      resolve(outcome)
    })
    returned = true
  })

export const planTo = (port: number, change: Partial<DialPlan> = {}): DialPlan => ({
  to: { _tag: "Addresses", candidates: [{ ip: "127.0.0.1", port, name: "origin.example", origin: "Written" }] },
  policy: loopback,
  own: noOwnAddresses,
  identity: named("origin.example"),
  tls: null,
  timeouts: { connect: 5_000, tlsHandshake: 5_000 },
  ...change
})

export interface Origin {
  readonly port: number
  readonly sockets: Set<Socket>
  /** Server names seen (TLS only). */
  readonly names: Array<string | false | null>
  readonly close: () => Promise<void>
}

const started = (server: Server, at: { readonly host?: string; readonly path?: string }, names: Origin["names"]): Promise<Origin> => {
  const sockets = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
  })
  return new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(at.path === undefined ? { port: 0, host: at.host ?? "127.0.0.1" } : { path: at.path }, () => {
      const address = server.address()
      resolve({
        port: address !== null && typeof address === "object" ? address.port : 0,
        sockets,
        names,
        close: () => {
          for (const socket of sockets) socket.destroy()
          return new Promise<void>((closed) => server.close(() => closed()))
        }
      })
    })
  })
}

export const tcpOrigin = (
  at: { readonly host?: string; readonly path?: string } = {},
  onSocket: (socket: Socket) => void = () => {}
): Promise<Origin> => started(createTcpServer(onSocket), at, [])

export const tlsOrigin = (certificate: IssuedCertificate, options: TlsOptions = {}): Promise<Origin> => {
  const names: Origin["names"] = []
  const server = createServer({ cert: certificate.chain, key: certificate.key, ...options }, (socket: TLSSocket) => {
    names.push(socket.servername)
    socket.on("error", () => {})
    socket.write("hello")
  })
  server.on("tlsClientError", () => {})
  return started(server, {}, names)
}
