// One client's datagrams through a UDP route: to one upstream and back, for as long as either is heard of. What a connection is to TCP (stream.ts), but that nothing ends it
// but silence, a failure, or the end of its port.

import type { Reason } from "../snapshot/reason.ts"
import { settle } from "../snapshot/setting.ts"
import type { AttemptPeer } from "../upstream/attempt.ts"
import type { DatagramChannel, DatagramFailure, DatagramSink } from "../upstream/datagrams.ts"
import { defectDetail } from "../upstream/defect.ts"
import { carriageOf } from "./carriage.ts"
import type { Watched } from "./clock.ts"
import type { ExchangeContext } from "./context.ts"
import type { Leg } from "./legs.ts"
import { recordStream, type StreamRecord } from "./record.ts"
import { streamKey } from "./stream.ts"
import type { LiveListener, LiveRule, LiveShare } from "./table.ts"

/** Milliseconds of silence where the backend says nothing of `timeouts.idle`: clients of UDP do not say when they are done. */
const sessionIdle = 60_000

/** What comes of a client that was refused is dropped for so long, or each of its datagrams would be a line. */
const refusedFor = 1_000

export interface SessionHost {
  readonly context: Pick<ExchangeContext, "gateway" | "upstreams" | "log" | "onActive">
  readonly reply: (bytes: Uint8Array, session: Session) => void
  /** It is in the log, and nobody's any more. */
  readonly onDone: (session: Session) => void
}

export class Session implements DatagramSink, StreamRecord, Watched {
  readonly time = Date.now()
  readonly started = performance.now()
  readonly key: string
  readonly client: string
  readonly port: number
  readonly listener: LiveListener
  readonly rule: LiveRule | null
  readonly servername = ""
  readonly protocol = "UDP"
  readonly tls = ""
  readonly plan = null
  share: LiveShare | null = null
  peer: AttemptPeer | null = null
  reason: Reason | null = null
  detail = ""
  bytesIn = 0
  bytesOut = 0
  readonly #host: SessionHost
  #legs: Array<Leg> = []
  #hold: Disposable | null = null
  #channel: DatagramChannel | null = null
  /** null: silence does not end it. */
  #idle: number | null = sessionIdle
  #last = this.started
  /** It came to nothing, and waits to be forgotten. */
  #refused = false
  #over = false

  /** client: its address as the system has it, with its port. */
  constructor(host: SessionHost, key: string, client: string, port: number, listener: LiveListener, rule: LiveRule | null) {
    this.#host = host
    this.key = key
    this.client = client
    this.port = port
    this.listener = listener
    this.rule = rule
    host.context.onActive(1)
  }

  /** A defect here costs this client's datagrams, never the process. */
  run(): void {
    try {
      this.#route()
    } catch (cause) {
      this.#refuse("internal", defectDetail(cause))
    }
  }

  #route() {
    const carriage = carriageOf(this.listener, this.rule, this.#host.context.upstreams)
    if ("reason" in carriage) {
      this.share = carriage.share
      return this.#refuse(carriage.reason, carriage.detail)
    }
    this.#legs = [...carriage]
    this.#next()
  }

  #next(): void {
    const { share, upstream } = this.#legs.shift()!
    this.#hold?.[Symbol.dispose]()
    this.#hold = upstream.hold()
    this.share = share
    this.#idle = settle(upstream.spec.timeouts.idle, sessionIdle)
    this.#channel = upstream.datagrams(streamKey(share, this.client), this)
  }

  /** Its endpoint has left, or is not trusted any more: what comes now had better begin anew. */
  get stale(): boolean {
    return this.#channel?.stale === true
  }

  /** From the client. */
  take(bytes: Uint8Array): void {
    if (this.#refused) return
    this.#last = performance.now()
    this.bytesIn += bytes.length
    this.#channel?.send(bytes)
  }

  onDatagram(bytes: Uint8Array): void {
    this.#last = performance.now()
    this.bytesOut += bytes.length
    this.#host.reply(bytes, this)
  }

  onFailure({ reason, detail, sent, unsent }: DatagramFailure): void {
    this.peer = this.#channel?.peer ?? this.peer
    if (!sent && this.#legs.length > 0) {
      this.#next()
      for (const bytes of unsent) this.#channel?.send(bytes)
    } else if (sent) this.end(reason, detail)
    else this.#refuse(reason, detail)
  }

  look(now: number): void {
    if (this.#refused) {
      if (now - this.#last >= refusedFor) this.#forget()
    } else if (this.#idle !== null && now - this.#last >= this.#idle) this.end(null, "")
  }

  /** reason null: nothing was wrong. */
  end(reason: Reason | null, detail: string): void {
    if (!this.#refused) {
      this.reason = reason
      this.detail = detail
      this.#close()
    }
    this.#forget()
  }

  #refuse(reason: Reason, detail: string): void {
    this.reason = reason
    this.detail = detail
    this.#close()
    this.#refused = true
    this.#last = performance.now()
  }

  /** Into the log, once. */
  #close(): void {
    if (this.#over) return
    this.#over = true
    this.peer = this.#channel?.peer ?? this.peer
    this.#channel?.close()
    this.#hold?.[Symbol.dispose]()
    const { context } = this.#host
    context.onActive(-1)
    recordStream(context, this, performance.now())
  }

  #forget(): void {
    this.#host.onDone(this)
  }
}
