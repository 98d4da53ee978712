// An HTTP/2 origin made of node:http2, which is another implementation than ours: by prior knowledge, or over TLS. What it is asked it gives to a script.
import { once } from "node:events"
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type SecureServerOptions,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions
} from "node:http2"
import type { AddressInfo } from "node:net"
import { until } from "./live.ts"

export type Http2Script = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, origin: Http2Origin) => void

export interface Http2Origin extends AsyncDisposable {
  readonly port: number
  /** Open now, in the order they came. */
  readonly sessions: ReadonlyArray<ServerHttp2Session>
  /** All that came. */
  readonly accepted: number
  readonly requests: number
  /** Streams open at once, at most, on any one session. */
  readonly most: number
  readonly until: (condition: (origin: Http2Origin) => boolean) => Promise<void>
  readonly close: () => Promise<void>
}

export const startHttp2Origin = async (
  script: Http2Script,
  options: { readonly tls?: SecureServerOptions; readonly server?: ServerOptions; readonly port?: number } = {}
): Promise<Http2Origin> => {
  const server: Http2Server =
    options.tls === undefined
      ? createServer(options.server ?? {})
      : (createSecureServer({ ...options.server, ...options.tls }) as unknown as Http2Server)
  const sessions: Array<ServerHttp2Session> = []
  const open = new Map<unknown, number>()
  let [accepted, requests, most] = [0, 0, 0]
  server.on("session", (session) => {
    accepted++
    sessions.push(session)
    session.on("error", () => {})
    session.on("close", () => sessions.splice(sessions.indexOf(session), 1))
  })
  server.on("sessionError", () => {})
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    requests++
    const now = (open.get(stream.session) ?? 0) + 1
    open.set(stream.session, now)
    most = Math.max(most, now)
    const { session } = stream
    stream.on("error", () => {})
    stream.on("close", () => open.set(session, (open.get(session) ?? 1) - 1))
    script(stream, headers, origin)
  })
  server.listen(options.port ?? 0, "127.0.0.1")
  await once(server, "listening")
  const close = async (): Promise<void> => {
    for (const session of [...sessions]) session.destroy()
    if (!server.listening) return
    server.close()
    await once(server, "close")
  }
  const origin: Http2Origin = {
    port: (server.address() as AddressInfo).port,
    sessions,
    get accepted() {
      return accepted
    },
    get requests() {
      return requests
    },
    get most() {
      return most
    },
    until: (condition) => until(() => condition(origin)),
    close,
    [Symbol.asyncDispose]: close
  }
  return origin
}
