// A TCP relay in front of the API server that a test can cut, close, and make go silent: the network's faults, with the real server behind it.

import { writeFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { connect, createServer, type Socket } from "node:net"
import { join } from "node:path"
import { type Access, kubeconfigText, unique } from "../cluster/access.ts"

export interface Relay {
  /** kubeconfig of the administrator, or of whose token was given, through the relay. */
  readonly kubeconfig: string
  /** Resets every connection; new ones are made as before. */
  readonly cut: () => void
  /** From now on connections are reset as they come. */
  readonly shut: () => void
  readonly open: () => void
  /** What stands open says nothing any more, in neither direction, and stays open; new connections work. */
  readonly stall: () => void
  readonly connections: () => number
  /** How many were ever begun, those that were reset or led nowhere too. */
  readonly begun: () => number
  readonly close: () => Promise<void>
}

export const relayTo = async (plane: Access, token = plane.adminToken): Promise<Relay> => {
  const pairs = new Set<readonly [Socket, Socket]>()
  let shut = false
  let begun = 0
  const server = createServer((client) => {
    begun++
    client.on("error", () => {})
    if (shut) {
      client.resetAndDestroy()
      return
    }
    const upstream = connect(plane.port, "127.0.0.1")
    const pair = [client, upstream] as const
    pairs.add(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    upstream.on("error", end).on("close", end)
    client.on("close", end)
    client.pipe(upstream)
    upstream.pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  const kubeconfig = join(plane.folder, `${unique("relay")}.yaml`)
  writeFileSync(kubeconfig, kubeconfigText(`https://127.0.0.1:${port}`, plane.ca, token), { mode: 0o600 })
  const cut = () => {
    for (const [client] of [...pairs]) client.resetAndDestroy()
  }
  return {
    kubeconfig,
    cut,
    shut: () => {
      shut = true
      cut()
    },
    open: () => {
      shut = false
    },
    stall: () => {
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream)
        client.pause()
        upstream.unpipe(client)
        upstream.pause()
      }
    },
    connections: () => pairs.size,
    begun: () => begun,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        cut()
      })
  }
}
