// One client's datagrams to an upstream: an endpoint is chosen, its address checked, and a socket of its own is tied to it, for as long as the client is heard of. Apart from
// pools and exchanges: nothing is connected, nothing is used again, and that nobody is there is only told once something was sent.
import type { Socket } from "node:dgram"
import type { Limits } from "../snapshot/behaviour.ts"
import type { UpstreamReason } from "../snapshot/reason.ts"
import type { AttemptPeer } from "./attempt.ts"
import { connectFailure } from "./dial/failure.ts"
import type { DialFailed } from "./dial/plan.ts"
import type { Dialler } from "./dialler.ts"
import type { ExchangeHost, NoChoice } from "./exchange.ts"
import type { Member } from "./member.ts"
import type { Target } from "./target.ts"

export interface DatagramSink {
  readonly onDatagram: (bytes: Uint8Array) => void
  /** Nothing goes this way any more; called once at most, never from inside `open` or `send`, and not after `close`. */
  readonly onFailure: (failure: DatagramFailure) => void
}

export interface DatagramFailure {
  readonly reason: UpstreamReason
  /** For the log, never for the client. */
  readonly detail: string
  /** Something was sent: it may be asked again elsewhere only by the client. */
  readonly sent: boolean
  /** What waited to be. */
  readonly unsent: ReadonlyArray<Uint8Array>
}

/** What is sent while there is nobody to send it to yet. */
const mostWaiting = 16
/** Bytes that the system has not taken yet; beyond, datagrams are lost as anywhere on their way. */
export const mostQueued = 1024 * 1024
/** Endpoints that are tried before anything was sent. */
const mostTries = 3

export interface DatagramHost {
  readonly spec: { readonly limits: Limits }
  /** It left the tables. */
  readonly retired: boolean
  readonly choose: ExchangeHost["choose"]
  readonly awaitNames: ExchangeHost["awaitNames"]
  readonly counts: { requests: number }
  readonly pool: { overflows: number }
}

/** Those of one upstream. */
export class Channels {
  readonly host: DatagramHost
  readonly dialler: Pick<Dialler, "datagrams">
  readonly #open = new Set<DatagramChannel>()

  constructor(host: DatagramHost, dialler: Pick<Dialler, "datagrams">) {
    this.host = host
    this.dialler = dialler
  }

  get size(): number {
    return this.#open.size
  }

  open(affinity: number | null, sink: DatagramSink): DatagramChannel {
    const channel = new DatagramChannel(this, affinity, sink)
    const room = this.size < this.host.spec.limits.maxConnections
    if (room) this.#open.add(channel)
    else this.host.pool.overflows++
    channel.start(room)
    return channel
  }

  ended(channel: DatagramChannel): void {
    this.#open.delete(channel)
  }

  /** The upstream is closed. */
  close(): void {
    for (const channel of this.#open) channel.shutdown()
  }
}

export class DatagramChannel {
  readonly #channels: Channels
  readonly #host: DatagramHost
  readonly #affinity: number | null
  readonly #sink: DatagramSink
  readonly #waiting: Array<Uint8Array> = []
  #tried: Set<Member> | null = null
  #target: Target | null = null
  #socket: Socket | null = null
  #cancel: (() => void) | null = null
  #sent = false
  #heard = false
  #over = false
  #silent = false

  constructor(channels: Channels, affinity: number | null, sink: DatagramSink) {
    this.#channels = channels
    this.#host = channels.host
    this.#affinity = affinity
    this.#sink = sink
  }

  /** Whom it goes to; null: that is not decided. */
  get peer(): AttemptPeer | null {
    return this.#target?.fresh ?? null
  }

  /** Its endpoint or address has left, or its health keeps new clients away: whoever sends next had better choose anew. */
  get stale(): boolean {
    const target = this.#target
    return this.#socket !== null && target !== null && (!target.current || target.shunned || this.#host.retired)
  }

  start(room: boolean): void {
    if (room) this.#choose()
    else this.#fail("overflow", "as many clients as it may have at once send to it (limits)")
  }

  send(bytes: Uint8Array): void {
    const socket = this.#socket
    if (this.#over) return
    if (socket === null) {
      if (this.#waiting.length < mostWaiting) this.#waiting.push(bytes)
    } else if (socket.getSendQueueSize() + bytes.length <= mostQueued) {
      this.#sent = true
      socket.send(bytes)
    }
  }

  /** No callback follows. */
  close(): void {
    this.#silent = true
    this.#end()
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#channels.ended(this)
    this.#cancel?.()
    const [target, socket] = [this.#target, this.#socket]
    if (target === null || socket === null) return
    socket.removeAllListeners("message")
    socket.close()
    target.active--
    target.member.settle(target)
  }

  shutdown(): void {
    this.#fail("no_endpoints", "the upstream is closed")
  }

  #choose(): void {
    const choice = this.#host.choose(this.#tried, { affinity: this.#affinity, wanted: null })
    if (choice === null) this.#cancel = this.#host.awaitNames((give) => (give === null ? this.#again() : this.#nobody(give)))
    else if ("reason" in choice) this.#nobody(choice)
    else this.#open(choice)
  }

  #again(): void {
    this.#cancel = null
    if (!this.#over) this.#choose()
  }

  #nobody({ reason, detail }: NoChoice): void {
    this.#fail(reason, detail)
  }

  #open(target: Target): void {
    this.#target = target
    const { cancel } = this.#channels.dialler.datagrams(target, (outcome) => {
      this.#cancel = null
      if ("_tag" in outcome) this.#missed(target, outcome)
      else this.#opened(target, outcome)
    })
    this.#cancel = cancel
  }

  #missed({ member }: Target, failure: DialFailed): void {
    this.#tried ??= new Set()
    this.#tried.add(member)
    const choice = this.#tried.size >= mostTries ? null : this.#host.choose(this.#tried, { affinity: this.#affinity, wanted: null })
    if (choice === null || "reason" in choice) this.#fail(failure.reason, failure.detail)
    else this.#open(choice)
  }

  #opened(target: Target, socket: Socket): void {
    this.#socket = socket
    target.active++
    this.#host.counts.requests++
    socket.removeAllListeners("error")
    // What a network says of a datagram that was sent: that nobody takes it there.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      // One that is too large for the way there is dropped, as networks do: who sent it is to blame, and nobody else.
      if (this.#over || error.code === "EMSGSIZE") return
      target.conduct?.failed()
      const { reason, detail } = connectFailure(error, target.fresh.address)
      this.#fail(reason, detail)
    })
    socket.on("message", (bytes: Buffer) => {
      if (!this.#heard) target.conduct?.answered(200)
      this.#heard = true
      this.#sink.onDatagram(bytes)
    })
    for (const bytes of this.#waiting.splice(0)) this.send(bytes)
  }

  #fail(reason: UpstreamReason, detail: string): void {
    if (this.#over) return
    const [sent, unsent] = [this.#sent, this.#waiting.splice(0)]
    this.#end()
    queueMicrotask(() => {
      if (!this.#silent) this.#sink.onFailure({ reason, detail, sent, unsent })
    })
  }
}
