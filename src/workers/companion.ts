// What the primary does once for the workers' upstreams of one Gateway: it looks at addresses (health checks), asks for tokens, and remembers who is ejected. The same
// upstreams as theirs, made of the same resources, that no request is ever sent by.
import { Effect, type Scope } from "effect"
import { makeUpstreams } from "../proxy/upstreams.ts"
import type { Id } from "../snapshot/id.ts"
import type { Published } from "../snapshot/published.ts"
import { settle } from "../snapshot/setting.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { Upstream } from "../snapshot/upstream.ts"
import type { UpstreamRequest } from "../upstream/attempt.ts"
import type { Token } from "../upstream/credential/token.ts"
import { targetKey } from "../upstream/elsewhere.ts"
import { makeUpstream } from "../upstream/live.ts"
import { silentObserver, type UpstreamOptions } from "../upstream/upstream.ts"
import type { Down, Ejection, Look, Serving, Tell } from "./messages.ts"

export interface CompanionOptions extends Pick<UpstreamOptions, "names" | "roots" | "own" | "zone"> {
  readonly serving: Serving
  /** To every worker. */
  readonly tell: Tell
  /** Milliseconds. */
  readonly drainDeadline: number
}

export interface Counted {
  readonly upstream: Id
  readonly target: string
  /** By result; empty: nobody looks. */
  readonly probes: Readonly<Record<string, number>>
  /** null: it needs none. */
  readonly tokens: number | null
}

export interface Companion {
  /** Before the workers have it. */
  readonly take: (published: Published) => Effect.Effect<void>
  /** What a worker that comes now has to know. */
  readonly state: () => ReadonlyArray<Down>
  readonly ejected: (ejection: Ejection) => void
  /** Calls back once: with a token, or with why there is none. */
  readonly want: (upstream: Id, refused: boolean, done: (outcome: Token | string) => void) => void
  readonly counted: () => ReadonlyArray<Counted>
  /** Never ends of itself. */
  readonly run: Effect.Effect<never>
}

/** Milliseconds that looks are gathered for, to be told together. */
const gathering = 20

const needed = ({ health, credential }: Upstream): boolean => settle(health, null) !== null || credential?.kind === "OAuth2"

/** No request: whoever asks wants to know about the token alone. */
const asking = { headers: [] } as unknown as UpstreamRequest

export const makeCompanion = Effect.fnUntraced(function* (options: CompanionOptions): Effect.fn.Return<Companion, never, Scope.Scope> {
  const { serving, tell, names, roots, own, zone } = options
  const failing = new Map<string, Look>()
  const out = new Map<string, { readonly ejection: Ejection; readonly until: number }>()
  let looks: Array<Look> = []
  let timer: NodeJS.Timeout | null = null
  const flush = () => {
    timer = null
    const told = looks
    looks = []
    tell({ type: "Looked", serving, looks: told })
  }
  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      if (timer !== null) clearTimeout(timer)
    })
  )
  const upstreams = yield* makeUpstreams(
    (id, spec, endpoints, material) =>
      makeUpstream(id, spec, endpoints, {
        ...{ names, roots, own, material, zone: zone ?? null },
        observer: {
          ...silentObserver,
          onLook: (upstream, target, why, forgiven) => {
            const look: Look = { upstream, target: targetKey(target), failing: why, forgiven }
            const key = `${upstream}\n${look.target}`
            const before = failing.get(key)?.failing ?? null
            if (why === null) failing.delete(key)
            else failing.set(key, look)
            if (why === before && !forgiven) return
            looks.push(look)
            timer ??= setTimeout(flush, gathering).unref()
          },
          onToken: (upstream, outcome) => tell({ type: "Token", serving, upstream, asked: null, outcome })
        }
      }),
    options.drainDeadline
  )

  let before: Snapshot | null = null
  let table: Snapshot["upstreams"] | null = null
  let kept: Snapshot["upstreams"] = new Map()
  /** The same table as before, as long as the whole one is. */
  const those = (snapshot: Snapshot): Snapshot["upstreams"] => {
    if (snapshot.upstreams === table) return kept
    table = snapshot.upstreams
    kept = new Map([...snapshot.upstreams].filter(([, spec]) => needed(spec)))
    return kept
  }
  const authentication = (upstream: Id) => upstreams.byId.get(upstream)?.host.authentication ?? null

  return {
    take: Effect.fnUntraced(function* (published: Published) {
      const snapshot: Snapshot = { ...published.snapshot, upstreams: those(published.snapshot) }
      yield* upstreams.open(before, { ...published, snapshot })
      before = snapshot
      yield* upstreams.retire(snapshot)
    }),
    state: () => {
      const now = performance.now()
      for (const [key, { until }] of out) if (until <= now) out.delete(key)
      return [
        ...(failing.size === 0 ? [] : [{ type: "Looked", serving, looks: [...failing.values()] } as const]),
        ...[...out.values()].map(
          ({ ejection, until }) => ({ type: "Ejected", serving, ejection: { ...ejection, long: until - now } }) as const
        )
      ]
    },
    ejected: (ejection) => {
      const now = performance.now()
      for (const [key, { until }] of out) if (until <= now) out.delete(key)
      out.set(`${ejection.upstream}\n${ejection.target}`, { ejection, until: now + ejection.long })
    },
    want: (upstream, refused, done) => {
      const source = authentication(upstream)
      if (source === null) {
        done("no token: the upstream has left")
        return
      }
      if (refused) source.refused()
      source.prepare(asking, (problem) => {
        const token = problem === null ? (source.held?.() ?? null) : null
        done(token ?? problem ?? "no token: the one there was is over")
      })
    },
    counted: () =>
      [...upstreams.byId.values()].map((live) => {
        const { health, authentication: seen } = live.describe()
        return { upstream: live.id, target: live.spec.of.target, probes: health?.probes ?? {}, tokens: seen?.token?.asked ?? null }
      }),
    run: upstreams.run
  }
})
