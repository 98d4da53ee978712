// Bytes both ways with backpressure and one idle timer, after a 101 or for a route of bytes; nobody reads them, nobody counts time but silence.

import { Socket } from "node:net"
import type { Duplex } from "node:stream"
import { TLSSocket } from "node:tls"
import { spent } from "../http1/spent.ts"
import { piecesApart } from "../http1/waiting.ts"
import { Frames, goingAway } from "./frames.ts"

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

export interface Tunnel {
  /** Of a WebSocket: both sides are told that the gateway is going away, each as soon as no frame is under way to it, and their connections end. → false: it is none. */
  readonly leave: () => boolean
}

/**
 * Joins the two until either ends, fails, or nothing moves for `idle` milliseconds (null: no limit). An end is passed on as an end, a failure as
 * a reset. onEnd is called once, when both are closed or cut. protocol: what they speak, as the Upgrade said; null: nobody knows.
 */
export const joinTunnel = (
  client: Socket,
  upstream: Duplex,
  heads: { readonly client: Uint8Array; readonly upstream: Uint8Array },
  idle: number | null,
  onEnd: (end: TunnelEnd) => void,
  protocol: string | null = null
): Tunnel => {
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
  const frames = protocol?.toLowerCase() === "websocket" ? { client: new Frames(), upstream: new Frames() } : null
  let leaving = false
  /** Were told that we are going away: what becomes of the other is nothing to them. */
  const told = new Set<Duplex>()
  const say = (from: Duplex, to: Duplex, { closed: over }: Frames) => {
    told.add(to)
    if (to.writable && !over) to.write(goingAway(to === upstream))
    to.end()
    // What it still says is nobody's, and is read all the same: its end is behind it.
    from.resume()
  }
  const pass = (side: "client" | "upstream", from: Duplex, to: Duplex, count: (length: number) => void) => {
    const edges = frames?.[side] ?? null
    // Pieces given while others were before them: many small ones fill no socket, so it is told when the last of them is written.
    let queued = 0
    const written = () => {
      queued = 0
      from.resume()
    }
    from.on("data", (chunk: Buffer) => {
      count(chunk.length)
      if (!to.writable || (edges !== null && told.has(to))) return
      const last = leaving && edges !== null ? edges.readOn(chunk) : null
      if (last !== null) {
        to.write(chunk.subarray(0, last))
        say(from, to, edges!)
        return
      }
      if (!leaving) edges?.read(chunk)
      queued = to.writableLength === 0 ? 0 : queued + 1
      const crowded = queued === piecesApart
      if (!to.write(chunk, crowded ? written : undefined) || crowded) from.pause()
      spent(to, chunk)
    })
    to.on("drain", () => from.resume())
    // A half-closed side may still be answered: its end is passed on, not a cut.
    from.on("end", () => to.end())
    // One that has nothing before it is told even of a socket that nobody reads, and may have been.
    if (from.readableEnded) to.end()
    from.on("error", () => {
      if (told.has(to)) return
      failed ??= side
      cutSocket(to)
    })
    from.on("close", () => {
      if (!from.readableEnded && !told.has(to)) cutSocket(to)
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
  frames?.upstream.read(heads.upstream)
  frames?.client.read(heads.client)
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
  return {
    leave: () => {
      if (frames === null) return false
      if (leaving) return true
      leaving = true
      if (frames.upstream.between) say(upstream, client, frames.upstream)
      if (frames.client.between) say(client, upstream, frames.client)
      return true
    }
  }
}
