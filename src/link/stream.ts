// One end of the link on a TLS socket: frames out with backpressure, frames in with a bound, pings and a read deadline. The same for both ends.
import type { TLSSocket } from "node:tls"
import { Effect } from "effect"
import { Unreadable } from "../snapshot/reading.ts"
import { FrameError, FrameReader, frame } from "./frame.ts"

/** Milliseconds. */
export interface LinkTimes {
  /** TCP, TLS and the first message, together. */
  readonly greeting: number
  /** The operator says something at least this often, and the proxy answers. */
  readonly ping: number
  /** Without a byte for so long the other end is gone, though its kernel may not have said so. */
  readonly silence: number
  /** A reader that takes nothing of what is written for so long is cut. */
  readonly stall: number
}

export const defaultTimes: LinkTimes = { greeting: 10_000, ping: 5_000, silence: 15_000, stall: 30_000 }

export interface LinkStream {
  /** Does not wait: for what is small and rare. */
  readonly send: (text: string) => void
  /** Bytes that wait to be taken by the other end. */
  readonly backlog: () => number
  /** Completes when the socket takes more. Interrupted or ended by the end of the stream: it may never complete. */
  readonly write: (text: string) => Effect.Effect<void>
  readonly close: (reason: string) => void
  /** Last words, then the end. */
  readonly dismiss: (text: string, reason: string) => void
  readonly closed: () => boolean
  /** Bytes of a frame that are taken from now on. */
  readonly take: (limit: number) => void
}

/** onFrame throws Unreadable for what breaks the protocol. onClose comes once, whatever ends the stream. */
export const openStream = (
  socket: TLSSocket,
  options: {
    readonly limit: number
    readonly times: Pick<LinkTimes, "silence" | "stall">
    readonly onFrame: (value: unknown, size: number) => void
    readonly onClose: (reason: string) => void
  }
): LinkStream => {
  const { times } = options
  let ended = false
  const close = (reason: string) => {
    if (ended) return
    ended = true
    clearTimeout(silence)
    socket.destroy()
    options.onClose(reason)
  }
  const reader = new FrameReader(options.limit, options.onFrame)
  const silence = setTimeout(() => close(`nothing was heard for ${times.silence} ms`), times.silence)

  socket.setNoDelay(true)
  socket.on("data", (chunk: Buffer) => {
    if (ended) return
    silence.refresh()
    try {
      reader.push(chunk)
    } catch (error) {
      if (error instanceof FrameError) close(error.message)
      else if (error instanceof Unreadable) close(`a message that is not understood: ${error.message}`)
      else throw error
    }
  })
  socket.on("error", (error: NodeJS.ErrnoException) => close(error.code ?? error.message))
  socket.on("close", () => close("the connection was closed"))

  return {
    send: (text) => {
      if (!ended) socket.write(frame(text))
    },
    backlog: () => socket.writableLength,
    write: (text) =>
      Effect.callback<void>((resume) => {
        if (ended) return
        if (socket.write(frame(text))) return resume(Effect.void)
        const timer = setTimeout(() => close(`nothing was taken for ${times.stall} ms`), times.stall)
        const onDrain = () => {
          clearTimeout(timer)
          resume(Effect.void)
        }
        socket.once("drain", onDrain)
        return Effect.sync(() => {
          clearTimeout(timer)
          socket.off("drain", onDrain)
        })
      }),
    close,
    dismiss: (text, reason) => {
      if (ended) return
      ended = true
      clearTimeout(silence)
      socket.end(frame(text))
      // A peer that does not take even this does not hold the socket.
      const timer = setTimeout(() => socket.destroy(), 1_000)
      socket.once("close", () => clearTimeout(timer))
      options.onClose(reason)
    },
    closed: () => ended,
    take: (limit) => {
      reader.limit = limit
    }
  }
}
