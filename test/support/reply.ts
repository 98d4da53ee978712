// What a script of the origin does with one request: answers in bytes or in whole, at the socket's pace, or breaks off.
import type { Socket } from "node:net"
import type { PassThrough, Readable } from "node:stream"
import type { OriginRequest } from "./received.ts"

export interface Reply {
  readonly status?: number
  readonly reason?: string
  readonly headers?: ReadonlyArray<readonly [string, string]>
  readonly body?: string | Uint8Array
  /** Chunked instead of Content-Length; with trailers if given. */
  readonly chunked?: boolean
  readonly trailers?: ReadonlyArray<readonly [string, string]>
  /** End the connection after this reply; a quiet close says nothing of it in the head. */
  readonly close?: boolean | "quiet"
}

export interface Exchange {
  readonly request: OriginRequest
  readonly body: Readable
  readonly socket: Socket
  /** The whole body. */
  readonly read: () => Promise<Buffer>
  /** Raw bytes; resolves when the socket has taken them (backpressure), false when it is gone. */
  readonly write: (bytes: string | Uint8Array) => Promise<boolean>
  /** A well-formed answer. */
  readonly reply: (reply: Reply) => Promise<void>
  /** FIN after what was written. */
  readonly end: () => void
  /** RST now. */
  readonly reset: () => void
  /** Resolves when the connection is closed by either side. */
  readonly closed: Promise<void>
  /** A pause that ends early when the connection closes. */
  readonly delay: (milliseconds: number) => Promise<void>
}

/** closed: resolves when the socket is. */
export const makeExchange = (request: OriginRequest, stream: PassThrough, socket: Socket, closed: Promise<void>): Exchange => {
  const write = (bytes: string | Uint8Array) =>
    new Promise<boolean>((resolve) => {
      if (socket.destroyed || !socket.writable) return resolve(false)
      const more = typeof bytes === "string" ? socket.write(bytes, "latin1") : socket.write(bytes)
      if (more) return resolve(true)
      const settle = (taken: boolean) => () => {
        socket.off("drain", onDrain)
        socket.off("close", onClose)
        resolve(taken)
      }
      const onDrain = settle(true)
      const onClose = settle(false)
      socket.on("drain", onDrain)
      socket.on("close", onClose)
    })
  return {
    request,
    body: stream,
    socket,
    write,
    closed,
    read: async () => {
      const chunks: Array<Buffer> = []
      for await (const chunk of stream) chunks.push(chunk)
      return Buffer.concat(chunks)
    },
    reply: async (reply) => {
      const content = typeof reply.body === "string" ? Buffer.from(reply.body) : (reply.body ?? new Uint8Array(0))
      const status = reply.status ?? 200
      const bodiless = request.method === "HEAD" || status === 204 || status === 304
      let head = `HTTP/1.1 ${status} ${reply.reason ?? "Status"}\r\n`
      for (const [name, value] of reply.headers ?? []) head += `${name}: ${value}\r\n`
      if (reply.chunked === true) head += "Transfer-Encoding: chunked\r\n"
      else if (status !== 204 && status !== 304) head += `Content-Length: ${content.length}\r\n`
      if (reply.close === true) head += "Connection: close\r\n"
      socket.cork()
      const taken = write(`${head}\r\n`)
      if (!bodiless && reply.chunked === true) {
        if (content.length > 0) {
          void write(`${content.length.toString(16)}\r\n`)
          void write(content)
          void write("\r\n")
        }
        void write(`0\r\n${(reply.trailers ?? []).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`)
      } else if (!bodiless && content.length > 0) void write(content)
      process.nextTick(() => socket.uncork())
      await taken
      if (reply.close !== undefined && reply.close !== false) socket.end()
    },
    end: () => {
      socket.end()
    },
    reset: () => {
      socket.resetAndDestroy()
    },
    delay: (milliseconds) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, milliseconds)
        void closed.then(() => {
          clearTimeout(timer)
          resolve()
        })
      })
  }
}
