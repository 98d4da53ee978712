// Operators and proxies of the link on real TLS sockets of loopback, and a peer that says whatever a test wants. Tokens are judged by a table.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { connect, createServer, type TLSSocket } from "node:tls"
import { Effect, Exit, Fiber, Scope, Stream } from "effect"
import { type Caller, CallerRefused, CallerUnknown } from "#src/link/caller.ts"
import { type ClientTimes, type LinkClient, makeLinkClient } from "#src/link/client.ts"
import { FrameReader, frame } from "#src/link/frame.ts"
import { alpn } from "#src/link/protocol.ts"
import { type LinkServer, type LinkServerOptions, makeLinkServer } from "#src/link/server.ts"
import { issueServer, makeRoot } from "#src/operator/certificate.ts"
import type { Ack, Report } from "#src/report/report.ts"
import { versionOf } from "#src/snapshot/digest.ts"
import { makePublisher, type Publisher } from "#src/snapshot/published.ts"
import type { Rule, VirtualHost } from "#src/snapshot/route.ts"
import { type Material, seal } from "#src/snapshot/secret.ts"
import { protocol, type Snapshot, type Tables } from "#src/snapshot/snapshot.ts"
import { tablesOf } from "../snapshot/tables.ts"

const hour = 3_600_000
const validity = { from: new Date(Date.now() - hour), until: new Date(Date.now() + 24 * hour) }
export const root = makeRoot(validity)
export const leaf = issueServer(root, ["localhost", "127.0.0.1", "127.0.0.2"], validity)
const identity = { chain: leaf.certificate, key: leaf.key }

export const edge = { namespace: "shop", name: "edge" }

export const rule = (path: string, to = "example.org"): Rule => ({
  source: { kind: "HTTPRoute", namespace: "shop", name: "cart", section: path },
  match: { path: { type: "Prefix", value: path }, method: null, headers: [], query: [] },
  filters: [],
  deadlines: { request: "Default", backendRequest: "Default" },
  action: { _tag: "Redirect", status: 302, to: { scheme: null, hostname: to, port: null, path: null } }
})

export const host = (paths: ReadonlyArray<string>, hostname = "*"): VirtualHost => ({ hostname, rules: paths.map((path) => rule(path)) })

export const snapshotOf = (tables: Partial<Tables>, gateway = edge): Snapshot => {
  const content = tablesOf(tables)
  return { protocol, gateway, version: versionOf({ ...content, gateway }), ...content }
}

/** A snapshot of one host; each number is another version. */
export const numbered = (count: number, gateway = edge): Snapshot =>
  snapshotOf({ virtualHosts: new Map([["h", host([`/${count}`])]]) }, gateway)

export const material = (id: string, bytes = "key"): Material => {
  const key = seal(new Uint8Array(32), Buffer.from(bytes))
  return {
    id,
    ref: { source: { kind: "Secret", namespace: "shop", name: id, section: null }, digest: key.digest },
    chain: "chain",
    key,
    names: ["a.example"],
    expires: "2030-01-01T00:00:00Z"
  }
}

export const noMaterial = (id: string): Material => {
  throw new Error(`no material ${id}`)
}

export type Judgement = Caller | "refused" | "unknown"

export const caller = (pod: string, gateway = edge, expires: number | null = null): Caller => ({ gateway, pod, expires })

export interface Operator {
  readonly server: LinkServer
  readonly port: number
  readonly publisher: (gateway?: Snapshot["gateway"]) => Publisher
  readonly publish: (snapshot: Snapshot, lookup?: (id: string) => Material) => Promise<void>
  readonly acks: Array<readonly [gateway: string, ack: Ack]>
  readonly reports: Array<readonly [gateway: string, report: Report]>
  readonly gone: Array<string>
  readonly reviewed: Array<string>
  readonly stop: () => Promise<void>
}

export interface Pod {
  readonly client: LinkClient
  /** Versions as they were published to the proxy. */
  readonly versions: Array<string>
  readonly current: () => Snapshot | null
  readonly stop: () => Promise<void>
}

export const quick: Partial<ClientTimes> = { retry: [20, 200], resolve: 100, token: 50, save: 1 }

/** Everything that was started is stopped at the end of the scope of `await using`. */
export const makeWorld = () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-link-"))
  const stops: Array<() => Promise<void>> = []
  const tokens = new Map<string, Judgement>()
  const authorityFile = join(folder, "ca.crt")
  writeFileSync(authorityFile, root.certificate)

  const started = async <A>(make: Effect.Effect<A, unknown, Scope.Scope>): Promise<readonly [A, () => Promise<void>]> => {
    const scope = Scope.makeUnsafe()
    const made = await Effect.runPromise(make.pipe(Scope.provide(scope)) as Effect.Effect<A>)
    let stopped: Promise<void> | null = null
    const stop = () => {
      stopped ??= Effect.runPromise(Scope.close(scope, Exit.void))
      return stopped
    }
    stops.push(stop)
    return [made, stop]
  }

  const operator = async (options: Partial<LinkServerOptions> = {}, gateways = [edge]): Promise<Operator> => {
    const acks: Operator["acks"] = []
    const reports: Operator["reports"] = []
    const gone: Operator["gone"] = []
    const reviewed: Operator["reviewed"] = []
    const publishers = new Map<string, Publisher>()
    const [server, stop] = await started(
      Effect.gen(function* () {
        const made = yield* makeLinkServer({
          at: { address: "127.0.0.1", port: 0 },
          identity,
          review: (token) =>
            Effect.suspend((): Effect.Effect<Caller, CallerRefused | CallerUnknown> => {
              reviewed.push(token)
              const judged = tokens.get(token) ?? "refused"
              if (judged === "refused") return Effect.fail(new CallerRefused({ message: "the token is not good" }))
              return judged === "unknown" ? Effect.fail(new CallerUnknown({ message: "nobody answers" })) : Effect.succeed(judged)
            }),
          onAck: ({ name }, ack) => acks.push([name, ack]),
          onReport: ({ name }, report) => reports.push([name, report]),
          onGone: (_gateway, proxy) => gone.push(proxy),
          ...options
        })
        for (const gateway of gateways) {
          const publisher = yield* makePublisher
          publishers.set(`${gateway.namespace}/${gateway.name}`, publisher)
          yield* made.serve(gateway, publisher)
        }
        const running = yield* Effect.forkScoped(made.run)
        yield* Effect.addFinalizer(() => Fiber.interrupt(running))
        return made
      })
    )
    const publisher = (gateway = edge) => publishers.get(`${gateway.namespace}/${gateway.name}`)!
    return {
      server,
      port: server.at.port,
      publisher,
      publish: (snapshot, lookup = noMaterial) => Effect.runPromise(Effect.asVoid(publisher(snapshot.gateway).publish(snapshot, lookup))),
      acks,
      reports,
      gone,
      reviewed,
      stop
    }
  }

  const tokenFile = (token: string, judged?: Judgement): string => {
    const path = join(folder, `token-${token}`)
    writeFileSync(path, `${token}\n`)
    if (judged !== undefined) tokens.set(token, judged)
    return path
  }

  const pod = async (
    ports: ReadonlyArray<number>,
    options: {
      readonly token?: string
      readonly state?: string | null
      readonly times?: Partial<ClientTimes>
      readonly gateway?: Snapshot["gateway"]
    } = {}
  ): Promise<Pod> => {
    const versions: Array<string> = []
    const token = options.token ?? "good"
    const [client, stop] = await started(
      Effect.gen(function* () {
        const made = yield* makeLinkClient({
          operators: ports.map((port) => ({ host: "127.0.0.1", port })),
          gateway: options.gateway ?? edge,
          tokenFile: tokenFile(token, tokens.get(token)),
          authorityFile,
          stateFolder: options.state ?? null,
          times: { ...quick, ...options.times }
        })
        yield* Effect.forkScoped(made.follow.pipe(Stream.runForEach(({ snapshot }) => Effect.sync(() => versions.push(snapshot.version)))))
        yield* Effect.forkScoped(made.run)
        return made
      })
    )
    return { client, versions, current: () => client.current()?.snapshot ?? null, stop }
  }

  return {
    folder,
    tokens,
    tokenFile,
    operator,
    pod,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(stops.map((stop) => stop()))
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

export type World = ReturnType<typeof makeWorld>

/** A peer of an operator that says what a test wants. */
export interface Raw {
  readonly socket: TLSSocket
  readonly say: (message: unknown) => void
  // biome-ignore lint/suspicious/noExplicitAny: frames of any kind, looked into by tests
  readonly heard: Array<any>
  readonly closed: Promise<void>
  readonly ended: () => boolean
}

const rawOf = (socket: TLSSocket): Raw => {
  const heard: Array<unknown> = []
  const reader = new FrameReader(1 << 30, (value) => heard.push(value))
  socket.on("data", (chunk: Buffer) => reader.push(chunk))
  socket.on("error", () => {})
  let ended = false
  const closed = new Promise<void>((resolve) =>
    socket.once("close", () => {
      ended = true
      resolve()
    })
  )
  return { socket, say: (message) => socket.write(frame(JSON.stringify(message))), heard, closed, ended: () => ended }
}

export const dial = (port: number, protocols: ReadonlyArray<string> = [alpn]): Promise<Raw> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, ca: root.certificate, ALPNProtocols: [...protocols] })
    socket.once("error", reject)
    socket.once("secureConnect", () => resolve(rawOf(socket)))
  })

/** An operator that says what a test wants. */
export const rawOperator = async (onPeer: (peer: Raw) => void): Promise<{ readonly port: number; readonly close: () => void }> => {
  const sockets = new Set<TLSSocket>()
  const server = createServer({ cert: leaf.certificate, key: leaf.key, ALPNProtocols: [alpn] }, (socket) => {
    sockets.add(socket)
    onPeer(rawOf(socket))
  })
  server.on("tlsClientError", () => {})
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  }
}

export const until = async (condition: () => boolean, milliseconds = 15_000): Promise<void> => {
  const deadline = performance.now() + milliseconds
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never true: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}
