// A load balancer in front of the API server that ends TLS and can answer in its place: errors, and watches that say what they should not.
import type { IncomingMessage, ServerResponse } from "node:http"
import { createServer, request } from "node:https"
import type { AddressInfo } from "node:net"
import type { Access } from "../cluster/access.ts"
import { makeAuthority } from "../support/certificates.ts"

export interface Intermediary {
  readonly port: number
  /** Of the authority that its certificate is of. */
  readonly ca: string
  /** Answers a request in the server's place, or leaves it (false) to the server. Not called for requests that are not about what is watched. */
  meddle: ((asked: IncomingMessage, response: ServerResponse) => boolean) | null
  /** Watches and lists that were meddled with. */
  readonly meddled: () => number
  /** Requests so far that write objects: leases and reviews, which every replica asks for, are none. */
  readonly writes: () => number
  /** When a lease was last written by this way, milliseconds as `performance.now` has them. */
  readonly renewed: () => number
  readonly close: () => Promise<void>
}

export const intermediary = async (plane: Access): Promise<Intermediary> => {
  const authority = await makeAuthority()
  const leaf = await authority.leaf({ ip: ["127.0.0.1"], usage: "server" })
  let [meddled, writes, renewed] = [0, 0, Number.NEGATIVE_INFINITY]
  const server = createServer({ cert: leaf.chain, key: leaf.key }, (asked, response) => {
    const isLease = /\/leases(?:[/?]|$)/.test(asked.url ?? "")
    if (asked.method !== "GET") {
      if (isLease) renewed = performance.now()
      else if (!/reviews(?:\?|$)/.test(asked.url ?? "")) writes++
    } else if (!isLease && made.meddle?.(asked, response) === true) {
      meddled++
      return
    }
    const onward = request(
      `${plane.url}${asked.url}`,
      { method: asked.method ?? "GET", headers: asked.headers, ca: plane.ca },
      (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers).flushHeaders()
        answer.pipe(response)
        answer.on("error", () => response.destroy())
      }
    )
    onward.on("error", () => response.destroy())
    response.on("close", () => onward.destroy())
    asked.pipe(onward)
  })
  // As the API server does: what stands idle stays.
  server.keepAliveTimeout = 180_000
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const made: Intermediary = {
    port: (server.address() as AddressInfo).port,
    ca: authority.certificate,
    meddle: null,
    meddled: () => meddled,
    writes: () => writes,
    renewed: () => renewed,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  }
  return made
}
