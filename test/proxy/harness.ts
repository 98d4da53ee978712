// A proxy on loopback with a snapshot built by hand, its log and metrics in reach, and clients that speak to it: node:http for whole exchanges, raw bytes
// for what no library would send.
import { createHash } from "node:crypto"
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
import { versionOf } from "#src/snapshot/digest.ts"
import type { Listener } from "#src/snapshot/listener.ts"
import { makePublisher } from "#src/snapshot/published.ts"
import type { Action, Deadlines, Filter, PathMatch, Rule, Share, VirtualHost } from "#src/snapshot/route.ts"
import { type Material, seal } from "#src/snapshot/secret.ts"
import type { Session } from "#src/snapshot/session.ts"
import type { Snapshot } from "#src/snapshot/snapshot.ts"
import type { Endpoint, Upstream } from "#src/snapshot/upstream.ts"
import { trustRoots } from "#src/upstream/dial/roots.ts"
import type { Names } from "#src/upstream/discovery/names.ts"
import { handNames, specOf } from "../support/live.ts"

// === Snapshots ===

export interface RuleSketch {
  readonly path?: PathMatch
  readonly method?: string
  /** Upstream ids, evenly. */
  readonly to?: string | ReadonlyArray<Share>
  readonly action?: Action
  readonly filters?: ReadonlyArray<Filter>
  readonly deadlines?: Partial<Deadlines>
  readonly route?: string
  readonly session?: Session
}

export interface ListenerSketch {
  readonly hostname?: string
  readonly port?: number
  readonly address?: string
  readonly transport?: "tcp" | "udp"
  /** Ids of certificates: a TLS listener. */
  readonly certificates?: ReadonlyArray<string>
  /** Of such a one: which of its clients it serves. */
  readonly clients?: { readonly ca: string | null; readonly auth: "Require" | "Allow" }
  readonly hosts: Readonly<Record<string, ReadonlyArray<RuleSketch>>>
  readonly limits?: Partial<Listener["limits"]>
  readonly mode?: Listener["mode"]
}

export interface UpstreamSketch {
  readonly endpoints: ReadonlyArray<Endpoint>
  readonly spec?: Partial<Upstream>
}

export interface Sketch {
  readonly listeners: Readonly<Record<string, ListenerSketch>>
  readonly upstreams?: Readonly<Record<string, UpstreamSketch>>
  readonly materials?: ReadonlyArray<Material>
}

export const prefix = (value: string): PathMatch => ({ type: "Prefix", value })
export const exact = (value: string): PathMatch => ({ type: "Exact", value })

export const share = (upstream: string | null, more: Partial<Share> = {}): Share => ({
  weight: 1,
  upstream,
  why: null,
  filters: [],
  source: { kind: "Service", namespace: "test", name: upstream ?? "missing", section: null },
  ...more
})

const rule = (sketch: RuleSketch, at: number): Rule => ({
  source: { kind: "HTTPRoute", namespace: "test", name: sketch.route ?? "route", section: `rule ${at}` },
  match: { path: sketch.path ?? prefix("/"), method: sketch.method ?? null, headers: [], query: [] },
  filters: sketch.filters ?? [],
  deadlines: { request: "Default", backendRequest: "Default", ...sketch.deadlines },
  ...(sketch.session === undefined ? {} : { session: sketch.session }),
  action: sketch.action ?? {
    _tag: "Forward",
    retry: "Default",
    cache: null,
    to: typeof sketch.to === "string" ? [share(sketch.to)] : (sketch.to ?? [])
  }
})

/** Resources that are equal in `before` stay the same objects, as translate keeps them. */
export const snapshotOf = (sketch: Sketch, before: Snapshot | null = null): Snapshot => {
  const listeners = new Map<string, Listener>()
  const virtualHosts = new Map<string, VirtualHost>()
  const upstreams = new Map<string, Upstream>()
  const endpoints = new Map<string, ReadonlyArray<Endpoint>>()
  const kept = <A>(made: A, old: A | undefined): A => (old !== undefined && JSON.stringify(old) === JSON.stringify(made) ? old : made)
  for (const [id, listener] of Object.entries(sketch.listeners)) {
    const hosts = Object.keys(listener.hosts).map((hostname) => `${id}/${hostname}`)
    for (const [hostname, rules] of Object.entries(listener.hosts)) {
      const key = `${id}/${hostname}`
      virtualHosts.set(key, kept({ hostname, rules: rules.map(rule) }, before?.virtualHosts.get(key)))
    }
    const made: Listener = {
      source: { kind: "Gateway", namespace: "test", name: "gateway", section: id },
      hostname: listener.hostname ?? null,
      port: listener.port ?? 80,
      bind: { address: listener.address ?? "127.0.0.1", port: listener.port ?? 0, transport: listener.transport ?? "tcp" },
      mode: listener.mode ?? {
        _tag: "Http",
        tls:
          listener.certificates === undefined
            ? null
            : {
                certificates: listener.certificates,
                clientCa: listener.clients?.ca ?? null,
                clientAuth: listener.clients?.auth ?? "None"
              },
        hosts
      },
      limits: { connections: 10_000, headerBytes: 32_768, ...listener.limits }
    }
    listeners.set(id, kept(made, before?.listeners.get(id)))
  }
  for (const [id, upstream] of Object.entries(sketch.upstreams ?? {})) {
    const spec = specOf({
      endpoints: upstream.endpoints,
      spec: { of: { namespace: "test", target: `Service test/${id}` }, ...upstream.spec }
    })
    upstreams.set(id, kept(spec, before?.upstreams.get(id)))
    endpoints.set(id, kept(upstream.endpoints, before?.endpoints.get(id)))
  }
  const secrets = new Map((sketch.materials ?? []).map((material) => [material.id, kept(material.ref, before?.secrets.get(material.id))]))
  const content = {
    listeners,
    virtualHosts,
    upstreams,
    endpoints,
    secrets,
    invalidations: new Map(),
    gateway: { namespace: "test", name: "gateway" }
  }
  return { protocol: 1, version: versionOf(content), ...content }
}

/** A certificate as a source seals it. */
export const material = (id: string, pair: { readonly chain: string; readonly key: string }, names: ReadonlyArray<string>): Material => {
  const key = seal(Buffer.from("test"), Buffer.from(pair.key))
  const digest = createHash("sha256").update(pair.chain).update(key.digest).digest("hex")
  return {
    id,
    ref: { source: { kind: "Secret", namespace: "test", name: id, section: null }, digest },
    chain: pair.chain,
    key,
    names,
    expires: "2099-01-01T00:00:00Z"
  }
}

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
