// An origin of WebSockets with frames by hand (RFC 6455), apart from what the gateway reads of them: it echoes messages and answers a Close.
import { createHash } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo, Socket } from "node:net"

export interface WebSocketOrigin extends AsyncDisposable {
  readonly port: number
  /** Open now. */
  readonly sockets: ReadonlySet<Socket>
  /** Codes of the Closes that came. */
  readonly closes: ReadonlyArray<number>
}

/** As a server says it: unmasked. Up to 65,535 bytes. */
export const frame = (opcode: number, payload: Uint8Array): Buffer =>
  Buffer.concat([
    payload.length < 126
      ? Buffer.of(0x80 | opcode, payload.length)
      : Buffer.of(0x80 | opcode, 126, payload.length >> 8, payload.length & 0xff),
    payload
  ])

/** The first frame of a client; null: it has not come whole. Payloads of up to 65,535 bytes. */
const first = (bytes: Buffer): { readonly opcode: number; readonly payload: Buffer; readonly size: number } | null => {
  if (bytes.length < 2) return null
  const short = bytes[1]! & 0x7f
  const head = short === 126 ? 4 : 2
  if (bytes.length < head + 4) return null
  const length = short === 126 ? bytes.readUInt16BE(2) : short
  const size = head + 4 + length
  if (bytes.length < size) return null
  const mask = bytes.subarray(head, head + 4)
  return { opcode: bytes[0]! & 0xf, payload: Buffer.from(bytes.subarray(head + 4, size).map((byte, at) => byte ^ mask[at & 3]!)), size }
}

export const startWebSocketOrigin = async (): Promise<WebSocketOrigin> => {
  const sockets = new Set<Socket>()
  const closes: Array<number> = []
  const server = createServer((_, response) => response.end("no WebSocket"))
  server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
    socket.on("error", () => {})
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64")
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`)
    let bytes = head
    const read = () => {
      for (let one = first(bytes); one !== null; one = first(bytes)) {
        bytes = bytes.subarray(one.size)
        if (one.opcode === 8) {
          closes.push(one.payload.length < 2 ? 1005 : one.payload.readUInt16BE(0))
          socket.end(frame(8, one.payload))
        } else if (one.opcode < 8) socket.write(frame(one.opcode, one.payload))
      }
    }
    socket.on("data", (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk])
      read()
    })
    socket.on("end", () => socket.end())
    read()
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    closes,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    }
  }
}
