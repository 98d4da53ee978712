// Streams that last: a WebSocket, server-sent events and a call of gRPC, each with an origin and a client that are not ours. What is said comes back, and how each ends is told.
import { once } from "node:events"
import { createServer as createHttpServer, request, type ServerResponse } from "node:http"
import type { ClientHttp2Session } from "node:http2"
import type { AddressInfo, Socket } from "node:net"
import {
  type ChannelCredentials,
  Client,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type StatusObject,
  type UntypedServiceImplementation
} from "@grpc/grpc-js"

export interface Lasting {
  readonly name: string
  /** Says the text and waits for it to come back. Fails when the stream is over. */
  readonly say: (text: string) => Promise<void>
  /** How it ended, in the words of its client. */
  readonly ended: Promise<unknown>
}

/** What comes, to whom waits for it. */
class Inbox {
  readonly #came: Array<string> = []
  readonly #waiting: Array<{ readonly resolve: (text: string) => void; readonly reject: (cause: Error) => void }> = []
  #over: Error | null = null
  put(text: string): void {
    const first = this.#waiting.shift()
    if (first === undefined) this.#came.push(text)
    else first.resolve(text)
  }
  end(how: unknown): void {
    this.#over = new Error(`the stream is over: ${JSON.stringify(how)}`)
    for (const { reject } of this.#waiting.splice(0)) reject(this.#over)
  }
  async expect(text: string): Promise<void> {
    const came = this.#came.shift()
    const next =
      came ??
      (await new Promise<string>((resolve, reject) => {
        if (this.#over === null) this.#waiting.push({ resolve, reject })
        else reject(this.#over)
      }))
    if (next !== text) throw new Error(`${text} was awaited, ${next} came`)
  }
}

/** The WebSocket of Node. */
export const openWebSocket = async (url: string): Promise<Lasting> => {
  const inbox = new Inbox()
  const socket = new WebSocket(url)
  const ended = new Promise<unknown>((resolve) => {
    socket.addEventListener("close", ({ code, wasClean }) => {
      const how = { code, wasClean }
      inbox.end(how)
      resolve(how)
    })
  })
  socket.addEventListener("message", ({ data }) => inbox.put(String(data)))
  await Promise.race([
    new Promise((resolve) => socket.addEventListener("open", resolve)),
    ended.then((how) => Promise.reject(new Error(`no WebSocket: ${JSON.stringify(how)}`)))
  ])
  return {
    name: "WebSocket",
    say: (text) => {
      socket.send(text)
      return inbox.expect(text)
    },
    ended
  }
}

export interface EventOrigin extends AsyncDisposable {
  readonly port: number
  /** An event of this text to everybody who listens for such. */
  readonly push: (topic: string, text: string) => void
}

/** Streams of events by their path. */
export const startEventOrigin = async (): Promise<EventOrigin> => {
  const listening = new Map<string, Set<ServerResponse>>()
  const server = createHttpServer((request, response) => {
    const topic = request.url ?? ""
    const all = listening.get(topic) ?? new Set()
    listening.set(topic, all.add(response))
    response.on("close", () => all.delete(response))
    response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" })
    response.write(": hello\n\n")
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    push: (topic, text) => {
      for (const response of listening.get(topic) ?? []) response.write(`data: ${text}\n\n`)
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    }
  }
}

/** Reads events as browsers do: what is behind the last empty line is no event. */
const eventReader = (inbox: Inbox) => {
  let rest = ""
  return (chunk: Buffer) => {
    const events = (rest + chunk.toString()).split("\n\n")
    rest = events.pop()!
    for (const event of events) if (event.startsWith("data: ")) inbox.put(event.slice("data: ".length))
  }
}

/** Over HTTP/1.1. */
export const openEvents = async (port: number, topic: string, origin: EventOrigin, host = "events.test"): Promise<Lasting> => {
  const inbox = new Inbox()
  const sent = request({ host: "127.0.0.1", port, path: topic, headers: { host, accept: "text/event-stream" }, agent: false })
  const ended = new Promise<unknown>((resolve) => {
    const over = (how: unknown) => {
      inbox.end(how)
      resolve(how)
    }
    sent.on("error", ({ message }) => over({ error: message }))
    sent.on("response", (response) => {
      response.on("data", eventReader(inbox))
      response.on("error", () => {})
      response.on("close", () => over({ complete: response.complete }))
    })
  })
  sent.end()
  await Promise.race([once(sent, "response"), ended])
  return {
    name: "events over HTTP/1.1",
    say: (text) => {
      origin.push(topic, text)
      return inbox.expect(text)
    },
    ended
  }
}

/** Over HTTP/2. */
export const openEvents2 = async (session: ClientHttp2Session, topic: string, origin: EventOrigin): Promise<Lasting> => {
  const inbox = new Inbox()
  const stream = session.request({ ":path": topic, ":authority": "events.test", accept: "text/event-stream" })
  let whole = false
  stream.on("data", eventReader(inbox))
  stream.on("error", () => {})
  stream.on("end", () => {
    whole = true
  })
  const ended = new Promise<unknown>((resolve) => {
    stream.on("close", () => {
      const how = { complete: whole, code: stream.rstCode }
      inbox.end(how)
      resolve(how)
    })
  })
  await Promise.race([once(stream, "response"), ended])
  return {
    name: "events over HTTP/2",
    say: (text) => {
      origin.push(topic, text)
      return inbox.expect(text)
    },
    ended
  }
}

const bytes = (value: Buffer): Buffer => value

/** Says back what it hears, for as long as the call lasts. */
export const startChat = async (credentials = ServerCredentials.createInsecure()) => {
  const server = new Server()
  const chat = (call: ServerDuplexStream<Buffer, Buffer>) => {
    call.on("data", (piece: Buffer) => call.write(piece))
    call.on("end", () => call.end())
    call.on("error", () => {})
  }
  server.addService(
    {
      chat: {
        ...{ path: "/test.Echo/Chat", requestStream: true, responseStream: true },
        ...{ requestSerialize: bytes, requestDeserialize: bytes, responseSerialize: bytes, responseDeserialize: bytes }
      }
    },
    { chat } as UntypedServiceImplementation
  )
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)))
  )
  return { port, [Symbol.asyncDispose]: async () => server.forceShutdown() }
}

export const openChat = (address: string, credentials: ChannelCredentials, options: object = {}): Lasting & Disposable => {
  const inbox = new Inbox()
  const client = new Client(address, credentials, options)
  const call = client.makeBidiStreamRequest("/test.Echo/Chat", bytes, bytes, new Metadata())
  call.on("data", (piece: Buffer) => inbox.put(piece.toString()))
  call.on("error", () => {})
  const ended = new Promise<unknown>((resolve) =>
    call.on("status", ({ code, details }: StatusObject) => {
      inbox.end({ code, details })
      resolve({ code, details })
    })
  )
  return {
    name: "gRPC",
    say: (text) => {
      call.write(Buffer.from(text))
      return inbox.expect(text)
    },
    ended,
    [Symbol.dispose]: () => client.close()
  }
}

/** Bytes that come back, on a connection that is open. */
export const overBytes = (name: string, socket: Socket): Lasting => {
  let text = ""
  const inbox = new Inbox()
  socket.on("data", (chunk: Buffer) => {
    const lines = (text + chunk.toString()).split("\n")
    text = lines.pop()!
    for (const line of lines) inbox.put(line)
  })
  socket.on("error", () => {})
  const ended = new Promise<unknown>((resolve) =>
    socket.on("close", (failed) => {
      inbox.end({ failed })
      resolve({ failed })
    })
  )
  return {
    name,
    say: (line) => {
      socket.write(`${line}\n`)
      return inbox.expect(line)
    },
    ended
  }
}
