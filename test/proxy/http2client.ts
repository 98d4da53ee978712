// A client of HTTP/2 made of node:http2: whole exchanges, as many at once as are asked for, on one connection.
import { type EventEmitter, once } from "node:events"
import * as http2 from "node:http2"
import type { ConnectionOptions } from "node:tls"

export interface Client extends AsyncDisposable {
  readonly session: http2.ClientHttp2Session
  readonly ask: (headers: http2.OutgoingHttpHeaders, body?: Buffer | ReadonlyArray<Buffer>) => Promise<Answer>
}

export interface Answer {
  readonly status: number
  readonly headers: http2.IncomingHttpHeaders
  readonly trailers: http2.IncomingHttpHeaders
  readonly body: Buffer
  /** As the origin's echo has it. */
  readonly seen: () => { method: string; target: string; size: number; headers: Array<[string, string]> }
}

/**
 * The client itself kept the request back: it read a GOAWAY between being asked and writing HEADERS, which it does a turn later. Nothing of it
 * was sent, so that a client asks again elsewhere (RFC 9113 sections 6.8 and 8.7).
 */
export class Unsent extends Error {}

/** Rejects when it ends: an end without an error is told to nobody who waits for another event. */
const ended = (of: EventEmitter): Promise<never> =>
  new Promise((_, reject) => {
    of.once("error", reject)
    of.once("close", () => reject(new Error("closed, without what was waited for")))
  })

/** Of a frame of a request that the client could not write: HEADERS, whose type is 1 (RFC 9113 section 6.2). */
const unsent = (request: EventEmitter): Promise<never> =>
  new Promise((_, reject) => request.once("frameError", (type: number) => type === 1 && reject(new Unsent("never sent"))))

/** tls: over it, by ALPN; else by prior knowledge. Fails where the connection ends before it is there. */
export const connect = async (port: number, tls?: ConnectionOptions): Promise<Client> => {
  const session = http2.connect(tls === undefined ? `http://127.0.0.1:${port}` : `https://127.0.0.1:${port}`, tls ?? {})
  session.on("error", () => {})
  await Promise.race([once(session, "connect"), ended(session)])
  return {
    session,
    ask: async (headers, body) => {
      const request = session.request(headers, { endStream: body === undefined })
      const head = Promise.race([unsent(request), once(request, "response") as Promise<[http2.IncomingHttpHeaders]>, ended(request)])
      let trailers: http2.IncomingHttpHeaders = {}
      request.on("trailers", (came) => {
        trailers = came
      })
      if (body !== undefined) {
        for (const chunk of Buffer.isBuffer(body) ? [body] : body) request.write(chunk)
        request.end()
      }
      const chunks: Array<Buffer> = []
      const [came] = await head
      for await (const chunk of request) chunks.push(chunk as Buffer)
      const whole = Buffer.concat(chunks)
      return {
        status: Number(came[":status"]),
        headers: came,
        trailers,
        body: whole,
        seen: () => JSON.parse(whole.toString())
      }
    },
    [Symbol.asyncDispose]: async () => {
      session.destroy()
    }
  }
}
