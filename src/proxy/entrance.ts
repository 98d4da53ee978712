// An open port as the metrics have it: where it is, how many clients have come by it, and how many are there. Of streams and of datagrams alike.
import { isIPv6 } from "node:net"
import type { Metrics } from "../report/metrics.ts"
import type { Cell } from "../report/series.ts"

/** Of a port that is not open yet. */
export const nowhere = { address: "", port: 0 }

export class Entrance {
  readonly bound: { readonly address: string; readonly port: number }
  /** `0.0.0.0:8080`. */
  readonly bind: string
  readonly #metrics: Metrics
  readonly #accepted: Cell
  readonly #stop: () => void
  #closed = false

  /** at: where it is really bound. open: clients that are there. */
  constructor(at: { readonly address: string; readonly port: number }, metrics: Metrics, gateway: string, open: { readonly size: number }) {
    const { address, port } = at
    this.bound = { address, port }
    this.bind = `${isIPv6(address) ? `[${address}]` : address}:${port}`
    this.#metrics = metrics
    this.#accepted = metrics.connectionsTotal.acquire(gateway, this.bind)
    this.#stop = metrics.sampled("connections", () => [[[gateway, this.bind], open.size]])
  }

  /** One has come. */
  count(): void {
    this.#accepted.value++
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#metrics.connectionsTotal.release(this.#accepted)
    this.#stop()
  }
}
