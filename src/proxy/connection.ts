// One client connection: who is at the other end, and which exchanges run on it. Outlives its requests, holds nothing of theirs.
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import type { Exchange } from "./exchange.ts"
import { plainAddress, type Trust } from "./forwarded.ts"

export class Connection {
  readonly socket: Socket
  readonly peer: string
  /** Its X-Forwarded-* are taken for true. */
  readonly trusted: boolean
  readonly secure: boolean
  /** SNI in lower case; "" when there was none. */
  readonly servername: string
  /** `TLSv1.3`; "" on plain listeners. */
  readonly tls: string
  /** Exchanges under way (several only with pipelining), and the newest of them: its body is what the parser reads. */
  active = 0
  latest: Exchange | null = null
  /** Ended by us at the drain deadline, not by the client. */
  cut = false
  /** The parser gave up on it: it ends with the answer under way. */
  closing = false
  /** Its last request was answered before its end, and is still being read. */
  discarding = false
  /** An exchange has said that it is the last: what a client sent after it is not looked at, or a refused request's body would be requests (RFC 9112 9.6). */
  final = false
  #restedAt = 0
  readonly #onRest: (connection: Connection) => void

  constructor(socket: Socket, secure: boolean, trust: Trust, onRest: (connection: Connection) => void) {
    this.socket = socket
    this.peer = plainAddress(socket.remoteAddress)
    this.trusted = trust(this.peer)
    this.secure = secure
    const tls = secure ? (socket as TLSSocket) : null
    this.servername = typeof tls?.servername === "string" ? tls.servername.toLowerCase() : ""
    this.tls = tls?.getProtocol() ?? ""
    this.#onRest = onRest
  }

  begin(exchange: Exchange): void {
    this.active++
    this.latest = exchange
  }

  end(exchange: Exchange): void {
    this.active--
    if (this.latest === exchange) this.latest = null
    this.#restedAt = this.socket.bytesRead
    if (this.active === 0) this.#onRest(this)
  }

  /** No exchange, and no byte since the last one: nothing is lost when it closes. */
  get idle(): boolean {
    return this.active === 0 && this.socket.bytesRead === this.#restedAt
  }
}
