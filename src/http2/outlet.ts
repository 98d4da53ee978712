// What goes out: frames are gathered and written together, once what caused them is done, and a peer that does not read is not read from either.
import type { Socket } from "node:net"
import { spent } from "../http1/spent.ts"
import { flags } from "./frame.ts"
import type { SessionSocket } from "./session.ts"

/** From here on what is gathered is written at once: it is worth a write of its own. */
const enough = 65_536

/** Up to here it is copied together: that costs less than a write of many. */
const joined = 16_384

export class Outlet {
  /** The socket wants no data until it is drained. */
  full = false
  readonly #socket: SessionSocket
  readonly #unsent: number
  #pieces: Array<Buffer> = []
  #bytes = 0
  #scheduled = false
  /** What the frames hold together, while what caused them is under way. */
  #held = 0
  #paused = false
  #over = false
  /** Of the last frame gathered, if it may still be made the last of its stream. */
  #lastHead: Buffer | null = null
  #lastStream = 0
  #flushes = 0
  /** Bodies that are in the pieces whole. */
  #whole: Array<Buffer> = []

  /** unsent: bytes that wait in the socket; beyond them nothing is read from it. */
  constructor(socket: SessionSocket, unsent: number) {
    this.#socket = socket
    this.#unsent = unsent
  }

  /** A frame, or several. */
  push(bytes: Buffer): void {
    if (this.#over) return
    this.#lastHead = null
    this.#add(bytes)
  }

  /** Frames of a stream, of which the first may have to say that the stream has ended. */
  pushOf(stream: number, head: Buffer, payload: Buffer | null): void {
    if (this.#over) return
    const before = this.#flushes
    this.#add(head)
    if (payload !== null) this.#add(payload)
    this.#lastHead = this.#flushes === before ? head : null
    this.#lastStream = stream
  }

  /** Makes the last frame gathered the last of the stream. → false: it is another's, or gone. */
  endWithLast(stream: number): boolean {
    const head = this.#lastHead
    if (head === null || this.#lastStream !== stream) return false
    head[4]! |= flags.END_STREAM
    this.#lastHead = null
    return true
  }

  /** The chunk is in what was pushed to its last byte, and nobody reads it any more. */
  spend(chunk: Buffer): void {
    this.#whole.push(chunk)
  }

  /** Gathers until `release`. */
  hold(): void {
    this.#held++
  }

  release(): void {
    if (--this.#held === 0 && this.#bytes > 0) this.flush()
  }

  flush(): void {
    const pieces = this.#pieces
    if (pieces.length === 0) return
    const bytes = this.#bytes
    const whole = this.#whole
    const socket = this.#socket
    this.#pieces = []
    this.#bytes = 0
    this.#lastHead = null
    this.#flushes++
    let more = true
    if (pieces.length === 1) more = socket.write(pieces[0]!)
    else if (bytes <= joined) more = socket.write(Buffer.concat(pieces, bytes))
    else {
      socket.cork()
      for (const piece of pieces) more = socket.write(piece)
      socket.uncork()
    }
    if (whole.length > 0) {
      this.#whole = []
      for (const chunk of whole) spent(socket as Socket, chunk)
    }
    this.full = !more
    if (!more && !this.#paused && socket.writableLength > this.#unsent) {
      this.#paused = true
      socket.pause()
    }
  }

  drained(): void {
    this.full = false
    if (!this.#paused) return
    this.#paused = false
    this.#socket.resume()
  }

  /** Writes what was gathered, and takes nothing more. */
  end(): void {
    this.flush()
    this.#over = true
  }

  /** Takes nothing more. */
  stop(): void {
    this.#over = true
    this.#pieces = []
    this.#bytes = 0
    this.#whole = []
    this.#lastHead = null
  }

  #add(bytes: Buffer): void {
    this.#pieces.push(bytes)
    this.#bytes += bytes.length
    if (this.#bytes >= enough) this.flush()
    else if (this.#held === 0 && !this.#scheduled) {
      this.#scheduled = true
      // After everything that came in this turn of the event loop, from whatever socket: a write costs more than all that makes a frame.
      setImmediate(flushLater, this)
    }
  }

  later(): void {
    this.#scheduled = false
    if (this.#held === 0) this.flush()
  }
}

const flushLater = (outlet: Outlet): void => outlet.later()
