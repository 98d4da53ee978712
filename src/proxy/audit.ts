// Audit lines of EgressPolicies: whose request would go where, and which policy refuses it or would. When a judgement is made or changes, not for each request:
// those are in the access log and in metrics. Never a header, a path or a body.
import type { Id } from "../snapshot/id.ts"
import { describeSource } from "../snapshot/id.ts"
import { streamRoutes } from "../snapshot/listener.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import { entryText } from "../snapshot/suggestion.ts"
import { egressOf } from "../upstream/facts.ts"
import type { Target } from "../upstream/target.ts"
import type { LiveUpstream } from "../upstream/upstream.ts"

export interface Audit {
  /** An address of this upstream is refused, or would be. */
  readonly refused: (id: Id, target: Target) => void
  readonly close: () => void
}

/** Lines at once; the rest is a count (law 19): the admin port shows all at /egress. */
const most = 100
/** Judgements remembered of one upstream, so that an address which comes and goes with its name is told once. */
const mostKnown = 1_000
/** Judgements that wait to be told. */
const mostWaiting = 10_000

const mostRoutes = 8

/** Routes by the upstream they lead to, asked for once for all lines that are told together. */
const routesOf = (snapshot: Snapshot | null, wanted: ReadonlySet<Id>): ReadonlyMap<Id, ReadonlySet<string>> => {
  const routes = new Map<Id, Set<string>>()
  const rules = [...(snapshot?.virtualHosts.values() ?? [])].map((host) => host.rules)
  const streams = [...(snapshot?.listeners.values() ?? [])].map(streamRoutes)
  for (const routed of [...rules, ...streams])
    for (const { action, source } of routed) {
      if (action._tag !== "Forward") continue
      for (const { upstream } of action.to.flatMap((share) => [share, ...(share.standbys ?? [])])) {
        if (upstream === null || !wanted.has(upstream)) continue
        const known = routes.get(upstream) ?? new Set<string>()
        routes.set(upstream, known.add(describeSource({ ...source, section: null })))
      }
    }
  return routes
}

/** delay: milliseconds that judgements are gathered for. write: one line of the journal. */
export const makeAudit = (options: {
  readonly gateway: string
  readonly upstreams: ReadonlyMap<Id, LiveUpstream>
  readonly snapshot: () => Snapshot | null
  readonly write: (line: string) => void
  readonly delay: number
}): Audit => {
  const told = new WeakMap<LiveUpstream, Set<string>>()
  const waiting = new Map<string, { readonly id: Id; readonly target: Target }>()
  let timer: NodeJS.Timeout | null = null
  let closed = false

  const tell = () => {
    timer = null
    const snapshot = options.snapshot()
    const routes = routesOf(snapshot, new Set([...waiting.values()].map(({ id }) => id)))
    let lines = 0
    for (const [key, { id, target }] of [...waiting]) {
      const live = options.upstreams.get(id)
      // It is made before the snapshot that names it is served, and its routes are known.
      if (live !== undefined && snapshot?.upstreams.has(id) !== true) continue
      waiting.delete(key)
      const judged = egressOf(target)
      if (live === undefined || judged === null) continue
      const before = told.get(live) ?? new Set<string>()
      told.set(live, before)
      if (before.has(key)) continue
      if (before.size >= mostKnown) before.clear()
      before.add(key)
      if (lines++ >= most) continue
      const { spec } = live
      const from = [...(routes.get(id) ?? [])].sort()
      const { name, at } = target.member
      options.write(
        [
          `egress ${judged.verdict === "Refused" ? "refused" : "would be refused"}: ${judged.rule}`,
          `namespace ${spec.of.namespace}`,
          `backend ${spec.of.target}`,
          `endpoint ${name}${at._tag === "Name" ? ` at ${target.address}` : ""}${judged.class === null ? "" : ` (${judged.class})`}`,
          `Gateway ${options.gateway}`,
          `routes ${from.slice(0, mostRoutes).join(", ")}${from.length > mostRoutes ? ` and ${from.length - mostRoutes} more` : ""}`,
          ...(judged.entry === null ? [] : [`to keep it: ${entryText(judged.entry)}`])
        ].join("; ")
      )
    }
    if (lines > most) options.write(`egress: and ${lines - most} more of Gateway ${options.gateway}: the admin port lists all at /egress`)
    if (waiting.size > 0) timer = setTimeout(tell, options.delay).unref()
  }

  return {
    refused: (id, target) => {
      if (closed) return
      const judged = egressOf(target)
      if (judged === null) return
      if (waiting.size >= mostWaiting) return
      waiting.set(`${id} ${target.member.name} ${target.address} ${judged.rule}`, { id, target })
      timer ??= setTimeout(tell, options.delay).unref()
    },
    close: () => {
      closed = true
      if (timer !== null) clearTimeout(timer)
    }
  }
}
