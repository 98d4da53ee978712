// One exchange on an HTTP/2 connection as its owner sees it, the same for both roles: what comes is told, what goes out is said.
import type { Code } from "./code.ts"
import type { ResponseHead } from "./head.ts"

/** Why a stream ended before its time. */
export interface Reset {
  /** "Peer": RST_STREAM. "Us": the peer broke a rule of this stream, and was told so. "Session": its connection failed, is going away or has closed. */
  readonly by: "Peer" | "Us" | "Session"
  readonly code: Code
  /** The peer has done nothing for it, provably (RFC 9113 section 8.7): REFUSED_STREAM, or above the last stream of its GOAWAY. Any method may be sent again. */
  readonly unprocessed: boolean
  /** Words for a log; no byte of the peer's. */
  readonly detail: string
}

/** Called from inside `execute`, `drained` and `closed` of the session, in the order of the frames. What it throws, the caller of those gets. */
export interface StreamHandler {
  /** Client: the answer, interim ones first. ended: it has neither body nor trailers; `onEnd` follows at once, unless the owner resets it meanwhile. */
  readonly onHead: (head: ResponseHead, ended: boolean) => void
  /** A view of the chunk that was fed, never empty. Its bytes stay charged to the peer until `consume`: no more than the window can come before. */
  readonly onData: (chunk: Buffer) => void
  /** The peer has said everything. Raw pairs: the trailers. */
  readonly onEnd: (trailers: ReadonlyArray<string>) => void
  /** After a `data` that was false: all that was given is on its way, and more may be given unless the end was said meanwhile. */
  readonly onDrain: () => void
  /**
   * Terminal, at most once: nothing follows, and nothing more can be said. Not after the owner's own `reset`, nor after both sides have ended.
   * After `onEnd`, by the peer with NO_ERROR: a server has said all, and does not want the rest of the body (RFC 9113 section 8.1).
   */
  readonly onReset: (reset: Reset) => void
}

export interface Stream {
  readonly id: number
  /** Ended on both sides, or reset. Calls do nothing then. */
  readonly closed: boolean
  /** The peer has ended its side. */
  readonly peerEnded: boolean
  /** Bytes that were given and could not be sent yet, for want of window or because the socket is full. */
  readonly unsent: number
  /**
   * Server: the answer's head, or an interim one below 200 (`end` false then). Names in any case, written in lower case; fields that belong to a
   * connection are the caller's to leave out. end: nothing follows. → false: a field cannot be written, and nothing was.
   */
  readonly head: (status: number, fields: ReadonlyArray<string>, end: boolean) => boolean
  /**
   * Bytes of the body, kept by reference until they are sent; not to be changed, nor read after: memory of which the chunk is the whole may be given
   * back (http1/spent.ts). → false: no more until `onDrain`, though these were taken.
   */
  readonly data: (chunk: Buffer) => boolean
  /** Our side is said, with trailers or without. Goes out after the data before it. → false: a trailer cannot be written; it ended without them. */
  readonly end: (trailers?: ReadonlyArray<string>) => boolean
  /** Ends both sides at once: nothing more is called. */
  readonly reset: (code: Code) => void
  /** So many bytes of `onData` are done with: the peer may send as many. What is not consumed when the stream ends is given back then. */
  readonly consume: (bytes: number) => void
}
