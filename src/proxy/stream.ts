// One connection of a route of bytes: from the client's socket to an upstream's, joined until it ends. Apart from the exchange, which is of requests: nobody here
// reads what passes, and there is nothing to answer with, so a failure is the end of the connection.
import type { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { defaultIdle } from "../snapshot/behaviour.ts"
import type { Reason } from "../snapshot/reason.ts"
import { settle } from "../snapshot/setting.ts"
import type { Attempt, AttemptPeer, ResponseSink, UpstreamFailure, UpstreamRequest } from "../upstream/attempt.ts"
import { hashText } from "../upstream/balance/hash.ts"
import { defectDetail } from "../upstream/defect.ts"
import type { RetryPlan } from "../upstream/retry/plan.ts"
import type { LiveUpstream } from "../upstream/upstream.ts"
import { carriageOf } from "./carriage.ts"
import type { ExchangeContext } from "./context.ts"
import { clientPath, plainAddress } from "./forwarded.ts"
import { type Leg, planOver } from "./legs.ts"
import { recordStream, type StreamRecord } from "./record.ts"
import type { LiveListener, LiveRule, LiveShare } from "./table.ts"
import { cutSocket, joinTunnel } from "./tunnel.ts"

/** A connection as its port has it. */
export interface Incoming {
  /** Of bytes as they go on: of TLS that is ended here, what is inside. */
  readonly socket: Socket
  /** Read of it already. */
  readonly early: Uint8Array
  readonly listener: LiveListener
  /** null: no route takes it. */
  readonly rule: LiveRule | null
  /** SNI in lower case; "" when there was none. */
  readonly servername: string
  readonly protocol: "TCP" | "TLS"
  /** `TLSv1.3`; "" where none is ended here. */
  readonly tls: string
}

export type StreamContext = Pick<ExchangeContext, "gateway" | "upstreams" | "trust" | "log" | "onActive">

/** How a route of bytes goes by its client where the upstream balances by a consistent hash; null: it has no such key. */
export const streamKey = ({ key }: LiveShare, client: string): number | null => (key?._tag === "Source" ? hashText(client) : null)

export class Stream implements ResponseSink, StreamRecord {
  readonly time = Date.now()
  readonly started = performance.now()
  readonly listener: LiveListener
  readonly rule: LiveRule | null
  readonly client: string
  readonly servername: string
  readonly protocol: "TCP" | "TLS"
  readonly tls: string
  share: LiveShare | null = null
  peer: AttemptPeer | null = null
  plan: RetryPlan | null = null
  reason: Reason | null = null
  detail = ""
  bytesIn = 0
  bytesOut = 0
  readonly #context: StreamContext
  readonly #socket: Socket
  readonly #early: Uint8Array
  readonly #onDone: (stream: Stream) => void
  #upstream: LiveUpstream | null = null
  #hold: Disposable | null = null
  #attempt: Attempt | null = null
  #joined = false
  #over = false

  /** The socket is the stream's from here. onDone: it has ended, and is in the log. */
  constructor(context: StreamContext, incoming: Incoming, onDone: (stream: Stream) => void) {
    this.#context = context
    this.#socket = incoming.socket
    this.#early = incoming.early
    this.#onDone = onDone
    this.listener = incoming.listener
    this.rule = incoming.rule
    this.servername = incoming.servername
    this.protocol = incoming.protocol
    this.tls = incoming.tls
    this.client = plainAddress(incoming.socket.remoteAddress)
    context.onActive(1)
  }

  /** Nothing is read of the client until there is somebody to give it to. A defect here costs this connection, never the process. */
  run(): void {
    this.#socket.pause()
    this.#socket.on("close", this.#onClosed)
    try {
      this.#route()
    } catch (cause) {
      this.#fail("internal", defectDetail(cause))
    }
  }

  /** At the drain deadline: a reset, as an end would be taken for all that there was to say. */
  cut(): void {
    this.#note("draining", "not done by the drain deadline")
    this.#end()
  }

  #route() {
    const carriage = carriageOf(this.listener, this.rule, this.#context.upstreams)
    if ("reason" in carriage) {
      this.share = carriage.share
      return this.#fail(carriage.reason, carriage.detail)
    }
    const [first, ...others] = carriage
    this.plan = planOver(first, others, this.rule!, this.started, (leg) => this.#toward(leg))
    this.#attempt = first.upstream.send(this.#toward(first), this, this.plan)
  }

  /** What is asked of one upstream: a connection, for a client. That one's from here on. */
  #toward({ share, upstream }: Leg): UpstreamRequest {
    this.#hold?.[Symbol.dispose]()
    this.#hold = upstream.hold()
    this.#upstream = upstream
    this.share = share
    return {
      ...{ method: "", path: "", headers: [], clientHost: "", hostOverride: null, body: null, contentLength: null, upgrade: null },
      // Nothing of it goes out before there is a connection, and then it is nobody else's.
      idempotent: false,
      affinity: streamKey(share, this.client),
      client: upstream.spec.proxyProtocol === undefined ? null : clientPath(this.#socket, [], this.#context.trust)
    }
  }

  onUpgrade(_status: number, _headers: ReadonlyArray<string>, socket: Duplex, head: Uint8Array, peer: AttemptPeer): void {
    this.#attempt = null
    if (this.#over) {
      socket.destroy()
      return
    }
    this.peer = peer
    this.#joined = true
    // What ends one way goes on the other.
    socket.allowHalfOpen = true
    const idle = settle(this.#upstream!.spec.timeouts.idle, defaultIdle)
    joinTunnel(this.#socket, socket, { client: this.#early, upstream: head }, idle, ({ bytesIn, bytesOut, reason, failed }) => {
      this.bytesIn = bytesIn
      this.bytesOut = bytesOut
      if (reason !== null) this.#note(reason, "nothing moved either way")
      else if (failed === "upstream") this.#note("upstream_reset", "the backend reset the connection")
      else if (failed === "client") this.#note("client_abort", "the client reset the connection")
      this.#finish()
    })
  }

  onFailure({ reason, detail, peer }: UpstreamFailure): void {
    this.#attempt = null
    this.peer = peer ?? this.peer
    this.#fail(reason, detail)
  }

  // Of responses, which there are none of here.
  onInterim(): void {}
  onHead(): boolean {
    return false
  }
  onData(): boolean {
    return false
  }
  onEnd(): void {}

  /** A connection that was asked for comes no more: the client sees a reset, and tries again elsewhere or later. */
  #fail(reason: Reason, detail: string): void {
    if (this.#over) return
    this.#note(reason, detail)
    this.#end()
  }

  #end(): void {
    if (!this.#joined) this.#attempt?.abort()
    cutSocket(this.#socket)
  }

  readonly #onClosed = (): void => {
    if (this.#joined) return
    this.#note("client_abort", "the client closed the connection")
    this.#attempt?.abort()
    this.#finish()
  }

  /** The first reason is the cause. */
  #note(reason: Reason, detail: string): void {
    if (this.reason !== null) return
    this.reason = reason
    this.detail = detail
  }

  #finish(): void {
    if (this.#over) return
    this.#over = true
    this.#hold?.[Symbol.dispose]()
    this.#context.onActive(-1)
    try {
      recordStream(this.#context, this, performance.now())
    } finally {
      this.#onDone(this)
    }
  }
}
