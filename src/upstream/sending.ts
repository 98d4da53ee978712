// The request as it goes out: its head as one text, its body from a stream at the socket's pace. Apart from the wire, which is about what comes back.
import type { Socket } from "node:net"
import type { Readable } from "node:stream"
import { nameSieve } from "../http1/names.ts"
import { spent } from "../http1/spent.ts"
import { piecesApart } from "../http1/waiting.ts"
import { chunkEnd, chunkStart, fieldLines, lastChunk, requestLine } from "../http1/writer.ts"
import type { UpstreamRequest } from "./attempt.ts"

/** The transport's own: written from what it is told beside the fields. */
const owned: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade"
])
const maybeOwned = nameSieve(owned)

/** Whether a field is the transport's to write. */
export const isOwned = (name: string): boolean => maybeOwned(name) && owned.has(name.toLowerCase())

/** Methods whose body is expected: that there is none has to be said (RFC 9110 section 8.6). */
export const expectsBody = (method: string): boolean => method === "POST" || method === "PUT" || method === "PATCH"

/** The whole head, latin1, or null when it cannot be written as HTTP/1.1. last: ask the peer to close after it. */
export const requestHead = (request: UpstreamRequest, host: string, last: boolean): string | null => {
  const { method, headers, contentLength, upgrade } = request
  const line = requestLine(method, request.path)
  if (line === null) return null
  for (let at = 0; at < headers.length; at += 2) {
    if (isOwned(headers[at]!)) return null
  }
  const passed = fieldLines(headers)
  const own = fieldLines(upgrade === null ? ["host", host] : ["host", host, "connection", "upgrade", "upgrade", upgrade])
  if (passed === null || own === null) return null
  const connection = upgrade !== null ? "" : last ? "connection: close\r\n" : "connection: keep-alive\r\n"
  const framing =
    request.body === null || contentLength === 0
      ? expectsBody(method)
        ? "content-length: 0\r\n"
        : ""
      : contentLength === null
        ? "transfer-encoding: chunked\r\n"
        : `content-length: ${contentLength}\r\n`
  return `${line}${own}${connection}${passed}${framing}\r\n`
}

/** Who is told of a body's progress. None is called from inside the constructor. */
export interface SendingOwner {
  /** Bytes of it went to the socket. */
  readonly onBodyData: () => void
  /** All of it did. */
  readonly onBodySent: () => void
  /** It broke off, or is not as long as declared: nothing that the peer takes for a whole request was written. */
  readonly onBodyFailed: () => void
}

/** One body on its way. The head goes out with what of it comes in the same turn of the event loop, as one write. */
export class Sending {
  readonly #socket: Socket
  readonly #body: Readable
  readonly #owner: SendingOwner
  /** Bytes still owed; null: chunked. */
  #left: number | null
  #corked = true
  #over = false
  /** Pieces given while the socket still had some before them. */
  #queued = 0

  constructor(socket: Socket, head: string, body: Readable, request: UpstreamRequest, owner: SendingOwner) {
    this.#socket = socket
    this.#body = body
    this.#owner = owner
    this.#left = request.contentLength
    socket.cork()
    socket.write(head, "latin1")
    setImmediate(this.#uncork)
    socket.on("drain", this.#onDrain)
    body.on("data", this.#onData)
    body.on("end", this.#onEnd)
    body.on("error", this.#onFailed)
    body.on("close", this.#onFailed)
    // It may have broken off before anybody listened.
    if (body.destroyed && !body.readableEnded) queueMicrotask(this.#onFailed)
  }

  /** All of it was given to the socket. */
  get sent(): boolean {
    return this.#over || this.#left === 0
  }

  /** Takes no more of the body, and destroys what is left. */
  stop(): void {
    if (this.#over) return
    const { sent } = this
    this.#leave()
    if (!sent) this.#body.destroy()
  }

  #leave(): void {
    this.#over = true
    const body = this.#body
    this.#socket.off("drain", this.#onDrain)
    body.off("data", this.#onData)
    body.off("end", this.#onEnd)
    body.off("close", this.#onFailed)
    // The listener for errors stays: one that comes with the destruction is nobody's.
  }

  readonly #uncork = (): void => {
    if (!this.#corked) return
    this.#corked = false
    this.#socket.uncork()
  }

  readonly #onDrain = (): void => {
    this.#body.resume()
  }

  readonly #onWritten = (error?: Error | null): void => {
    this.#queued = 0
    if (!this.#over && !error) this.#body.resume()
  }

  readonly #onData = (chunk: Buffer): void => {
    const size = chunk.length
    if (this.#over || size === 0) return
    const socket = this.#socket
    this.#queued = socket.writableLength === 0 ? 0 : this.#queued + 1
    // Many small pieces fill no socket: it says when it has written the last of them.
    const crowded = this.#queued === piecesApart
    const written = crowded ? this.#onWritten : undefined
    let taken: boolean
    if (this.#left === null) {
      socket.cork()
      socket.write(chunkStart(size), "latin1")
      socket.write(chunk)
      taken = socket.write(chunkEnd, "latin1", written)
      socket.uncork()
    } else {
      if (size > this.#left) {
        // Never a whole request followed by something that looks like the next.
        this.#left = 1
        this.#onFailed()
        return
      }
      this.#left -= size
      taken = socket.write(chunk, written)
      if (this.#left === 0) this.#uncork()
    }
    spent(socket, chunk)
    if (!taken || crowded) this.#body.pause()
    this.#owner.onBodyData()
  }

  readonly #onEnd = (): void => {
    if (this.#over) return
    if (this.#left === null) this.#socket.write(lastChunk, "latin1")
    else if (this.#left > 0) {
      this.#onFailed()
      return
    }
    this.#leave()
    this.#uncork()
    this.#owner.onBodySent()
  }

  readonly #onFailed = (): void => {
    if (this.#over) return
    this.stop()
    this.#owner.onBodyFailed()
  }
}
