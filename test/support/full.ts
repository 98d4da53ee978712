// Two ends of a connection of which the far one does not read: the kernel's buffers are full, and ours has begun to fill.
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

/** filled: bytes on their way already. The near end has room left: it needs no drain. */
export const fullPair = async () => {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const near = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true })
  const [far] = (await once(server, "connection")) as [Socket]
  for (const socket of [near, far]) socket.on("error", () => {})
  let filled = 0
  for (; near.writableLength === 0; await new Promise<void>((resolve) => setImmediate(resolve))) {
    filled += 4096
    near.write(Buffer.alloc(4096, "-"))
  }
  /** What the far end gets behind the filling, when it reads and the near one has ended. */
  const rest = async (): Promise<string> => {
    let text = ""
    far.setEncoding("latin1").on("data", (more: string) => {
      text += more
    })
    far.resume()
    await once(far, "end")
    return text.slice(filled)
  }
  return {
    near,
    far,
    rest,
    [Symbol.dispose]: () => {
      near.destroy()
      far.destroy()
      server.close()
    }
  }
}
