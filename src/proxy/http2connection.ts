// One client connection of HTTP/2: its bytes become requests, many at a time, and it ends when it has to. What connection.ts is for HTTP/1.1.
import type { Socket } from "node:net"
import { readInParts } from "../http1/spent.ts"
import { codes } from "../http2/code.ts"
import type { RequestHead } from "../http2/head.ts"
import { defaultSessionLimits, type SessionLimits } from "../http2/limits.ts"
import { openServer } from "../http2/server.ts"
import type { ServerHandler, Session, SessionProblem } from "../http2/session.ts"
import type { Stream, StreamHandler } from "../http2/stream.ts"
import type { Reason } from "../snapshot/reason.ts"
import { defectDetail } from "../upstream/defect.ts"
import type { Watched } from "./clock.ts"
import type { ConnectionHost } from "./connectionhost.ts"
import type { ExchangeContext } from "./context.ts"
import { Http2Request, type Http2Way } from "./http2request.ts"
import { type Remote, remoteOf } from "./remote.ts"

/** Room for the pseudo fields beside the target and the other fields. */
const pseudoRoom = 512

/** What a header block may have beside the text it says. */
const blockRoom = 16_384

export class Http2Connection implements ServerHandler, Http2Way, Watched {
  readonly socket: Socket
  readonly context: ExchangeContext
  readonly remote: Remote
  cut = false
  private readonly host: ConnectionHost
  private readonly session: Session
  private readonly clients = new Set<Http2Request>()
  /** When the connection ends for what does not happen; of no account while there are requests, which have times of their own. */
  private deadline: number
  /** A header block, or the beginning of the connection, is under way. */
  private heading = true
  /** Our side has ended. */
  private leaving = false
  /** Bytes that are taken all the same after that. */
  private spare = 0

  /** bytes: of the fields of a head. first: what has come already. */
  constructor(socket: Socket, host: ConnectionHost, bytes: number, first: Buffer | null) {
    const { fields, target } = host.exchange.headLimits
    this.socket = socket
    this.host = host
    this.context = host.exchange
    this.remote = remoteOf(socket, host.secure, host.exchange.trust)
    const headBytes = bytes + target + pseudoRoom
    const limits: SessionLimits = { ...defaultSessionLimits, headBytes, fields, blockBytes: headBytes + blockRoom }
    this.session = openServer(socket, this, limits)
    this.deadline = performance.now() + host.times.head
    socket.on("data", this.onBytes)
    socket.on("end", this.onFin)
    socket.on("drain", this.onSocketDrain)
    socket.on("error", ignore)
    socket.on("close", this.onGone)
    host.clock.add(this)
    if (first !== null) this.onBytes(first)
  }

  // === For its port ===

  /** Nothing more is to begin: requests that are under way or on their way are served. */
  drain(): void {
    this.guard(() => this.session.leave())
  }

  farewell(): void {
    for (const client of [...this.clients]) client.farewell()
  }

  look(now: number): void {
    // A copy: an exchange that ends takes itself out.
    for (const client of [...this.clients]) client.look(now)
    this.guard(() => this.session.look(now))
    if (now < this.deadline) return
    if (this.leaving) this.socket.destroy()
    else if (this.heading) this.fail("header_timeout", codes.PROTOCOL_ERROR, `the head did not end within ${this.host.times.head} ms`)
    else if (this.clients.size === 0) {
      // Silent: a peer that answers is let go without losing a request that is on its way, one that does not has had its time.
      if (this.session.leaving) this.leave()
      else this.session.leave()
      this.deadline = now + this.context.discard.milliseconds
    }
  }

  // === The session ===

  onRequest(stream: Stream, head: RequestHead, whole: boolean, ended: boolean): StreamHandler {
    const client = new Http2Request(this, stream, head, ended)
    this.clients.add(client)
    if (whole) client.exchange.run()
    else client.guard(() => client.exchange.refuse("head_too_large", "the fields of the head are larger than the limit, or more"))
    return client
  }

  onRefused({ code, detail }: SessionProblem): void {
    this.host.onRefused(this.socket, code === codes.REFUSED_STREAM ? "overload" : "bad_request", detail)
  }

  onGoaway(): void {}

  onFinished(): void {
    this.leave()
  }

  onProblem({ detail }: SessionProblem): void {
    if (!this.leaving) this.host.onRefused(this.socket, "bad_request", detail)
    this.leave()
  }

  // === For its requests ===

  onEnded(client: Http2Request, now: number): void {
    this.clients.delete(client)
    if (this.clients.size > 0 || this.leaving || this.heading) return
    const { keepAlive } = this.host.times
    this.deadline = now + keepAlive + Math.random() * keepAlive * 0.1
  }

  // === The socket ===

  private readonly onBytes = (chunk: Buffer): void => {
    if (this.leaving) {
      this.spare -= chunk.length
      if (this.spare < 0) this.socket.destroy()
      return
    }
    this.guard(() => {
      readInParts(chunk, this.execute)
      const { unfinished } = this.session
      if (unfinished === this.heading) return
      this.heading = unfinished
      this.deadline = performance.now() + (unfinished ? this.host.times.head : this.host.times.keepAlive)
    })
  }

  private readonly execute = (chunk: Buffer): void => this.session.execute(chunk)

  /** A client that ends its side has left: whether it only half-closed nobody can tell (docs/request.md). */
  private readonly onFin = (): void => {
    if (this.clients.size === 0) this.socket.end()
    else this.socket.destroy()
  }

  private readonly onSocketDrain = (): void => this.guard(() => this.session.drained())

  private readonly onGone = (): void => {
    this.host.clock.delete(this)
    this.guard(() => this.session.closed("the client closed the connection"))
    this.host.onClosed(this)
  }

  // === Inside ===

  private fail(reason: Reason, code: number, detail: string): void {
    this.host.onRefused(this.socket, reason, detail)
    this.leaving = true
    this.session.fail(code, detail)
    this.leave()
  }

  /** Ends our side and takes, within bounds, what the client still sends: closed at once, its unread bytes would reset what was said. */
  private leave(): void {
    this.leaving = true
    this.spare = this.context.discard.bytes
    this.deadline = performance.now() + this.context.discard.milliseconds
    this.socket.end()
  }

  /** A bug of ours in what is the whole connection's costs this connection, never the process. */
  private guard(act: () => void): void {
    try {
      act()
    } catch (cause) {
      try {
        if (!this.leaving) this.fail("internal", codes.INTERNAL_ERROR, defectDetail(cause))
      } catch {
        this.socket.destroy()
      }
    }
  }
}

const ignore = (): void => {}
