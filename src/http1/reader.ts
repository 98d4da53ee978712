// HTTP/1.1 messages off a byte stream, strictly by RFC 9112: one reader a connection, fed with what its socket gives. It reads and keeps to bounds;
// what a head means, and so how its body ends, its handler says.
import { hexDigit, isToken, isValue } from "./characters.ts"
import type { Framing } from "./framing.ts"
import { defaultReaderLimits, type ReaderLimits } from "./limits.ts"
import { type Problem, problems } from "./problem.ts"
import { Section } from "./section.ts"
import { Waiting } from "./waiting.ts"

export interface RequestHead {
  /** Any token. */
  readonly method: string
  /** At least one VCHAR, no more is said of it. */
  readonly target: string
  /** Two digits: `1.1`, `1.0`, also `2.0` or `0.9`: judge it. */
  readonly version: string
  /** Raw pairs, latin1: name, value, name, value … with their order, case and duplicates; values without the white space around them. The handler's to keep. */
  readonly fields: Array<string>
  /** Length of the head, line ends included. */
  readonly bytes: number
}

export interface ResponseHead {
  readonly version: string
  /** Three digits, any: judge it. */
  readonly status: number
  /** "": none. */
  readonly reason: string
  readonly fields: Array<string>
  readonly bytes: number
}

/**
 * What a handler makes of a head: how the body ends; "Interim": another head follows, this was no message of its own (1xx);
 * "Stop": nothing more is read, `takeRest` has what follows.
 */
export type Verdict = Framing | "Interim" | "Stop"

/** Called from inside `execute`, `resume` and `finish`, in the order of the bytes. Any of them may call `pause`, `resume`, `stop`. */
export interface ReaderHandler<Head> {
  /** A body of no bytes ends in the same call: `onEnd` follows at once, also when this paused. */
  readonly onHead: (head: Head) => Verdict
  /** A view of the chunk that was fed, no copy. Never empty. The last of a counted body is followed by `onEnd` even if it paused. */
  readonly onData: (chunk: Buffer) => void
  /** The message is whole. Raw pairs: the trailers. */
  readonly onEnd: (trailers: ReadonlyArray<string>) => void
  /** The bytes are no message: nothing more is read, and nothing more is called. */
  readonly onError: (problem: Problem) => void
}

/** Between: no byte of the next message was read. Over: stopped, failed, or ended with its connection. */
export type Place = "Between" | "Head" | "Body" | "Over"

const emptyLines = 4

const cr = 13
const lf = 10
const quote = 34
const semicolon = 59
const equals = 61
const backslash = 92

// Where the next byte belongs.
const between = 0
const emptyLine = 1
const head = 2
const counted = 3
const untilClose = 4
const size = 5
const extensionStart = 6
const extensionName = 7
const extensionValue = 8
const extensionToken = 9
const extensionQuoted = 10
const extensionEscape = 11
const extensionQuoteEnd = 12
const sizeEnd = 13
const chunkData = 14
const chunkEnd = 15
const chunkEndLf = 16
const trailers = 17
const over = 18

/** 2^52: a length that counts exactly, with any headroom a sum may need. */
const maxSizeDigits = 13
/** Leading zeros included. */
const maxSizeLength = 32

const noTrailers: ReadonlyArray<string> = []

export class Reader<Head extends RequestHead | ResponseHead> {
  readonly #kind: "Request" | "Response"
  readonly #handler: ReaderHandler<Head>
  readonly #limits: ReaderLimits
  readonly #section: Section
  #state = between
  /** Bytes of the body or chunk that are to come; while a size is read, the size. */
  #left = 0
  /** Of the size of a chunk: digits that count, and all. */
  #digits = 0
  #sizeLength = 0
  #extensions = 0
  #empty = 0
  #paused = false
  #running = false
  #finished = false
  /** Fed while it was paused. */
  readonly #rest = new Waiting()

  constructor(kind: "Request" | "Response", handler: ReaderHandler<Head>, limits: ReaderLimits = defaultReaderLimits) {
    this.#kind = kind
    this.#handler = handler
    this.#limits = limits
    this.#section = new Section(limits)
  }

  /** Where the bytes read so far end. */
  get place(): Place {
    const state = this.#state
    if (state <= emptyLine) return "Between"
    return state === head ? "Head" : state === over ? "Over" : "Body"
  }

  /** The next message has begun, read or waiting to be: timers of the head run from it. */
  get started(): boolean {
    return this.#state === head || (this.#state <= emptyLine && this.#rest.bytes > 0)
  }

  get paused(): boolean {
    return this.#paused
  }

  /** Bytes that were fed and not read. */
  get waiting(): number {
    return this.#rest.bytes
  }

  /** Reads the chunk; while paused or from inside a callback it is only kept, by reference. Whoever pauses the reader pauses its socket too. */
  execute(chunk: Buffer): void {
    if (this.#paused || this.#running || this.#rest.bytes > 0 || this.#state === over) {
      if (chunk.length > 0) this.#rest.push(chunk)
      return
    }
    this.#read(chunk)
    if (!this.#paused) this.#drain()
  }

  /** After the callback that is running nothing more is read, until `resume`. */
  pause(): void {
    this.#paused = true
  }

  /** Reads on in what was kept, before it returns; from inside a callback: after that. */
  resume(): void {
    this.#paused = false
    if (!this.#running && this.#rest.bytes > 0) this.#drain()
  }

  /** Reads nothing more. */
  stop(): void {
    this.#state = over
  }

  /** What was fed and not read: bytes of an upgraded connection. The reader is over. */
  takeRest(): Buffer {
    this.#state = over
    return this.#rest.take()
  }

  /** The peer sends no more: the end of a body that ends so, nothing between messages, otherwise an error. What waits is read first, by `resume`. */
  finish(): void {
    this.#finished = true
    if (!this.#running && this.#rest.bytes === 0) this.#conclude()
  }

  #conclude(): void {
    const state = this.#state
    if (state === over) return
    if (state <= emptyLine) this.#state = over
    else if (state === untilClose) {
      this.#state = over
      this.#handler.onEnd(noTrailers)
    } else this.#fail(problems.truncated)
  }

  #drain(): void {
    while (!this.#paused && this.#state !== over) {
      const chunk = this.#rest.shift()
      if (chunk === undefined) break
      this.#read(chunk)
    }
    if (this.#finished && this.#rest.bytes === 0) this.#conclude()
  }

  #fail(problem: Problem): void {
    this.#state = over
    this.#handler.onError(problem)
  }

  /** Reads until the chunk is used up or nothing more may be read: the rest of it waits. */
  #read(chunk: Buffer): void {
    this.#running = true
    let at = 0
    try {
      while (at < chunk.length && !this.#paused && this.#state !== over) {
        const state = this.#state
        if (state === head) at = this.#readHead(chunk, at)
        else if (state === counted || state === chunkData) at = this.#readData(chunk, at)
        else if (state <= emptyLine) at = this.#readBetween(chunk, at)
        else if (state === untilClose) {
          this.#handler.onData(at === 0 ? chunk : chunk.subarray(at))
          at = chunk.length
        } else if (state === trailers) at = this.#readTrailers(chunk, at)
        else at = this.#readChunkLine(chunk, at)
      }
    } finally {
      this.#running = false
    }
    if (at < chunk.length) this.#rest.unshift(at === 0 ? chunk : chunk.subarray(at))
  }

  #readBetween(chunk: Buffer, at: number): number {
    const byte = chunk[at]!
    if (this.#state === emptyLine) {
      this.#state = between
      if (byte !== lf) this.#fail(problems.bareCarriageReturn)
      return at + 1
    }
    // RFC 9112 section 2.2: a server ignores at least one empty line before a request line.
    if (byte === cr && this.#kind === "Request") {
      if (this.#empty++ === emptyLines) this.#fail(problems.emptyLines)
      else this.#state = emptyLine
      return at + 1
    }
    this.#empty = 0
    this.#state = head
    this.#section.begin(this.#kind)
    return at
  }

  #readHead(chunk: Buffer, from: number): number {
    const section = this.#section
    const at = section.read(chunk, from)
    if (at < 0) {
      if (section.problem !== null) this.#fail(section.problem)
      return chunk.length
    }
    const { version, fields, bytes } = section
    const { method, target, status, reason } = section
    const message: RequestHead | ResponseHead =
      this.#kind === "Request" ? { method, target, version, fields, bytes } : { version, status, reason, fields, bytes }
    section.forget()
    this.#begin(this.#handler.onHead(message as Head))
    return at
  }

  #begin(verdict: Verdict): void {
    // Stopped meanwhile.
    if (this.#state === over) return
    if (verdict === "Chunked") {
      this.#extensions = 0
      this.#beginChunk()
    } else if (verdict === "UntilClose") this.#state = untilClose
    else if (verdict === "Stop") this.#state = over
    else if (verdict === "Interim") this.#state = between
    else if (verdict === "None" || verdict === 0) this.#end(noTrailers)
    else {
      this.#state = counted
      this.#left = verdict
    }
  }

  #end(pairs: ReadonlyArray<string>): void {
    this.#state = between
    this.#handler.onEnd(pairs)
  }

  #readData(chunk: Buffer, at: number): number {
    const left = this.#left
    const there = chunk.length - at
    const taken = Math.min(left, there)
    this.#left = left - taken
    const ends = taken === left
    if (ends && this.#state === chunkData) this.#state = chunkEnd
    this.#handler.onData(taken === chunk.length ? chunk : chunk.subarray(at, at + taken))
    // The end of a counted body is told with its last byte, also when that callback paused.
    if (ends && this.#state === counted) this.#end(noTrailers)
    return at + taken
  }

  #beginChunk(): void {
    this.#state = size
    this.#left = 0
    this.#digits = 0
    this.#sizeLength = 0
  }

  #readTrailers(chunk: Buffer, from: number): number {
    const section = this.#section
    const at = section.read(chunk, from)
    if (at >= 0) {
      const { fields } = section
      section.forget()
      if (fields.length > 0 && framesMessage(fields)) this.#fail(problems.framingTrailer)
      else this.#end(fields)
    } else if (section.problem !== null) this.#fail(section.problem)
    return at < 0 ? chunk.length : at
  }

  /** Everything of a chunk but its data: size, extensions, line ends. */
  #readChunkLine(chunk: Buffer, from: number): number {
    let at = from
    let state = this.#state
    while (at < chunk.length) {
      const byte = chunk[at++]!
      if (state === size) {
        const digit = hexDigit[byte]!
        if (digit < 16) {
          this.#left = this.#left * 16 + digit
          if (this.#left > 0) this.#digits++
          if (this.#digits > maxSizeDigits || ++this.#sizeLength > maxSizeLength) return this.#failAt(problems.chunkTooLarge, at)
        } else if (this.#sizeLength === 0) return this.#failAt(problems.chunkSize, at)
        else if (byte === cr) state = sizeEnd
        else if (byte === semicolon) state = extensionStart
        else return this.#failAt(byte === lf ? problems.bareLineFeed : problems.chunkSize, at)
      } else if (state === sizeEnd) {
        if (byte !== lf) return this.#failAt(problems.bareCarriageReturn, at)
        if (this.#left > 0) this.#state = chunkData
        else {
          this.#state = trailers
          this.#section.begin("Trailers")
        }
        return at
      } else if (state === chunkEnd) {
        if (byte !== cr) return this.#failAt(problems.chunkEnd, at)
        state = chunkEndLf
      } else if (state === chunkEndLf) {
        if (byte !== lf) return this.#failAt(problems.chunkEnd, at)
        this.#beginChunk()
        state = size
      } else {
        if (++this.#extensions > this.#limits.extensionBytes) return this.#failAt(problems.extensionsTooLarge, at)
        state = extension(state, byte)
        if (state < 0) return this.#failAt(byte === lf ? problems.bareLineFeed : problems.chunkExtension, at)
      }
    }
    this.#state = state
    return at
  }

  #failAt(problem: Problem, at: number): number {
    this.#fail(problem)
    return at
  }
}

// RFC 9110 section 6.5.1: never in a trailer. Whoever merges trailers into the head would read another message than we did.
const framesMessage = (fields: ReadonlyArray<string>): boolean =>
  fields.some((name, at) => at % 2 === 0 && /^(?:content-length|transfer-encoding)$/i.test(name))

/** One byte of `;name=value;name="quoted"` (RFC 9112 section 7.1.1, without the bad white space): what comes next, or -1. What it says is dropped. */
const extension = (state: number, byte: number): number => {
  switch (state) {
    case extensionStart:
      return isToken[byte] === 1 ? extensionName : -1
    case extensionName:
      return isToken[byte] === 1 ? extensionName : byte === equals ? extensionValue : afterExtension(byte)
    case extensionValue:
      return byte === quote ? extensionQuoted : isToken[byte] === 1 ? extensionToken : -1
    case extensionToken:
      return isToken[byte] === 1 ? extensionToken : afterExtension(byte)
    case extensionQuoted:
      if (byte === quote) return extensionQuoteEnd
      return byte === backslash ? extensionEscape : isValue[byte] === 1 ? extensionQuoted : -1
    case extensionEscape:
      return isValue[byte] === 1 ? extensionQuoted : -1
    default:
      return afterExtension(byte)
  }
}

const afterExtension = (byte: number): number => (byte === semicolon ? extensionStart : byte === cr ? sizeEnd : -1)
