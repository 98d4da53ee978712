// HTTP/2 to upstreams: a dialled socket in, many exchanges at once on it (stream.ts). The session is http2's; here are its socket, its clocks and its end.
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import { readInParts } from "../http1/spent.ts"
import { openClient } from "../http2/client.ts"
import { codes } from "../http2/code.ts"
import { defaultSessionLimits, type SessionLimits } from "../http2/limits.ts"
import type { ClientSession } from "../http2/session.ts"
import type { AttemptPeer, UpstreamRequest } from "./attempt.ts"
import { type Carried, type CarrierSettings, type CarrierSink, type Multiplexed, streamsPerConnection } from "./carrier.ts"
import { defectDetail } from "./defect.ts"
import { howLost } from "./loss.ts"
import { UpstreamStream } from "./stream.ts"
import { StreamClocks } from "./streamclocks.ts"

const limits: SessionLimits = {
  ...defaultSessionLimits,
  // A client that does not read holds up its own stream, not those of others: each has its window whole.
  connectionWindow: streamsPerConnection * defaultSessionLimits.window,
  // Streams are ours to open: a server that ends many of them does nothing to us, and the others on the connection go on.
  resets: { burst: Number.POSITIVE_INFINITY, rate: 0 },
  headBytes: 61_440
}

/** Milliseconds for the last words to be taken. */
const longestEnd = 2_000

export interface MultiplexEvents {
  readonly onClose: (connection: Multiplex) => void
  /** `capacity` or `usable` may have changed. */
  readonly onCapacity?: (connection: Multiplex) => void
}

export class Multiplex implements Multiplexed {
  readonly socket: Socket | TLSSocket
  readonly settings: CarrierSettings
  readonly session: ClientSession
  readonly secure: boolean
  /** For the first byte of each exchange's response, and for silence after it; null: they are not limited. */
  readonly firstClocks: StreamClocks | null
  readonly idleClocks: StreamClocks | null
  requests = 0
  rested = false
  /** The first error of the socket: a TLS alert is followed by others that say less. */
  error: Error | null = null
  /** The socket is gone, or going: what its streams are told is not their own doing. */
  lost = false
  /** Chunks that came: whether the peer is silent. */
  came = 0
  readonly #events: MultiplexEvents
  /** Until its SETTINGS are here. */
  #assumed: number | null
  /** Nothing came in time, and nothing since: until it answers it gets nothing more. */
  #doubted = false
  #ending = false
  #restTimer: NodeJS.Timeout | null = null
  readonly #settingsTimer: NodeJS.Timeout

  /** assumed: how many exchanges at once the peer is believed to take until it says so. */
  constructor(socket: Socket | TLSSocket, settings: CarrierSettings, events: MultiplexEvents, assumed = streamsPerConnection) {
    this.socket = socket
    this.settings = settings
    this.#events = events
    this.#assumed = assumed
    this.secure = "encrypted" in socket
    this.firstClocks = settings.firstByte === null ? null : new StreamClocks(settings.firstByte)
    this.idleClocks = settings.idle === null ? null : new StreamClocks(settings.idle)
    this.session = openClient(
      socket,
      {
        onSettings: () => {
          this.#assumed = null
          this.#changed()
        },
        onGoaway: () => this.#changed(),
        onFinished: () => this.#end(),
        onProblem: () => {
          this.#changed()
          this.#end()
        }
      },
      limits
    )
    this.#settingsTimer = setTimeout(() => this.session.look(performance.now()), limits.settingsTime + 1)
    this.#settingsTimer.unref()
    socket.on("data", this.#onData)
    socket.on("drain", () => this.#guard(() => this.session.drained()))
    socket.on("end", () => this.destroy())
    socket.on("error", (error) => {
      this.error ??= error
    })
    socket.on("close", () => {
      this.#stop()
      this.#lose()
      this.#events.onClose(this)
    })
  }

  get capacity(): number {
    return Math.min(streamsPerConnection, this.#assumed ?? this.session.allowed)
  }

  get usable(): boolean {
    return !this.lost && !this.#ending && !this.#doubted && this.session.room > 0 && this.socket.writable
  }

  send(request: UpstreamRequest, host: string, peer: AttemptPeer, _last: boolean, sink: CarrierSink): Carried {
    this.requests++
    const stream = new UpstreamStream(this, request, peer, sink)
    stream.begin(host)
    return stream
  }

  rest(): void {
    this.rested = true
    if (this.lost) return
    // Refreshed at each rest and never cleared: when it fires on a connection in use, there is nothing to do.
    if (this.#restTimer !== null) this.#restTimer.refresh()
    else {
      this.#restTimer = setTimeout(this.#onRested, this.settings.keepAliveIdle)
      this.#restTimer.unref()
    }
  }

  readonly #onRested = (): void => {
    if (this.session.streams === 0) this.destroy()
  }

  destroy(): void {
    if (!this.lost && this.session.streams === 0) this.#end()
    else this.socket.destroy()
    this.#lose()
  }

  /** An exchange had no answer in time. seen: of `came`, when it was sent. Where nothing else came either, the peer is asked whether it is there. */
  doubt(seen: number): void {
    if (this.came !== seen || this.lost || this.#doubted) return
    this.#doubted = true
    this.session.ping(() => {
      this.#doubted = false
      this.#changed()
    })
    this.#changed()
  }

  /** Says so to the peer, and closes when that is written. */
  #end(): void {
    if (this.#ending) return
    this.#ending = true
    this.session.leave()
    this.socket.destroySoon()
    // A peer that reads nothing would keep it for ever.
    const timer = setTimeout(() => this.socket.destroy(), longestEnd)
    timer.unref()
    this.socket.once("close", () => clearTimeout(timer))
  }

  #lose(): void {
    if (this.lost) return
    this.lost = true
    this.session.closed(`connection ${howLost(this.error)}`)
  }

  #stop(): void {
    clearTimeout(this.#settingsTimer)
    this.firstClocks?.close()
    this.idleClocks?.close()
    if (this.#restTimer !== null) clearTimeout(this.#restTimer)
  }

  #changed(): void {
    this.#events.onCapacity?.(this)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.came++
    if (!this.#ending) this.#guard(() => readInParts(chunk, this.#execute))
  }

  readonly #execute = (chunk: Buffer): void => this.session.execute(chunk)

  /** A bug of ours costs this connection, never the process. */
  #guard(run: () => void): void {
    try {
      run()
    } catch (cause) {
      this.error ??= new Error(defectDetail(cause))
      this.session.fail(codes.INTERNAL_ERROR, "defect")
      this.socket.destroy()
    }
  }
}
