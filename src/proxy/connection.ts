// One client connection: its bytes become requests, one at a time, and it ends when it has to. Outlives its requests, holds nothing of theirs.
// A request behind one that is not answered waits, read but not looked at: answers then need no order of their own, what an upgrade or a refusal
// leaves behind is plainly there, and a client has one request at work, however many it sends (RFC 9112 section 9.3.2).
import type { Socket } from "node:net"
import type { Problem } from "../http1/problem.ts"
import { Reader, type ReaderHandler, type RequestHead as ReceivedHead, type Verdict } from "../http1/reader.ts"
import type { Reason } from "../snapshot/reason.ts"
import { defectDetail } from "../upstream/defect.ts"
import { rawAnswer } from "./answer.ts"
import type { Client, ClientReply } from "./client.ts"
import type { Watched } from "./clock.ts"
import type { ConnectionHost, PortConnection } from "./connectionhost.ts"
import { Exchange } from "./exchange.ts"
import { problemReason } from "./problem.ts"
import { type Remote, remoteOf } from "./remote.ts"
import { Reply } from "./reply.ts"

/** Milliseconds that an idle connection is kept beyond the announced time, at least. */
const leeway = 100

/** Bytes that are read ahead of the request under way. While there are fewer the socket is read, and a client that leaves is noticed at once. */
const ahead = 65_536

/** Room for a request line's method, version and separators beside its target. */
const lineRoom = 256

export class Connection implements ReaderHandler<ReceivedHead>, Client, Watched, PortConnection {
  readonly socket: Socket
  readonly remote: Remote
  /** Ended by us at the drain deadline, not by the client. */
  cut = false
  /** The request under way is the last: what a client sends after it is not looked at, or a refused request's body would be requests (RFC 9112 9.6). */
  final = false
  /** The socket has closed. */
  gone = false
  private readonly host: ConnectionHost
  private readonly reader: Reader<ReceivedHead>
  private exchange: Exchange | null = null
  /** The request last begun has been read to its end. */
  private whole = true
  /** No request has come yet. */
  private fresh = true
  /** A head has begun to come. */
  private heading = false
  /** What comes is thrown away. */
  private deaf = false
  /** The last answer was given: we have ended our side and wait for the client's end. */
  private leaving = false
  private tunnel = false
  /** What came is the beginning of HTTP/2. */
  private preface = false
  /** When the connection ends for what does not happen; of no account while an exchange is under way, which has times of its own. */
  private deadline: number
  /** Bytes that nobody wants any more and that are taken all the same. */
  private spare = 0
  private bodyHeld = false
  private full = false
  private paused = false

  /** bytes: of the fields of a head. */
  constructor(socket: Socket, host: ConnectionHost, bytes: number) {
    const { fields, target } = host.exchange.headLimits
    this.socket = socket
    this.host = host
    this.remote = remoteOf(socket, host.secure, host.exchange.trust)
    this.reader = new Reader<ReceivedHead>("Request", this, {
      headBytes: bytes + target + lineRoom,
      lineBytes: target + lineRoom,
      fields,
      trailerBytes: 16 * 1024,
      extensionBytes: 16 * 1024
    })
    this.deadline = performance.now() + host.times.head
    socket.on("data", this.onBytes)
    socket.on("end", this.onFin)
    socket.on("drain", this.onDrain)
    socket.on("error", ignore)
    socket.on("close", this.onGone)
    host.clock.add(this)
  }

  // === For its exchange ===

  /** The exchange is over: its answer is out. */
  end(now: number): void {
    this.exchange = null
    if (this.gone || this.socket.destroyed) return
    if (this.final) this.leave()
    else if (this.whole) this.rest(now)
    else {
      // The rest of a body that nobody wants: read on, so that the client can read the answer (closing on unread bytes resets, RFC 9112 9.6).
      this.spare = this.host.exchange.discard.bytes
      this.deadline = now + this.host.exchange.discard.milliseconds
      this.listen()
    }
  }

  replyTo(method: string, old: boolean): ClientReply {
    return new Reply(this.host.exchange, this, method, old)
  }

  /** More has come than the request under way. */
  get ahead(): boolean {
    return this.reader.waiting > 0
  }

  /** What happens to this connection alone: a bug of ours in it costs one request, never the process. */
  guard(act: () => void): void {
    try {
      act()
    } catch (cause) {
      this.broken(cause)
    }
  }

  holdBody(): void {
    this.bodyHeld = true
    this.settleReading()
  }

  wantBody(): void {
    if (!this.bodyHeld) return
    this.bodyHeld = false
    this.settleReading()
  }

  /** The socket is the caller's from here; → what came after the head. */
  handOver(): Buffer {
    this.tunnel = true
    this.host.clock.delete(this)
    this.socket.off("data", this.onBytes)
    this.socket.off("end", this.onFin)
    this.socket.off("drain", this.onDrain)
    return this.reader.takeRest()
  }

  /** The client has taken what its reply has written. */
  drained(): void {
    this.guard(() => this.exchange?.onDrain())
  }

  // === For its port ===

  /** Answers without a request, and ends. */
  refuse(reason: Reason, detail: string): void {
    this.host.onRefused(this.socket, reason, detail)
    this.socket.write(rawAnswer(reason), "latin1")
    this.leave()
  }

  /** Nothing more is to begin: what is idle ends now, the rest after its answer. */
  drain(): void {
    if (this.exchange === null && this.whole && !this.reader.started && !this.leaving) this.close()
  }

  farewell(): void {
    this.guard(() => this.exchange?.farewell())
  }

  look(now: number): void {
    if (this.exchange !== null) this.guard(() => this.exchange?.look(now))
    else if (now < this.deadline) return
    else if (this.leaving || !this.whole) this.socket.destroy()
    else if (this.heading) this.refuse("header_timeout", `the head did not end within ${this.host.times.head} ms`)
    // Opened or kept, and silent: closed without a word.
    else this.close()
  }

  // === The socket ===

  private readonly onBytes = (chunk: Buffer): void => {
    if (this.deaf) {
      this.drop(chunk.length)
      return
    }
    try {
      this.reader.execute(chunk)
      if (this.preface) this.change()
      else this.settle()
    } catch (cause) {
      this.broken(cause)
    }
  }

  /** A client that ends its side has left: whether it only half-closed nobody can tell (docs/request.md). */
  private readonly onFin = (): void => {
    if (this.exchange === null) this.socket.end()
    else if (this.exchange.reply.answered) this.last()
    else this.socket.destroy()
  }

  private readonly onDrain = (): void => this.drained()

  private readonly onGone = (): void => {
    this.gone = true
    this.host.clock.delete(this)
    if (!this.tunnel) this.guard(() => this.exchange?.onGone())
    this.host.onClosed(this)
  }

  // === The reader ===

  onHead(received: ReceivedHead): Verdict {
    if (received.method === "PRI" && this.fresh && !this.host.secure && isPreface(received)) {
      this.preface = true
      return "Stop"
    }
    this.fresh = false
    this.heading = false
    this.whole = false
    const exchange = new Exchange(this.host.exchange, this, received)
    this.exchange = exchange
    exchange.run()
    const { verdict } = exchange
    if (verdict === "Stop") this.deaf = true
    return verdict
  }

  onData(chunk: Buffer): void {
    if (this.exchange === null || !this.exchange.take(chunk)) this.drop(chunk.length)
  }

  onEnd(trailers: ReadonlyArray<string>): void {
    this.whole = true
    const { exchange } = this
    if (this.final) this.deafen()
    if (exchange === null) {
      if (!this.leaving) this.rest(performance.now())
      return
    }
    exchange.bodyEnded(trailers)
    this.reader.pause()
  }

  onError(problem: Problem): void {
    this.spoiled(problemReason(problem), problem.detail)
  }

  /** What the client sends is no HTTP any more. */
  private spoiled(reason: Reason, detail: string): void {
    this.deafen()
    if (this.exchange !== null) this.exchange.clientFailed(reason, detail)
    else if (this.whole) this.refuse(reason, detail)
    // The answer is out; what failed is the rest of a body that nobody wants.
    else this.socket.destroy()
  }

  // === Inside ===

  /** The rest is HTTP/2's: the reader has taken what looks like a head of HTTP/1.1 (RFC 9113 section 3.4). */
  private change(): void {
    const { socket } = this
    this.host.clock.delete(this)
    socket.off("data", this.onBytes)
    socket.off("end", this.onFin)
    socket.off("drain", this.onDrain)
    socket.off("close", this.onGone)
    this.host.onClosed(this)
    this.host.onPreface(socket, Buffer.concat([prefaceHead, this.reader.takeRest()]))
  }

  /** Where it threw, in the middle of what, nobody knows: nothing of this client is read any more. */
  private broken(cause: unknown): void {
    const { exchange, socket } = this
    try {
      this.final = true
      this.deafen()
      if (exchange !== null) exchange.defect(cause)
      else if (!this.gone && !this.leaving) {
        this.leave()
        this.host.onRefused(socket, "internal", defectDetail(cause))
      }
    } catch {
      socket.destroy()
    }
  }

  /** The next request may come, or has come already. */
  private rest(now: number): void {
    const { keepAlive } = this.host.times
    this.deadline = now + keepAlive + leeway + Math.random() * keepAlive * 0.1
    this.spare = 0
    if (this.full || this.bodyHeld) this.listen()
    if (this.reader.waiting === 0) {
      this.reader.resume()
      if (this.host.ending()) this.drain()
    }
    // Later: this may be the inside of a callback of the upstream's reader.
    else process.nextTick(goOn, this)
  }

  goOn(): void {
    if (this.deaf || this.gone || this.exchange !== null) return
    this.guard(() => {
      this.reader.resume()
      this.settle()
    })
  }

  private settle(): void {
    if (this.exchange !== null) {
      if (this.reader.waiting <= ahead) return
      this.full = true
      this.settleReading()
    } else if (!this.heading && this.reader.place === "Head") {
      // The clock of a head begins with its first byte; of the first one, when the connection was opened.
      this.heading = true
      if (!this.fresh) this.deadline = performance.now() + this.host.times.head
    }
  }

  /** Nothing follows the request under way. */
  last(): void {
    this.final = true
    if (this.whole) this.deafen()
  }

  private deafen(): void {
    this.deaf = true
    this.reader.stop()
  }

  /** Ends both sides, as soon as what was said is out; a client that does not even read that has the time of one that does not leave. */
  private close(): void {
    this.leaving = true
    this.deafen()
    this.deadline = performance.now() + this.host.exchange.discard.milliseconds
    this.socket.destroySoon()
  }

  /** Ends our side and takes, within bounds, what the client still sends: closed at once, its unread bytes would reset the answer (RFC 9112 9.6). */
  private leave(): void {
    this.leaving = true
    this.deafen()
    this.spare = this.host.exchange.discard.bytes
    this.deadline = performance.now() + this.host.exchange.discard.milliseconds
    this.listen()
    this.socket.end()
  }

  private drop(bytes: number): void {
    if (this.exchange === null) {
      this.spare -= bytes
      if (this.spare < 0) this.socket.destroy()
      return
    }
    // Behind the last request, or a body that nobody reads: more of it waits until the answer is out.
    this.spare += bytes
    if (this.spare <= (this.whole ? ahead : this.host.exchange.discard.bytes)) return
    this.full = true
    this.settleReading()
  }

  private listen(): void {
    this.full = false
    this.bodyHeld = false
    this.settleReading()
  }

  private settleReading(): void {
    const paused = this.bodyHeld || this.full
    if (paused === this.paused) return
    this.paused = paused
    if (paused) this.socket.pause()
    else this.socket.resume()
  }
}

/** What the reader takes for a head: the preface begins with it. */
const prefaceHead = Buffer.from("PRI * HTTP/2.0\r\n\r\n", "latin1")

const isPreface = ({ target, version, fields }: ReceivedHead): boolean => target === "*" && version === "2.0" && fields.length === 0

const goOn = (connection: Connection): void => connection.goOn()

const ignore = (): void => {}
