// What Node (26.10) leaves of a shared listening socket that could not be bound: `net.Server` says EADDRINUSE and forgets the handle without closing it, and node:cluster ends the process
// by an assertion when the same port is asked for again. Here it is closed. Knows node:cluster's inside, and does nothing where that is different.
import cluster from "node:cluster"

interface Handle {
  readonly close: () => void
}
type Answered = (error: number, handle: Handle | null) => void
/** Of net.Server and of datagrams, which close their own. */
interface Asking {
  readonly _handle?: Handle | null
}
type GetServer = (asking: Asking, options: object, answered: Answered) => void

/** Once a process, in a worker, before it listens. */
export const closeLeftovers = (): void => {
  const inside = cluster as unknown as { _getServer?: GetServer }
  const ask = inside._getServer
  if (typeof ask !== "function") return
  inside._getServer = (asking, options, answered) =>
    ask.call(inside, asking, options, (error, handle) => {
      let closed = false
      const close = handle?.close
      if (handle !== null && close !== undefined)
        Object.assign(handle, {
          close: (...given: ReadonlyArray<never>) => {
            closed = true
            return Reflect.apply(close, handle, given)
          }
        })
      answered(error, handle)
      // Whoever listens has it by now, at once; a datagram socket has no `_handle`.
      if (handle !== null && !closed && asking._handle === null) handle.close()
    })
}
