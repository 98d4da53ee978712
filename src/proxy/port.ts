// One bound socket and the node:http server on it. Listeners that share address and port share it; which of them serves a request is the table's
// matter, swapped under it. What node:http cannot say in a response (its parser's errors, CONNECT, TLS) is answered here.
import { createServer, type IncomingMessage, type Server, ServerResponse } from "node:http"
import { createServer as createSecureServer } from "node:https"
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import type { SecureContextOptions } from "node:tls"
import { Effect, type Scope } from "effect"
import type { Metrics } from "../report/metrics.ts"
import type { Cell } from "../report/series.ts"
import { findHost } from "../routing/hosts.ts"
import type { Reason } from "../snapshot/reason.ts"
import { rawAnswer } from "./answer.ts"
import { type Certificate, chooseCertificate, tlsSettings } from "./certificates.ts"
import { Connection } from "./connection.ts"
import { Exchange, type ExchangeContext } from "./exchange.ts"
import { type ParserError, parserFailure } from "./parser.ts"
import { recordConnection } from "./record.ts"
import type { PortTable } from "./table.ts"

export interface PortTimes {
  /** Milliseconds for a request's head, and between head and head for a slow one. */
  readonly head: number
  readonly handshake: number
  /** An idle client connection; up to a tenth is added at random, so that a crowd does not leave at once. */
  readonly keepAlive: number
}

export const defaultPortTimes: PortTimes = { head: 10_000, handshake: 10_000, keepAlive: 65_000 }

export interface PortOptions {
  readonly address: string
  readonly port: number
  readonly secure: boolean
  readonly table: PortTable
  readonly times: PortTimes
  readonly metrics: Metrics
  /** The rest of what exchanges need; `table` is the port's own. */
  readonly exchange: Omit<ExchangeContext, "table">
}

export interface Port {
  /** `0.0.0.0:8080`, with the port that was really bound. */
  readonly bind: string
  readonly bound: { readonly address: string; readonly port: number }
  readonly secure: boolean
  /** One assignment: requests read it once. */
  readonly setTable: (table: PortTable) => void
  /** Stops accepting at once; idle connections close, the others after their response. Completes when none is left. */
  readonly drain: Effect.Effect<void>
}

export interface BindFailure {
  readonly _tag: "BindFailure"
  /** Names address, port and remedy. */
  readonly message: string
}

const bindMessage = (address: string, port: number, cause: NodeJS.ErrnoException): string => {
  const where = `${address === "" ? "*" : address}:${port}`
  switch (cause.code) {
    case "EADDRINUSE":
      return `${where} is in use by another process (EADDRINUSE): stop it or use another port`
    case "EACCES":
      return `no permission to open ${where} (EACCES): ports below 1024 need CAP_NET_BIND_SERVICE or a higher port`
    case "EADDRNOTAVAIL":
      return `${where} is not an address of this machine (EADDRNOTAVAIL)`
    default:
      return `cannot open ${where}: ${cause.code ?? cause.message}`
  }
}

/** Binds; unbinds and cuts whatever is left when the scope closes, which is done when all of it has ended. */
export const openPort = (options: PortOptions): Effect.Effect<Port, BindFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<PortServer, BindFailure>((resume) => {
      const port = new PortServer(options)
      const failed = (cause: NodeJS.ErrnoException) => {
        port.close()
        resume(Effect.fail({ _tag: "BindFailure", message: bindMessage(options.address, options.port, cause) }))
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

// Room for the request line and what separates fields, so that our own limits answer before the parser's.
const headRoom = 16 * 1024

/** Requests of one connection under way at once; a client that sends more has to come again with the rest (RFC 9112 9.3.2 lets it). */
const maxPipelined = 100

/** Milliseconds that an idle connection is kept beyond the announced time, at least. */
const leeway = 100

/** After a refusal the client has this long to read it and go. */
const farewell = 2_000

class PortServer implements Port {
  readonly server: Server
  readonly secure: boolean
  bind = ""
  bound = { address: "", port: 0 }
  readonly #options: PortOptions
  readonly #context: ExchangeContext
  #table: PortTable
  #draining = false
  /** TCP sockets, from accept to close: tunnels and handshakes too. */
  readonly #sockets = new Set<Socket>()
  /** Those that speak HTTP, by the socket node:http knows (the TLS one on secure ports). */
  readonly #connections = new Map<Duplex, Connection>()
  #accepted: Cell | null = null
  #fallback: Certificate | null = null
  #release: () => void = ignore
  #onDrained: () => void = ignore

  constructor(options: PortOptions) {
    this.#options = options
    this.secure = options.secure
    this.#table = options.table
    const outer = options.exchange
    this.#context = { ...outer, table: () => this.#table, draining: () => this.#draining || outer.draining() }
    const settings = {
      headersTimeout: options.times.head,
      // Bodies have a rate instead of a total time; streams may last.
      requestTimeout: 0,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: options.times.keepAlive,
      noDelay: true,
      // Judged by proxy/head, which answers by the table.
      requireHostHeader: false,
      shouldUpgradeCallback: this.#mayUpgrade
    }
    this.server = options.secure
      ? createSecureServer({
          ...settings,
          ...tlsSettings,
          ALPNProtocols: ["http/1.1"],
          handshakeTimeout: options.times.handshake,
          SNICallback: (servername, done) => done(null, this.#certificateFor(servername.toLowerCase())?.context)
        })
      : createServer(settings)
    const { server } = this
    // node:http drops lines beyond its count unseen; ours are counted by proxy/head.
    server.maxHeadersCount = 0
    this.setTable(options.table)
    server.on("connection", this.#accept)
    server.on("request", this.#request)
    server.on("checkContinue", this.#request)
    server.on("checkExpectation", this.#request)
    server.on("upgrade", this.#upgrade)
    server.on("connect", this.#connect)
    server.on("clientError", this.#clientError)
    if (options.secure) server.on("secureConnection", this.#open)
  }

  /** Called once, when the socket is bound. */
  listening(): void {
    const at = this.server.address()
    if (at === null || typeof at === "string") return
    this.bound = { address: at.address, port: at.port }
    this.bind = `${at.family === "IPv6" ? `[${at.address}]` : at.address}:${at.port}`
    // Failed accepts (EMFILE) pass; without a listener they would end the process.
    this.server.on("error", ignore)
    const { metrics, exchange } = this.#options
    const accepted = metrics.connectionsTotal.acquire(exchange.gateway, this.bind)
    const stop = metrics.sampled("connections", () => [[[exchange.gateway, this.bind], this.#sockets.size]])
    this.#accepted = accepted
    this.#release = () => {
      this.#release = ignore
      metrics.connectionsTotal.release(accepted)
      stop()
    }
  }

  readonly setTable = (table: PortTable): void => {
    this.#table = table
    // node:http reads it for each new connection.
    Object.assign(this.server, { maxHeaderSize: table.head.bytes + headRoom })
    if (!this.secure) return
    // A client without SNI is served by the listener that serves every host, and by nobody when there is none.
    const fallback = this.#certificateFor("")
    if (fallback === this.#fallback) return
    this.#fallback = fallback
    const server = this.server as unknown as { readonly setSecureContext: (options: SecureContextOptions) => void }
    if (fallback === null) server.setSecureContext(tlsSettings)
    else fallback.use((options) => server.setSecureContext(options))
  }

  readonly drain: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.#draining = true
    this.#onDrained = () => resume(Effect.void)
    this.server.close()
    for (const connection of this.#connections.values()) this.#rest(connection)
    // node:http stops its own timers with close(): a head that never comes to its end would last until the deadline.
    setTimeout(() => {
      for (const connection of this.#connections.values()) if (connection.active === 0) connection.socket.destroy()
    }, this.#options.times.head).unref()
    this.#checkDrained()
  })

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
    for (const connection of this.#connections.values()) connection.cut = true
    for (const socket of this.#sockets) socket.destroy()
    this.#release()
  }

  #checkDrained(): void {
    if (this.#draining && this.#sockets.size === 0) this.#onDrained()
  }

  #certificateFor(servername: string): Certificate | null {
    const listener = findHost(this.#table.listeners, servername)?.entry
    const chooser = listener?.chooser ?? null
    return chooser === null ? null : chooseCertificate(chooser, servername)
  }

  // === Connections ===

  readonly #accept = (socket: Socket): void => {
    this.#sockets.add(socket)
    socket.on("close", () => {
      this.#sockets.delete(socket)
      this.#checkDrained()
    })
    socket.on("error", ignore)
    if (this.#accepted !== null) this.#accepted.value++
    if (this.#sockets.size > this.#table.connections) {
      this.#record(socket, "overload", `more than ${this.#table.connections} connections`)
      // A TLS client could read an answer only after a handshake, which is what there is no room for.
      if (this.secure) socket.destroy()
      else this.#farewell(socket, "overload")
      return
    }
    if (!this.secure) this.#open(socket)
  }

  readonly #open = (socket: Socket): void => {
    const connection = new Connection(socket, this.secure, this.#options.exchange.trust, this.#rest)
    this.#connections.set(socket, connection)
    socket.on("close", () => this.#connections.delete(socket))
    socket.on("error", ignore)
  }

  readonly #rest = (connection: Connection): void => {
    if (connection.closing || (this.#draining && connection.idle)) (connection.socket as Socket).destroySoon()
  }

  // === What node:http tells ===

  readonly #request = (request: IncomingMessage, response: ServerResponse): void => {
    const connection = this.#connections.get(request.socket)
    if (connection === undefined) {
      // Turned away at accept, and sent its request all the same.
      request.socket.destroy()
      return
    }
    if (connection.final) {
      // Nobody reads on: what a client still sends waits in its own buffers until the last answer closes the connection.
      request.socket.pause()
      return
    }
    if (connection.active >= maxPipelined) {
      this.#closeAfter(connection)
      return
    }
    // Beyond what `Keep-Alive: timeout` announces, never below it: a client that trusts the announcement must find the connection open.
    this.server.keepAliveTimeoutBuffer = leeway + Math.random() * this.#options.times.keepAlive * 0.1
    new Exchange(this.#context, connection, request, response, null).run()
  }

  /**
   * Whether node:http hands the socket over: not for h2c, which is never offered (RFC 9113 3.1), not with a body, whose end nobody would agree on, and
   * not while an earlier request waits for its answer, which needs the socket (RFC 9110 7.8 lets a server ignore Upgrade).
   */
  readonly #mayUpgrade = (request: IncomingMessage): boolean => {
    const { upgrade } = request.headers
    if (request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined) return false
    if (this.#connections.get(request.socket)?.active !== 0) return false
    return (upgrade ?? "").split(",").some((protocol) => !["", "h2c"].includes(protocol.trim().toLowerCase()))
  }

  readonly #upgrade = (request: IncomingMessage, stream: Duplex, head: Uint8Array): void => {
    const socket = stream as Socket
    const connection = this.#connections.get(socket)
    if (connection === undefined) {
      socket.destroy()
      return
    }
    // node:http gave the socket away; an ordinary answer (a refusal, by us or by the upstream) still needs a response on it.
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket)
    response.on("finish", () => socket.destroySoon())
    new Exchange(this.#context, connection, request, response, head).run()
  }

  readonly #connect = (request: IncomingMessage, stream: Duplex): void => {
    const connection = this.#connections.get(stream)
    if (connection !== undefined && connection.active > 0) {
      // Pipelined: an answer now would be read as the answer to the request before it. That one is answered, then the connection ends.
      this.#closeAfter(connection)
      return
    }
    this.#record(stream as Socket, "method_not_allowed", "CONNECT is not served", request.method)
    this.#farewell(stream as Socket, "method_not_allowed")
  }

  readonly #clientError = (cause: ParserError, stream: Duplex): void => {
    const socket = stream as Socket
    const connection = this.#connections.get(socket)
    if (connection === undefined) {
      // Before a handshake is done there is no connection: this is TLS. Port scanners and health checks that say nothing are not told.
      if (this.secure && cause.code !== "ECONNRESET")
        this.#record(socket, "downstream_tls", `the TLS handshake failed: ${cause.code ?? cause.message}`)
      socket.destroy()
      return
    }
    const reason = parserFailure(cause)
    if (reason === null || socket.destroyed) {
      socket.destroy()
      return
    }
    if (connection.closing) return
    const { latest } = connection
    if (connection.discarding && connection.active === 0) {
      // The answer is out; what failed is the rest of a body that nobody wants.
      socket.destroy()
      return
    }
    if (latest === null) {
      connection.closing = true
      // A connection that was opened and said nothing is closed without a word.
      if (socket.bytesRead === 0) {
        socket.destroySoon()
        return
      }
      this.#record(socket, reason, cause.reason ?? cause.code ?? "")
      this.#farewell(socket, reason)
    } else if (latest.request.complete) {
      // What follows a request that is being answered is garbage: the answer is finished, then the connection ends.
      this.#closeAfter(connection)
    } else {
      connection.closing = true
      latest.clientFailed(reason, cause.reason ?? cause.code ?? "")
    }
  }

  /** The exchange under way is the last one. */
  #closeAfter(connection: Connection): void {
    connection.closing = true
    connection.final = true
    if (connection.latest !== null) connection.latest.response.shouldKeepAlive = false
  }

  #farewell(socket: Socket, reason: Reason): void {
    if (socket.writable) socket.end(rawAnswer(reason), "latin1")
    const timer = setTimeout(() => socket.destroy(), farewell)
    socket.on("close", () => clearTimeout(timer))
  }

  #record(socket: Socket, reason: Reason, detail: string, method = ""): void {
    const { gateway, log } = this.#options.exchange
    recordConnection({ gateway, log, tally: this.#table.tally }, socket, { reason, detail, method })
  }
}

const ignore = (): void => {}
