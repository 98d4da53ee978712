// The live tables that a request reads: listeners of a port, their hosts, their rules with everything resolved that a request would otherwise look up.
// Built when a snapshot changes; plain data and cells, no sockets.
import type { CompiledHost, CompiledRule, CompiledShare } from "../routing/compile.ts"
import type { Mirror } from "../routing/filters.ts"
import { type CompiledHosts, compileHosts } from "../routing/hosts.ts"
import { compileWeights, type Weighted } from "../routing/share.ts"
import type { Balance, HashKey } from "../snapshot/balance.ts"
import { describeSource, type Id, type Source } from "../snapshot/id.ts"
import type { Listener } from "../snapshot/listener.ts"
import type { Retry } from "../snapshot/retry.ts"
import type { VirtualHost } from "../snapshot/route.ts"
import type { Session } from "../snapshot/session.ts"
import { type Setting, settle } from "../snapshot/setting.ts"
import type { Snapshot } from "../snapshot/snapshot.ts"
import type { Credential, Upstream } from "../snapshot/upstream.ts"
import { type LocalAnswer, standbyAnswer } from "./answer.ts"
import type { Chooser } from "./certificates.ts"
import type { HeadLimits } from "./head.ts"
import { LiveSession } from "./pin.ts"
import type { Tallies, Tally } from "./tally.ts"

/** Who gets a copy of some of a share's requests. */
export interface LiveMirror {
  readonly to: Id
  /** 0 to 1 of them. */
  readonly fraction: number
  /** What its upstream's consistent hash goes by; null: it balances otherwise. */
  readonly key: HashKey | null
  readonly tally: Tally
}

export interface LiveShare {
  readonly compiled: CompiledShare
  readonly tally: Tally
  /** Not null: the share says something that is not served here, so it answers 500 (law 15). */
  readonly problem: string | null
  /** The same of its upstream's settings: sent without them, a request would go unauthenticated, or in another protocol. */
  readonly unserved: string | null
  /** What its upstream's consistent hash goes by; null: it balances otherwise, and nothing is read. */
  readonly key: HashKey | null
  /** Headers in which a request may name addresses; null: none. */
  readonly overrides: ReadonlyArray<string> | null
  /** Its upstream's retries, for rules that say nothing of them. */
  readonly retry: Retry | null
  /** Who serves what it cannot, in order. */
  readonly standbys: ReadonlyArray<LiveShare>
  /** Its upstream's, as sessions know it; null: it has none. */
  readonly target: string | null
  /** Who gets copies; of a standby nobody: those of the share hold whoever serves. */
  readonly mirrors: ReadonlyArray<LiveMirror>
  /** What is said when nobody is left who can serve; null: what failed last. */
  readonly answer: LocalAnswer | null
  /** The backend's own; null: the rule's counts, if that has one. */
  readonly session: LiveSession | null
}

export interface LiveRule {
  readonly compiled: CompiledRule
  /** For answers that no share gives. */
  readonly tally: Tally
  readonly route: string
  readonly name: string
  readonly problem: string | null
  /** Milliseconds; null: none. No total time is the default (docs/request.md). */
  readonly requestDeadline: number | null
  readonly backendDeadline: number | null
  /** The rule says nothing of the time of one try. */
  readonly backendUnsaid: boolean
  /** null: it says nothing of retries. Without attempts: it wants none. */
  readonly retry: Retry | null
  /** null: none. */
  readonly session: LiveSession | null
  readonly shares: Weighted<LiveShare>
}

/** A virtual host as a cell: a changed rule swaps `compiled` and `rules`, the index of its listener stays. */
export interface LiveHost {
  readonly hostname: string
  spec: VirtualHost
  compiled: CompiledHost
  rules: ReadonlyMap<CompiledRule, LiveRule>
}

/** Routes of bytes: each is one rule that takes everything. */
export interface LiveStreams {
  /** By SNI; those of TCP and UDP are under `*`. */
  readonly byHost: CompiledHosts<{ readonly hostname: string; readonly rule: LiveRule }>
  /** They hold tallies, which who drops them releases. */
  readonly rules: ReadonlyArray<LiveRule>
  /** What the acknowledgement tells. */
  readonly problems: ReadonlyArray<string>
}

export interface LiveListener {
  readonly id: Id
  readonly spec: Listener
  /** `*` for every host. */
  readonly hostname: string
  readonly name: string
  readonly hosts: CompiledHosts<LiveHost>
  /** Its routes of bytes; a listener of HTTP has none. */
  readonly bytes: LiveStreams
  /** For requests that no rule took. */
  readonly tally: Tally
  readonly chooser: Chooser | null
  /** Why every handshake fails; null: it does not, or there is none. */
  readonly speechless: string | null
  /** It serves only clients whose certificate was verified when they connected. */
  readonly verifies: boolean
  /** Not null: it says something that is not served here. It keeps its hostname from wider siblings and answers 500 (law 15). */
  readonly problem: string | null
}

export interface PortTable {
  readonly listeners: CompiledHosts<LiveListener>
  /** For requests and connections that no listener took. */
  readonly tally: Tally
  readonly connections: number
  /** Some listener goes by the SNI of connections that it does not end as HTTPS: it is looked at before anything is done with them. */
  readonly peeks: boolean
  /** Not null: the port is this listener's, whose connections or datagrams are bytes. */
  readonly stream: LiveListener | null
  /** Its clients are asked for certificates; whether one has to be shown is the listener's matter. */
  readonly asks: boolean
  /** For a client, and for a proxy whose word about its clients is taken. */
  readonly head: HeadLimits
  readonly trustedHead: HeadLimits
}

// Joined, it is one flat string; put together of parts it would keep them all, for every route.
const routeLabel = ({ kind, namespace, name }: Source): string => [kind, namespace, name].join("/")

// What the types can say and this data plane does not do yet. Nothing of it is skipped.
const shareProblem = ({ filters }: CompiledShare): string | null => filters.unknown

// A newer operator may say more than the types of this proxy know.
const balancers: Readonly<Record<Balance["_tag"], true>> = { RoundRobin: true, LeastRequest: true, Random: true, ConsistentHash: true }
const balanceProblem = (balance: Balance): string | null => {
  if (!Object.hasOwn(balancers, balance._tag)) return `balancing by ${balance._tag} is not served`
  return balance._tag === "ConsistentHash" && balance.by._tag === "Unknown" ? `a consistent hash of ${balance.by.name} is not served` : null
}

const credentials: Readonly<Record<Credential["kind"], true>> = { Static: true, OAuth2: true, SigV4: true }

/** What a route takes to its upstreams. */
export type Carries = "Requests" | "Bytes" | "Datagrams"

const protocols: Readonly<Record<Carries, ReadonlySet<string>>> = {
  Requests: new Set<Upstream["protocol"]>(["auto", "http1", "h2", "h2c"]),
  Bytes: new Set<Upstream["protocol"]>(["tcp"]),
  Datagrams: new Set<Upstream["protocol"]>(["udp"])
}

const upstreamProblem = (carries: Carries, upstream: Upstream): string | null => {
  const { protocol, via, balance, credential, tls, proxyProtocol } = upstream
  if (!protocols[carries].has(protocol))
    return `the protocol ${protocol} is not served${carries === "Requests" ? "" : " by a route of bytes"}`
  if (carries !== "Requests" && credential !== null) return "credentials are of HTTP, a route of bytes sends none"
  if (carries === "Datagrams") {
    if (via.length > 0) return "no proxy on the way is asked to pass datagrams on"
    if (tls !== null) return "datagrams are not secured (DTLS) here"
    if (proxyProtocol !== undefined) return "the PROXY protocol begins connections, and datagrams have none"
  }
  if (via.length > 1) return "more than one proxy on the way to an upstream is not served"
  const unbalanced = balanceProblem(balance)
  if (unbalanced !== null) return unbalanced
  return credential === null || Object.hasOwn(credentials, credential.kind) ? null : `credentials of kind ${credential.kind} are not served`
}

const ruleProblem = ({ rule, unknown }: CompiledRule): string | null => {
  if (unknown !== null) return unknown
  if (rule.action._tag !== "Forward") return null
  return rule.action.cache !== null ? "caching is not served" : null
}

const noStandbys: ReadonlyArray<LiveShare> = []
const noMirrors: ReadonlyArray<LiveMirror> = []

const keyOf = (spec: Upstream | undefined): HashKey | null => (spec?.balance._tag === "ConsistentHash" ? spec.balance.by : null)

const noRetry: Retry = { codes: [], attempts: 0, backoff: 0, longest: 0, perTry: "Default" }

const retryOf = (said: Setting<Retry>): Retry | null => (said === "Default" ? null : said === "Disabled" ? noRetry : said)

export interface RulesContext {
  readonly gateway: string
  /** As the labels call it. */
  readonly listener: string
  readonly upstreams: Snapshot["upstreams"]
  readonly tallies: Tallies
}

const liveSession = (session: Session | undefined): LiveSession | null => (session === undefined ? null : new LiveSession(session))

/** Problems are what the acknowledgement tells. */
export const liveRules = (
  host: CompiledHost,
  context: RulesContext,
  carries: Carries = "Requests"
): { readonly rules: ReadonlyMap<CompiledRule, LiveRule>; readonly problems: ReadonlyArray<string> } => {
  const { gateway, listener, upstreams, tallies } = context
  const rules = new Map<CompiledRule, LiveRule>()
  const problems = [...host.problems]
  const told = (source: Source, problem: string | null): string | null => {
    if (problem !== null) problems.push(`${describeSource(source)}: ${problem}`)
    return problem
  }
  for (const compiled of host.rules) {
    const { rule } = compiled
    const route = routeLabel(rule.source)
    const problem = told(rule.source, ruleProblem(compiled))
    // A copy that cannot be made as it is said is not made, which the request does not notice; the acknowledgement tells.
    const mirrors = (wanted: ReadonlyArray<Mirror>): ReadonlyArray<LiveMirror> =>
      wanted.flatMap(({ to, fraction }) => {
        const spec = upstreams.get(to)
        if (told(rule.source, spec === undefined ? `the snapshot has no upstream ${to}` : upstreamProblem("Requests", spec)) !== null)
          return []
        return [{ to, fraction, key: keyOf(spec), tally: tallies.acquire({ gateway, listener, route, upstream: spec!.of.target }) }]
      })
    const live = (share: CompiledShare, standby: boolean): LiveShare => {
      const spec = share.share.upstream === null ? undefined : upstreams.get(share.share.upstream)
      const upstream = spec?.of.target ?? describeSource({ ...share.share.source, section: null })
      return {
        compiled: share,
        tally: tallies.acquire({ gateway, listener, route, upstream }),
        problem: problem ?? told(rule.source, shareProblem(share)),
        unserved: spec === undefined ? null : told(rule.source, upstreamProblem(carries, spec)),
        key: keyOf(spec),
        target: spec?.of.target ?? null,
        overrides: spec?.balance.overrides ?? null,
        retry: spec === undefined ? null : retryOf(spec.retry),
        standbys: share.standbys.length === 0 ? noStandbys : share.standbys.map((one) => live(one, true)),
        mirrors: standby || share.filters.mirrors.length === 0 ? noMirrors : mirrors(share.filters.mirrors),
        answer: spec?.failover?.response == null ? null : standbyAnswer(spec.failover.response),
        session: liveSession(share.share.session)
      }
    }
    const shares = compiled.shares.items.map((share) => live(share, false))
    rules.set(compiled, {
      compiled,
      tally: tallies.acquire({ gateway, listener, route, upstream: "" }),
      route,
      name: rule.source.section ?? "",
      problem,
      requestDeadline: settle(rule.deadlines.request, null),
      backendDeadline: settle(rule.deadlines.backendRequest, null),
      backendUnsaid: rule.deadlines.backendRequest === "Default",
      retry: rule.action._tag === "Forward" ? retryOf(rule.action.retry) : null,
      session: liveSession(rule.session),
      shares: compileWeights(shares, (share) => share.compiled.share.weight)
    })
  }
  return { rules, problems }
}

export const releaseRules = (rules: Iterable<LiveRule>, tallies: Tallies): void => {
  for (const rule of rules) {
    tallies.release(rule.tally)
    for (const share of rule.shares.items) for (const { tally } of [share, ...share.standbys, ...share.mirrors]) tallies.release(tally)
  }
}

/** Listeners share the socket, so they share its limits: the widest holds. */
export const portTable = (
  listeners: ReadonlyArray<LiveListener>,
  tally: Tally,
  limits: Omit<HeadLimits, "bytes" | "forwarded">
): PortTable => {
  const bytes = Math.max(0, ...listeners.map(({ spec }) => spec.limits.headerBytes))
  return {
    listeners: compileHosts(listeners),
    tally,
    connections: Math.max(0, ...listeners.map(({ spec }) => spec.limits.connections)),
    peeks: listeners.some(({ spec }) => spec.mode._tag === "Tls"),
    stream: listeners.find(({ spec, problem }) => spec.mode._tag === "Stream" && problem === null) ?? null,
    asks: listeners.some(({ spec: { mode } }) => mode.tls !== null && mode.tls.clientAuth !== "None"),
    head: { ...limits, bytes, forwarded: "Drop" },
    trustedHead: { ...limits, bytes, forwarded: "Keep" }
  }
}
