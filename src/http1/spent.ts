// Memory of bytes that have passed through. V8 counts what reads allocate and marks its whole heap every 64 MiB of it: half the cost of a long body
// (docs/decisions/0019). A chunk that the other side has taken in the same turn is given back at once instead.
import type { Writable } from "node:stream"

/** Below this the garbage collector is cheaper. */
const least = 32_768

/**
 * To be called after `socket.write(chunk)`: frees the chunk's memory when the socket kept nothing of it and nobody else can have a part of it.
 * The chunk is empty once the present callback has returned; whoever still reads from it then has a defect.
 */
export const spent = (socket: Pick<Writable, "writableLength">, chunk: Buffer): void => {
  const memory = chunk.buffer
  if (memory.byteLength < least || socket.writableLength > 0 || !(memory instanceof ArrayBuffer)) return
  if (chunk.length === memory.byteLength) free(memory)
  else {
    // A view of a part: the rest is somebody's, unless it is known who has which.
    const parts = parted.get(memory)
    if (parts === undefined) return
    parts.bytes -= chunk.length
    settle(memory, parts)
  }
}

const free = (memory: ArrayBuffer): void => {
  // The reader that handed it out is still on the stack.
  queueMicrotask(() => {
    if (!memory.detached) memory.transfer(0)
  })
}

/** Of one chunk that is given on in parts: how many bytes are somebody's, and whether there will be more. */
interface Parts {
  bytes: number
  read: boolean
}

const parted = new WeakMap<ArrayBufferLike, Parts>()

const settle = (memory: ArrayBuffer, parts: Parts): void => {
  if (!parts.read || parts.bytes > 0) return
  parted.delete(memory)
  free(memory)
}

/**
 * Reads a chunk whose parts go different ways, as frames of HTTP/2 do: `read` calls `given` for each part that somebody has after it. Its memory is given back
 * once each of those is `spent`. A part of which a copy is given on is nobody's.
 */
export const readInParts = (chunk: Buffer, read: (chunk: Buffer) => void): void => {
  const memory = chunk.buffer
  if (chunk.length < least || chunk.length !== memory.byteLength || !(memory instanceof ArrayBuffer)) {
    read(chunk)
    return
  }
  const parts: Parts = { bytes: 0, read: false }
  parted.set(memory, parts)
  read(chunk)
  parts.read = true
  settle(memory, parts)
}

/** Somebody has this part of what is read now, until it is `spent`. */
export const given = (part: Buffer): void => {
  if (part.buffer.byteLength < least) return
  const parts = parted.get(part.buffer)
  if (parts !== undefined) parts.bytes += part.length
}
