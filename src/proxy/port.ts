// One bound socket: accepts connections, counts them, shakes hands, drains. Listeners that share address and port share it; which of them serves
// a request is the table's matter, swapped under it. What a connection says is connection.ts; those of routes of bytes are stream.ts.
import { createServer, type Server, type Socket } from "node:net"
import { createServer as createSecureServer, type Server as SecureServer, type TLSSocket, type TlsOptions } from "node:tls"
import { Effect, type Scope } from "effect"
import type { Metrics } from "../report/metrics.ts"
import { findHost } from "../routing/hosts.ts"
import type { Reason } from "../snapshot/reason.ts"
import { type BindFailure, bindFailure } from "./bind.ts"
import { askingSettings, type Certificate, chooseCertificate, clientProblem, servernameOf, tlsSettings } from "./certificates.ts"
import { Clock } from "./clock.ts"
import { Connection } from "./connection.ts"
import type { ConnectionHost, ConnectionTimes, PortConnection } from "./connectionhost.ts"
import type { ExchangeContext } from "./context.ts"
import { Entrance, nowhere } from "./entrance.ts"
import { Http2Connection } from "./http2connection.ts"
import { type Peeked, peek } from "./peek.ts"
import { recordConnection } from "./record.ts"
import { type Incoming, Stream } from "./stream.ts"
import type { LiveListener, PortTable } from "./table.ts"

export interface PortTimes extends ConnectionTimes {
  readonly handshake: number
}

export const defaultPortTimes: PortTimes = { head: 10_000, handshake: 10_000, keepAlive: 65_000 }

export interface PortOptions {
  readonly address: string
  readonly port: number
  readonly secure: boolean
  readonly table: PortTable
  readonly times: PortTimes
  readonly metrics: Metrics
  /** The rest of what exchanges need; `table` and `keepLines` are the port's own. */
  readonly exchange: Omit<ExchangeContext, "table" | "keepLines">
}

export interface Port {
  /** `0.0.0.0:8080`, with the port that was really bound. */
  readonly bind: string
  readonly bound: { readonly address: string; readonly port: number }
  readonly secure: boolean
  /** One assignment: requests read it once. */
  readonly setTable: (table: PortTable) => void
  /** Stops accepting at once; what is open stays. */
  readonly shut: () => void
  /** Stops accepting at once; idle connections close, the others after their response. Completes when none is left. */
  readonly drain: Effect.Effect<void>
  /** The time of a drain is nearly over: streams that may go on for ever are ended in their own words. What has none is left to the end of that time. */
  readonly farewell: () => void
}

/** Binds; unbinds and cuts whatever is left when the scope closes, which is done when all of it has ended. */
export const openPort = (options: PortOptions): Effect.Effect<Port, BindFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<PortServer, BindFailure>((resume) => {
      const port = new PortServer(options)
      const failed = (cause: NodeJS.ErrnoException) => {
        port.close()
        resume(Effect.fail(bindFailure(options.address, options.port, cause)))
      }
      port.server.once("error", failed)
      port.server.listen({ port: options.port, ...(options.address === "" ? {} : { host: options.address }) }, () => {
        port.server.off("error", failed)
        port.listening()
        resume(Effect.succeed(port))
      })
    }),
    (port) => port.cut
  )

/** Ends a handshake: nobody here has a certificate for its name. Made once, clients cause it at will. */
const nameless = Object.assign(new Error("no certificate for its server name"), { code: "ERR_NO_CERTIFICATE" })

/** Connections beyond the limit that are given an answer at the same time; beyond them there is only the end. */
const maxTurnedAway = 100

class PortServer implements Port {
  readonly server: Server
  readonly secure: boolean
  readonly #options: PortOptions
  readonly #host: ConnectionHost
  /** Ends TLS for HTTPS; null: the port has none. */
  readonly #https: SecureServer | null
  /** Ends TLS for routes of bytes; null: none has wanted it yet. */
  #ender: SecureServer | null = null
  #table: PortTable
  #draining = false
  /** TCP sockets, from accept to close: tunnels and handshakes too. */
  readonly #sockets = new Set<Socket>()
  readonly #connections = new Set<PortConnection>()
  readonly #streams = new Set<Stream>()
  /** Beyond the limit: they read their answer and go, and take no room. */
  readonly #turnedAway = new Set<Socket>()
  /** null: it is not open yet. */
  #entrance: Entrance | null = null
  #fallback: Certificate | null = null
  #asks = false
  #onDrained: () => void = ignore

  constructor(options: PortOptions) {
    const { exchange: outer, times, secure } = options
    this.#options = options
    this.secure = secure
    this.#table = options.table
    this.#host = {
      exchange: {
        ...outer,
        keepLines: `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(times.keepAlive / 1000)}\r\n\r\n`,
        table: () => this.#table,
        draining: () => this.#draining || outer.draining()
      },
      clock: new Clock(Math.min(times.head, times.keepAlive, outer.stall, outer.discard.milliseconds, outer.uploadLimits.window)),
      times,
      secure,
      ending: () => this.#draining,
      onRefused: this.#record,
      onPreface: (socket, first) => this.#openHttp2(socket, first),
      onClosed: (connection) => this.#connections.delete(connection)
    }
    // Half open: a client that ends its side is told from one that is gone, and a tunnel passes the end on.
    this.server = createServer({ noDelay: true, allowHalfOpen: true })
    this.#https = secure ? this.#ending(this.#admit, { ALPNProtocols: ["h2", "http/1.1"], rejectUnauthorized: false }) : null
    this.setTable(options.table)
    this.server.on("connection", this.#accept)
  }

  get bind(): string {
    return this.#entrance?.bind ?? ""
  }

  get bound(): Port["bound"] {
    return this.#entrance?.bound ?? nowhere
  }

  /** It does not listen: connections are handed to it. */
  #ending(ended: (socket: TLSSocket) => void, options: TlsOptions): SecureServer {
    const server = createSecureServer({
      ...options,
      ...tlsSettings,
      handshakeTimeout: this.#options.times.handshake,
      // Never the default context, which a client without SNI gets: that is another listener's.
      SNICallback: (servername, done) => {
        const context = this.#certificateFor(servername.toLowerCase())?.context
        if (context === undefined) done(nameless)
        else done(null, context)
      }
    })
    server.on("secureConnection", ended)
    server.on("tlsClientError", this.#handshakeFailed)
    return server
  }

  /** Called once, when the socket is bound. */
  listening(): void {
    const at = this.server.address()
    if (at === null || typeof at === "string") return
    const { metrics, exchange } = this.#options
    this.#entrance = new Entrance(at, metrics, exchange.gateway, this.#sockets)
    // Failed accepts (EMFILE) pass; without a listener they would end the process.
    this.server.on("error", ignore)
  }

  readonly setTable = (table: PortTable): void => {
    this.#table = table
    if (this.#https === null) return
    // A client without SNI is served by the listener that serves every host, and by nobody when there is none.
    const fallback = this.#certificateFor("")
    const { asks } = table
    if (fallback === this.#fallback && asks === this.#asks) return
    this.#fallback = fallback
    this.#asks = asks
    // Read for each connection by Node, which has no other way to change it.
    Object.assign(this.#https, { requestCert: asks })
    for (const server of [this.#https, this.#ender]) if (server !== null) this.#fall(server)
  }

  #fall(server: SecureServer): void {
    const fallback = this.#fallback
    // Options of a handshake that SNI does not replace, as that there are no tickets, are those of this context.
    const settings = this.#asks && server === this.#https ? askingSettings : tlsSettings
    if (fallback === null) server.setSecureContext(settings)
    else fallback.use((options) => server.setSecureContext({ ...options, ...settings }))
  }

  readonly shut = (): void => {
    this.server.close()
  }

  readonly drain: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.#draining = true
    this.#onDrained = () => resume(Effect.void)
    this.server.close()
    for (const connection of this.#connections) connection.drain()
    this.#checkDrained()
  })

  readonly farewell = (): void => {
    for (const connection of [...this.#connections]) connection.farewell()
  }

  /** Ends what is left, and is done when each of them has been: what is cut still has its line in the access log to write. */
  readonly cut: Effect.Effect<void> = Effect.callback<void>((resume) => {
    // Others hear of a socket's end after us: they get their turn first.
    this.#onDrained = () => setImmediate(() => resume(Effect.void))
    this.close()
    this.#checkDrained()
  })

  close(): void {
    this.#draining = true
    this.server.close()
    for (const connection of this.#connections) connection.cut = true
    for (const stream of this.#streams) stream.cut()
    for (const socket of this.#sockets) socket.destroy()
    this.#entrance?.close()
  }

  #checkDrained(): void {
    if (this.#draining && this.#sockets.size === 0) this.#onDrained()
  }

  #listenerFor(servername: string): LiveListener | null {
    return findHost(this.#table.listeners, servername)?.entry ?? null
  }

  #certificateFor(servername: string): Certificate | null {
    const chooser = this.#listenerFor(servername)?.chooser ?? null
    return chooser === null ? null : chooseCertificate(chooser, servername)
  }

  readonly #accept = (socket: Socket): void => {
    this.#sockets.add(socket)
    socket.on("close", () => {
      this.#sockets.delete(socket)
      this.#turnedAway.delete(socket)
      this.#checkDrained()
    })
    socket.on("error", ignore)
    this.#entrance?.count()
    const short = this.#options.exchange.memory.short()
    if (short !== null) this.#turnAway(socket, short)
    else if (this.#sockets.size - this.#turnedAway.size > this.#table.connections)
      this.#turnAway(socket, `more than ${this.#table.connections} connections`)
    else this.#begin(socket)
  }

  #begin(socket: Socket): void {
    const { stream, peeks } = this.#table
    if (stream !== null) this.#carry({ socket, early: none, listener: stream, servername: "", protocol: "TCP", tls: "" })
    else if (this.#https === null) this.#open(socket)
    else if (peeks) peek(socket, this.#options.times.handshake, (peeked) => this.#peeked(socket, peeked))
    else handshake(this.#https, socket)
  }

  #peeked(socket: Socket, peeked: Peeked): void {
    if (peeked._tag === "Not") {
      if (peeked.detail !== null) this.#record(socket, "downstream_tls", peeked.detail)
      socket.destroy()
      return
    }
    const { name, bytes } = peeked
    const listener = findHost(this.#table.listeners, name)?.entry ?? null
    const mode = listener?.spec.mode
    if (listener !== null && mode?._tag === "Tls" && (mode.tls === null || listener.problem !== null)) {
      this.#carry({ socket, early: bytes, listener, servername: name, protocol: "TLS", tls: "" })
      return
    }
    // Read again, by whoever ends its TLS.
    socket.unshift(bytes)
    handshake(mode?._tag === "Tls" ? this.#enders : this.#https!, socket)
  }

  /** Without ALPN: what is inside is between the client and the backend. */
  get #enders(): SecureServer {
    if (this.#ender === null) {
      this.#ender = this.#ending(this.#ended, {})
      this.#fall(this.#ender)
    }
    return this.#ender
  }

  readonly #ended = (socket: TLSSocket): void => {
    socket.allowHalfOpen = true
    const servername = typeof socket.servername === "string" ? socket.servername.toLowerCase() : ""
    const listener = findHost(this.#table.listeners, servername)?.entry ?? null
    if (listener === null) {
      this.#record(socket, "no_listener", "no listener has this name")
      socket.destroy()
    } else this.#carry({ socket, early: none, listener, servername, protocol: "TLS", tls: socket.getProtocol() ?? "" })
  }

  #carry(incoming: Omit<Incoming, "rule">): void {
    const rule = findHost(incoming.listener.bytes.byHost, incoming.servername)?.entry.rule ?? null
    const stream = new Stream(this.#options.exchange, { ...incoming, rule }, this.#carried)
    this.#streams.add(stream)
    stream.run()
  }

  readonly #carried = (stream: Stream): void => {
    this.#streams.delete(stream)
  }

  #turnAway(socket: Socket, detail: string): void {
    // A TLS client could read an answer only after a handshake, which is what there is no room for; one of bytes takes none.
    if (this.secure || this.#table.stream !== null || this.#turnedAway.size >= maxTurnedAway) {
      this.#record(socket, "overload", detail)
      socket.destroy()
      return
    }
    this.#turnedAway.add(socket)
    this.#open(socket).refuse("overload", detail)
  }

  readonly #open = (socket: Socket): Connection => {
    const connection = new Connection(socket, this.#host, this.#table.head.bytes)
    this.#connections.add(connection)
    return connection
  }

  #openHttp2(socket: Socket, first: Buffer | null): void {
    const connection = new Http2Connection(socket, this.#host, this.#table.head.bytes, first)
    this.#connections.add(connection)
    // Its handshake was under way when the others were told.
    if (this.#draining) connection.drain()
  }

  /** Who has to show a certificate is told by the listener that SNI chose; the others of the port may be asked as well. */
  readonly #admit = (socket: TLSSocket): void => {
    socket.allowHalfOpen = true
    const listener = this.#asks ? this.#listenerFor(servernameOf(socket)) : null
    const problem = listener?.verifies === true ? clientProblem(socket) : null
    if (problem === null) {
      if (socket.alpnProtocol === "h2") this.#openHttp2(socket, null)
      else this.#open(socket)
      return
    }
    this.#record(socket, "downstream_tls", problem)
    socket.destroy()
  }

  readonly #handshakeFailed = (cause: NodeJS.ErrnoException, socket: TLSSocket): void => {
    // Port scanners and health checks that say nothing are not told.
    if (cause.code !== "ECONNRESET") this.#record(socket, "downstream_tls", `the TLS handshake failed: ${cause.code ?? cause.message}`)
    socket.destroy()
  }

  readonly #record = (socket: Socket, reason: Reason, detail: string): void => {
    const { gateway, log } = this.#options.exchange
    recordConnection({ gateway, log, tally: this.#table.tally }, socket, { reason, detail })
  }
}

/** Who ends its side before all of its handshake has come has gone: half open, it would be here until the handshake's time is over. Half-closed connections are served again once TLS stands. */
const handshake = (server: SecureServer, socket: Socket): void => {
  socket.allowHalfOpen = false
  server.emit("connection", socket)
}

const none: Uint8Array = new Uint8Array(0)

const ignore = (): void => {}
