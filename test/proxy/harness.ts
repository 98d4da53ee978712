// A proxy on loopback with a snapshot built by hand (sketch.ts), its log and metrics in reach, and clients that speak to it: node:http for whole exchanges, raw bytes
// for what no library would send.
import { once } from "node:events"
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from "node:http"
import { request as httpsRequest } from "node:https"
import { connect, type Socket } from "node:net"
import { Writable } from "node:stream"
import { type ConnectionOptions, connect as connectTls } from "node:tls"
import { Effect, Exit, Scope } from "effect"
import { type AccessLog, makeAccessLog } from "#src/proxy/accesslog.ts"
import type { Trust } from "#src/proxy/forwarded.ts"
import type { Memory } from "#src/proxy/memory.ts"
import { type GatewayProxy, makeProxy, type ProxyLimits } from "#src/proxy/proxy.ts"
import { type Metrics, makeMetrics } from "#src/report/metrics.ts"
import type { Ack, Report } from "#src/report/report.ts"
import { makePublisher } from "#src/snapshot/published.ts"
import type { Snapshot } from "#src/snapshot/snapshot.ts"
import { trustRoots } from "#src/upstream/dial/roots.ts"
import type { Names } from "#src/upstream/discovery/names.ts"
import { handNames } from "../support/live.ts"
import { type Sketch, snapshotOf } from "./sketch.ts"

// === The proxy ===

export interface LogLine {
  readonly [field: string]: unknown
  readonly status: number
  readonly reason?: string
  readonly path?: string
}

export interface TestProxy extends AsyncDisposable {
  readonly proxy: GatewayProxy
  readonly metrics: Metrics
  readonly acks: ReadonlyArray<Ack>
  readonly reports: ReadonlyArray<Report>
  readonly lines: ReadonlyArray<LogLine>
  /** The port a listener is bound to. */
  readonly port: (listener?: string) => number
  /** Publishes and waits for the Ack of that version. */
  readonly publish: (sketch: Sketch) => Promise<Ack>
  /** The next line, past or to come, that the condition holds for. */
  readonly logged: (condition: (line: LogLine) => boolean) => Promise<LogLine>
  readonly until: (condition: () => boolean) => Promise<void>
  readonly metric: (name: string, labels: Readonly<Record<string, string>>) => Promise<number>
  /** All metrics, as a scrape has them. */
  readonly text: () => Promise<string>
  readonly run: <A>(effect: Effect.Effect<A>) => Promise<A>
  readonly close: () => Promise<void>
}

export interface TestProxyOptions {
  readonly limits?: Partial<ProxyLimits>
  readonly names?: Pick<Names["Service"], "watch">
  readonly trust?: Trust
  /** PEM of authorities that upstreams are trusted by. */
  readonly roots?: ReadonlyArray<string>
  readonly log?: AccessLog
  readonly memory?: Memory
}

export const startProxy = async (sketch: Sketch, options: TestProxyOptions = {}): Promise<TestProxy> => {
  const scope = Scope.makeUnsafe()
  const acks: Array<Ack> = []
  const reports: Array<Report> = []
  const lines: Array<LogLine> = []
  const watchers = new Set<() => void>()
  const changed = () => {
    for (const watcher of [...watchers]) watcher()
  }
  const until = (condition: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!condition()) return
        watchers.delete(look)
        resolve()
      }
      watchers.add(look)
      look()
    })
  const sink = new Writable({
    decodeStrings: false,
    write: (text: string, _encoding, done) => {
      for (const line of text.split("\n")) if (line !== "") lines.push(JSON.parse(line) as LogLine)
      changed()
      done()
    }
  })
  const log = options.log ?? makeAccessLog(sink)
  const metrics = makeMetrics({ version: "test" })
  const publisher = await Effect.runPromise(makePublisher)
  const proxy = await Effect.runPromise(
    makeProxy({
      name: "proxy-0",
      gateway: { namespace: "test", name: "gateway" },
      follow: publisher.follow,
      onAck: (ack) => {
        acks.push(ack)
        changed()
      },
      onReport: (report) => {
        reports.push(report)
        changed()
      },
      names: options.names ?? handNames(),
      roots: trustRoots(options.roots ?? [], () => []),
      metrics,
      log,
      ...(options.memory === undefined ? {} : { memory: options.memory }),
      ...(options.trust === undefined ? {} : { trust: options.trust }),
      ...(options.limits === undefined ? {} : { limits: options.limits })
    }).pipe(Scope.provide(scope))
  )
  let snapshot: Snapshot | null = null
  const publish = async (next: Sketch): Promise<Ack> => {
    const made = snapshotOf(next, snapshot)
    const materials = new Map((next.materials ?? []).map((item) => [item.id, item]))
    snapshot = made
    const { sequence } = await Effect.runPromise(publisher.publish(made, (id) => materials.get(id)!))
    await until(() => acks.some((ack) => ack.sequence >= sequence))
    return acks.findLast((ack) => ack.version === made.version)!
  }
  const logged = async (condition: (line: LogLine) => boolean) => {
    await log.flush()
    await until(() => lines.some(condition))
    return lines.find(condition)!
  }
  let closed = false
  const close = async () => {
    if (closed) return
    closed = true
    await Effect.runPromise(Scope.close(scope, Exit.void))
  }
  await publish(sketch)
  return {
    proxy,
    metrics,
    acks,
    reports,
    lines,
    publish,
    until,
    logged,
    port: (listener) => {
      const found = proxy.describe()!.listeners.find(({ id, bound }) => bound && (listener === undefined || id === listener))
      if (found === undefined) throw new Error(`listener ${listener} is not bound`)
      return Number(found.bind.slice(found.bind.lastIndexOf(":") + 1))
    },
    metric: async (name, labels) => {
      const text = await metrics.text()
      let sum = 0
      for (const line of text.split("\n")) {
        if (!line.startsWith(`${name}{`) && !line.startsWith(`${name} `)) continue
        if (Object.entries(labels).every(([key, value]) => line.includes(`${key}="${value}"`)))
          sum += Number(line.slice(line.lastIndexOf(" ")))
      }
      return sum
    },
    text: () => metrics.text(),
    run: Effect.runPromise,
    close,
    [Symbol.asyncDispose]: close
  }
}

// === Clients ===

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly rawHeaders: ReadonlyArray<string>
  readonly body: string
  readonly trailers: NodeJS.Dict<string>
}

export interface Ask extends RequestOptions {
  readonly body?: string | Uint8Array
  readonly tls?: ConnectionOptions
}

/** One whole exchange on a connection of its own (unless an agent is given). Fails when the connection does. */
export const ask = (port: number, path: string, options: Ask = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const { body, tls, ...rest } = options
    const settings = { host: "127.0.0.1", port, path, agent: false as const, ...rest }
    const request = tls === undefined ? httpRequest(settings) : httpsRequest({ ...settings, ...tls })
    request.on("error", reject)
    request.on("response", (response) => {
      const chunks: Array<Buffer> = []
      response.on("data", (chunk: Buffer) => chunks.push(chunk))
      response.on("error", reject)
      response.on("aborted", () => reject(new Error("the response was cut")))
      response.on("end", () =>
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          rawHeaders: response.rawHeaders,
          body: Buffer.concat(chunks).toString("latin1"),
          trailers: response.trailers
        })
      )
    })
    request.end(body)
  })

export interface RawClient extends Disposable {
  readonly socket: Socket
  readonly received: () => string
  /** Resolves when what was received matches; fails when the connection ends first. */
  readonly until: (pattern: RegExp) => Promise<string>
  /** Resolves with everything when the connection is closed. clean: it ended with FIN. */
  readonly closed: Promise<{ readonly text: string; readonly clean: boolean }>
  readonly send: (bytes: string | Uint8Array) => void
}

/** Bytes as they are. */
export const raw = async (port: number, tls?: ConnectionOptions): Promise<RawClient> => {
  const socket: Socket =
    tls === undefined ? connect({ host: "127.0.0.1", port, allowHalfOpen: false }) : connectTls({ host: "127.0.0.1", port, ...tls })
  let text = ""
  let clean = false
  const watchers = new Set<() => void>()
  socket.on("error", () => {})
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("latin1")
    for (const watcher of [...watchers]) watcher()
  })
  socket.on("end", () => {
    clean = true
  })
  const closed = new Promise<{ text: string; clean: boolean }>((resolve) => {
    socket.on("close", () => {
      for (const watcher of [...watchers]) watcher()
      resolve({ text, clean })
    })
  })
  await once(socket, tls === undefined ? "connect" : "secureConnect")
  return {
    socket,
    received: () => text,
    closed,
    send: (bytes) => {
      socket.write(bytes)
    },
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (pattern.test(text)) resolve(text)
          else if (socket.destroyed) reject(new Error(`closed after: ${text}`))
          else return
          watchers.delete(look)
        }
        watchers.add(look)
        look()
      }),
    [Symbol.dispose]: () => socket.destroy()
  }
}

/** Sends bytes, returns everything until the server closes. */
export const talk = async (port: number, bytes: string): Promise<string> => {
  using client = await raw(port)
  client.send(bytes)
  return (await client.closed).text
}
