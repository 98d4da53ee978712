// Live upstreams for tests: a spec with defaults, loopback allowed, resolutions set by hand, and an exchange as one promise.

import type { Duplex } from "node:stream"
import { Effect, Exit, Scope } from "effect"
import { defaultDns, defaultLimits, defaultTimeouts, type Limits, type UpstreamTimeouts } from "#src/snapshot/behaviour.ts"
import type { MaterialLookup } from "#src/snapshot/secret.ts"
import type { Endpoint, Upstream, UpstreamTls } from "#src/snapshot/upstream.ts"
import type { Attempt, AttemptPeer, ResponseSink, UpstreamFailure, UpstreamRequest } from "#src/upstream/attempt.ts"
import { noOwnAddresses, type OwnAddresses } from "#src/upstream/dial/own.ts"
import { trustRoots } from "#src/upstream/dial/roots.ts"
import type { Names } from "#src/upstream/discovery/names.ts"
import { type NameWatch, pending, type Resolution } from "#src/upstream/discovery/resolution.ts"
import { makeUpstream } from "#src/upstream/live.ts"
import type { LiveUpstream, UpstreamObserver } from "#src/upstream/upstream.ts"

/** Resolutions set by hand: the seam that discovery fills with DNS. */
export interface HandNames extends Pick<Names["Service"], "watch"> {
  readonly set: (name: string, resolution: Partial<Resolution>) => void
  /** Names watched now. */
  readonly watched: () => ReadonlyArray<string>
}

export const handNames = (): HandNames => {
  const known = new Map<string, Resolution>()
  const listeners = new Map<string, Set<(resolution: Resolution) => void>>()
  const settlers = new Map<string, Set<() => void>>()
  const watched: Array<string> = []
  return {
    watched: () => watched,
    set: (name, resolution) => {
      const next: Resolution = { ...pending, state: "Fresh", asOf: Date.now(), ttlMs: 60_000, ...resolution }
      known.set(name, next)
      for (const listener of listeners.get(name) ?? []) listener(next)
      for (const settle of settlers.get(name) ?? []) settle()
    },
    watch: (name) =>
      Effect.acquireRelease(
        Effect.sync((): NameWatch => {
          watched.push(name)
          return {
            name,
            current: () => known.get(name) ?? pending,
            subscribe: (listener) => {
              const set = listeners.get(name) ?? new Set()
              listeners.set(name, set.add(listener))
              return () => set.delete(listener)
            },
            settled: Effect.callback<void>((resume) => {
              if (known.has(name)) return resume(Effect.void)
              const set = settlers.get(name) ?? new Set()
              settlers.set(
                name,
                set.add(() => resume(Effect.void))
              )
            })
          }
        }),
        () => Effect.sync(() => watched.splice(watched.indexOf(name), 1))
      )
  }
}

export const at = (port: number, more: Partial<Endpoint> & { readonly ip?: string } = {}): Endpoint => {
  const { ip, ...rest } = more
  return {
    at: { _tag: "Address", ip: ip ?? "127.0.0.1", port },
    tls: false,
    tier: 0,
    weight: 1,
    zone: null,
    draining: false,
    origin: "Written",
    ...rest
  }
}

export const named = (name: string, port: number, more: Partial<Endpoint> = {}): Endpoint =>
  at(port, { at: { _tag: "Name", name, port, srv: false }, ...more })

export interface LiveOptions {
  readonly endpoints: ReadonlyArray<Endpoint>
  readonly timeouts?: Partial<UpstreamTimeouts>
  readonly limits?: Partial<Limits>
  readonly tls?: UpstreamTls
  readonly spec?: Partial<Upstream>
  readonly names?: Pick<Names["Service"], "watch">
  readonly material?: MaterialLookup
  readonly trust?: ReadonlyArray<string>
  readonly observer?: UpstreamObserver
  readonly now?: () => number
  readonly own?: () => OwnAddresses
  readonly zone?: string
}

export interface TestUpstream extends LiveUpstream, AsyncDisposable {
  readonly close: () => Promise<void>
}

export const specOf = (options: LiveOptions): Upstream => ({
  of: { namespace: "test", target: "test" },
  sources: [],
  provenance: {},
  protocol: "http1",
  identity: { host: "Endpoint", sni: null, certificateName: null },
  tls: options.tls ?? null,
  dns: defaultDns,
  addresses: { cluster: [], allowLoopback: true, egress: null },
  via: [],
  balance: { _tag: "RoundRobin" },
  health: "Default",
  outlier: "Default",
  retry: "Default",
  limits: { ...defaultLimits, ...options.limits },
  timeouts: { ...defaultTimeouts, ...options.timeouts },
  credential: null,
  external: true,
  ...options.spec
})

const roots = new Map<string, ReturnType<typeof trustRoots>>()

export const liveUpstream = async (options: LiveOptions): Promise<TestUpstream> => {
  const scope = Scope.makeUnsafe()
  const trust = options.trust ?? []
  const key = trust.join("\n")
  const known = roots.get(key) ?? trustRoots(trust, () => [])
  roots.set(key, known)
  const upstream = await Effect.runPromise(
    makeUpstream("test", specOf(options), options.endpoints, {
      names: options.names ?? handNames(),
      roots: known,
      material:
        options.material ??
        ((id) => {
          throw new Error(`no material ${id}`)
        }),
      own: options.own ?? (() => noOwnAddresses),
      zone: options.zone ?? null,
      ...(options.observer === undefined ? {} : { observer: options.observer }),
      ...(options.now === undefined ? {} : { now: options.now })
    }).pipe(Scope.provide(scope))
  )
  const close = () => Effect.runPromise(Scope.close(scope, Exit.void))
  return Object.assign(upstream, { close, [Symbol.asyncDispose]: close })
}

export interface Outcome {
  readonly status: number
  readonly headers: ReadonlyArray<string>
  readonly body: Buffer
  readonly trailers: ReadonlyArray<string>
  readonly interim: ReadonlyArray<readonly [number, ReadonlyArray<string>]>
  readonly peer: AttemptPeer | null
  readonly failure: UpstreamFailure | null
  readonly tunnel: Duplex | null
  /** Names of the callbacks in the order they came, each run of onData once. */
  readonly events: ReadonlyArray<string>
}

export interface Exchanged extends PromiseLike<Outcome> {
  readonly attempt: Attempt
  /** Resolves with the status when the head is here. */
  readonly head: Promise<number>
}

export const request = (more: Partial<UpstreamRequest> = {}): UpstreamRequest => {
  const method = more.method ?? "GET"
  return {
    method,
    path: "/",
    headers: ["accept", "*/*"],
    clientHost: "client.example",
    hostOverride: null,
    body: null,
    contentLength: null,
    upgrade: null,
    affinity: null,
    idempotent: method === "GET" || method === "HEAD" || method === "PUT" || method === "DELETE" || method === "OPTIONS",
    ...more
  }
}

/** Sends one request and collects what comes. hooks: to hold the body, or to see it pass. */
export const exchange = (upstream: LiveUpstream, more: Partial<UpstreamRequest> = {}, hooks: Partial<ResponseSink> = {}): Exchanged => {
  const events: Array<string> = []
  const interim: Array<readonly [number, ReadonlyArray<string>]> = []
  const chunks: Array<Uint8Array> = []
  let status = 0
  let headers: ReadonlyArray<string> = []
  let peer: AttemptPeer | null = null
  let headed: (status: number) => void = () => {}
  const head = new Promise<number>((resolve) => {
    headed = resolve
  })
  let attempt: Attempt | null = null
  const outcome = new Promise<Outcome>((resolve) => {
    const end = (rest: Partial<Outcome>) =>
      resolve({ status, headers, body: Buffer.concat(chunks), trailers: [], interim, peer, failure: null, tunnel: null, events, ...rest })
    attempt = upstream.send(request(more), {
      onInterim: (code, fields) => {
        events.push("onInterim")
        interim.push([code, fields])
        hooks.onInterim?.(code, fields)
      },
      onHead: (code, fields, from) => {
        events.push("onHead")
        status = code
        headers = fields
        peer = from
        headed(code)
        return hooks.onHead?.(code, fields, from) ?? true
      },
      onData: (chunk) => {
        if (events.at(-1) !== "onData") events.push("onData")
        if (hooks.onData !== undefined) return hooks.onData(chunk)
        chunks.push(chunk)
        return true
      },
      onEnd: (trailers) => {
        events.push("onEnd")
        end({ trailers })
      },
      onUpgrade: (code, fields, socket, first, from) => {
        events.push("onUpgrade")
        if (first.length > 0) socket.unshift(Buffer.from(first))
        status = code
        end({ status: code, headers: fields, tunnel: socket, peer: from })
      },
      onFailure: (failure) => {
        events.push("onFailure")
        end({ failure, peer: failure.peer })
      }
    })
  })
  // biome-ignore lint/suspicious/noThenProperty: an exchange is awaited for its outcome
  return { attempt: attempt!, head, then: (...callbacks) => outcome.then(...callbacks) }
}

/** The first value of a response field. */
export const field = (outcome: Outcome, name: string): string | null => {
  for (let n = 0; n < outcome.headers.length; n += 2) if (outcome.headers[n]!.toLowerCase() === name) return outcome.headers[n + 1]!
  return null
}

/** Resolves when the condition holds, looked at every turn of the event loop; rejects after five seconds. */
export const until = async (condition: () => boolean): Promise<void> => {
  const deadline = performance.now() + 20_000
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`never true: ${condition}`)
    await new Promise(setImmediate)
  }
}
