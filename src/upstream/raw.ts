// A connection whose bytes are the caller's own: it carries one "exchange", which is given the socket and told nothing more. For routes of bytes, whose upstreams have
// the same endpoints, pools, limits and retries as those of requests.
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import type { AttemptPeer, ResponseSink, UpstreamRequest } from "./attempt.ts"
import type { Connection } from "./transport.ts"

const none = new Uint8Array(0)

class RawConnection {
  requests = 0
  readonly rested = false
  readonly #socket: Socket | TLSSocket

  /** onClose: the socket has closed, whoever did it. */
  constructor(socket: Socket | TLSSocket, onClose: () => void) {
    this.#socket = socket
    // Nothing of it is read before it has an owner: a server may speak first.
    socket.pause()
    socket.on("close", onClose)
  }

  get usable(): boolean {
    return this.requests === 0 && !this.#socket.destroyed
  }

  /** `onUpgrade` gives the socket away, with the status 0: there is no response. */
  send(_request: UpstreamRequest, _host: string, peer: AttemptPeer, _last: boolean, sink: Pick<ResponseSink, "onUpgrade">) {
    this.requests++
    let aborted = false
    queueMicrotask(() => {
      if (!aborted) sink.onUpgrade(0, [], this.#socket, none, peer)
    })
    return {
      written: false,
      silent: true,
      owing: false,
      resume: () => {},
      abort: () => {
        aborted = true
        this.destroy()
      }
    }
  }

  /** Nobody else may have it. */
  rest(): void {
    this.destroy()
  }

  destroy(): void {
    this.#socket.destroy()
  }
}

/** It has what pool and exchange ask of a connection, and takes no second request. */
export const rawConnection = (socket: Socket, _settings: unknown, onClose: (connection: Connection) => void): Connection => {
  const made = new RawConnection(socket, () => onClose(connection)) as unknown
  const connection = made as Connection
  return connection
}
