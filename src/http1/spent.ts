// Memory of bytes that have passed through. V8 counts what reads allocate and marks its whole heap every 64 MiB of it: half the cost of a long body
// (docs/decisions/0019). A chunk that the other side has taken in the same turn is given back at once instead.
import type { Socket } from "node:net"

/** Below this the garbage collector is cheaper. */
const least = 32_768

/**
 * To be called after `socket.write(chunk)`: frees the chunk's memory when the socket kept nothing of it and nobody else can have a part of it.
 * The chunk is empty once the present callback has returned; whoever still reads from it then has a defect.
 */
export const spent = (socket: Socket, chunk: Buffer): void => {
  const memory = chunk.buffer
  // A view of a part: the rest is somebody's.
  if (chunk.length < least || chunk.length !== memory.byteLength || socket.writableLength > 0 || !(memory instanceof ArrayBuffer)) return
  // The reader that handed it out is still on the stack.
  queueMicrotask(() => {
    if (!memory.detached) memory.transfer(0)
  })
}
