// One HTTP/2 connection (RFC 9113), in either role: fed with what its socket gives, it tells streams apart, keeps to windows and bounds, and writes.
// It reads no socket, has no timers and no policy: those are its owner's. `openServer` (server.ts) and `openClient` (client.ts) make one.
import type { Socket } from "node:net"
import type { Code } from "./code.ts"
import type { RequestHead } from "./head.ts"
import type { Stream, StreamHandler } from "./stream.ts"

/** What a session does with its socket: it writes, and stops reading a peer that does not read. */
export type SessionSocket = Pick<Socket, "write" | "cork" | "uncork" | "pause" | "resume" | "writableLength">

/** The connection cannot go on: GOAWAY was written, its streams were told before. The owner ends the socket. */
export interface SessionProblem {
  readonly code: Code
  /** Words for a log; no byte of the peer's. */
  readonly detail: string
}

export interface SessionHandler {
  /** Client: the peer's SETTINGS came, the first time or again: `room` may have changed. */
  readonly onSettings?: () => void
  /** The peer is going away: no new stream on this connection. Those it will not serve were reset before (`unprocessed`), the others go on. */
  readonly onGoaway: (code: Code, lastStream: number) => void
  /** A stream is over; `streams` counts it no more. */
  readonly onStreamClosed?: (stream: Stream) => void
  /** It is leaving, the last stream is over and all was said: the owner ends the socket. At most once. */
  readonly onFinished: () => void
  /** Terminal, at most once. Nothing more is read or written. */
  readonly onProblem: (problem: SessionProblem) => void
}

export interface ServerHandler extends SessionHandler {
  /**
   * A request. whole: all of its fields are there; false: they were more than the limits take, and only an answer without them makes sense (431).
   * ended: it has neither body nor trailers; `onEnd` follows at once.
   */
  readonly onRequest: (stream: Stream, head: RequestHead, whole: boolean, ended: boolean) => StreamHandler
  /** A request that was none (RFC 9113 section 8.1.1), or one too many: its stream was reset without anybody being asked. */
  readonly onRefused: (problem: SessionProblem) => void
}

export interface Session {
  /** Open streams. */
  readonly streams: number
  /** Either side is going away, or there was a problem: no new streams. */
  readonly leaving: boolean
  /** What has begun to come and is not whole: the connection's preface, a header block. Its owner has a timer for that. */
  readonly unfinished: boolean
  /** Reads the chunk. Not after `onProblem`. */
  readonly execute: (chunk: Buffer) => void
  /** The socket has emptied (`drain`). */
  readonly drained: () => void
  /** The socket has closed, or will: streams that are open are reset (by "Session"). */
  readonly closed: (detail: string) => void
  /** From time to time: a peer that does not acknowledge our SETTINGS is a problem. now: `performance.now()`. */
  readonly look: (now: number) => void
  /** Nothing new is to begin (RFC 9113 section 6.8): a server says so in two steps, so that no request on its way is lost; streams go on. */
  readonly leave: () => void
  /** Ends the connection for the code: as a problem of ours, streams are reset. */
  readonly fail: (code: Code, detail: string) => void
  /** Asks the peer for a sign of life: `onPong` once it has answered. One at a time, → false: one is under way. */
  readonly ping: (onPong: () => void) => boolean
}

/** A request to be written: names in any case, written in lower case; fields that belong to a connection, and Host, are the caller's to leave out. */
export type WrittenHead = Omit<RequestHead, "fields"> & { readonly fields: ReadonlyArray<string> }

export interface ClientSession extends Session {
  /** Streams that may be opened now: 0 once it is leaving, its numbers are used up, or the peer allows no more. */
  readonly room: number
  /** Streams at once that the peer allows, as it last said. */
  readonly allowed: number
  /** The peer takes extended CONNECT (RFC 8441). */
  readonly connectProtocol: boolean
  /** Opens a stream. end: no body. → null: there is no room; "Unwritable": a field cannot be written. Nothing was sent then. */
  readonly request: (head: WrittenHead, end: boolean, handler: StreamHandler) => Stream | null | "Unwritable"
}
