// A connection whose bytes are the caller's own: it carries one "exchange", which is given the socket and told nothing more. For routes of bytes, whose upstreams have
// the same endpoints, pools, limits and retries as those of requests.
import type { Socket } from "node:net"
import type { TLSSocket } from "node:tls"
import type { AttemptPeer, UpstreamRequest } from "./attempt.ts"
import type { Carried, Carrier, CarrierSink } from "./carrier.ts"

const none = new Uint8Array(0)

/** It takes no second exchange. */
export class RawConnection implements Carrier {
  requests = 0
  readonly rested = false
  readonly #socket: Socket | TLSSocket

  /** onClose: the socket has closed, whoever did it. */
  constructor(socket: Socket | TLSSocket, onClose: (connection: RawConnection) => void) {
    this.#socket = socket
    // Nothing of it is read before it has an owner: a server may speak first.
    socket.pause()
    socket.on("close", () => onClose(this))
  }

  get usable(): boolean {
    return this.requests === 0 && !this.#socket.destroyed
  }

  /** `onUpgrade` gives the socket away, with the status 0: there is no response. */
  send(_request: UpstreamRequest, _host: string, peer: AttemptPeer, _last: boolean, sink: CarrierSink): Carried {
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
