// An origin that is told by the PROXY protocol (version 1) whose connection it has.
import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { createSecureContext, TLSSocket } from "node:tls"

/** A server that reads the header of version 1, then speaks HTTP, over TLS where it has a certificate; each answer is what the connection began with. */
export const startTold = async (certificate?: { readonly chain: string; readonly key: string }) => {
  const heads: Array<string> = []
  const sockets = new Set<Socket>()
  const serve = (socket: Socket, told: string) => {
    socket.on("error", () => {}).on("data", () => socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${told.length}\r\n\r\n${told}`))
  }
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    let read = Buffer.alloc(0)
    const look = () => {
      for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null)
        read = Buffer.concat([read, chunk])
      const end = read.indexOf("\r\n")
      if (end === -1) return
      socket.off("readable", look)
      const told = read.subarray(0, end).toString("latin1")
      heads.push(told)
      socket.unshift(read.subarray(end + 2))
      if (certificate === undefined) return serve(socket, told)
      const secureContext = createSecureContext({ cert: certificate.chain, key: certificate.key })
      serve(new TLSSocket(socket, { isServer: true, secureContext, ALPNProtocols: ["http/1.1"] }), told)
    }
    socket.on("readable", look)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    heads,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, "close")
    }
  }
}
