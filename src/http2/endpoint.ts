// One side of an HTTP/2 connection, what both roles have in common: streams, windows, settings, and the bounds on what a peer may cause.
import { Allowance } from "./allowance.ts"
import { type Code, codeName, codes } from "./code.ts"
import { Decoder } from "./decoder.ts"
import { Dropped } from "./dropped.ts"
import { type BlockKind, FieldList } from "./fieldlist.ts"
import {
  frameBytes,
  goawayFrame,
  initialWindow,
  most,
  pingFrame,
  resetFrame,
  settings,
  settingsAck,
  settingsFrame,
  windowFrame
} from "./frame.ts"
import { type FrameHandler, FrameReader } from "./framereader.ts"
import type { SessionLimits } from "./limits.ts"
import type { LiveStream, StreamOwner } from "./livestream.ts"
import { Outlet } from "./outlet.ts"
import { Sender } from "./sender.ts"
import type { Session, SessionHandler, SessionSocket } from "./session.ts"

export abstract class Endpoint implements Session, FrameHandler, StreamOwner {
  readonly window: number
  leaving = false
  /** Nothing more is read or written. */
  protected over = false
  protected readonly limits: SessionLimits
  protected readonly outlet: Outlet
  protected readonly live = new Map<number, LiveStream>()
  protected readonly list: FieldList
  readonly sender: Sender
  private readonly handler: SessionHandler
  private readonly reader: FrameReader
  private readonly decoder = new Decoder()
  private readonly resets: Allowance
  private readonly idleFrames: Allowance
  /** Of the connection: bytes that may come, and that were consumed and not told. */
  private receiveWindow: number
  private owed = 0
  /** DATA that is coming in: whose it is; null: nobody's. */
  private current: LiveStream | null = null
  protected readonly dropped: Dropped
  /** When our SETTINGS went; Infinity: acknowledged. */
  private settingsAt = performance.now()
  private onPong: (() => void) | null = null
  private finished = false

  constructor(socket: SessionSocket, handler: SessionHandler, limits: SessionLimits, server: boolean) {
    this.handler = handler
    this.limits = limits
    this.window = limits.window
    this.receiveWindow = Math.max(initialWindow, limits.connectionWindow)
    this.list = new FieldList(limits)
    this.resets = new Allowance(limits.resets)
    this.idleFrames = new Allowance(limits.idleFrames)
    this.outlet = new Outlet(socket, limits.unsent)
    // WINDOW_UPDATE answers what we send: some peers say two for each 4 KiB that they read.
    this.sender = new Sender(this.outlet, (bytes) => this.idleFrames.give(4 + bytes / 1024))
    this.dropped = new Dropped(server ? 256 : 4096)
    this.reader = new FrameReader(this, limits, server)
  }

  // === For its owner ===

  get streams(): number {
    return this.live.size
  }

  get unfinished(): boolean {
    return this.reader.unfinished
  }

  execute(chunk: Buffer): void {
    if (this.over) return
    this.outlet.hold()
    try {
      this.reader.execute(chunk)
    } finally {
      this.outlet.release()
    }
  }

  drained(): void {
    if (this.over) return
    this.outlet.drained()
    this.sender.pump()
  }

  closed(detail: string): void {
    if (this.over) return
    this.over = true
    this.reader.stop()
    this.outlet.stop()
    this.breakAll(codes.CANCEL, detail)
  }

  look(now: number): void {
    if (!this.over && now - this.settingsAt > this.limits.settingsTime) {
      this.fail(codes.SETTINGS_TIMEOUT, `the peer did not acknowledge SETTINGS within ${this.limits.settingsTime} ms`)
    }
  }

  abstract leave(): void

  ping(onPong: () => void): boolean {
    if (this.over || this.onPong !== null) return false
    this.onPong = onPong
    this.outlet.push(pingFrame(ours, false))
    return true
  }

  fail(code: Code, detail: string): void {
    if (this.over) return
    this.over = true
    this.leaving = true
    this.reader.stop()
    this.outlet.push(goawayFrame(this.lastPeerStream, code))
    this.outlet.end()
    this.breakAll(code, detail)
    this.handler.onProblem({ code, detail })
  }

  // === For its roles ===

  /** The last stream of the peer's that was looked at. */
  protected abstract readonly lastPeerStream: number
  /** Nobody has begun it yet. */
  protected abstract isIdle(stream: number): boolean
  /** A block of a stream that is not open. */
  protected abstract onNewBlock(stream: number, bytes: Buffer, from: number, to: number, end: boolean): void
  /** A block of an open stream: the fields are in `list`. */
  protected abstract kindOf(stream: LiveStream): BlockKind
  protected abstract onHeadBlock(stream: LiveStream, end: boolean): void
  protected abstract onPeerSetting(id: number, value: number): string | null
  /** Nothing is left to be said before the socket ends. */
  protected abstract readonly lastWordSaid: boolean

  protected greet(pairs: ReadonlyArray<readonly [id: number, value: number]>, before: Buffer | null): void {
    if (before !== null) this.outlet.push(before)
    const { limits } = this
    this.outlet.push(
      settingsFrame([...pairs, [settings.INITIAL_WINDOW_SIZE, limits.window], [settings.MAX_HEADER_LIST_SIZE, limits.headBytes]])
    )
    const more = this.receiveWindow - initialWindow
    if (more > 0) this.outlet.push(windowFrame(0, more))
  }

  /** Decodes into `list`. → false: the connection is over. */
  protected decode(bytes: Buffer, from: number, to: number, kind: BlockKind): boolean {
    this.list.begin(kind)
    const problem = this.decoder.decode(bytes, from, to, this.list)
    if (problem === null) return true
    this.fail(codes.COMPRESSION_ERROR, problem)
    return false
  }

  protected breakAll(code: Code, detail: string): void {
    for (const stream of [...this.live.values()]) stream.break({ by: "Session", code, unprocessed: false, detail })
  }

  /** The peer has broken a rule of this stream. */
  protected refuse(stream: number, code: Code, detail: string): void {
    const live = this.live.get(stream)
    this.dropped.add(stream)
    this.outlet.push(resetFrame(stream, code))
    live?.break({ by: "Us", code, unprocessed: false, detail })
    this.spendReset()
  }

  protected spendReset(): void {
    if (!this.resets.take()) this.fail(codes.ENHANCE_YOUR_CALM, "too many streams end before their time")
  }

  protected checkFinished(): void {
    if (this.finished || this.over || !this.leaving || this.live.size > 0 || !this.lastWordSaid) return
    this.finished = true
    this.outlet.flush()
    this.handler.onFinished()
  }

  // === For its streams ===

  sendReset(stream: LiveStream, code: Code): void {
    this.dropped.add(stream.id)
    this.outlet.push(resetFrame(stream.id, code))
  }

  sendCredit(stream: LiveStream, bytes: number): void {
    this.outlet.push(windowFrame(stream.id, bytes))
  }

  credit(bytes: number): void {
    this.owed += bytes
    if (this.over || this.owed * 2 < Math.max(initialWindow, this.limits.connectionWindow)) return
    this.receiveWindow += this.owed
    this.outlet.push(windowFrame(0, this.owed))
    this.owed = 0
  }

  ended(stream: LiveStream): void {
    this.live.delete(stream.id)
    this.sender.forget(stream)
    if (this.current === stream) this.current = null
    if (stream.peerEnded && stream.ended) this.resets.give(1)
    this.handler.onStreamClosed?.(stream)
    this.checkFinished()
  }

  // === The reader ===

  onDataStart(id: number, bytes: number, padding: number, end: boolean) {
    const counted = bytes + padding
    this.receiveWindow -= counted
    if (this.receiveWindow < 0) return this.fail(codes.FLOW_CONTROL_ERROR, "more DATA than the connection's window")
    this.current = null
    if (bytes > 0) this.idleFrames.give(1)
    else if (!end && !this.countIdle()) return
    const stream = this.live.get(id)
    if (stream === undefined) {
      if (this.isIdle(id)) this.fail(codes.PROTOCOL_ERROR, "DATA of a stream that nobody has opened")
      else if (this.dropped.has(id)) this.credit(counted)
      else this.fail(codes.STREAM_CLOSED, "DATA of a stream that has ended")
      return
    }
    if (stream.peerEnded) {
      this.credit(counted)
      return this.refuse(id, codes.STREAM_CLOSED, "DATA of a side that has ended")
    }
    if (!stream.charge(counted)) return this.refuse(id, codes.FLOW_CONTROL_ERROR, "more DATA than the stream's window")
    stream.consume(padding)
    if (this.kindOf(stream) === "Response") return this.refuse(id, codes.PROTOCOL_ERROR, "DATA before a head")
    if (!stream.count(bytes)) return this.refuse(id, codes.PROTOCOL_ERROR, "more DATA than Content-Length")
    this.current = stream
  }

  onDataBytes(chunk: Buffer): void {
    this.current?.handler.onData(chunk)
  }

  onDataEnd(end: boolean): void {
    const stream = this.current
    this.current = null
    if (stream !== null && end) this.endPeer(stream, none)
  }

  onBlock(id: number, bytes: Buffer, from: number, to: number, end: boolean) {
    this.idleFrames.give(2)
    const stream = this.live.get(id)
    if (stream === undefined) return this.onNewBlock(id, bytes, from, to, end)
    const kind = this.kindOf(stream)
    if (!this.decode(bytes, from, to, kind)) return
    if (stream.peerEnded) return this.refuse(id, codes.STREAM_CLOSED, "HEADERS of a side that has ended")
    if (kind === "Response") return this.onHeadBlock(stream, end)
    const { list } = this
    if (!end) return this.refuse(id, codes.PROTOCOL_ERROR, "trailers that do not end their stream")
    if (list.problem !== null) return this.refuse(id, codes.PROTOCOL_ERROR, list.problem)
    if (!list.whole) return this.refuse(id, codes.PROTOCOL_ERROR, "trailers that are too large")
    this.endPeer(stream, list.fields)
  }

  /** A block of a stream that is over, or that we have said we do not look at. */
  protected dropBlock(id: number, bytes: Buffer, from: number, to: number): void {
    if (this.decode(bytes, from, to, "Trailers") && !this.dropped.has(id)) {
      this.fail(codes.STREAM_CLOSED, "HEADERS of a stream that has ended")
    }
  }

  protected endPeer(stream: LiveStream, trailers: ReadonlyArray<string>): void {
    if (stream.closed) return
    if (!stream.complete) this.refuse(stream.id, codes.PROTOCOL_ERROR, "less DATA than Content-Length")
    else stream.endPeer(trailers)
  }

  onRstStream(id: number, code: Code): void {
    const stream = this.live.get(id)
    if (stream === undefined) {
      if (this.isIdle(id)) this.fail(codes.PROTOCOL_ERROR, "RST_STREAM of a stream that nobody has opened")
      else this.countIdle()
      return
    }
    const detail = `the peer reset the stream: ${codeName(code)}`
    stream.break({ by: "Peer", code, unprocessed: code === codes.REFUSED_STREAM, detail })
    this.spendReset()
  }

  onSettings(ack: boolean, payload: Buffer): void {
    if (ack) {
      this.settingsAt = Number.POSITIVE_INFINITY
      return
    }
    if (!this.countIdle()) return
    for (let at = 0; at < payload.length; at += 6) {
      const problem = this.applySetting(payload.readUInt16BE(at), payload.readUInt32BE(at + 2))
      if (problem === null) continue
      if (problem !== "") this.fail(codes.PROTOCOL_ERROR, problem)
      return
    }
    this.outlet.push(settingsAck())
    this.handler.onSettings?.()
    if (!this.over) this.sender.pump()
  }

  /** → why it is none; "": the connection is over. */
  private applySetting(id: number, value: number): string | null {
    switch (id) {
      case settings.HEADER_TABLE_SIZE:
        this.sender.encoder.resize(value)
        return null
      case settings.INITIAL_WINDOW_SIZE:
        return this.applyWindow(value) ? null : ""
      case settings.MAX_FRAME_SIZE:
        return value < frameBytes || value > 0xff_ffff ? "SETTINGS_MAX_FRAME_SIZE out of its range" : null
      default:
        return this.onPeerSetting(id, value)
    }
  }

  private applyWindow(value: number): boolean {
    const change = value - this.sender.streamWindow
    this.sender.streamWindow = value
    let fits = value <= most
    for (const stream of this.live.values()) {
      stream.sendWindow += change
      fits &&= stream.sendWindow <= most
    }
    if (!fits) this.fail(codes.FLOW_CONTROL_ERROR, "SETTINGS_INITIAL_WINDOW_SIZE that is too large")
    return fits
  }

  onPing(ack: boolean, payload: Buffer): void {
    if (!this.countIdle()) return
    if (!ack) this.outlet.push(pingFrame(payload, true))
    else if (ours.equals(payload)) {
      const { onPong } = this
      this.onPong = null
      onPong?.()
    }
  }

  onGoaway(lastStream: number, code: Code): void {
    if (!this.countIdle()) return
    this.onPeerGoaway(lastStream)
    this.handler.onGoaway(code, lastStream)
    this.checkFinished()
  }

  protected abstract onPeerGoaway(lastStream: number): void

  onWindowUpdate(id: number, increment: number) {
    if (!this.countIdle()) return
    if (id === 0) {
      if (increment === 0) return this.fail(codes.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
      this.sender.window += increment
      if (this.sender.window > most) return this.fail(codes.FLOW_CONTROL_ERROR, "a window of the connection that is too large")
      return this.sender.pump()
    }
    const stream = this.live.get(id)
    if (stream === undefined) {
      if (this.isIdle(id)) this.fail(codes.PROTOCOL_ERROR, "WINDOW_UPDATE of a stream that nobody has opened")
      return
    }
    if (increment === 0) return this.refuse(id, codes.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
    stream.sendWindow += increment
    if (stream.sendWindow > most) return this.refuse(id, codes.FLOW_CONTROL_ERROR, "a window of the stream that is too large")
    this.sender.pump()
  }

  onIgnored(): void {
    this.countIdle()
  }

  onFault(code: Code, detail: string): void {
    this.fail(code, detail)
  }

  /** A frame that moves nothing. → false: one too many, the connection is over. */
  private countIdle(): boolean {
    if (this.idleFrames.take()) return true
    this.fail(codes.ENHANCE_YOUR_CALM, "too many frames that move nothing")
    return false
  }
}

const none: ReadonlyArray<string> = []

/** What our PING frames hold. */
const ours = Buffer.from("sluice\0\0", "latin1")
