// The operator's end: every proxy is connected, each is given exactly its own Gateway's snapshots (law 14), the newest it can take, and heard.
import type { AddressInfo, Socket } from "node:net"
import { createServer, type Server, type TLSSocket } from "node:tls"
import { Data, Effect, FiberSet, type Scope, Stream } from "effect"
import type { Ack, Report } from "../report/report.ts"
import type { Publisher } from "../snapshot/published.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { Review } from "./caller.ts"
import { linkPort } from "./mount.ts"
import { alpn } from "./protocol.ts"
import { makeSession, type Served, type Session } from "./session.ts"
import { defaultTimes, type LinkTimes } from "./stream.ts"

/** A certificate chain and its key, PEM. */
export interface TlsIdentity {
  readonly chain: string
  readonly key: string
}

export interface LinkServerOptions {
  /** Default: every address, port 18000. Port 0 takes a free one. */
  readonly at?: { readonly address: string; readonly port: number }
  readonly identity: TlsIdentity
  readonly review: Review
  /** `ack.proxy` and `report.proxy` are the pod's name. */
  readonly onAck: (gateway: Snapshot["gateway"], ack: Ack) => void
  /** Everything the proxy sees of its upstreams, not only what changed. */
  readonly onReport: (gateway: Snapshot["gateway"], report: Report) => void
  /** No connection of that pod is left: what it acknowledged and saw is no longer so. */
  readonly onGone: (gateway: Snapshot["gateway"], proxy: string) => void
  readonly times?: Partial<LinkTimes>
  readonly limits?: Partial<ServerLimits>
}

export interface ServerLimits {
  /** Proxies connected. */
  readonly connections: number
  /** Sockets whose caller is not known yet; one more, and the oldest of whoever has the most is closed. */
  readonly strangers: number
  /** About so many characters of an update are made and sent at once. */
  readonly part: number
}

// A part is read by a proxy in one go while it serves: about a millisecond of its time.
const defaultServerLimits: ServerLimits = { connections: 10_000, strangers: 128, part: 32 * 1024 }

export interface ConnectedProxy {
  readonly gateway: Snapshot["gateway"]
  readonly proxy: string
  /** It takes its updates from here. */
  readonly following: boolean
  /** It acknowledged last; null: nothing yet. */
  readonly version: string | null
  /** Milliseconds since the epoch. */
  readonly since: number
}

export interface LinkServer {
  readonly at: { readonly address: string; readonly port: number }
  /** Until the scope closes. A Gateway that is not served is not answered for: its proxies stay connected and take their updates elsewhere. */
  readonly serve: (
    gateway: Snapshot["gateway"],
    publisher: Pick<Publisher, "current" | "follow">
  ) => Effect.Effect<void, never, Scope.Scope>
  readonly connected: () => ReadonlyArray<ConnectedProxy>
  /** A new certificate, for connections from now on. */
  readonly renew: (identity: TlsIdentity) => void
  /** Never ends of itself; a defect of a connection's fiber ends it. */
  readonly run: Effect.Effect<never>
}

export class LinkBindError extends Data.TaggedError("LinkBindError")<{ readonly message: string }> {}

const keyOf = ({ namespace, name }: Snapshot["gateway"]): string => `${namespace}/${name}`

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`

/** Of the address that has the most, the first: who opens many takes from himself, and who has just come has the time to say who he is. */
const crowding = <A extends { readonly address: string }>(crowd: Iterable<A>): A | undefined => {
  const counts = new Map<string, { readonly first: A; count: number }>()
  for (const one of crowd) {
    const known = counts.get(one.address)
    if (known === undefined) counts.set(one.address, { first: one, count: 1 })
    else known.count++
  }
  let most: { readonly first: A; readonly count: number } | undefined
  for (const each of counts.values()) if (most === undefined || each.count > most.count) most = each
  return most?.first
}

const tlsOptions = ({ chain, key }: TlsIdentity) => ({ cert: chain, key, minVersion: "TLSv1.3", maxVersion: "TLSv1.3" }) as const

const listening = (server: Server, at: { readonly address: string; readonly port: number }) =>
  Effect.callback<{ readonly address: string; readonly port: number }, LinkBindError>((resume) => {
    const listen = (address: string) => {
      server.once("error", (error: NodeJS.ErrnoException) => {
        // A machine without IPv6.
        if (address === "::" && error.code === "EAFNOSUPPORT") return listen("0.0.0.0")
        resume(
          Effect.fail(new LinkBindError({ message: `cannot open the link port ${address}:${at.port}: ${error.code ?? error.message}` }))
        )
      })
      server.listen(at.port, address)
    }
    server.once("listening", () => {
      server.removeAllListeners("error")
      server.on("error", () => {})
      const { address, port } = server.address() as AddressInfo
      resume(Effect.succeed({ address, port }))
    })
    listen(at.address)
  })

/** Versions that a proxy which comes back may name and be told only what changed since. */
const remembered = 16

export const makeLinkServer = Effect.fnUntraced(function* (
  options: LinkServerOptions
): Effect.fn.Return<LinkServer, LinkBindError, Scope.Scope> {
  const times = { ...defaultTimes, ...options.times }
  const limits = { ...defaultServerLimits, ...options.limits }
  const fibers = yield* FiberSet.make<unknown, never>()
  const fork = yield* FiberSet.runtime(fibers)<never>()
  const gateways = new Map<string, Served>()
  const sessions = new Set<Session>()
  /** By Gateway and pod: the newest connection of each. */
  const known = new Map<string, Session>()
  /** By address and port, the oldest first: the TLS socket of a connection is another object than its socket. */
  const strangers = new Map<string, { readonly peer: string; readonly address: string; readonly socket: Socket }>()

  const announce = (gateway: Snapshot["gateway"]) => {
    for (const session of known.values()) {
      const caller = session.caller()
      if (caller !== null && keyOf(caller.gateway) === keyOf(gateway)) session.announce()
    }
  }

  const server = createServer({ ...tlsOptions(options.identity), ALPNProtocols: [alpn], handshakeTimeout: times.greeting })
  // Those that are being closed are counted until they are.
  server.maxConnections = limits.connections + 2 * limits.strangers
  server.on("tlsClientError", (_error, socket) => socket.destroy())
  server.on("connection", (socket) => {
    socket.on("error", () => {})
    const peer = peerOf(socket)
    const stranger = { peer, address: String(socket.remoteAddress), socket }
    strangers.set(peer, stranger)
    socket.once("close", () => {
      if (strangers.get(peer) === stranger) strangers.delete(peer)
    })
    // Law 19, and whoever reaches the port and stays silent must not keep the proxies out: a place is made for who comes, not refused to him.
    if (strangers.size <= limits.strangers) return
    const crowder = crowding(strangers.values())
    if (crowder === undefined) return
    strangers.delete(crowder.peer)
    crowder.socket.destroy()
  })
  server.on("secureConnection", (socket: TLSSocket) => {
    if (socket.alpnProtocol !== alpn) {
      socket.destroy()
      return
    }
    const session: Session = makeSession(socket, {
      times,
      part: limits.part,
      review: options.review,
      fork,
      served: (gateway) => gateways.get(keyOf(gateway)) ?? null,
      full: () => known.size >= limits.connections,
      onKnown: ({ gateway, pod }) => {
        strangers.delete(peerOf(socket))
        const key = `${keyOf(gateway)} ${pod}`
        const before = known.get(key)
        known.set(key, session)
        before?.end("a newer connection of the same pod took its place")
      },
      onAck: options.onAck,
      onReport: options.onReport,
      onClose: () => {
        sessions.delete(session)
        const caller = session.caller()
        if (caller === null) return
        const key = `${keyOf(caller.gateway)} ${caller.pod}`
        if (known.get(key) !== session) return
        known.delete(key)
        options.onGone(caller.gateway, caller.pod)
      }
    })
    if (!session.ended()) sessions.add(session)
  })

  yield* Effect.acquireRelease(Effect.void, () =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      for (const { socket } of strangers.values()) socket.destroy()
      for (const session of [...sessions]) session.end("the operator stops")
    })
  )
  const at = yield* listening(server, options.at ?? { address: "::", port: linkPort })

  return {
    at,
    serve: (gateway, publisher) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const recent: Array<Snapshot> = []
          const served: Served = {
            publisher,
            recent: (version) => {
              const current = publisher.current()?.snapshot
              return current?.version === version ? current : (recent.find((one) => one.version === version) ?? null)
            }
          }
          // One that was deleted and made again: nobody goes on following the first.
          if (gateways.delete(keyOf(gateway))) announce(gateway)
          gateways.set(keyOf(gateway), served)
          const fiber = fork(
            publisher.follow.pipe(
              Stream.runForEach(({ snapshot }) =>
                Effect.sync(() => {
                  const first = recent.length === 0
                  recent.unshift(snapshot)
                  recent.length = Math.min(recent.length, remembered)
                  if (first) announce(gateway)
                })
              )
            )
          )
          return { served, fiber }
        }),
        ({ served, fiber }) =>
          Effect.sync(() => {
            fiber.interruptUnsafe()
            if (gateways.get(keyOf(gateway)) !== served) return
            gateways.delete(keyOf(gateway))
            announce(gateway)
          })
      ).pipe(Effect.asVoid),
    connected: () => [...known.values()].map((session) => session.describe()),
    renew: (identity) => server.setSecureContext(tlsOptions(identity)),
    run: FiberSet.join(fibers).pipe(Effect.andThen(Effect.never))
  }
})
