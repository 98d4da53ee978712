// Servers and clients of bytes on loopback, as routes of bytes have them on either side.
import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"

export interface ByteServer extends AsyncDisposable {
  readonly port: number
  readonly server: Server
  /** Open now. */
  readonly sockets: ReadonlySet<Socket>
}

/** Each connection is the script's. */
export const serveBytes = async (script: (socket: Socket) => void): Promise<ByteServer> => {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => sockets.delete(socket))
    script(socket)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as { readonly port: number }).port,
    server,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    }
  }
}

/** Connected, or reset before it was seen to be. Fails when nobody listens. */
export const dialBytes = async (port: number): Promise<Socket> => {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true })
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve)
    socket.on("error", (cause: NodeJS.ErrnoException) => (cause.code === "ECONNRESET" ? resolve() : reject(cause)))
  })
  return socket
}

/** All that comes, in latin1, until the other side ends; clean: it did so by an end. */
export const restOf = (socket: Socket): Promise<{ readonly text: string; readonly clean: boolean }> =>
  new Promise((resolve) => {
    const pieces: Array<Buffer> = []
    const done = (clean: boolean) => () => resolve({ text: Buffer.concat(pieces).toString("latin1"), clean })
    socket.on("data", (piece: Buffer) => pieces.push(piece))
    socket.on("end", done(true))
    socket.on("close", done(false))
    if (socket.destroyed) done(false)()
  })
