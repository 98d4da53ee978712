// Free loopback ports below the range that outgoing connections take theirs from: a server that is killed and started again finds its port free.
import { createServer } from "node:net"

const bindable = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })

/** `count` different ports that nothing listens on now. */
export const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const found = new Set<number>()
  while (found.size < count) {
    const port = 15_000 + Math.floor(Math.random() * 15_000)
    if (!found.has(port) && (await bindable(port))) found.add(port)
  }
  return [...found]
}
