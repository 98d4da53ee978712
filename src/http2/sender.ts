// What goes out of streams: heads compressed in their order, bodies cut into frames as the peer's windows allow, and turns taken where many wait.

import { Encoder, writable } from "./encoder.ts"
import { type FieldName, fieldName, pseudoName } from "./fieldname.ts"
import { flags, frameBytes, frameStart, frames, headerFrames, initialWindow } from "./frame.ts"
import type { LiveStream } from "./livestream.ts"
import type { Outlet } from "./outlet.ts"

export class Sender {
  readonly outlet: Outlet
  readonly encoder = new Encoder()
  /** Bytes of bodies that the peer takes of the whole connection. */
  window = initialWindow
  /** What it gives each new stream. */
  streamWindow = initialWindow
  /** Streams with data that waits, or whose owner waits. */
  readonly #waiting = new Set<LiveStream>()
  readonly #onSent: (bytes: number) => void

  /** onSent: some data went, for which the peer will say that it may be more. */
  constructor(outlet: Outlet, onSent: (bytes: number) => void) {
    this.outlet = outlet
    this.#onSent = onSent
  }

  /** pseudo: pairs, checked. fields: names in any case. → false: a field cannot be written, and nothing was. */
  head(stream: number, pseudo: ReadonlyArray<string>, fields: ReadonlyArray<string>, end: boolean): boolean {
    // All are judged before the first is written: the encoder's table cannot be taken back.
    let count = 0
    for (let at = 0; at + 1 < fields.length; at += 2) {
      const name = fieldName(fields[at]!)
      if (name === null || !writable(fields[at + 1]!)) return false
      names[count++] = name
    }
    const { encoder, outlet } = this
    encoder.begin()
    for (let at = 0; at < pseudo.length; at += 2) encoder.field(pseudoName(pseudo[at]!), pseudo[at + 1]!)
    for (let at = 0; at < count; at++) encoder.field(names[at]!, fields[at * 2 + 1]!)
    const bytes = headerFrames(encoder.finish(), stream, end)
    if (end) outlet.push(bytes)
    else outlet.pushOf(stream, bytes, null)
    return true
  }

  /** As much as windows and `most` allow. → bytes. */
  data(stream: LiveStream, chunk: Buffer, most: number): number {
    const allowed = Math.min(chunk.length, most, stream.sendWindow, this.window)
    if (allowed <= 0) return 0
    for (let at = 0; at < allowed; at += frameBytes) {
      const length = Math.min(frameBytes, allowed - at)
      const payload = length === chunk.length ? chunk : chunk.subarray(at, at + length)
      this.outlet.pushOf(stream.id, frameStart(length, frames.DATA, 0, stream.id), payload)
    }
    stream.sendWindow -= allowed
    this.window -= allowed
    this.#onSent(allowed)
    return allowed
  }

  /** Our side of the stream is said. → false: a trailer cannot be written; it ended without them. */
  end(stream: number, trailers: ReadonlyArray<string> | null): boolean {
    if (trailers !== null && this.head(stream, [], trailers, true)) return true
    // One frame less: the last that was gathered may be this stream's.
    if (!this.outlet.endWithLast(stream)) this.outlet.push(frameStart(0, frames.DATA, flags.END_STREAM, stream))
    return trailers === null
  }

  /** It has data that waits, or its owner is to be told when there is room. */
  await(stream: LiveStream): void {
    this.#waiting.add(stream)
  }

  forget(stream: LiveStream): void {
    this.#waiting.delete(stream)
  }

  /** One frame of each at a time, as long as windows and the socket take more. */
  pump(): void {
    const { outlet } = this
    outlet.hold()
    try {
      let moved = true
      while (moved && !outlet.full) {
        moved = false
        for (const stream of this.#waiting) {
          if (outlet.full) break
          if (stream.unsent > 0 && stream.pump(frameBytes)) moved = true
          if (stream.unsent > 0) continue
          this.#waiting.delete(stream)
          stream.emptied()
        }
      }
    } finally {
      outlet.release()
    }
  }
}

/** Of the head that is being written. */
const names: Array<FieldName> = []
