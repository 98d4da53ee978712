// An API server that says what a test tells it to, one request after another: the faults that a real one cannot be brought to. Real sockets, plain HTTP.
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { Access } from "#src/kube/access.ts"

/** A request that waits for its answer. */
export interface Ask {
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
  /** Milliseconds, monotonic, of its arrival. */
  readonly at: number
  readonly json: (status: number, body: unknown, headers?: Readonly<Record<string, string>>) => void
  readonly raw: (status: number, text: string) => void
  /** The head of a watch; events follow. */
  readonly open: () => void
  readonly event: (type: string, object: unknown) => void
  readonly write: (text: string | Uint8Array) => void
  /** Bytes that were written and that the client has not made room for. */
  readonly unsent: () => number
  /** The stream ends as the server means it to. */
  readonly end: () => void
  /** The connection is reset. */
  readonly cut: () => void
  /** Resolves when the client has left. */
  readonly left: Promise<void>
}

export interface Scripted {
  readonly access: Access
  /** The next request, in order of arrival. Rejects when none comes in 10 s. */
  readonly next: () => Promise<Ask>
  /** Requests that came and were not taken by `next`. */
  readonly waiting: () => ReadonlyArray<Ask>
  readonly close: () => Promise<void>
}

const bodyOf = async (request: IncomingMessage): Promise<unknown> => {
  let text = ""
  for await (const part of request.setEncoding("utf8")) text += part
  return text === "" ? null : JSON.parse(text)
}

const askOf = (request: IncomingMessage, response: ServerResponse, body: unknown): Ask => {
  const url = new URL(request.url ?? "/", "http://api")
  const write = (text: string | Uint8Array) => response.write(text)
  return {
    method: request.method ?? "",
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers: request.headers,
    body,
    at: performance.now(),
    json: (status, value, headers = {}) => {
      response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value))
    },
    raw: (status, text) => {
      response.writeHead(status).end(text)
    },
    open: () => {
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders()
    },
    event: (type, object) => write(`${JSON.stringify({ type, object })}\n`),
    write,
    unsent: () => response.writableLength,
    end: () => response.end(),
    cut: () => request.socket.resetAndDestroy(),
    left: new Promise((resolve) => response.once("close", resolve))
  }
}

/** headers: what the client shows of itself; `credentials` is called with `renew` as the wire does. */
export const scripted = async (credentials?: Access["credentials"]): Promise<Scripted> => {
  const arrived: Array<Ask> = []
  const takers: Array<(ask: Ask) => void> = []
  const server = createServer((request, response) => {
    bodyOf(request).then((body) => {
      const ask = askOf(request, response, body)
      const taker = takers.shift()
      if (taker === undefined) arrived.push(ask)
      else taker(ask)
    })
  })
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const trust = {}
  return {
    access: {
      server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      namespace: "sluice-system",
      credentials: credentials ?? (() => Promise.resolve({ trust, headers: { authorization: "Bearer own" } }))
    },
    next: () =>
      new Promise((resolve, reject) => {
        const ask = arrived.shift()
        if (ask !== undefined) return resolve(ask)
        const late = setTimeout(() => reject(new Error("no request came in 10 s")), 10_000)
        takers.push((taken) => {
          clearTimeout(late)
          resolve(taken)
        })
      }),
    waiting: () => arrived,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
}

/** As the API server says that something is wrong. */
export const status = (code: number, reason: string, message = reason): unknown => ({
  kind: "Status",
  apiVersion: "v1",
  status: "Failure",
  code,
  reason,
  message
})

export const page = (version: string, items: ReadonlyArray<unknown>, token = ""): unknown => ({
  kind: "List",
  metadata: { resourceVersion: version, ...(token === "" ? {} : { continue: token }) },
  items
})

export const item = (name: string, version: string): unknown => ({ metadata: { name, namespace: "shop", resourceVersion: version } })
