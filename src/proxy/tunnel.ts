// Bytes both ways with backpressure and one idle timer, after a 101 or for a route of bytes; nobody reads them, nobody counts time but silence.

import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { TLSSocket } from "node:tls"
import { piecesApart } from "../http1/waiting.ts"

export interface TunnelEnd {
  readonly bytesIn: number
  readonly bytesOut: number
  /** "stream_idle": nothing moved for the idle time. null: one side ended it. */
  readonly reason: "stream_idle" | null
  /** Whose connection failed; null: both were ended, or cut by us. */
  readonly failed: "client" | "upstream" | null
}

/** A failure is told as one: an end would be taken for all that there was to say. TLS tells it by an end without its own word for it. */
export const cutSocket = (socket: Duplex): void => {
  if (socket instanceof Socket && !(socket instanceof TLSSocket) && socket.remotePort !== undefined) socket.resetAndDestroy()
  else socket.destroy()
}

/**
 * Joins the two until either ends, fails, or nothing moves for `idle` milliseconds (null: no limit). An end is passed on as an end, a failure as
 * a reset. onEnd is called once, when both are closed or cut.
 */
export const joinTunnel = (
  client: Socket,
  upstream: Duplex,
  heads: { readonly client: Uint8Array; readonly upstream: Uint8Array },
  idle: number | null,
  onEnd: (end: TunnelEnd) => void
): { readonly cut: () => void } => {
  let bytesIn = 0
  let bytesOut = 0
  let open = 2
  let reason: TunnelEnd["reason"] = null
  let failed: TunnelEnd["failed"] = null
  const cut = () => {
    client.destroy()
    upstream.destroy()
  }
  const closed = () => {
    if (--open === 0) onEnd({ bytesIn, bytesOut, reason, failed })
  }
  const pass = (side: "client" | "upstream", from: Duplex, to: Duplex, count: (length: number) => void) => {
    // Pieces given while others were before them: many small ones fill no socket, so it is told when the last of them is written.
    let queued = 0
    const written = () => {
      queued = 0
      from.resume()
    }
    from.on("data", (chunk: Uint8Array) => {
      count(chunk.length)
      if (!to.writable) return
      queued = to.writableLength === 0 ? 0 : queued + 1
      const crowded = queued === piecesApart
      if (!to.write(chunk, crowded ? written : undefined) || crowded) from.pause()
    })
    to.on("drain", () => from.resume())
    // A half-closed side may still be answered: its end is passed on, not a cut.
    from.on("end", () => to.end())
    // One that has nothing before it is told even of a socket that nobody reads, and may have been.
    if (from.readableEnded) to.end()
    from.on("error", () => {
      failed ??= side
      cutSocket(to)
    })
    from.on("close", () => {
      if (!from.readableEnded) cutSocket(to)
      else if (!to.writableEnded) to.end()
      closed()
    })
  }
  pass("client", client, upstream, (length) => {
    bytesIn += length
  })
  pass("upstream", upstream, client, (length) => {
    bytesOut += length
  })
  // Every byte, read or written, passes through the client's socket: its timer alone sees all silence.
  client.setTimeout(idle ?? 0, () => {
    reason = "stream_idle"
    cut()
  })
  if (heads.upstream.length > 0) {
    bytesOut += heads.upstream.length
    client.write(heads.upstream)
  }
  if (heads.client.length > 0) {
    bytesIn += heads.client.length
    upstream.write(heads.client)
  }
  client.resume()
  upstream.resume()
  return { cut }
}
