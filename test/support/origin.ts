// A scriptable HTTP/1.1 origin on real sockets, plain or TLS: it writes bytes, so it can misbehave at any phase, and it counts what it saw.
// Tests, demo and benchmarks use it; `standard` serves its behaviours by path.
import { createHash } from "node:crypto"
import { once } from "node:events"
import { type AddressInfo, createServer as createPlainServer, type Server, type Socket } from "node:net"
import { PassThrough } from "node:stream"
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from "node:tls"
import { freePort } from "./port.ts"
import { byChunks, byLength, type Framing, type OriginRequest, parseHead } from "./received.ts"
import { type Exchange, makeExchange } from "./reply.ts"

export type { Exchange, OriginRequest }

export type Script = (exchange: Exchange) => void | Promise<void>

export interface OriginOptions {
  readonly script?: Script
  readonly host?: string
  readonly port?: number
  /** A socket path instead of a port. */
  readonly path?: string
  readonly tls?: TlsOptions
  /** Called for each accepted connection; return false to reset it at once. */
  readonly accept?: (connection: number, socket: Socket) => boolean
}

export interface Origin extends AsyncDisposable {
  readonly host: string
  readonly port: number
  /** Connections accepted so far, and open now. */
  readonly connections: number
  readonly open: number
  /** Request heads seen; the last thousand of them are in `seen`. */
  readonly requests: number
  readonly seen: ReadonlyArray<OriginRequest>
  /** Connections that the peer closed or reset while an exchange was running. */
  readonly aborted: number
  /** Bytes of request bodies received. */
  readonly received: number
  script: Script
  /** Resolves when the condition holds; it is looked at whenever something happens here. */
  readonly until: (condition: (origin: Origin) => boolean) => Promise<void>
  /** Swap certificate and key for new connections. */
  readonly setTls: (options: TlsOptions) => void
  /** Close (FIN) the idle connections. */
  readonly closeIdle: () => void
  /** Stop listening and reset whatever is open. */
  readonly close: () => Promise<void>
}

/** Starts listening. Without a script: `standard`. */
export const startOrigin = async (options: OriginOptions = {}): Promise<Origin> => {
  let connections = 0
  let requests = 0
  let aborted = 0
  let received = 0
  const seen: Array<OriginRequest> = []
  const sockets = new Map<Socket, { busy: boolean }>()
  const watchers = new Set<() => void>()
  const changed = () => {
    for (const watcher of watchers) watcher()
  }

  const serve = (socket: Socket) => {
    const connection = ++connections
    const state = { busy: false }
    let sequence = 0
    let buffered: Buffer = Buffer.alloc(0)
    let framing: Framing | null = null
    let body: PassThrough | null = null
    let upgraded = false
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()))
    sockets.set(socket, state)
    socket.on("error", () => {})
    socket.on("close", () => {
      sockets.delete(socket)
      if (state.busy) aborted++
      body?.destroy()
      changed()
    })
    if (options.accept?.(connection, socket) === false) {
      socket.resetAndDestroy()
      return changed()
    }
    changed()

    const begin = (head: string, rest: Buffer) => {
      const servername = socket instanceof TLSSocket && typeof socket.servername === "string" ? socket.servername : null
      const request = parseHead(head, connection, ++sequence, servername)
      requests++
      seen.push(request)
      if (seen.length > 1000) seen.shift()
      state.busy = true
      const stream = new PassThrough()
      stream.on("error", () => {})
      body = stream
      const length = Number(request.header("content-length") ?? "0")
      framing = request.header("transfer-encoding") !== undefined ? byChunks(stream) : byLength(length, stream)
      upgraded = request.header("upgrade") !== undefined
      if (upgraded) {
        // The script owns the socket from here.
        framing = null
        stream.end()
        if (rest.length > 0) socket.unshift(rest)
        socket.off("data", onData)
      } else feed(rest)
      const exchange = makeExchange(request, stream, socket, closed)
      void (async () => {
        try {
          await origin.script(exchange)
        } catch {
          socket.destroy()
        }
        if (upgraded) {
          await closed
          return
        }
        stream.resume()
        if (framing !== null && !socket.destroyed) await Promise.race([once(stream, "close"), closed])
        state.busy = false
        changed()
        if (!socket.destroyed) pump(Buffer.alloc(0))
      })()
      changed()
    }

    const feed = (bytes: Buffer) => {
      if (framing === null || body === null) return
      const before = bytes.length
      const rest = framing(bytes)
      received += before - (rest?.length ?? 0)
      if (rest !== null) {
        framing = null
        body.end()
        buffered = Buffer.concat([buffered, rest])
      } else if (body.writableNeedDrain) {
        socket.pause()
        body.once("drain", () => socket.resume())
      }
      changed()
    }

    const pump = (bytes: Buffer) => {
      if (framing !== null) return feed(bytes)
      if (bytes.length > 0) buffered = buffered.length > 0 ? Buffer.concat([buffered, bytes]) : bytes
      if (state.busy) return
      const end = buffered.indexOf("\r\n\r\n")
      if (end < 0) return
      const head = buffered.subarray(0, end).toString("latin1")
      const rest = buffered.subarray(end + 4)
      buffered = Buffer.alloc(0)
      begin(head, rest)
    }
    const onData = (bytes: Buffer) => pump(bytes)
    socket.on("data", onData)
  }

  const server: Server =
    options.tls === undefined ? createPlainServer({ noDelay: true }, serve) : createTlsServer({ noDelay: true, ...options.tls }, serve)
  server.on("tlsClientError", () => {})
  const raw = new Set<Socket>()
  server.on("connection", (socket: Socket) => {
    raw.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => raw.delete(socket))
  })
  if (options.path === undefined) server.listen(options.port ?? (await freePort()), options.host ?? "127.0.0.1")
  else server.listen(options.path)
  await once(server, "listening")
  const address = server.address() as AddressInfo | string
  const close = async () => {
    if (!server.listening) return
    const done = once(server, "close")
    server.close()
    for (const socket of raw) socket.destroy()
    await done
  }

  const origin: Origin = {
    host: typeof address === "string" ? address : address.address,
    port: typeof address === "string" ? 0 : address.port,
    get connections() {
      return connections
    },
    get open() {
      return sockets.size
    },
    get requests() {
      return requests
    },
    get aborted() {
      return aborted
    },
    get received() {
      return received
    },
    seen,
    script: options.script ?? standard,
    until: (condition) =>
      new Promise<void>((resolve) => {
        const look = () => {
          if (!condition(origin)) return
          watchers.delete(look)
          resolve()
        }
        watchers.add(look)
        look()
      }),
    setTls: (tls) => {
      if ("setSecureContext" in server) (server as unknown as { setSecureContext: (options: TlsOptions) => void }).setSecureContext(tls)
    },
    closeIdle: () => {
      for (const [socket, state] of sockets) if (!state.busy) socket.end()
    },
    close,
    [Symbol.asyncDispose]: close
  }
  return origin
}

/** Answers `late` to all that came, once it is released. */
export const startLateOrigin = async (): Promise<Origin & { readonly release: () => void }> => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  const origin = await startOrigin({
    script: async ({ reply }) => {
      await released
      await reply({ body: "late" })
    }
  })
  return Object.assign(origin, { release })
}

/** Bytes of a pattern that a reader can verify at any offset. */
export const pattern = (length: number, offset = 0): Buffer => {
  const bytes = Buffer.allocUnsafe(length)
  for (let i = 0; i < length; i++) bytes[i] = (offset + i) % 251
  return bytes
}

/** What the origin saw, as JSON: method, target, headers, size and SHA-256 of the body, connection and sequence. */
export const echo: Script = async (exchange) => {
  const hash = createHash("sha256")
  let size = 0
  for await (const chunk of exchange.body) {
    size += chunk.length
    hash.update(chunk)
  }
  const { method, target, headers, connection, sequence, servername } = exchange.request
  const body = JSON.stringify({ method, target, headers, size, sha256: hash.digest("hex"), connection, sequence, servername })
  await exchange.reply({ headers: [["Content-Type", "application/json"]], body })
}

/** Bytes at the reader's pace: as fast as the socket takes them. */
export const download =
  (total: number, chunk = 65_536): Script =>
  async (exchange) => {
    await exchange.write(`HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${total}\r\n\r\n`)
    const block = Buffer.alloc(Math.min(chunk, total), "x")
    for (let left = total; left > 0; left -= block.length) {
      if (!(await exchange.write(left >= block.length ? block : block.subarray(0, left)))) return
    }
  }

/** One line a tick, chunked, until `count` or the reader leaves. */
export const drip =
  (count: number, milliseconds: number): Script =>
  async (exchange) => {
    await exchange.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for (let n = 1; n <= count; n++) {
      const line = `data: ${n}\n\n`
      if (!(await exchange.write(`${line.length.toString(16)}\r\n${line}\r\n`))) return
      if (n < count) await exchange.delay(milliseconds)
    }
    await exchange.write("0\r\n\r\n")
  }

/** Accepts any upgrade and sends back what it gets. */
export const tunnel: Script = async (exchange) => {
  const { request, socket } = exchange
  const accept = createHash("sha1")
    .update(`${request.header("sec-websocket-key") ?? ""}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64")
  await exchange.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.header("upgrade")}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
  )
  socket.pipe(socket)
}

/**
 * Behaviours by path: /bytes/N, /delay/MS, /status/N, /drip/COUNT/MS, /close (after the reply, unannounced), /reset/head (before any answer),
 * /reset/body (in the middle of it), /short (fewer bytes than declared), /malformed, /upgrade; anything else echoes.
 */
export const standard: Script = async (exchange) => {
  const [, name = "", first = "", second = ""] = exchange.request.target.split("?")[0]?.split("/") ?? []
  const number = Number(first)
  if (name === "bytes") return download(number)(exchange)
  if (name === "delay") {
    await exchange.delay(number)
    return echo(exchange)
  }
  if (name === "status") return exchange.reply({ status: number, body: `status ${number}\n` })
  if (name === "drip") return drip(number, Number(second))(exchange)
  if (name === "close") return exchange.reply({ body: "closing\n", close: "quiet" })
  if (name === "reset" && first === "head") return exchange.reset()
  if (name === "reset") {
    await exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
    await exchange.delay(20)
    return exchange.reset()
  }
  if (name === "short") {
    await exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")
    return exchange.end()
  }
  if (name === "malformed") {
    await exchange.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc")
    return exchange.end()
  }
  if (exchange.request.header("upgrade") !== undefined) return tunnel(exchange)
  return echo(exchange)
}
