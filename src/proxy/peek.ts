// What a TLS client says first, before anybody has the connection: who it asks for, and the bytes, which whoever gets it reads again.
import type { Socket } from "node:net"
import { readHello } from "./clienthello.ts"

export type Peeked =
  | { readonly _tag: "Hello"; readonly name: string; readonly bytes: Buffer }
  /** detail null: it was closed before it said anything, as port scanners and health checks do. */
  | { readonly _tag: "Not"; readonly detail: string | null }

/** `done` is called once, unless the socket is destroyed meanwhile by somebody else; the socket is then paused, with nobody's listeners of here. within: milliseconds. */
export const peek = (socket: Socket, within: number, done: (peeked: Peeked) => void): void => {
  let bytes: Buffer = Buffer.alloc(0)
  const end = (peeked: Peeked): void => {
    clearTimeout(timer)
    socket.off("data", onData)
    socket.off("end", onEnd)
    socket.off("close", onClose)
    socket.pause()
    done(peeked)
  }
  const onData = (chunk: Buffer): void => {
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
    const hello = readHello(bytes)
    if (hello._tag === "Hello") end({ _tag: "Hello", name: hello.name, bytes })
    else if (hello._tag === "Not") end(hello)
  }
  const onEnd = (): void => end({ _tag: "Not", detail: bytes.length === 0 ? null : "the client ended in the middle of its ClientHello" })
  const onClose = (): void => end({ _tag: "Not", detail: bytes.length === 0 ? null : "the client left in the middle of its ClientHello" })
  const timer = setTimeout(() => end({ _tag: "Not", detail: `no whole ClientHello came within ${within} ms` }), within)
  timer.unref()
  socket.on("data", onData)
  socket.on("end", onEnd)
  socket.on("close", onClose)
}
