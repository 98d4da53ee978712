// A client as one of its requests has it: a connection of HTTP/1.1, which has one request at a time, or a stream of HTTP/2, which is one.
import type { Socket } from "node:net"
import type { Remote } from "./remote.ts"

/** Who asks, and by which way. */
export interface Client {
  /** Of its connection, for the addresses at its ends; a tunnel takes it over. */
  readonly socket: Socket
  readonly remote: Remote
  /** Its connection was ended by us at the drain deadline. */
  readonly cut: boolean
  /** More has come on the connection than the request under way; never of HTTP/2, whose requests do not follow each other. */
  readonly ahead: boolean
  /** The answer to a request of this method. Once a request. old: of HTTP/1.0. */
  readonly replyTo: (method: string, old: boolean) => ClientReply
  /** Nothing follows the request under way; HTTP/2: of no account. */
  readonly last: () => void
  /** What happens to this client alone: a bug of ours in it costs one request, never the process. */
  readonly guard: (act: () => void) => void
  /** The rest of the body may wait; it is wanted again. */
  readonly holdBody: () => void
  readonly wantBody: () => void
  /** The socket is the caller's from here; → what came after the head. */
  readonly handOver: () => Buffer
  /** The exchange is over: its answer is out, or never will be. now: `performance.now()`. */
  readonly end: (now: number) => void
}

/** How one answer leaves. Either `head`, `data` and `end`, or `answer`, or `switchProtocols`. */
export interface ClientReply {
  /** Of the head that was written; 0 before. */
  readonly status: number
  /** Bytes of the body given to the client; a tunnel's are its own to count. */
  bytes: number
  /** A head was given: no other answer can be. */
  readonly headed: boolean
  /** The last byte of the response was handed over. */
  readonly answered: boolean
  /** All of it was taken, or nobody waits for that. */
  readonly taken: boolean
  /** 100: the client may send its body. */
  readonly proceed: () => void
  readonly interim: (status: number, fields: ReadonlyArray<string>) => void
  /** fields: raw pairs, framed by Content-Length or not at all. edited: by the user's filters too, so they are judged again; false: they cannot be written. */
  readonly head: (status: number, fields: ReadonlyArray<string>, edited: boolean) => boolean
  /** false: the client has more before it than it takes, until it is drained. */
  readonly data: (chunk: Buffer) => boolean
  /** null: the client did not ask for trailers. */
  readonly end: (trailers: ReadonlyArray<string> | null) => void
  /** Hands the client's socket over with a 101; it is the caller's from here. */
  readonly switchProtocols: (protocol: string | null, fields: ReadonlyArray<string>) => boolean
  /** Head, body and end at once. false: an edit of the user's cannot be written (translate refuses those), and the plain answer went instead. */
  readonly answer: (status: number, fields: ReadonlyArray<string>, body: string) => boolean
  /** Nothing can be said any more: the client must not take what it got for the whole. */
  readonly cut: () => void
  /** The client has taken what was written. */
  readonly drained: () => void
  /** The client has read nothing for the whole stall time. now: `performance.now()`. */
  readonly stalled: (now: number) => boolean
}
