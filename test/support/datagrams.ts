// Servers and clients of datagrams on loopback.
import { createSocket, type RemoteInfo, type Socket } from "node:dgram"
import { once } from "node:events"

export interface DatagramServer extends AsyncDisposable {
  readonly port: number
  readonly socket: Socket
  /** What came, as text, with whose it was. */
  readonly received: ReadonlyArray<{ readonly text: string; readonly from: string }>
}

const bound = async (): Promise<Socket> => {
  const socket = createSocket("udp4")
  socket.bind(0, "127.0.0.1")
  await once(socket, "listening")
  return socket
}

const closed = async (socket: Socket): Promise<void> => {
  const over = once(socket, "close")
  socket.close()
  await over
}

/** answer: what is sent back for a datagram; null: nothing. */
export const serveDatagrams = async (answer: (text: string) => string | null): Promise<DatagramServer> => {
  const socket = await bound()
  const received: Array<{ readonly text: string; readonly from: string }> = []
  socket.on("message", (bytes: Buffer, { address, port }: RemoteInfo) => {
    const text = bytes.toString("latin1")
    received.push({ text, from: `${address}:${port}` })
    const back = answer(text)
    if (back !== null) socket.send(back, port, address)
  })
  return { port: socket.address().port, socket, received, [Symbol.asyncDispose]: () => closed(socket) }
}

export interface DatagramClient extends AsyncDisposable {
  readonly socket: Socket
  readonly port: number
  readonly send: (text: string) => void
  /** The next that is told. */
  readonly next: () => Promise<string>
  /** What is told next after this was sent. Once: loopback loses nothing that there is room for. */
  readonly ask: (text: string) => Promise<string>
  /** Everything told so far that nobody has asked for. */
  readonly told: ReadonlyArray<string>
}

/** Speaks to one port, from one of its own. */
export const datagramClient = async (to: number): Promise<DatagramClient> => {
  const socket = await bound()
  const told: Array<string> = []
  const waiting: Array<(text: string) => void> = []
  socket.on("message", (bytes: Buffer, { port }: RemoteInfo) => {
    if (port !== to) throw new Error(`a datagram came from ${port}, not from ${to}`)
    const text = bytes.toString("latin1")
    const first = waiting.shift()
    if (first === undefined) told.push(text)
    else first(text)
  })
  const send = (text: string): void => socket.send(text, to, "127.0.0.1")
  const next = (): Promise<string> => {
    const first = told.shift()
    return first === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(first)
  }
  return {
    ...{ socket, port: socket.address().port, send, next, told },
    ask: (text) => {
      send(text)
      return next()
    },
    [Symbol.asyncDispose]: () => closed(socket)
  }
}
