// The one judgement of an address (law 5): called on exactly the IP that is dialled, at every connect.
// The tables of dns-and-addresses.md sections 5 and 6; what sort an address is, is address.ts.
import type { EgressAllow } from "../../snapshot/egress.ts"
import { describeSource } from "../../snapshot/id.ts"
import type { AddressPolicy, Endpoint } from "../../snapshot/upstream.ts"
import {
  type Address,
  type AddressClass,
  type Cidr,
  classify,
  embedded,
  formatAddress,
  inCidr,
  parseAddress,
  parseCidr
} from "./address.ts"
import type { OwnAddresses } from "./own.ts"

/** name: the DNS name this address was resolved from; null: an address literal of the spec or of a slice. */
export interface DialTarget {
  readonly ip: string
  readonly port: number
  readonly name: string | null
  readonly origin: Endpoint["origin"]
}

export type Admission = Admitted | Denied

export interface Admitted {
  readonly allowed: true
  readonly class: AddressClass
}

export interface Denied {
  readonly allowed: false
  readonly reason: "address_denied" | "egress_denied"
  readonly class: AddressClass
  /** Why, naming the address and the remedy: `169.254.169.254 is link-local: never dialled`. For status, log and explain. */
  readonly rule: string
}

interface Allow {
  readonly hosts: ReadonlySet<string>
  /** `.suffix` of each `*.suffix`. */
  readonly suffixes: ReadonlyArray<string>
  readonly literals: boolean
  readonly ports: ReadonlySet<number>
  readonly anywhere: boolean
  readonly cidrs: ReadonlyArray<Cidr>
}

interface Compiled {
  readonly cluster: ReadonlyArray<Cidr>
  readonly allowLoopback: boolean
  readonly enforce: boolean
  readonly permitPrivate: boolean
  readonly allow: ReadonlyArray<Allow>
  readonly who: string
}

const cidrs = (texts: ReadonlyArray<string>): ReadonlyArray<Cidr> => texts.map(parseCidr).filter((cidr) => cidr !== null)

const compileAllow = (entry: EgressAllow): Allow => {
  const hosts = entry.hosts.map(canonicalName)
  const parsed = cidrs(entry.cidrs)
  return {
    hosts: new Set(hosts.filter((host) => !host.startsWith("*."))),
    suffixes: hosts.filter((host) => host.startsWith("*.")).map((host) => host.slice(1)),
    literals: hosts.length === 0,
    ports: new Set(entry.ports),
    // A list none of whose entries can be read allows nothing: it must not turn into "anywhere".
    anywhere: entry.cidrs.length === 0,
    cidrs: parsed
  }
}

const compile = (policy: AddressPolicy): Compiled => ({
  cluster: cidrs(policy.cluster),
  allowLoopback: policy.allowLoopback,
  enforce: policy.egress?.mode === "Enforce",
  permitPrivate: policy.egress?.permitPrivate ?? false,
  allow: policy.egress?.allow.map(compileAllow) ?? [],
  who:
    policy.egress === null || policy.egress.sources.length === 0 ? "the EgressPolicy" : policy.egress.sources.map(describeSource).join(", ")
})

// Policies are immutable parts of a snapshot: each is read once in its life.
const compiled = new WeakMap<AddressPolicy, Compiled>()

const compiledOf = (policy: AddressPolicy): Compiled => {
  const known = compiled.get(policy)
  if (known !== undefined) return known
  const made = compile(policy)
  compiled.set(policy, made)
  return made
}

/** Lower case without the trailing dot: what hosts are compared as. */
export const canonicalName = (name: string): string => {
  const lower = name.toLowerCase()
  return lower.endsWith(".") ? lower.slice(0, -1) : lower
}

/** Does this entry speak of the target's name (or of literals) and port? `*.suffix` stands for any number of labels, as Gateway API hostnames do. */
const speaks = (entry: Allow, name: string | null, port: number): boolean => {
  if (entry.ports.size > 0 && !entry.ports.has(port)) return false
  if (name === null) return entry.literals
  if (entry.hosts.has(name)) return true
  for (const suffix of entry.suffixes) if (name.length > suffix.length && name.endsWith(suffix)) return true
  return false
}

const holds = (list: ReadonlyArray<Cidr>, address: Address): boolean => {
  for (const cidr of list) if (inCidr(address, cidr)) return true
  return false
}

/** May a CIDR of an EgressPolicy lift what the class alone refuses? `/0` means "anywhere public", it lifts nothing. */
const opened = (policy: Compiled, address: Address, name: string | null, port: number): boolean => {
  for (const entry of policy.allow) {
    if (!speaks(entry, name, port)) continue
    for (const cidr of entry.cidrs) if (cidr.prefix > 0 && inCidr(address, cidr)) return true
  }
  return false
}

const classIn = (policy: Compiled, own: OwnAddresses, address: Address, port: number): AddressClass => {
  const intrinsic = classify(address)
  switch (intrinsic) {
    case "unspecified":
    case "link-local":
    case "metadata":
    case "multicast":
      return intrinsic
    case "loopback":
      return policy.allowLoopback && own.has(address, port) ? "own" : intrinsic
    default:
      return own.has(address, port) ? "own" : policy.cluster.length > 0 && holds(policy.cluster, address) ? "cluster" : intrinsic
  }
}

type Verdict = "Yes" | "ByCidr" | "Never"

/** The columns of section 5. A resolved name is judged as a name whatever its origin. */
const verdictOf = (kind: AddressClass, target: DialTarget, allowLoopback: boolean): Verdict => {
  switch (kind) {
    case "unspecified":
    case "link-local":
    case "metadata":
    case "multicast":
    case "own":
      return "Never"
    case "loopback":
      return allowLoopback ? "Yes" : "Never"
    case "cluster":
      return target.name !== null ? "Never" : target.origin === "Written" ? "ByCidr" : "Yes"
    case "private":
    case "documentation":
      return target.name !== null ? "ByCidr" : "Yes"
    // Pods live where the cluster put them; its controllers wrote the slice, not a tenant.
    case "special":
      return target.name === null && target.origin === "Pod" ? "Yes" : "ByCidr"
    case "public":
      return "Yes"
  }
}

const article = (kind: AddressClass): string => {
  switch (kind) {
    case "own":
      return "this gateway's own address"
    case "cluster":
      return "a cluster address"
    case "metadata":
      return "a metadata service's address"
    case "private":
      return "a private address"
    case "special":
      return "a special-use address"
    case "documentation":
      return "a documentation address"
    default:
      return kind
  }
}

const remedy = (kind: AddressClass, target: DialTarget): string =>
  kind === "cluster" && target.name !== null
    ? "never dialled for a name; name the Service instead"
    : kind === "loopback"
      ? "never dialled (only `sluice run --allow-loopback` lifts this)"
      : "never dialled"

const deny = (reason: Denied["reason"], kind: AddressClass, rule: string): Denied => ({ allowed: false, reason, class: kind, rule })

const admitted = (kind: AddressClass): Admitted => ({ allowed: true, class: kind })
const admissions = new Map<AddressClass, Admitted>()
const admit_ = (kind: AddressClass): Admitted => {
  const known = admissions.get(kind)
  if (known !== undefined) return known
  const made = admitted(kind)
  admissions.set(kind, made)
  return made
}

/** May this address be dialled? Every IPv4 address hidden in an IPv6 one is judged too, and the worse verdict wins. Pure; no clock, no lookup. */
export const admit = (target: DialTarget, policy: AddressPolicy, own: OwnAddresses): Admission => {
  const rules = compiledOf(policy)
  const address = parseAddress(target.ip)
  if (address === null)
    return deny("address_denied", "unspecified", `${JSON.stringify(target.ip)} is not an IP address: nothing else is dialled`)
  const name = target.name === null ? null : canonicalName(target.name)
  const kind = classIn(rules, own, address, target.port)
  const refused = judge(kind, address, target, name, rules)
  if (refused !== null) return refused
  for (const inner of embedded(address)) {
    const worse = judge(classIn(rules, own, inner, target.port), inner, target, name, rules)
    if (worse !== null) return { ...worse, rule: `${target.ip} holds ${worse.rule}` }
  }
  return rules.enforce && target.origin !== "Pod" ? listed(kind, address, target, name, rules) : admit_(kind)
}

const judge = (kind: AddressClass, address: Address, target: DialTarget, name: string | null, rules: Compiled): Denied | null => {
  const verdict = verdictOf(kind, target, rules.allowLoopback)
  if (verdict === "Yes") return null
  const shown = formatAddress(address)
  if (verdict === "Never") return deny("address_denied", kind, `${shown} is ${article(kind)}: ${remedy(kind, target)}`)
  if (kind === "private" && rules.permitPrivate) return null
  if (opened(rules, address, name, target.port)) return null
  return deny(
    "address_denied",
    kind,
    `${shown} is ${article(kind)}: ${name === null ? "needs" : `needs, for ${name},`} an EgressPolicy entry whose cidrs hold it`
  )
}

/**
 * Enforce: what no entry lists is refused. Controller-owned slices (origin Pod) are not egress, so no policy need list them.
 * An entry's cidrs, when given, say where its hosts may lead, in the address's own spelling.
 */
const listed = (kind: AddressClass, address: Address, target: DialTarget, name: string | null, rules: Compiled): Admission => {
  let spoken = false
  for (const entry of rules.allow) {
    if (!speaks(entry, name, target.port)) continue
    spoken = true
    if (entry.anywhere || holds(entry.cidrs, address)) return admit_(kind)
  }
  const what = name ?? formatAddress(address)
  return deny(
    "egress_denied",
    kind,
    spoken
      ? `${formatAddress(address)} is outside the cidrs that ${rules.who} allows for ${what} on port ${target.port}`
      : `${what} on port ${target.port} is not allowed by ${rules.who} (mode Enforce): add it to spec.allow`
  )
}
