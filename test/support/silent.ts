// A host that lets connections hang, on loopback: what an unreachable network does, without one.
import { connect, type Socket } from "node:net"
import { Worker } from "node:worker_threads"

/**
 * A host that answers no SYN: a listener in a thread that stands still, its queue filled to the brim. `wake` lets it accept again.
 */
export const silentHost = async () => {
  const flag = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(
    `const { parentPort, workerData } = require("node:worker_threads")
     const server = require("node:net").createServer((socket) => socket.on("error", () => {}))
     server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
       setImmediate(() => {
         parentPort.postMessage(server.address().port)
         Atomics.wait(workerData, 0, 0)
       })
     })`,
    { eval: true, workerData: flag }
  )
  const port = await new Promise<number>((resolve) => worker.once("message", resolve))
  const fillers: Array<Socket> = []
  // One that hangs proves the queue full: with the thread standing still nothing empties it.
  for (let full = false; !full; ) {
    const filler = connect({ host: "127.0.0.1", port })
    filler.on("error", () => {})
    fillers.push(filler)
    full = await new Promise<boolean>((resolve) => {
      filler.once("connect", () => resolve(false))
      // A process that stood still sees a connection that is made before it takes it for one that hangs.
      setTimeout(() => setImmediate(() => resolve(true)), 50)
    })
  }
  const wake = () => {
    Atomics.store(flag, 0, 1)
    Atomics.notify(flag, 0)
  }
  const close = async () => {
    for (const filler of fillers) filler.destroy()
    wake()
    await worker.terminate()
  }
  return { port, wake, close }
}
