// Frames as they stand on the wire (RFC 9113 sections 4.1 and 6): their numbers, and the bytes of those we write.
import type { Code } from "./code.ts"

export const frames = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9
} as const

export const flags = { ACK: 0x1, END_STREAM: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const

export const settings = {
  HEADER_TABLE_SIZE: 0x1,
  ENABLE_PUSH: 0x2,
  MAX_CONCURRENT_STREAMS: 0x3,
  INITIAL_WINDOW_SIZE: 0x4,
  MAX_FRAME_SIZE: 0x5,
  MAX_HEADER_LIST_SIZE: 0x6,
  ENABLE_CONNECT_PROTOCOL: 0x8
} as const

/** Bytes of a frame's header. */
export const frameHead = 9

/** The largest payload that every peer takes; we offer no larger and send no larger. */
export const frameBytes = 16_384

/** Windows that nobody has spoken of (RFC 9113 section 6.9.2). */
export const initialWindow = 65_535

/** The largest window, stream number and increment. */
export const most = 0x7fff_ffff

/** What a client says first. */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1")

const writeHead = (into: Buffer, length: number, type: number, flag: number, stream: number): void => {
  into[0] = length >>> 16
  into[1] = length >>> 8
  into[2] = length
  into[3] = type
  into[4] = flag
  into.writeUInt32BE(stream, 5)
}

/** With room for a payload of `length`, to be filled. */
export const frame = (length: number, type: number, flag: number, stream: number): Buffer => {
  const bytes = Buffer.allocUnsafe(frameHead + length)
  writeHead(bytes, length, type, flag, stream)
  return bytes
}

/** What stands before a payload that is written apart. */
export const frameStart = (length: number, type: number, flag: number, stream: number): Buffer => {
  const bytes = Buffer.allocUnsafe(frameHead)
  writeHead(bytes, length, type, flag, stream)
  return bytes
}

const withNumber = (type: number, stream: number, value: number): Buffer => {
  const bytes = frame(4, type, 0, stream)
  bytes.writeUInt32BE(value, frameHead)
  return bytes
}

export const resetFrame = (stream: number, code: Code): Buffer => withNumber(frames.RST_STREAM, stream, code)

export const windowFrame = (stream: number, increment: number): Buffer => withNumber(frames.WINDOW_UPDATE, stream, increment)

export const goawayFrame = (lastStream: number, code: Code): Buffer => {
  const bytes = frame(8, frames.GOAWAY, 0, 0)
  bytes.writeUInt32BE(lastStream, frameHead)
  bytes.writeUInt32BE(code, frameHead + 4)
  return bytes
}

export const settingsFrame = (pairs: ReadonlyArray<readonly [id: number, value: number]>): Buffer => {
  const bytes = frame(pairs.length * 6, frames.SETTINGS, 0, 0)
  for (const [at, [id, value]] of pairs.entries()) {
    bytes.writeUInt16BE(id, frameHead + at * 6)
    bytes.writeUInt32BE(value, frameHead + at * 6 + 2)
  }
  return bytes
}

export const settingsAck = (): Buffer => frame(0, frames.SETTINGS, flags.ACK, 0)

/** payload: 8 bytes. */
export const pingFrame = (payload: Uint8Array, ack: boolean): Buffer => {
  const bytes = frame(8, frames.PING, ack ? flags.ACK : 0, 0)
  bytes.set(payload, frameHead)
  return bytes
}

/** A header block in as many frames as it needs, in one piece. */
export const headerFrames = (block: Buffer, stream: number, end: boolean): Buffer => {
  const count = Math.max(1, Math.ceil(block.length / frameBytes))
  const bytes = Buffer.allocUnsafe(block.length + count * frameHead)
  let at = 0
  for (let index = 0; index < count; index++) {
    const from = index * frameBytes
    const length = Math.min(frameBytes, block.length - from)
    const flag = (index === 0 && end ? flags.END_STREAM : 0) | (index === count - 1 ? flags.END_HEADERS : 0)
    writeHead(bytes.subarray(at), length, index === 0 ? frames.HEADERS : frames.CONTINUATION, flag, stream)
    block.copy(bytes, at + frameHead, from, from + length)
    at += frameHead + length
  }
  return bytes
}
