// An HTTP proxy that makes tunnels for CONNECT, as a company has one: plain or over TLS, with a login or without. It resolves names by a table of its own.
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import { createServer as createTlsServer } from "node:https"
import { type AddressInfo, connect, type Socket } from "node:net"

export interface ForwardProxyOptions {
  readonly tls?: { readonly cert: string; readonly key: string }
  /** `user:password` that it wants. */
  readonly login?: string
  /** What is written instead of making a way; null: a way is made. */
  readonly answer?: (authority: string) => string | null
}

export interface ForwardProxy extends AsyncDisposable {
  readonly port: number
  /** Of each CONNECT: its target and its fields. */
  readonly asked: ReadonlyArray<{ readonly authority: string; readonly headers: IncomingMessage["headers"] }>
  /** Where clients' connections came from. */
  readonly peers: ReadonlyArray<string>
  /** The name leads to this port of loopback. */
  readonly host: (name: string, port: number) => void
}

export const startForwardProxy = async (options: ForwardProxyOptions = {}): Promise<ForwardProxy> => {
  const asked: Array<{ readonly authority: string; readonly headers: IncomingMessage["headers"] }> = []
  const peers: Array<string> = []
  const hosts = new Map<string, number>()
  const sockets = new Set<Socket>()
  const held = (socket: Socket): Socket => {
    sockets.add(socket)
    socket.on("error", () => {}).on("close", () => sockets.delete(socket))
    return socket
  }
  const server = options.tls === undefined ? createServer() : createTlsServer(options.tls)
  server.on("connection", (socket: Socket) => {
    held(socket)
    peers.push(socket.remoteAddress ?? "")
  })
  server.on("connect", (request: IncomingMessage, client: Socket, head: Buffer) => {
    const authority = request.url ?? ""
    asked.push({ authority, headers: request.headers })
    held(client)
    const wanted = options.login === undefined ? undefined : `Basic ${Buffer.from(options.login).toString("base64")}`
    const answer =
      wanted !== undefined && request.headers["proxy-authorization"] !== wanted
        ? "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
        : (options.answer?.(authority) ?? null)
    if (answer !== null) {
      client.end(answer)
      return
    }
    const at = authority.lastIndexOf(":")
    const host = authority.slice(0, at)
    const port = hosts.get(host) ?? (host === "127.0.0.1" ? Number(authority.slice(at + 1)) : undefined)
    if (port === undefined) {
      client.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
      return
    }
    const behind = held(connect(port, "127.0.0.1"))
    behind.once("connect", () => {
      client.write("HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n")
      if (head.length > 0) behind.write(head)
      client.pipe(behind)
      behind.pipe(client)
    })
    behind.on("close", () => client.destroy())
    client.on("close", () => behind.destroy())
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    peers,
    host: (name, port) => void hosts.set(name, port),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    }
  }
}
