// Frames made and read by hand, apart from the room's own writer and reader, and a session fed with them.
import type { RequestHead } from "../../src/http2/head.ts"
import { defaultSessionLimits, type SessionLimits } from "../../src/http2/limits.ts"
import { openServer } from "../../src/http2/server.ts"
import type { Session, SessionProblem, SessionSocket } from "../../src/http2/session.ts"
import type { Reset, Stream, StreamHandler } from "../../src/http2/stream.ts"

export const type = {
  data: 0,
  headers: 1,
  priority: 2,
  rst: 3,
  settings: 4,
  push: 5,
  ping: 6,
  goaway: 7,
  window: 8,
  continuation: 9
} as const
export const flag = { end: 1, ack: 1, endHeaders: 4, padded: 8, priority: 0x20 } as const

export interface RawFrame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

export const raw = (kind: number, flags: number, stream: number, payload: Uint8Array | string = ""): Buffer => {
  const bytes = Buffer.from(payload as Uint8Array)
  const head = Buffer.alloc(9)
  head.writeUIntBE(bytes.length, 0, 3)
  head[3] = kind
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, bytes])
}

export const parse = (bytes: Buffer): ReadonlyArray<RawFrame> => {
  const found: Array<RawFrame> = []
  let at = 0
  while (at < bytes.length) {
    const length = bytes.readUIntBE(at, 3)
    found.push({
      type: bytes[at + 3]!,
      flags: bytes[at + 4]!,
      stream: bytes.readUInt32BE(at + 5),
      payload: bytes.subarray(at + 9, at + 9 + length)
    })
    at += 9 + length
  }
  return found
}

export const number = (...values: ReadonlyArray<number>): Buffer => {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, at * 4)
  return bytes
}

export const setting = (...pairs: ReadonlyArray<readonly [number, number]>): Buffer =>
  Buffer.concat(
    pairs.map(([id, value]) => {
      const bytes = Buffer.alloc(6)
      bytes.writeUInt16BE(id)
      bytes.writeUInt32BE(value, 2)
      return bytes
    })
  )

/** A header block of literals: nothing compressed, nothing remembered. Texts of up to 126 bytes, or numbers of two bytes. */
export const block = (...pairs: ReadonlyArray<string>): Buffer => {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, "latin1")
    if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes])
    const left = bytes.length - 127
    const length = [0x7f]
    for (let rest = left; ; rest = Math.floor(rest / 128)) {
      length.push((rest % 128) | (rest >= 128 ? 128 : 0))
      if (rest < 128) break
    }
    return Buffer.concat([Buffer.from(length), bytes])
  }
  const parts: Array<Buffer> = []
  for (let at = 0; at < pairs.length; at += 2) parts.push(Buffer.from([0]), text(pairs[at]!), text(pairs[at + 1]!))
  return Buffer.concat(parts)
}

export const plain = [":method", "GET", ":scheme", "http", ":authority", "a.test", ":path", "/"] as const

/** HEADERS that are whole. */
export const headers = (stream: number, end: boolean, ...pairs: ReadonlyArray<string>): Buffer =>
  raw(type.headers, flag.endHeaders | (end ? flag.end : 0), stream, block(...pairs))

export const greeting = Buffer.concat([preface, raw(type.settings, 0, 0)])

export interface Told {
  readonly stream: Stream
  readonly head: RequestHead
  readonly whole: boolean
  readonly ended: boolean
  body: Buffer
  trailers: ReadonlyArray<string> | null
  reset: Reset | null
}

/** A sink for what a session writes. */
export class Sink {
  readonly written: Array<Buffer> = []
  paused = false
  /** The socket takes no more: writes are kept all the same. */
  full = false
  writableLength = 0
  write(bytes: Buffer): boolean {
    this.written.push(Buffer.from(bytes))
    if (this.full) this.writableLength += bytes.length
    return !this.full
  }
  cork(): void {}
  uncork(): void {}
  pause(): this {
    this.paused = true
    return this
  }
  resume(): this {
    this.paused = false
    return this
  }
  get socket(): SessionSocket {
    return this as unknown as SessionSocket
  }
  get frames(): ReadonlyArray<RawFrame> {
    const bytes = Buffer.concat(this.written)
    return parse(bytes.subarray(0, preface.length).equals(preface) ? bytes.subarray(preface.length) : bytes)
  }
  of(kind: number): ReadonlyArray<RawFrame> {
    return this.frames.filter((frame) => frame.type === kind)
  }
}

export interface Served {
  readonly session: Session
  readonly sink: Sink
  readonly told: Array<Told>
  readonly refused: Array<SessionProblem>
  readonly problem: () => SessionProblem | null
  readonly send: (...bytes: ReadonlyArray<Uint8Array>) => void
  finished: boolean
}

/** A server's session that takes everything, consumes it and answers nothing, unless asked to. */
export const serve = (
  options: { readonly limits?: Partial<SessionLimits>; readonly consume?: boolean; readonly answer?: (told: Told) => void } = {}
): Served => {
  const sink = new Sink()
  const told: Array<Told> = []
  const refused: Array<SessionProblem> = []
  let problem: SessionProblem | null = null
  const session = openServer(
    sink.socket,
    {
      onRequest: (stream, head, whole, ended): StreamHandler => {
        const mine: Told = { stream, head, whole, ended, body: Buffer.alloc(0), trailers: null, reset: null }
        told.push(mine)
        return {
          onHead: () => {},
          onData: (chunk) => {
            mine.body = Buffer.concat([mine.body, chunk])
            if (options.consume !== false) stream.consume(chunk.length)
          },
          onEnd: (trailers) => {
            mine.trailers = trailers
            options.answer?.(mine)
          },
          onDrain: () => {},
          onReset: (reset) => {
            mine.reset = reset
          }
        }
      },
      onRefused: (why) => refused.push(why),
      onGoaway: () => {},
      onFinished: () => {
        served.finished = true
      },
      onProblem: (why) => {
        problem = why
      }
    },
    { ...defaultSessionLimits, ...options.limits }
  )
  const served: Served = {
    session,
    sink,
    told,
    refused,
    problem: () => problem,
    send: (...bytes) => session.execute(Buffer.concat(bytes)),
    finished: false
  }
  return served
}
