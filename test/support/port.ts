// Ports of loopback that nobody has, for what has to be told its port beforehand or finds nobody there. They lie below the range that outgoing connections
// and listeners of port 0 take theirs from: nothing else takes one meanwhile, and a server that is killed and started again finds its own free.
import { createServer } from "node:net"

const bindable = (port: number) =>
  new Promise<boolean>((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })

const given = new Set<number>()

/** Of each of the processes that tests run in side by side. */
const range = 5_000
const first = 15_000 + range * (Number(process.env["VITEST_POOL_ID"] ?? 0) % 3)

/** `count` different ports that nothing listens on now, and that this process has not been given before. */
export const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const found: Array<number> = []
  while (found.length < count) {
    const port = first + Math.floor(Math.random() * range)
    if (given.has(port)) continue
    given.add(port)
    if (await bindable(port)) found.push(port)
  }
  return found
}

export const freePort = async (): Promise<number> => (await freePorts(1))[0]!
