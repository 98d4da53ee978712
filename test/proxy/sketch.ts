// Snapshots built by hand, of no more than a test is about. Apart from the harness: those that start no proxy (admin, cli) build them too.
import { createHash } from "node:crypto"
import { versionOf } from "#src/snapshot/digest.ts"
import type { Listener } from "#src/snapshot/listener.ts"
import type { Action, Deadlines, Filter, PathMatch, Rule, Share, VirtualHost } from "#src/snapshot/route.ts"
import { type Material, seal } from "#src/snapshot/secret.ts"
import type { Session } from "#src/snapshot/session.ts"
import type { Snapshot } from "#src/snapshot/snapshot.ts"
import type { Endpoint, Upstream } from "#src/snapshot/upstream.ts"
import { specOf } from "../support/live.ts"

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
