// One bound UDP socket: whose datagram comes is told by address and port, and each such client has a session of its own. What a port is to connections (port.ts).
import { createSocket, type RemoteInfo, type Socket, type SocketOptions } from "node:dgram"
import { isIPv6 } from "node:net"
import { Effect, type Scope } from "effect"
import { findHost } from "../routing/hosts.ts"
import { mostQueued } from "../upstream/datagrams.ts"
import { type BindFailure, bindFailure } from "./bind.ts"
import { Clock } from "./clock.ts"
import { Entrance, nowhere } from "./entrance.ts"
import { plainAddress } from "./forwarded.ts"
import type { Port, PortOptions } from "./port.ts"
import { Session, type SessionHost } from "./session.ts"
import type { PortTable } from "./table.ts"

/** Milliseconds that it is looked at sessions' silence, at most eight times as often. */
const looked = 4_000
/** Between two lines of clients for whom there was no room. */
const saidAgain = 1_000

/** Binds; unbinds and ends whatever is left when the scope closes. */
export const openDatagramPort = (options: PortOptions): Effect.Effect<Port, BindFailure, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<DatagramPort, BindFailure>((resume) => {
      const port = new DatagramPort(options)
      const failed = (cause: NodeJS.ErrnoException) => {
        port.close()
        resume(Effect.fail(bindFailure(options.address, options.port, cause)))
      }
      port.socket.once("error", failed)
      port.socket.bind({ port: options.port, ...(options.address === "" ? {} : { address: options.address }) }, () => {
        port.socket.off("error", failed)
        port.listening()
        resume(Effect.succeed(port))
      })
    }),
    (port) => Effect.sync(() => port.close())
  )

class DatagramPort implements Port {
  readonly socket: Socket
  readonly secure = false
  readonly #options: PortOptions
  readonly #host: SessionHost
  readonly #clock = new Clock(looked)
  readonly #sessions = new Map<string, Session>()
  #table: PortTable
  #draining = false
  #closed = false
  #said = Number.NEGATIVE_INFINITY
  /** null: it is not open yet. */
  #entrance: Entrance | null = null
  #onDrained: () => void = ignore

  constructor(options: PortOptions) {
    this.#options = options
    this.#table = options.table
    const { address } = options
    // Without an address: any, of both families.
    this.socket = createSocket({ type: address === "" || isIPv6(address) ? "udp6" : "udp4", lookup: literal })
    this.#host = { context: options.exchange, reply: this.#reply, onDone: this.#forget }
  }

  get bind(): string {
    return this.#entrance?.bind ?? ""
  }

  get bound(): Port["bound"] {
    return this.#entrance?.bound ?? nowhere
  }

  /** Called once, when the socket is bound. */
  listening(): void {
    const { metrics, exchange } = this.#options
    this.#entrance = new Entrance(this.socket.address(), metrics, exchange.gateway, this.#sessions)
    // What comes back of a reply that a client does not take any more is nobody's.
    this.socket.on("error", ignore)
    this.socket.on("message", this.#take)
  }

  readonly setTable = (table: PortTable): void => {
    this.#table = table
  }

  /** There is no accepting apart: each datagram may be a client's first, and whoever serves in our place must get them all. */
  readonly shut = (): void => this.#close("another process has taken its place")

  readonly drain: Effect.Effect<void> = Effect.callback<void>((resume) => {
    this.#draining = true
    this.#onDrained = () => resume(Effect.void)
    this.#checkDrained()
  })

  /** Datagrams have no word for an end. */
  farewell(): void {}

  close(): void {
    this.#close("not done by the drain deadline")
  }

  #close(why: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#draining = true
    for (const session of [...this.#sessions.values()]) session.end("draining", why)
    this.socket.close()
    this.#entrance?.close()
  }

  #checkDrained(): void {
    if (this.#draining && this.#sessions.size === 0) this.#onDrained()
  }

  readonly #take = (bytes: Buffer, { address, port }: RemoteInfo): void => {
    // Nobody can be answered there (RFC 768): it is what a forged source says.
    if (port === 0) return
    const key = `${address} ${port}`
    let session = this.#sessions.get(key)
    if (session?.stale === true) {
      session.end(null, "")
      session = undefined
    }
    if (session === undefined) {
      session = this.#begin(key, address, port) ?? undefined
      session?.run()
    }
    session?.take(bytes)
  }

  /** null: there is no room for it, and what it sends is dropped. */
  #begin(key: string, address: string, port: number): Session | null {
    const { stream, connections } = this.#table
    if (this.#draining || stream === null) return null
    const rule = findHost(stream.bytes.byHost, "")?.entry.rule ?? null
    const client = () => new Session(this.#host, key, plainAddress(address), port, stream, rule)
    const full = this.#sessions.size < connections ? null : `more than ${connections} clients`
    const short = this.#options.exchange.memory.short() ?? full
    if (short !== null) {
      // It may be a datagram of anybody: each is counted, and one a while is told.
      const now = performance.now()
      if (now - this.#said < saidAgain) stream.tally.failure("overload")
      else client().end("overload", short)
      this.#said = now - this.#said < saidAgain ? this.#said : now
      return null
    }
    const session = client()
    this.#entrance?.count()
    this.#sessions.set(key, session)
    this.#clock.add(session)
    return session
  }

  readonly #forget = (session: Session): void => {
    this.#clock.delete(session)
    if (this.#sessions.get(session.key) === session) this.#sessions.delete(session.key)
    this.#checkDrained()
  }

  readonly #reply = (bytes: Uint8Array, { key, port }: Session): void => {
    if (this.#closed || this.socket.getSendQueueSize() + bytes.length > mostQueued) return
    this.socket.send(bytes, port, key.slice(0, key.indexOf(" ")), ignore)
  }
}

/** All that it is bound to and sends to are addresses: looked up as names they would cost each reply a turn of the event loop. */
const literal: NonNullable<SocketOptions["lookup"]> = (address, _, done) => done(null, address, isIPv6(address) ? 6 : 4)

const ignore = (): void => {}
