// An origin that keeps every byte it gets and reads it by the strict grammar: what it cannot read is what must never have been sent to it.
import { once } from "node:events"
import { type AddressInfo, createServer, type Socket } from "node:net"
import { type ReadRequest, readRequests } from "./grammar.ts"

export interface Recorded {
  readonly request: ReadRequest
  /** Of the connection it came on: they are given in the order of arrival. */
  readonly connection: number
}

export interface Offence {
  readonly why: string
  /** The bytes that no request begins with. */
  readonly bytes: string
}

export interface Recorder extends AsyncDisposable {
  readonly port: number
  /** Complete ones, and those that were cut with a good head (`complete` says which). */
  readonly requests: ReadonlyArray<Recorded>
  readonly offences: ReadonlyArray<Offence>
}

/** Answers every complete request with its own target as the body. */
export const startRecorder = async (): Promise<Recorder> => {
  const requests: Array<Recorded> = []
  const offences: Array<Offence> = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer({ noDelay: true }, (socket) => {
    const connection = ++connections
    let pending = ""
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => {
      sockets.delete(socket)
      if (pending === "") return
      const { requests: cut } = readRequests(pending, true)
      for (const request of cut) requests.push({ request, connection })
      // Half a head is nothing that anybody acts on, but neither is it what a gateway should ever send.
      if (cut.length === 0) offences.push({ why: "half a head", bytes: pending })
    })
    socket.on("data", (chunk: Buffer) => {
      pending += chunk.toString("latin1")
      const { requests: read, rest, consumed } = readRequests(pending, true)
      for (const request of read) {
        if (!request.complete) continue
        requests.push({ request, connection })
        const body = request.method === "HEAD" ? "" : request.target
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${request.target.length}\r\n\r\n${body}`, "latin1")
      }
      pending = pending.slice(consumed)
      if (typeof rest === "object") {
        offences.push({ why: rest.wrong, bytes: pending })
        pending = ""
        socket.destroy()
      }
    })
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    offences,
    [Symbol.asyncDispose]: async () => {
      const done = once(server, "close")
      server.close()
      for (const socket of sockets) socket.destroy()
      await done
    }
  }
}
