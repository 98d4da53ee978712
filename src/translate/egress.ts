// EgressPolicies made into rules for the dialler (docs/address-policy.md). Decided here: who speaks for whom, and what two namespaces come to
// together; whether an address may be dialled is decided at dial, on every connect.
import { Result } from "effect"
import ipaddr from "ipaddr.js"
import type { EgressPolicy } from "#schemas/egresspolicy.ts"
import { type ObjectKey, parseKey } from "#schemas/meta.ts"
import type { EgressAllow, EgressRules, EgressTrial } from "../snapshot/egress.ts"
import type { Source } from "../snapshot/id.ts"
import { entryText, suggestion } from "../snapshot/suggestion.ts"
import type { Endpoint } from "../snapshot/upstream.ts"
import { describeIssues, egressPolicy, observed, type Said } from "../status/conditions.ts"
import type { Verdict } from "../status/verdict.ts"
import { entriesByGateway } from "./ancestors.ts"
import { egressPolicyKind, namespaceKind } from "./kinds.ts"
import { labelsOf } from "./namespace.ts"
import type { ResolvedUpstream } from "./resolved.ts"
import { selects } from "./selector.ts"
import type { View } from "./view.ts"

export type Permit = EgressPolicy["spec"]["permit"][number]

/** What the policies that select one namespace say together; null: none selects it. */
interface Side {
  readonly mode: EgressPolicy["spec"]["mode"]
  readonly allow: ReadonlyArray<EgressAllow>
  readonly permits: ReadonlySet<Permit>
  readonly sources: ReadonlyArray<Source>
  /** Of those, the ones in mode Report. */
  readonly reporting: ReadonlyArray<Source>
}

/** What holds for a destination that an object of one namespace names and a route of another (or the same) uses. */
export interface Governance {
  /** null: no policy speaks, public unicast only. */
  readonly rules: EgressRules | null
  readonly permits: ReadonlySet<Permit>
}

const sourceOf = (key: ObjectKey): Source => ({ kind: "EgressPolicy", namespace: "", name: parseKey(key).name, section: null })

const entryOf = (entry: {
  readonly hosts: ReadonlyArray<string>
  readonly ports: ReadonlyArray<number>
  readonly cidrs: ReadonlyArray<string>
}): EgressAllow => ({
  hosts: entry.hosts.map((host) => host.toLowerCase().replace(/\.$/, "")),
  ports: entry.ports,
  cidrs: entry.cidrs
})

const none: ReadonlySet<Permit> = new Set()

const sideOf = (view: View, namespace: string): Side | null => {
  const policies = view.list<EgressPolicy>(egressPolicyKind)
  // Whom an unreadable policy selects is unknown, so it may be this namespace: it denies, whatever the others allow.
  const unreadable = policies.filter((policy) => Result.isFailure(policy.value))
  if (unreadable.length > 0)
    return { mode: "Enforce", allow: [], permits: none, sources: unreadable.map((policy) => sourceOf(policy.meta.key)), reporting: [] }
  const labels = labelsOf(view, namespace)
  const allow: Array<EgressAllow> = []
  const permits = new Set<Permit>()
  const sources: Array<Source> = []
  const reporting: Array<Source> = []
  let mode: Side["mode"] = "Open"
  for (const { meta, value } of policies) {
    if (Result.isFailure(value)) continue
    const { spec } = value.success
    if (!selects(spec.namespaceSelector, labels)) continue
    if (strictness[spec.mode] > strictness[mode]) mode = spec.mode
    for (const entry of spec.allow) if (Result.isSuccess(entry)) allow.push(entryOf(entry.success))
    for (const permit of spec.permit) permits.add(permit)
    const source = sourceOf(meta.key)
    sources.push(source)
    if (spec.mode === "Report") reporting.push(source)
  }
  return sources.length === 0 ? null : { mode, allow, permits, sources, reporting }
}

/** The strictest of several modes holds. */
const strictness: Readonly<Record<Side["mode"], number>> = { Open: 0, Report: 1, Enforce: 2 }

/** `*.suffix` stands for any number of labels, as the dialler reads it. */
export const within = (name: string, pattern: string): boolean =>
  name === pattern || (pattern.startsWith("*.") && name.length > pattern.length - 1 && name.endsWith(pattern.slice(1)))

const narrower = (a: string, b: string): ReadonlyArray<string> => (within(a, b) ? [a] : within(b, a) ? [b] : [])

const cidrOf = (text: string) => ipaddr.parseCIDR(text)

export const inside = (a: string, b: string): boolean => {
  const [address, bits] = cidrOf(a)
  const [network, prefix] = cidrOf(b)
  return address.kind() === network.kind() && bits >= prefix && address.match(network, prefix)
}

const narrowerCidr = (a: string, b: string): ReadonlyArray<string> => (inside(a, b) ? [a] : inside(b, a) ? [b] : [])

/** Both lists restrict: what both admit. An empty list restricts nothing. null: nothing is left. */
const both = <A>(a: ReadonlyArray<A>, b: ReadonlyArray<A>, meet: (a: A, b: A) => ReadonlyArray<A>): ReadonlyArray<A> | null => {
  if (a.length === 0) return b
  if (b.length === 0) return a
  const met = [...new Set(a.flatMap((left) => b.flatMap((right) => meet(left, right))))]
  return met.length === 0 ? null : met
}

const meetEntries = (a: EgressAllow, b: EgressAllow): EgressAllow | null => {
  // No hosts does not mean all hosts: such an entry speaks of literals, and the two sorts do not meet.
  if ((a.hosts.length === 0) !== (b.hosts.length === 0)) return null
  const hosts = both(a.hosts, b.hosts, narrower)
  const ports = both(a.ports, b.ports, (left, right) => (left === right ? [left] : []))
  const cidrs = both(a.cidrs, b.cidrs, narrowerCidr)
  return hosts === null || ports === null || cidrs === null ? null : { hosts, ports, cidrs }
}

const isPublic = (cidr: string): boolean => {
  const [address] = cidrOf(cidr)
  return address.range() === "unicast"
}

/** What is left of an entry when the other namespace opens nothing: a CIDR may still narrow public addresses, it may not open others. */
const withoutOpenings = (entry: EgressAllow): ReadonlyArray<EgressAllow> => {
  if (entry.cidrs.length === 0) return [entry]
  const cidrs = entry.cidrs.filter(isPublic)
  return cidrs.length === 0 ? [] : [{ ...entry, cidrs }]
}

const nobody: Side = { mode: "Open", allow: [], permits: none, sources: [], reporting: [] }

/** Both must allow: strictest mode, entries that meet, permits in common. Mode Open admits what is public, whatever it lists. */
const meet = (a: Side, b: Side): Side => ({
  mode: a.mode === "Enforce" || b.mode === "Enforce" ? "Enforce" : "Open",
  allow: [
    ...a.allow.flatMap((left) => b.allow.flatMap((right) => meetEntries(left, right) ?? [])),
    ...(a.mode === "Enforce" && b.mode === "Open" ? a.allow.flatMap(withoutOpenings) : []),
    ...(b.mode === "Enforce" && a.mode === "Open" ? b.allow.flatMap(withoutOpenings) : [])
  ],
  permits: new Set([...a.permits].filter((permit) => b.permits.has(permit))),
  sources: together(a.sources, b.sources),
  reporting: []
})

const together = (a: ReadonlyArray<Source>, b: ReadonlyArray<Source>): ReadonlyArray<Source> =>
  [...a, ...b.filter((source) => !a.some((other) => other.name === source.name))].sort((x, y) => (x.name < y.name ? -1 : 1))

/** Mode Report opens what it lists and refuses nothing, as Open does. */
const asServed = (side: Side): Side => (side.mode === "Report" ? { ...side, mode: "Open" } : side)

const asTried = (side: Side): Side => (side.mode === "Report" ? { ...side, mode: "Enforce" } : side)

const ungoverned: Governance = { rules: null, permits: none }

/** b: null when both namespaces are one. */
const governanceOf = (a: Side, b: Side | null): Governance => {
  const served = b === null ? asServed(a) : meet(asServed(a), asServed(b))
  const on = [a, ...(b === null ? [] : [b])].filter(({ mode }) => mode === "Report")
  // Made only where something is on trial: lists meet entry by entry.
  const trial = (): EgressTrial => ({
    allow: (b === null ? a : meet(asTried(a), asTried(b))).allow,
    sources: on.map(({ reporting }) => reporting).reduce(together, [])
  })
  return {
    rules: {
      mode: served.mode === "Enforce" ? "Enforce" : "Open",
      allow: served.allow,
      permitPrivate: served.permits.has("PrivateAddresses"),
      sources: served.sources,
      ...(on.length === 0 ? {} : { trial: trial() })
    },
    permits: served.permits
  }
}

const side = (view: View, namespace: string): Side | null => view.unit("egress-namespace", namespace, (inner) => sideOf(inner, namespace))

/**
 * The rules for a destination named by an object of `object` and used by a route of `route`. Both namespaces must allow it: a tenant under Enforce does not get out
 * through a Backend of another namespace, and what one may do (a private CIDR, SkipVerify) the other gets only with a policy of its own.
 */
export const egressOf = (view: View, object: string, route: string): Governance => {
  const [first, second] = object < route ? [object, route] : [route, object]
  return view.unit("egress", `${first}/${second}`, (inner) => {
    const a = side(inner, first)
    const b = first === second ? a : side(inner, second)
    if (a === null && b === null) return ungoverned
    return governanceOf(a ?? nobody, first === second ? null : (b ?? nobody))
  })
}

type At = Exclude<Endpoint["at"], { readonly _tag: "Unix" }>

/** What the endpoints that are egress need listed, each its own: neither pods nor sockets of this machine. One behind a proxy needs both. */
const outsideOf = ({ spec, endpoints }: Intent): ReadonlyArray<ReadonlyArray<At>> =>
  endpoints.flatMap((endpoint) => {
    const { at, origin } = endpoint
    // Who serves a service is said by its records: the names in them are the dialler's to judge.
    if (origin === "Pod" || at._tag === "Unix" || (at._tag === "Name" && at.srv)) return []
    return [[at, ...(endpoint.proxied === true ? spec.via.map((hop) => hop.at) : [])]]
  })

type Intent = Pick<ResolvedUpstream, "spec" | "endpoints">

/** An IPv4 address in IPv6's spelling is judged as the IPv4 address it is. */
export const blockOf = (ip: string): string => {
  const address = ipaddr.process(ip)
  return `${address.toString()}/${address.kind() === "ipv4" ? 32 : 128}`
}

/** A backend's own nameserver, which is judged as an address that a tenant wrote: `ip`, `ip:port`, `[v6]:port`, with `tcp@` or `tls@` before it. */
const askedAt = (server: string): At | null => {
  const [transport, place] = server.includes("@") ? (server.split("@") as [string, string]) : ["", server]
  const [, ip, port] = /^\[([^\]]+)\]:([0-9]+)/.exec(place) ?? /^([0-9.]+):([0-9]+)/.exec(place) ?? [null, place.replace(/#.*/, "")]
  if (ip === undefined || !ipaddr.isValid(ip)) return null
  return { _tag: "Address", ip, port: port === undefined ? (transport === "tls" ? 853 : 53) : Number(port) }
}

/** Of a name, where it may lead is left to the dialler; a written address is judged here as there. */
const listedIn = (at: At, allow: ReadonlyArray<EgressAllow>): boolean =>
  allow.some(
    ({ hosts, ports, cidrs }) =>
      (ports.length === 0 || ports.includes(at.port)) &&
      (at._tag === "Name"
        ? hosts.some((host) => within(at.name, host))
        : hosts.length === 0 && (cidrs.length === 0 || cidrs.some((cidr) => inside(blockOf(at.ip), cidr))))
  )

/** Refused by intent alone: Enforce, and no entry names any of its endpoints. What names resolve to is the dialler's to judge. */
export const refusedByIntent = (upstream: Intent): boolean => {
  const rules = upstream.spec.addresses.egress
  const outside = outsideOf(upstream)
  return rules?.mode === "Enforce" && outside.length > 0 && outside.every((needed) => needed.some((at) => !listedIn(at, rules.allow)))
}

/** The entries that mode Enforce would lack, by intent alone: of its endpoints that are dialled today and would not be. Empty: nothing is on trial, or all is listed. */
export const missingByIntent = (upstream: Intent): ReadonlyArray<EgressAllow> => {
  const { spec } = upstream
  const rules = spec.addresses.egress
  const trial = rules?.trial
  if (rules === null || trial === undefined) return []
  return [...outsideOf(upstream).flat(), ...spec.dns.nameservers.flatMap((server) => askedAt(server) ?? [])]
    .filter((at) => !listedIn(at, trial.allow) && (rules.mode === "Open" || listedIn(at, rules.allow)))
    .map((at) => ({
      hosts: at._tag === "Name" ? [at.name] : [],
      ports: [at.port],
      cidrs: at._tag === "Name" ? [] : [blockOf(at.ip)]
    }))
}

/** Verdicts of every EgressPolicy, with counts of the upstreams that its rules are part of. */
export const egressVerdicts = (view: View, upstreams: Iterable<ResolvedUpstream>): ReadonlyMap<ObjectKey, Verdict> => {
  const governed = new Map<string, Counts>()
  for (const upstream of upstreams) {
    const { sources, trial } = upstream.spec.addresses.egress ?? { sources: [], trial: undefined }
    for (const { name } of sources) {
      const counts = governed.get(name) ?? { governed: 0, refused: 0, would: 0, missing: [] }
      counts.governed++
      if (refusedByIntent(upstream)) counts.refused++
      governed.set(name, counts)
    }
    if (trial === undefined) continue
    const missing = missingByIntent(upstream)
    for (const { name } of missing.length === 0 ? [] : trial.sources) {
      const counts = governed.get(name)!
      counts.would++
      counts.missing.push(...missing)
    }
  }
  const verdicts = new Map<ObjectKey, Verdict>()
  for (const { meta, value } of view.list<EgressPolicy>(egressPolicyKind)) {
    const counts = governed.get(parseKey(meta.key).name) ?? { governed: 0, refused: 0, would: 0, missing: [] }
    const said: ReadonlyArray<Said> = Result.isFailure(value)
      ? [egressPolicy.undecodable(value.failure)]
      : saidOf(view, value.success, counts)
    const conditions = said.map((one) => observed(meta.generation, one))
    verdicts.set(
      meta.key,
      entriesByGateway(meta.key, meta.generation, () => conditions, [], new Map())
    )
  }
  return verdicts
}

/** Upstreams that a policy's rules are part of. would: mode Report, some endpoint would be refused; missing: the entries for those. */
interface Counts {
  governed: number
  refused: number
  would: number
  readonly missing: Array<EgressAllow>
}

const saidOf = (view: View, { spec }: EgressPolicy, { governed, refused, would, missing }: Counts): ReadonlyArray<Said> => {
  const namespaces = view
    .list(namespaceKind)
    .filter((namespace) => selects(spec.namespaceSelector, labelsOf(view, parseKey(namespace.meta.key).name)))
  const bad = spec.allow.filter(Result.isFailure).map((entry) => describeIssues(entry.failure))
  const accepted = egressPolicy.accepted(
    namespaces.length,
    governed,
    refused,
    spec.permit.includes("DynamicResolver") ? [egressPolicy.dynamicResolver] : []
  )
  return [
    accepted,
    ...(bad.length === 0 ? [] : [egressPolicy.someEntries(bad)]),
    ...(spec.mode === "Report" ? [egressPolicy.wouldRefuse(would, suggestion(missing).map(entryText))] : [])
  ]
}
