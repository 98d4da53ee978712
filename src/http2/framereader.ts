// Frames off a byte stream, cut in any way (RFC 9113 section 4): their form, and that header blocks are whole. What a frame means to its stream is the
// session's matter.
import { type Code, codes } from "./code.ts"
import { flags, frameBytes, frameHead, frames, preface } from "./frame.ts"
import type { SessionLimits } from "./limits.ts"

/** Called in the order of the bytes. After `onFault` nothing more is read. */
export interface FrameHandler {
  /** bytes: of the data, which follow. padding: bytes beside them; flow control counts both. */
  readonly onDataStart: (stream: number, bytes: number, padding: number, end: boolean) => void
  /** A view of the chunk that was fed, never empty. */
  readonly onDataBytes: (chunk: Buffer) => void
  readonly onDataEnd: (end: boolean) => void
  /** A whole header block: the bytes from `from` to `to`, valid during the call. */
  readonly onBlock: (stream: number, bytes: Buffer, from: number, to: number, end: boolean) => void
  readonly onRstStream: (stream: number, code: Code) => void
  /** payload: six bytes each, valid during the call. */
  readonly onSettings: (ack: boolean, payload: Buffer) => void
  readonly onPing: (ack: boolean, payload: Buffer) => void
  readonly onGoaway: (lastStream: number, code: Code) => void
  readonly onWindowUpdate: (stream: number, increment: number) => void
  /** PRIORITY, and types that nobody knows: they say nothing (sections 5.3 and 5.5). */
  readonly onIgnored: () => void
  readonly onFault: (code: Code, detail: string) => void
}

// Where the next byte belongs.
const inPreface = 0
const inHead = 1
const inPayload = 2
const inPadLength = 3
const inData = 4
const inSkipped = 5
const over = 6

export class FrameReader {
  readonly #handler: FrameHandler
  readonly #limits: Pick<SessionLimits, "blockBytes" | "continuations">
  #state: number
  /** The first frame has come. */
  #begun = false
  /** Bytes of a frame's head or of a payload that is read in one piece, while it is in pieces. */
  #kept: Buffer = Buffer.allocUnsafeSlow(64)
  #have = 0
  // The frame under way.
  #length = 0
  #type = 0
  #flag = 0
  #stream = 0
  /** Bytes of its payload that are to come; of DATA without the padding. */
  #left = 0
  #padding = 0
  /** A header block that is not whole: of which stream (0: none), its fragments, how many CONTINUATION frames. */
  #blockStream = 0
  #blockEnd = false
  #block: Buffer = none
  #blockBytes = 0
  #continuations = 0

  /** server: the preface comes first. */
  constructor(handler: FrameHandler, limits: Pick<SessionLimits, "blockBytes" | "continuations">, server: boolean) {
    this.#handler = handler
    this.#limits = limits
    this.#state = server ? inPreface : inHead
  }

  /** The peer has begun what it has not ended: its preface with the first SETTINGS, or a header block. */
  get unfinished(): boolean {
    return !this.#begun || this.#blockStream !== 0
  }

  stop(): void {
    this.#state = over
  }

  execute(chunk: Buffer): void {
    let at = 0
    while (at < chunk.length || this.#complete()) {
      switch (this.#state) {
        case inPreface:
          at = this.#readPreface(chunk, at)
          break
        case inHead:
          at = this.#readHead(chunk, at)
          break
        case inPayload:
          at = this.#readPayload(chunk, at)
          break
        case inPadLength:
          this.#readPadLength(chunk[at++]!)
          break
        case inData: {
          const to = Math.min(chunk.length, at + this.#left)
          this.#left -= to - at
          this.#handler.onDataBytes(chunk.subarray(at, to))
          at = to
          if (this.#left === 0 && this.#state === inData) this.#endData()
          break
        }
        case inSkipped: {
          const to = Math.min(chunk.length, at + this.#left)
          this.#left -= to - at
          at = to
          if (this.#left === 0) this.#state = inHead
          break
        }
        default:
          return
      }
    }
  }

  /** A frame without payload needs no byte more. */
  #complete(): boolean {
    return this.#state === inPayload && this.#length === 0
  }

  #fault(code: Code, detail: string): void {
    this.#state = over
    this.#handler.onFault(code, detail)
  }

  #readPreface(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length && this.#have < preface.length) {
      if (chunk[at] !== preface[this.#have]) {
        this.#fault(codes.PROTOCOL_ERROR, "the connection does not begin with the preface of HTTP/2")
        return at
      }
      at++
      this.#have++
    }
    if (this.#have === preface.length) {
      this.#have = 0
      this.#state = inHead
    }
    return at
  }

  #readHead(chunk: Buffer, from: number): number {
    let head = chunk
    let begin = from
    let at = from + frameHead
    if (this.#have > 0 || at > chunk.length) {
      const taken = Math.min(frameHead - this.#have, chunk.length - from)
      chunk.copy(this.#kept, this.#have, from, from + taken)
      this.#have += taken
      at = from + taken
      if (this.#have < frameHead) return at
      this.#have = 0
      head = this.#kept
      begin = 0
    }
    this.#length = (head[begin]! << 16) | (head[begin + 1]! << 8) | head[begin + 2]!
    this.#type = head[begin + 3]!
    this.#flag = head[begin + 4]!
    this.#stream = head.readUInt32BE(begin + 5) & 0x7fff_ffff
    this.#begin()
    return at
  }

  #begin() {
    const { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION } = frames
    const type = this.#type
    const length = this.#length
    const stream = this.#stream
    if (!this.#begun && (type !== SETTINGS || (this.#flag & flags.ACK) !== 0)) {
      return this.#fault(codes.PROTOCOL_ERROR, "the first frame is not SETTINGS")
    }
    this.#begun = true
    if (length > frameBytes) return this.#fault(codes.FRAME_SIZE_ERROR, `a frame of ${length} bytes`)
    if (this.#blockStream === 0 ? type === CONTINUATION : type !== CONTINUATION || stream !== this.#blockStream) {
      return this.#fault(codes.PROTOCOL_ERROR, "a header block is not in one piece")
    }
    this.#state = inPayload
    switch (type) {
      case DATA:
        if (stream === 0) return this.#streamless("DATA")
        return this.#beginData()
      case HEADERS:
      case CONTINUATION:
        if (stream === 0) return this.#streamless("HEADERS")
        return
      case PRIORITY:
        if (stream === 0) return this.#streamless("PRIORITY")
        if (length !== 5) return this.#missized("PRIORITY")
        return
      case RST_STREAM:
        if (stream === 0) return this.#streamless("RST_STREAM")
        if (length !== 4) return this.#missized("RST_STREAM")
        return
      case SETTINGS:
        if (stream !== 0) return this.#streamed("SETTINGS")
        if (length % 6 !== 0 || ((this.#flag & flags.ACK) !== 0 && length !== 0)) return this.#missized("SETTINGS")
        return
      case PUSH_PROMISE:
        return this.#fault(codes.PROTOCOL_ERROR, "PUSH_PROMISE, which nobody may send here")
      case PING:
        if (stream !== 0) return this.#streamed("PING")
        if (length !== 8) return this.#missized("PING")
        return
      case GOAWAY:
        if (stream !== 0) return this.#streamed("GOAWAY")
        if (length < 8) return this.#missized("GOAWAY")
        return
      case WINDOW_UPDATE:
        if (length !== 4) return this.#missized("WINDOW_UPDATE")
        return
      default:
        this.#skip(length)
        this.#handler.onIgnored()
    }
  }

  #streamless(name: string): void {
    this.#fault(codes.PROTOCOL_ERROR, `${name} of no stream`)
  }

  #streamed(name: string): void {
    this.#fault(codes.PROTOCOL_ERROR, `${name} of a stream`)
  }

  #missized(name: string): void {
    this.#fault(codes.FRAME_SIZE_ERROR, `${name} with ${this.#length} bytes`)
  }

  #skip(bytes: number): void {
    this.#left = bytes
    this.#state = bytes === 0 ? inHead : inSkipped
  }

  // === DATA: told as it comes ===

  #beginData() {
    if ((this.#flag & flags.PADDED) === 0) return this.#startData(this.#length, 0)
    if (this.#length === 0) return this.#padTooLong()
    this.#state = inPadLength
  }

  #readPadLength(padding: number) {
    const bytes = this.#length - 1 - padding
    if (bytes < 0) return this.#padTooLong()
    this.#startData(bytes, padding)
  }

  #startData(bytes: number, padding: number): void {
    this.#left = bytes
    this.#padding = padding
    this.#state = inData
    this.#handler.onDataStart(this.#stream, bytes, this.#length - bytes, (this.#flag & flags.END_STREAM) !== 0)
    if (this.#state === inData && bytes === 0) this.#endData()
  }

  #padTooLong(): void {
    this.#fault(codes.PROTOCOL_ERROR, "padding longer than its frame")
  }

  #endData(): void {
    this.#skip(this.#padding)
    this.#handler.onDataEnd((this.#flag & flags.END_STREAM) !== 0)
  }

  // === The others: whole ===

  #readPayload(chunk: Buffer, from: number): number {
    const length = this.#length
    let bytes = chunk
    let begin = from
    let at = from + length
    if (this.#have > 0 || at > chunk.length) {
      if (this.#kept.length < length) this.#kept = Buffer.allocUnsafeSlow(length)
      const taken = Math.min(length - this.#have, chunk.length - from)
      chunk.copy(this.#kept, this.#have, from, from + taken)
      this.#have += taken
      at = from + taken
      if (this.#have < length) return at
      this.#have = 0
      bytes = this.#kept
      begin = 0
    }
    // First: what the handler is told may stop this reader.
    this.#state = inHead
    this.#tell(bytes, begin, begin + length)
    // A large frame is seldom: what was kept for it is not kept for the next.
    if (this.#kept.length > 4096) this.#kept = Buffer.allocUnsafeSlow(64)
    return at
  }

  #tell(bytes: Buffer, from: number, to: number) {
    const handler = this.#handler
    const ack = (this.#flag & flags.ACK) !== 0
    switch (this.#type) {
      case frames.HEADERS:
        return this.#readHeaders(bytes, from, to)
      case frames.CONTINUATION:
        return this.#continue(bytes, from, to)
      case frames.PRIORITY:
        return handler.onIgnored()
      case frames.RST_STREAM:
        return handler.onRstStream(this.#stream, bytes.readUInt32BE(from))
      case frames.SETTINGS:
        return handler.onSettings(ack, bytes.subarray(from, to))
      case frames.PING:
        return handler.onPing(ack, bytes.subarray(from, to))
      case frames.GOAWAY:
        return handler.onGoaway(bytes.readUInt32BE(from) & 0x7fff_ffff, bytes.readUInt32BE(from + 4))
      default:
        return handler.onWindowUpdate(this.#stream, bytes.readUInt32BE(from) & 0x7fff_ffff)
    }
  }

  #readHeaders(bytes: Buffer, from: number, to: number) {
    let begin = from
    let end = to
    if ((this.#flag & flags.PADDED) !== 0) {
      if (begin === end) return this.#padTooLong()
      end -= bytes[begin++]!
    }
    // Priorities are not heeded (section 5.3).
    if ((this.#flag & flags.PRIORITY) !== 0) begin += 5
    if (begin > end) {
      if ((this.#flag & flags.PADDED) !== 0) return this.#padTooLong()
      return this.#missized("HEADERS")
    }
    const last = (this.#flag & flags.END_STREAM) !== 0
    if ((this.#flag & flags.END_HEADERS) !== 0) return this.#handler.onBlock(this.#stream, bytes, begin, end, last)
    this.#blockStream = this.#stream
    this.#blockEnd = last
    this.#blockBytes = 0
    this.#continuations = 0
    this.#append(bytes, begin, end)
  }

  #continue(bytes: Buffer, from: number, to: number) {
    this.#continuations++
    if (this.#continuations > this.#limits.continuations || this.#blockBytes + to - from > this.#limits.blockBytes) {
      return this.#fault(codes.ENHANCE_YOUR_CALM, "a header block that is too long")
    }
    this.#append(bytes, from, to)
    if ((this.#flag & flags.END_HEADERS) === 0) return
    const stream = this.#blockStream
    const block = this.#block
    this.#blockStream = 0
    this.#block = none
    this.#handler.onBlock(stream, block, 0, this.#blockBytes, this.#blockEnd)
  }

  #append(bytes: Buffer, from: number, to: number): void {
    const length = this.#blockBytes + to - from
    if (length > this.#block.length) {
      const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(length * 2, 1024), Math.max(length, this.#limits.blockBytes)))
      this.#block.copy(larger, 0, 0, this.#blockBytes)
      this.#block = larger
    }
    bytes.copy(this.#block, this.#blockBytes, from, to)
    this.#blockBytes = length
  }
}

const none: Buffer = Buffer.alloc(0)
